//! The composition root: builds every part from the settings, runs them, stops them in order.
//! The program and its tests start the same thing.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::Actor;
use actix_web::dev::{Server, ServerHandle};
use actix_web::web::Data;
use quick_cache::sync::Cache;

use crate::actors::acknowledgements::Acknowledgements;
use crate::actors::arbiters::Arbiters;
use crate::actors::channel::ChannelContext;
use crate::actors::channels::ChannelDirectory;
use crate::actors::history::History;
use crate::actors::housekeeper::Housekeeper;
use crate::actors::ledger::Ledger;
use crate::actors::session::SessionContext;
use crate::actors::sessions::SessionDirectory;
use crate::config::{ConfigError, Settings};
use crate::domain::token_bucket::Rate;
use crate::http::metrics_listener::{self, Observed};
use crate::http::{self, ApiState, HttpSettings, Origins, PasswordHasher, RateLimits};
use crate::managed_postgres::{ManagedPostgres, ManagedPostgresError, PrivatePostgresSettings};
use crate::metrics::Metrics;
use crate::protocol::Close;
use crate::store::{
    DatabaseUrl, LedgerStore, MigrateError, Store, StoreError, StoreSettings, migrate,
};
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
    /// The operating system gives no randomness.
    #[error("passwords cannot be hashed: {0}")]
    Passwords(String),
}

/// The database of this server: its own, or one it was pointed to.
pub struct Database {
    private: Option<Arc<tokio::sync::Mutex<Option<ManagedPostgres>>>>,
    restarts: Arc<dyn Fn() -> u64 + Send + Sync>,
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
        if let Some(private) = self.private {
            if let Some(postgres) = private.lock().await.take() {
                postgres.stop().await;
            }
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
        telemetry::count_panics(&metrics);
        let arbiters = Arc::new(Arbiters::start(cores().min(4)));
        let store = Store::open(database.url(), &store_settings(settings))?;
        let epoch = store.epoch().await?;
        let ledgers = (0..settings.ledger.lanes)
            .map(|_| LedgerStore::open(database.url(), &store_settings(settings)))
            .collect::<Result<Vec<_>, _>>()?;
        let sessions = SessionDirectory::new(
            settings.sockets.max,
            settings.sockets.max_per_user,
            Arc::clone(&metrics),
        );
        let channels = start_channels(settings, &ledgers, &sessions, &arbiters, &metrics);
        let socket = session_context(settings, &store, &sessions, &channels, &arbiters, &metrics);
        Housekeeper {
            store: store.clone(),
            sessions: Arc::clone(&sessions),
            channels: Arc::clone(&channels),
            metrics: Arc::clone(&metrics),
            epoch,
            notification_days: settings.notifications.keep_days,
            session_idle_days: settings.sessions.idle_days,
        }
        .start();
        let public_url = settings.public_url(port);
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
            webhook_targets: Cache::new(settings.limits.webhook_cache),
            stopping: AtomicBool::new(false),
            store,
            channels,
            sessions,
            socket,
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
        // The server's own time-out is in whole seconds and starts once its workers hear of
        // it; a little longer here than there.
        let patience = self.drain + Duration::from_secs(2);
        if tokio::time::timeout(patience, server.stop(true))
            .await
            .is_err()
        {
            tracing::warn!("some requests did not finish in time");
        }
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

fn listen(address: &str, key: &'static str) -> Result<TcpListener, StartError> {
    let failed = |source| StartError::Listen {
        address: address.to_owned(),
        key,
        source,
    };
    let address: std::net::SocketAddr = address
        .parse()
        .map_err(|error| failed(std::io::Error::other(error)))?;
    let domain = socket2::Domain::for_address(address);
    let bind = || {
        let socket =
            socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
        // A server that just stopped leaves connections in TIME_WAIT; they are not in the way.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(4096)?;
        Ok(TcpListener::from(socket))
    };
    bind().map_err(failed)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn store_settings(settings: &Settings) -> StoreSettings {
    StoreSettings {
        pool_size: settings.database.pool_size,
        wait: Duration::from_millis(settings.database.pool_wait_ms),
        statement_timeout: Duration::from_millis(settings.database.statement_timeout_ms),
        lock_timeout: Duration::from_millis(settings.database.lock_timeout_ms),
        session_settings: Vec::new(),
    }
}

fn start_channels(
    settings: &Settings,
    ledgers: &[LedgerStore],
    sessions: &Arc<SessionDirectory>,
    arbiters: &Arc<Arbiters>,
    metrics: &Arc<Metrics>,
) -> Arc<ChannelDirectory> {
    let limits = &settings.limits;
    let ledger = Ledger::start(
        ledgers.to_vec(),
        settings.ledger.batch_posts,
        limits.pending_posts,
        arbiters,
        metrics,
    );
    let context = ChannelContext {
        ledger,
        sessions: Arc::clone(sessions),
        metrics: Arc::clone(metrics),
        pending_posts: limits.channel_pending_posts,
        batch_posts: settings.ledger.batch_posts,
        idle: Duration::from_millis(limits.channel_idle_ms),
    };
    ChannelDirectory::new(
        context,
        Arc::clone(arbiters),
        limits.pending_posts,
        limits.channels_in_use,
    )
}

fn session_context(
    settings: &Settings,
    store: &Store,
    sessions: &Arc<SessionDirectory>,
    channels: &Arc<ChannelDirectory>,
    arbiters: &Arbiters,
    metrics: &Arc<Metrics>,
) -> Arc<SessionContext> {
    let sockets = &settings.sockets;
    Arc::new(SessionContext {
        sessions: Arc::clone(sessions),
        channels: Arc::clone(channels),
        history: History::new(store.clone(), sockets.replay_reads, Arc::clone(metrics)),
        acknowledgements: Acknowledgements::start(
            store.clone(),
            settings.notifications.pending_acks,
            arbiters,
            metrics,
        ),
        metrics: Arc::clone(metrics),
        budget_bytes: sockets.budget_bytes,
        heartbeat_interval: Duration::from_millis(sockets.heartbeat_interval_ms),
        heartbeat_timeout: Duration::from_millis(sockets.heartbeat_timeout_ms),
        frame_rate: Rate::new(
            sockets.frames_per_second,
            Duration::from_secs(1),
            sockets.frames_burst,
        ),
        max_subscriptions: sockets.max_subscriptions,
        max_subscriptions_per_frame: sockets.max_subscriptions_per_frame,
        replay_messages: sockets.replay_messages,
    })
}

fn http_settings(settings: &Settings) -> HttpSettings {
    HttpSettings {
        workers: settings.workers,
        drain: Duration::from_millis(settings.shutdown.drain_ms),
        send_buffer_bytes: settings.sockets.send_buffer_bytes,
        user_timeout: Duration::from_millis(settings.sockets.user_timeout_ms),
        max_sockets: settings.sockets.max,
    }
}

fn serve_metrics(
    settings: &Settings,
    state: &ApiState,
    restarts: &Arc<dyn Fn() -> u64 + Send + Sync>,
) -> Result<(Option<Server>, Option<u16>), StartError> {
    if settings.metrics.listen.is_empty() {
        return Ok((None, None));
    }
    let listener = listen(&settings.metrics.listen, "metrics.listen")?;
    let port = listener.local_addr()?.port();
    let restarts = Arc::clone(restarts);
    let observed = Observed {
        metrics: Arc::clone(&state.metrics),
        channels: Arc::clone(&state.channels),
        store: state.store.clone(),
        postgres_restarts: Box::new(move || restarts()),
    };
    Ok((
        Some(metrics_listener::serve(listener, observed)?),
        Some(port),
    ))
}
