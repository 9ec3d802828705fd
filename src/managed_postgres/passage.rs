//! Can PostgreSQL's user get to its programs and its directory?
//!
//! The kernel is asked, by running `postgres --version` as that user, instead of
//! reading mode bits: access lists and security modules have a say too.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

use super::{binaries::Installation, error::ManagedPostgresError, user::ServerUser};

/// Names the first directory on the way to `root` that keeps PostgreSQL's user out.
pub(super) fn check(
    root: &Path,
    user: ServerUser,
    installation: &Installation,
) -> Result<(), ManagedPostgresError> {
    let ServerUser::Other { uid, .. } = user else {
        // Our own user was able to create and lock the directory.
        return Ok(());
    };
    run_in(Path::new("/"), user, installation).map_err(|source| {
        ManagedPostgresError::BinariesClosed {
            dir: installation.dir().to_owned(),
            uid,
            source,
        }
    })?;
    let Err(refusal) = run_in(root, user, installation) else {
        return Ok(());
    };
    if refusal.kind() != io::ErrorKind::PermissionDenied {
        return Err(ManagedPostgresError::io("enter", root)(refusal));
    }
    let from_the_top: Vec<&Path> = root.ancestors().collect();
    let closed = from_the_top
        .into_iter()
        .rev()
        .find(|directory| run_in(directory, user, installation).is_err())
        .unwrap_or(root);
    Err(ManagedPostgresError::DirectoryClosed {
        directory: closed.to_owned(),
        root: root.to_owned(),
        uid,
    })
}

fn run_in(directory: &Path, user: ServerUser, installation: &Installation) -> io::Result<()> {
    let mut command = Command::new(installation.program("postgres"));
    command
        .arg("--version")
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    user.apply(&mut command);
    command.status().map(drop)
}
