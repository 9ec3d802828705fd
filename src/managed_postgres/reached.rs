//! The private PostgreSQL for a command that needs it for a moment, whether a
//! server is running or not.

use std::{path::PathBuf, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_postgres::{Config, NoTls};

use super::{ManagedPostgres, ManagedPostgresError, PrivatePostgresSettings, readiness};

/// A server that holds the lock may still be starting, or just stopping.
const PATIENCE: Duration = Duration::from_secs(60);

/// The private PostgreSQL, reached one way or the other.
#[derive(Debug)]
pub enum Reached {
    /// A running Chatalot has it, in this directory; we are a guest.
    Running(PathBuf),
    /// Nobody had it, so it was started for us and ends with us.
    Started(ManagedPostgres),
}

impl Reached {
    /// Uses the running one, else starts it.
    ///
    /// # Errors
    /// When it cannot be started, or when its holder does not let us in.
    pub async fn reach(settings: PrivatePostgresSettings) -> Result<Self, ManagedPostgresError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let refusal = match ManagedPostgres::start(settings.clone()).await {
                Ok(started) => return Ok(Self::Started(started)),
                Err(refusal @ ManagedPostgresError::AlreadyRunning { .. }) => refusal,
                Err(error) => return Err(error),
            };
            let root = settings
                .root
                .canonicalize()
                .map_err(ManagedPostgresError::io("find", &settings.root))?;
            if readiness::connection(&root).connect(NoTls).await.is_ok() {
                return Ok(Self::Running(root));
            }
            if Instant::now() > deadline {
                return Err(refusal);
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// How to connect to it.
    pub fn connection(&self) -> Config {
        match self {
            Self::Running(root) => readiness::connection(root),
            Self::Started(postgres) => postgres.connection(),
        }
    }

    /// Stops it if it was started for us.
    pub async fn release(self) {
        if let Self::Started(postgres) = self {
            postgres.stop().await;
        }
    }
}
