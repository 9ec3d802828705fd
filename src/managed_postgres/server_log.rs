//! PostgreSQL's own log file: opened for it, kept small, quoted in errors.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{error::ManagedPostgresError, root_directory::open_private, user::ServerUser};

/// Beyond this the log is moved to its one predecessor.
const ROTATE_ABOVE_BYTES: u64 = 10 * 1024 * 1024;

/// How much of the log an error message quotes.
const TAIL_BYTES: u64 = 1500;

/// `postgres.log` in the root directory.
#[derive(Debug, Clone)]
pub(super) struct ServerLog {
    path: PathBuf,
}

impl ServerLog {
    /// The log below a root directory.
    pub(super) fn below(root: &Path) -> Self {
        Self {
            path: root.join("postgres.log"),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for appending, for PostgreSQL's standard error.
    pub(super) fn open(&self, user: ServerUser) -> Result<File, ManagedPostgresError> {
        let file = open_private(&self.path, OpenOptions::new().append(true).create(true))
            .map_err(ManagedPostgresError::io("open", &self.path))?;
        user.own(&file)
            .map_err(ManagedPostgresError::io("change the owner of", &self.path))?;
        Ok(file)
    }

    /// Moves a log that has grown too large to `postgres.log.1`, replacing it.
    ///
    /// Copied and cut rather than renamed: PostgreSQL keeps its descriptor open
    /// and goes on appending to the same file. Lines written in between are lost.
    pub(super) fn rotate_when_large(&self, user: ServerUser) -> io::Result<()> {
        let mut log = match open_private(&self.path, OpenOptions::new().read(true).write(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        if log.metadata()?.len() <= ROTATE_ABOVE_BYTES {
            return Ok(());
        }
        let mut predecessor = open_private(
            &self.path.with_extension("log.1"),
            OpenOptions::new().write(true).create(true).truncate(true),
        )?;
        user.own(&predecessor)?;
        io::copy(&mut log, &mut predecessor)?;
        log.set_len(0)
    }

    /// How long it is now: what follows belongs to the next start.
    pub(super) fn length(&self) -> u64 {
        self.path.metadata().map_or(0, |file| file.len())
    }

    /// The end of what was written since `start`.
    pub(super) fn tail_since(&self, start: u64) -> String {
        tail(&self.path, start).unwrap_or_else(|error| format!("(unreadable: {error})"))
    }
}

/// The end of a text file, from `start` at the earliest.
pub(super) fn tail(path: &Path, start: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(TAIL_BYTES).max(start);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_log_is_moved_once_and_the_writer_goes_on() {
        use std::io::Write;

        let root = tempfile::tempdir().unwrap();
        let log = ServerLog::below(root.path());
        let user = ServerUser::Ourselves { uid: 0 };
        let mut writer = log.open(user).unwrap();
        writer.write_all(b"small\n").unwrap();
        log.rotate_when_large(user).unwrap();
        assert_eq!(log.length(), 6);

        writer.set_len(ROTATE_ABOVE_BYTES + 1).unwrap();
        log.rotate_when_large(user).unwrap();
        assert_eq!(log.length(), 0);
        let predecessor = root.path().join("postgres.log.1");
        assert_eq!(
            predecessor.metadata().unwrap().len(),
            ROTATE_ABOVE_BYTES + 1
        );

        writer.write_all(b"later\n").unwrap();
        assert_eq!(log.tail_since(0), "later");
    }
}
