//! `chatalot backup FILE` and `chatalot restore FILE`.
//!
//! Both work while a server runs and while none does, for the private PostgreSQL and
//! for an external one. A backup is a consistent snapshot and appears under its name
//! only when whole. A restore replaces everything in schema `public` in one
//! transaction: it happens completely or not at all. It gives the row of table
//! `instance` a new `epoch`, by which running servers notice.

mod archive;
mod client_tools;
mod connection_environment;
mod dump;
mod error;
mod replace;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

pub use self::error::BackupError;
use self::{
    client_tools::{ClientTools, Inspection},
    connection_environment::ConnectionEnvironment,
};
use crate::managed_postgres::{PrivatePostgresSettings, Reached};

/// Which database.
#[derive(Clone)]
pub enum BackupTarget {
    /// The private PostgreSQL: that of a running server, else started for the duration.
    Private(PrivatePostgresSettings),
    /// A server of the operator's.
    External {
        /// The database URL.
        url: String,
        /// Where the client programs are (`database.bin_dir`); absent: the usual places.
        bin_dir: Option<PathBuf>,
    },
}

/// What a backup does with a file that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingFile {
    /// Leaves it alone and fails.
    Refuse,
    /// Replaces it, once the new one is whole.
    Replace,
}

/// Saves everything in the database to `file` and returns the size of the file in bytes.
///
/// # Errors
/// A sentence for the operator. `file` is then as it was before.
pub async fn backup(
    target: BackupTarget,
    file: &Path,
    existing: ExistingFile,
) -> Result<u64, BackupError> {
    dump::check_free(file, existing)?;
    if let BackupTarget::Private(settings) = &target {
        check_present(settings)?;
    }
    let opened = OpenedTarget::open(target).await?;
    let outcome = backup_opened(&opened, file, existing).await;
    opened.close().await;
    outcome
}

async fn backup_opened(
    opened: &OpenedTarget,
    file: &Path,
    existing: ExistingFile,
) -> Result<u64, BackupError> {
    let (tools, inspection) = opened.tools(0).await?;
    if !inspection.has_schema {
        return Err(BackupError::NothingToBackUp);
    }
    dump::write(&tools, file, existing).await
}

/// Replaces everything in the database by what `backup` saved in `file`.
///
/// # Errors
/// A sentence for the operator. The database is then as it was before.
pub async fn restore(target: BackupTarget, file: &Path) -> Result<(), BackupError> {
    let path = file.to_owned();
    let verified = tokio::task::spawn_blocking(move || {
        let mut archive = File::open(&path).map_err(BackupError::io("open", &path))?;
        let major = archive::verify(&mut archive, &path)?;
        Ok::<_, BackupError>((archive, major))
    });
    let (archive, major) = match verified.await {
        Ok(outcome) => outcome?,
        Err(panic) => return Err(BackupError::io("read", file)(std::io::Error::other(panic))),
    };
    let opened = OpenedTarget::open(target).await?;
    let outcome = restore_opened(&opened, archive, major).await;
    opened.close().await;
    outcome
}

async fn restore_opened(
    opened: &OpenedTarget,
    archive: File,
    archive_major: u32,
) -> Result<(), BackupError> {
    let (tools, _) = opened.tools(archive_major).await?;
    replace::run(&tools, archive).await?;
    // Fresh tables have no statistics, and plans would be poor until autovacuum comes by.
    let analyzed = tools.psql().args(["-c", "analyze"]).output().await;
    if !analyzed.is_ok_and(|output| output.status.success()) {
        tracing::warn!("restored, but the tables were not analyzed");
    }
    Ok(())
}

/// A backup must not make an empty cluster just to save it.
fn check_present(settings: &PrivatePostgresSettings) -> Result<(), BackupError> {
    match settings.root.join("data").try_exists() {
        Ok(false) => Err(BackupError::NoDatabase {
            root: settings.root.clone(),
        }),
        // Not allowed to look: opening it says so better.
        Ok(true) | Err(_) => Ok(()),
    }
}

/// A database that can be connected to.
struct OpenedTarget {
    environment: ConnectionEnvironment,
    bin_dir: Option<PathBuf>,
    private: Option<Reached>,
}

impl OpenedTarget {
    async fn open(target: BackupTarget) -> Result<Self, BackupError> {
        match target {
            BackupTarget::External { url, bin_dir } => Ok(Self {
                environment: ConnectionEnvironment::from_url(&url)?,
                bin_dir,
                private: None,
            }),
            BackupTarget::Private(settings) => {
                let bin_dir = settings.bin_dir.clone();
                let reached = Reached::reach(settings).await?;
                Ok(Self {
                    environment: ConnectionEnvironment::from_config(&reached.connection()),
                    bin_dir,
                    private: Some(reached),
                })
            }
        }
    }

    /// Programs that are new enough for the server and for an archive of `archive_major`.
    async fn tools(&self, archive_major: u32) -> Result<(ClientTools, Inspection), BackupError> {
        let mut tools = ClientTools::find(self.bin_dir.as_deref(), self.environment.clone())?;
        let inspection = tools.inspect().await?;
        tools.choose_at_least(inspection.major.max(archive_major))?;
        Ok((tools, inspection))
    }

    async fn close(self) {
        if let Some(private) = self.private {
            private.release().await;
        }
    }
}
