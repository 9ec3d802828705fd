//! Which operating-system user PostgreSQL runs as. It refuses to run as root.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
};

use super::error::ManagedPostgresError;

/// The user that PostgreSQL's packages create. Never `nobody`: other programs
/// run as that one and could read the data.
const INSTALLED_USER: &str = "postgres";

/// Who PostgreSQL runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerUser {
    /// The user of this process, which is not root.
    Ourselves {
        /// Its uid.
        uid: u32,
    },
    /// Somebody else, because this process is root.
    Other {
        /// Its uid.
        uid: u32,
        /// Its primary group.
        gid: u32,
    },
}

impl ServerUser {
    /// The owner of the existing cluster, or the installed user when there is none.
    pub(super) fn choose(data_dir: &Path) -> Result<Self, ManagedPostgresError> {
        let ours = rustix::process::geteuid();
        if !ours.is_root() {
            return Ok(Self::Ourselves { uid: ours.as_raw() });
        }
        // Not through a link: its owner could name somebody else with it.
        match fs::symlink_metadata(data_dir.join("PG_VERSION")) {
            Ok(file) if file.uid() != 0 => Ok(Self::Other {
                uid: file.uid(),
                gid: file.gid(),
            }),
            _ => Self::named(INSTALLED_USER),
        }
    }

    fn named(user: &str) -> Result<Self, ManagedPostgresError> {
        // `id` asks the whole user database (LDAP, OpenDirectory), not only /etc/passwd.
        let number = |option| ask_id(&[option, user]).ok().flatten()?.parse().ok();
        match (number("-u"), number("-g")) {
            (Some(uid), Some(gid)) if uid != 0 => Ok(Self::Other { uid, gid }),
            _ => Err(ManagedPostgresError::NoUnprivilegedUser {
                user: user.to_owned(),
            }),
        }
    }

    /// The uid of PostgreSQL.
    pub(super) fn uid(self) -> u32 {
        match self {
            Self::Ourselves { uid } | Self::Other { uid, .. } => uid,
        }
    }

    /// Runs `command` as this user. As root that also drops the supplementary groups.
    pub(super) fn apply(self, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Gives an open file or directory to this user.
    pub(super) fn own(self, file: &fs::File) -> io::Result<()> {
        match self {
            Self::Ourselves { .. } => Ok(()),
            // By handle: by path, the user who owns the directory could aim it elsewhere.
            Self::Other { uid, gid } => std::os::unix::fs::fchown(file, Some(uid), Some(gid)),
        }
    }

    /// `initdb` ends with "could not look up effective user ID" for a uid
    /// without a name, as in containers started with a bare number.
    pub(super) fn check_entry(self) -> Result<(), ManagedPostgresError> {
        let Self::Ourselves { uid } = self else {
            return Ok(());
        };
        match ask_id(&["-un"]) {
            Ok(None) => Err(ManagedPostgresError::UidWithoutEntry { uid }),
            Ok(Some(name)) if name == uid.to_string() => {
                Err(ManagedPostgresError::UidWithoutEntry { uid })
            }
            // No `id` on this machine: initdb itself will say.
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }

    /// PostgreSQL refuses a data directory that it does not own.
    pub(super) fn check_owner(self, data_dir: &Path) -> Result<(), ManagedPostgresError> {
        let owner = fs::metadata(data_dir)
            .map_err(ManagedPostgresError::io("read", data_dir))?
            .uid();
        if owner == self.uid() {
            return Ok(());
        }
        Err(ManagedPostgresError::WrongOwner {
            data_dir: data_dir.to_owned(),
            owner,
            uid: self.uid(),
        })
    }
}

/// What `id` prints; `None` when it knows no such user.
fn ask_id(arguments: &[&str]) -> io::Result<Option<String>> {
    let output = Command::new("id")
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success().then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_unprivileged_user_the_error_says_how_to_get_one() {
        let error = ServerUser::named("no-such-user-here").unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.contains("useradd --system no-such-user-here"),
            "{sentence}"
        );
        assert!(sentence.contains("DATABASE_URL"), "{sentence}");
    }

    #[test]
    fn root_is_never_the_user() {
        assert!(ServerUser::named("root").is_err());
    }
}
