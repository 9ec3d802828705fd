//! The composition root: builds every part from the settings, runs them, stops them in order.
//! The program and its tests start the same thing.

mod database;
mod open_files;
mod wiring;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web::Data;
use quick_cache::sync::Cache;

pub use self::database::{Database, private_postgres};
use self::wiring::{
    cores, http_settings, listen, serve_metrics, session_context, start_acknowledgements,
    start_channels, start_push, start_pushes, store_settings,
};
use crate::actors::arbiters::Arbiters;
use crate::actors::device_lists::DeviceLists;
use crate::actors::housekeeper::{DatabaseWatch, Housekeeper};
use crate::actors::sessions::SessionDirectory;
use crate::config::{ConfigError, Settings};
use crate::domain::encryption::ids::ServerName;
use crate::http::{self, ApiState, Origins, PasswordHasher, RateLimits};
use crate::managed_postgres::ManagedPostgresError;
use crate::metrics::Metrics;
use crate::protocol::Close;
use crate::push::PushError;
use crate::store::{LedgerStore, MigrateError, Store, StoreError, migrate};
use crate::telemetry;

/// Why the server cannot start, in a sentence that says what to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The private PostgreSQL does not start.
    #[error(transparent)]
    PrivatePostgres(#[from] ManagedPostgresError),
    /// The schema cannot be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The database does not answer.
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address with the setting {key}")]
    Listen {
        /// Which.
        address: String,
        /// The setting that names it.
        key: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// Serving failed.
    #[error("the server stopped: {0}")]
    Serve(#[from] std::io::Error),
    /// Web Push cannot be set up.
    #[error(transparent)]
    Push(#[from] PushError),
    /// The operating system gives no randomness.
    #[error("passwords cannot be hashed: {0}")]
    Passwords(String),
}

/// A server that is ready to serve.
pub struct App {
    server: Server,
    metrics_server: Option<Server>,
    port: u16,
    metrics_port: Option<u16>,
    running: Running,
}

/// What has to be stopped, in its order.
struct Running {
    state: Data<ApiState>,
    ledgers: Vec<LedgerStore>,
    arbiters: Arc<Arbiters>,
    database: Database,
    drain: Duration,
}

impl App {
    /// Starts the database, brings the schema up to date, and binds the listeners. Requests
    /// are answered once [`App::run_until_stopped`] is polled.
    ///
    /// # Errors
    /// Says what is missing or wrong. Whatever was started is stopped.
    pub async fn build(settings: Settings) -> Result<Self, StartError> {
        telemetry::start_logging(&settings.log)?;
        open_files::raise_limit(settings.sockets.max);
        let database = Database::start(&settings).await?;
        match Self::build_on(&settings, &database).await {
            Ok(parts) => Ok(parts.into_app(database, &settings)),
            Err(error) => {
                database.stop().await;
                Err(error)
            }
        }
    }

    async fn build_on(settings: &Settings, database: &Database) -> Result<Parts, StartError> {
        migrate(database.url()).await?;
        let listener = listen(&settings.listen.to_string(), "listen")?;
        let port = listener.local_addr()?.port();
        let metrics = Arc::new(Metrics::new());
        // Two threads on two cores wait for those of HTTP, and wake each other, more than they do.
        let arbiters = Arc::new(Arbiters::start((cores() / 2).clamp(1, 4)));
        let store = Store::open(database.url(), &store_settings(settings))?;
        let epoch = store.epoch().await?;
        if !store.users_exist().await? {
            tracing::info!("there is no account yet: the first to register becomes the owner");
        }
        let push = start_push(settings, &store).await?;
        let ledgers = (0..settings.ledger.lanes)
            .map(|_| LedgerStore::open(database.url(), &store_settings(settings)))
            .collect::<Result<Vec<_>, _>>()?;
        let sessions = SessionDirectory::new(
            settings.sockets.max,
            settings.sockets.max_per_user,
            Arc::clone(&metrics),
        );
        let public_url = settings.public_url(port);
        let fresh_server_name = ServerName::of_public_url(&public_url);
        // Fixed now, at the first start, and not when somebody first encrypts.
        store.server_name(&fresh_server_name).await?;
        let device_lists = DeviceLists::new(
            store.clone(),
            Arc::clone(&sessions),
            fresh_server_name.clone(),
            Arc::clone(&metrics),
        );
        let pushes = start_pushes(settings, database.url(), &push, &metrics, &public_url)?;
        let channels = start_channels(settings, &ledgers, &sessions, &pushes, &arbiters, &metrics);
        let acks = start_acknowledgements(settings, database.url(), &arbiters, &metrics)?;
        let socket = session_context(settings, &store, &sessions, &channels, acks, &metrics);
        let watch = DatabaseWatch::answering();
        Housekeeper {
            store: store.clone(),
            sessions: Arc::clone(&sessions),
            channels: Arc::clone(&channels),
            device_lists: Arc::clone(&device_lists),
            metrics: Arc::clone(&metrics),
            watch: Arc::clone(&watch),
            epoch,
            notification_days: settings.notifications.keep_days,
            session_idle_days: settings.sessions.idle_days,
        }
        .keep_running();
        let state = Data::new(ApiState {
            limits: RateLimits::new(&settings.limits, &metrics),
            passwords: PasswordHasher::new(
                settings.limits.password_hashes,
                settings.limits.password_queue,
                Arc::clone(&metrics),
            )
            .map_err(StartError::Passwords)?,
            origins: Origins::new(&public_url, port),
            registration: settings.registration,
            trusted_proxies: settings
                .trusted_proxies
                .iter()
                .map(|proxy| proxy.0)
                .collect(),
            session_idle_days: settings.sessions.idle_days,
            sessions_per_user: settings.sessions.max_per_user,
            remembered_sessions: Cache::new(settings.limits.session_cache),
            webhook_targets: Cache::new(settings.limits.webhook_cache),
            stopping: AtomicBool::new(false),
            watch,
            store,
            channels,
            sessions,
            device_lists,
            fresh_server_name,
            socket,
            push,
            pushes,
            metrics,
            public_url,
        });
        let server = http::serve(listener, state.clone(), http_settings(settings))?;
        let (metrics_server, metrics_port) = serve_metrics(settings, &state, &database.restarts)?;
        Ok(Parts {
            server,
            metrics_server,
            port,
            metrics_port,
            state,
            ledgers,
            arbiters,
        })
    }

    /// The port of the public listener.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of the metrics listener, if there is one.
    #[must_use]
    pub fn metrics_port(&self) -> Option<u16> {
        self.metrics_port
    }

    /// What people type to reach it.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.running.state.public_url
    }

    /// Serves until `stop` resolves, then finishes what was accepted and stops.
    ///
    /// # Errors
    /// When serving fails by itself.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let (handle, metrics_handle) = (
            self.server.handle(),
            self.metrics_server.as_ref().map(Server::handle),
        );
        let server = actix_rt::spawn(self.server);
        if let Some(metrics_server) = self.metrics_server {
            actix_rt::spawn(metrics_server);
        }
        let mut server = server;
        let failed = tokio::select! {
            () = stop => None,
            ended = &mut server => Some(ended),
        };
        tracing::info!("stopping");
        self.running.stop(handle, metrics_handle).await;
        match failed {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(error.into()),
            Some(Err(panicked)) => Err(std::io::Error::other(panicked).into()),
        }
    }
}

