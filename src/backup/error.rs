//! Why a backup or a restore did not happen. Every message is a sentence for the operator.

use std::{io, path::PathBuf};

use crate::managed_postgres::ManagedPostgresError;

/// What stopped a backup or a restore. A failed restore has changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file to write is there already.
    #[error("{} exists already: choose another name, or overwrite it with --force.", file.display())]
    FileExists {
        /// The file.
        file: PathBuf,
    },

    /// Somebody else writes the same file.
    #[error("Another backup is writing {} at the moment: wait for it, or choose another name.", partial.display())]
    AnotherBackup {
        /// The unfinished file.
        partial: PathBuf,
    },

    /// There is no private PostgreSQL and no URL.
    #[error(
        "There is no database in {}: nothing to back up. Check data_dir, or set database.url \
         if the data is in a server of your own.",
        root.display()
    )]
    NoDatabase {
        /// Where the private PostgreSQL would be.
        root: PathBuf,
    },

    /// The database was never used by Chatalot.
    #[error(
        "The database holds no Chatalot data (it has no table `instance`): check data_dir and database.url."
    )]
    NothingToBackUp,

    /// Something else than a backup.
    #[error("{} is not a Chatalot backup. Nothing was changed.", file.display())]
    NotABackup {
        /// The file.
        file: PathBuf,
    },

    /// A backup that is not whole.
    #[error(
        "{} is incomplete or damaged (its checksum does not match): copy it again or use another \
         backup. Nothing was changed.",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
    },

    /// No client programs.
    #[error(
        "pg_dump, pg_restore and psql were not found in: {searched}. Install them with `{install}`."
    )]
    ToolsNotFound {
        /// Where we looked.
        searched: String,
        /// The command that installs them.
        install: String,
    },

    /// Client programs refuse a newer server and a newer archive.
    #[error(
        "This needs pg_dump, pg_restore and psql of PostgreSQL {needed} or newer, but only {found} \
         is installed: install them with `{install}`. Nothing was changed."
    )]
    ToolsTooOld {
        /// The major version of the server or of the backup, whichever is higher.
        needed: u32,
        /// The major versions found, as text.
        found: String,
        /// The command that installs the right ones.
        install: String,
    },

    /// The URL is not one.
    #[error("database.url cannot be read: {0}.")]
    BadUrl(tokio_postgres::Error),

    /// One of PostgreSQL's programs failed.
    #[error("{tool} failed. It said: {said}")]
    ToolFailed {
        /// Which one.
        tool: &'static str,
        /// The end of its output.
        said: String,
    },

    /// A restore that was rolled back.
    #[error("The restore failed and nothing was changed. {tool} said: {said}")]
    RolledBack {
        /// The program that failed first.
        tool: &'static str,
        /// The end of its output.
        said: String,
    },

    /// The private PostgreSQL cannot be reached or started.
    #[error(transparent)]
    PrivatePostgres(#[from] ManagedPostgresError),

    /// The operating system refused something.
    #[error("Could not {action} {}: {source}.", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl BackupError {
    /// Names what was tried on which path.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
