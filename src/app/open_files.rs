//! How many files the process may have open: each socket is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the server needs beside its sockets: requests, connections to the database, to push
/// services, and files.
const BESIDE_SOCKETS: u64 = 1_000;

/// Raises the limit to what the operating system allows this process, because shells and service
/// managers start programs with 1,024. Warns when that is too little for `sockets`.
pub(super) fn raise_limit(sockets: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays");
            current
        }
    };
    let needed = (sockets as u64).saturating_add(BESIDE_SOCKETS);
    if let Some(limit) = limit.filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "too few open files are allowed for sockets.max: raise the limit (LimitNOFILE, ulimit -Hn) or lower sockets.max"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_operating_system_allows() {
        raise_limit(20_000);
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}
