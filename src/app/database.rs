//! The database of the server: its own, or one it was pointed to.

use std::path::PathBuf;
use std::sync::Arc;

use super::StartError;
use crate::config::{ConfigError, Settings};
use crate::managed_postgres::{ManagedPostgres, PrivatePostgresSettings};
use crate::store::DatabaseUrl;

/// The database of this server: its own, or one it was pointed to.
pub struct Database {
    private: Option<Arc<tokio::sync::Mutex<Option<ManagedPostgres>>>>,
    pub(super) restarts: Arc<dyn Fn() -> u64 + Send + Sync>,
    url: DatabaseUrl,
}

impl Database {
    /// Starts the private PostgreSQL, unless the settings name another server.
    ///
    /// # Errors
    /// Says what is missing or in the way.
    pub async fn start(settings: &Settings) -> Result<Self, StartError> {
        if !settings.database.url.reveal().is_empty() {
            let url = DatabaseUrl::parse(settings.database.url.reveal())?;
            if url.is_exposed() {
                tracing::warn!(
                    "the connection to the database is not encrypted; add ?sslmode=require to its URL"
                );
            }
            return Ok(Self {
                private: None,
                restarts: Arc::new(|| 0),
                url,
            });
        }
        let postgres = ManagedPostgres::start(private_postgres(settings)?).await?;
        let url = DatabaseUrl::from(postgres.connection());
        let shared = Arc::new(tokio::sync::Mutex::new(Some(postgres)));
        let observed = Arc::clone(&shared);
        let restarts = move || {
            let running = observed.try_lock();
            running
                .ok()
                .and_then(|postgres| postgres.as_ref().map(ManagedPostgres::restarts))
                .unwrap_or(0)
        };
        Ok(Self {
            private: Some(shared),
            restarts: Arc::new(restarts),
            url,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Stops the private PostgreSQL, if there is one.
    pub async fn stop(self) {
        let Some(private) = self.private else {
            return;
        };
        if let Some(postgres) = private.lock().await.take() {
            postgres.stop().await;
        }
    }
}

/// Where the private PostgreSQL of these settings is.
///
/// # Errors
/// When the data directory is not set and cannot be derived.
pub fn private_postgres(settings: &Settings) -> Result<PrivatePostgresSettings, ConfigError> {
    let bin_dir = Some(&settings.database.bin_dir)
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from);
    Ok(PrivatePostgresSettings {
        root: settings.data_dir()?.join("postgres"),
        bin_dir,
    })
}