/// What is built before the database is handed over.
struct Parts {
    server: Server,
    metrics_server: Option<Server>,
    port: u16,
    metrics_port: Option<u16>,
    state: Data<ApiState>,
    ledgers: Vec<LedgerStore>,
    arbiters: Arc<Arbiters>,
}

impl Parts {
    fn into_app(self, database: Database, settings: &Settings) -> App {
        let drain = Duration::from_millis(settings.shutdown.drain_ms);
        let Self {
            server,
            metrics_server,
            port,
            metrics_port,
            state,
            ledgers,
            arbiters,
        } = self;
        App {
            server,
            metrics_server,
            port,
            metrics_port,
            running: Running {
                state,
                ledgers,
                arbiters,
                database,
                drain,
            },
        }
    }
}

impl Running {
    /// Refuses new work, sends the sockets away, lets accepted posts finish, then stops what
    /// they need.
    async fn stop(self, server: ServerHandle, metrics_server: Option<ServerHandle>) {
        self.state.stopping.store(true, Ordering::SeqCst);
        self.state.sessions.end_all(Close::ShuttingDown).await;
        // The listener still answers meanwhile: new posts with 503, and readiness too.
        if tokio::time::timeout(self.drain, self.state.channels.drained())
            .await
            .is_err()
        {
            tracing::warn!("some posts did not finish in time");
        }
        // Once more: a socket may have been opening while the first were sent away.
        self.state.sessions.end_all(Close::ShuttingDown).await;
        self.state.pushes.stop().await;
        server.stop(true).await;
        if let Some(server) = metrics_server {
            server.stop(false).await;
        }
        self.state.store.close();
        for ledger in &self.ledgers {
            ledger.close();
        }
        self.arbiters.stop();
        self.database.stop().await;
        tracing::info!("stopped");
    }
}
