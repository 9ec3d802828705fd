//! The private PostgreSQL: a database that starts with the server.
//!
//! With no database URL configured, [`ManagedPostgres::start`] finds an installed
//! PostgreSQL, makes a cluster below the data directory when there is none, runs it
//! as a child process on a Unix socket and keeps it running. Called by the composition
//! root, and by `backup` and `restore` through [`Reached`].
//!
//! What must hold:
//! - Nothing is ever deleted but `data.new`, which is an initdb that was not finished.
//! - Durability is never weakened: `fsync`, `synchronous_commit` and `full_page_writes`
//!   are checked and refused when off.
//! - Whoever holds the lock on the root directory is the only one to start or stop
//!   a PostgreSQL there; the kernel frees the lock when the process dies.
//! - PostgreSQL never runs as root or `nobody`, and listens on no TCP port.
//!
//! Below the root directory (mode 0700): `lock`, `data`, `s` (the socket),
//! `postgres.log` with one predecessor `postgres.log.1`, `initdb.log`.

mod child_process;
mod cluster;
mod error;
mod leftover;
mod passage;
mod postmaster;
mod reached;
mod readiness;
mod root_directory;
mod running_process;
mod server_log;
mod supervisor;
mod user;

pub(crate) mod binaries;
pub(crate) mod install_hint;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    thread,
};

use tokio::sync::{mpsc, oneshot};

use self::supervisor::{Status, Stop};
pub use self::{error::ManagedPostgresError, reached::Reached};

/// Where the private PostgreSQL lives and which programs it uses.
#[derive(Debug, Clone)]
pub struct PrivatePostgresSettings {
    /// Its directory, `<data_dir>/postgres`. At most 91 bytes long on Linux, because
    /// of the socket in it.
    pub root: PathBuf,
    /// Where `initdb` and `postgres` are (`database.bin_dir`). When set, the only
    /// place searched; when absent, the usual places and PATH.
    pub bin_dir: Option<PathBuf>,
}

/// A running private PostgreSQL.
///
/// Dropping it stops PostgreSQL too, but without waiting: a server calls [`Self::stop`].
#[derive(Debug)]
pub struct ManagedPostgres {
    root: PathBuf,
    status: Arc<Status>,
    stops: mpsc::Sender<Stop>,
}

impl ManagedPostgres {
    /// Starts it and waits until the database `chatalot` accepts connections.
    ///
    /// The work is done on a thread that lives until the end, so this may be awaited
    /// on any thread of any runtime. Dropping the future gives the start up.
    ///
    /// # Errors
    /// A sentence for the operator; see [`ManagedPostgresError`].
    pub async fn start(settings: PrivatePostgresSettings) -> Result<Self, ManagedPostgresError> {
        let (stops, requests) = mpsc::channel(1);
        let (report, started) = oneshot::channel();
        let status = Arc::new(Status::default());
        let root = settings.root.clone();
        thread::Builder::new()
            .name("private-postgres".to_owned())
            .spawn({
                let status = Arc::clone(&status);
                move || supervisor::run(&settings, requests, status, report)
            })
            .map_err(ManagedPostgresError::io("start a thread for", root))?;
        let root = started
            .await
            .unwrap_or(Err(ManagedPostgresError::SupervisorGone))?;
        Ok(Self {
            root,
            status,
            stops,
        })
    }

    /// How to connect: over the Unix socket, to the database `chatalot`.
    pub fn connection(&self) -> tokio_postgres::Config {
        readiness::connection(&self.root)
    }

    /// How often PostgreSQL had to be started again because it died.
    pub fn restarts(&self) -> u64 {
        self.status.restarts.load(Ordering::Relaxed)
    }

    /// The process id of the postmaster, while there is one.
    pub fn server_pid(&self) -> Option<u32> {
        Some(self.status.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    /// Stops PostgreSQL and frees the directory. Takes 15 s at most, usually a fraction of one.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.stops.send(Stop { done }).await.is_ok() {
            // An error means that the thread has ended, and so has PostgreSQL.
            drop(stopped.await);
        }
    }
}
