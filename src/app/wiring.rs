//! How each part is made from its section of the settings.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;

use super::StartError;
use crate::actors::acknowledgements::Acknowledgements;
use crate::actors::arbiters::Arbiters;
use crate::actors::channel::ChannelContext;
use crate::actors::channels::ChannelDirectory;
use crate::actors::history::History;
use crate::actors::ledger::Ledger;
use crate::actors::pushes::{PushLimits, Pushes};
use crate::actors::session::SessionContext;
use crate::actors::sessions::SessionDirectory;
use crate::actors::web_push::WebPushContext;
use crate::config::Settings;
use crate::domain::push_endpoint::EndpointRules;
use crate::domain::token_bucket::Rate;
use crate::http::metrics_listener::{self, Observed};
use crate::http::{ApiState, HttpSettings};
use crate::metrics::Metrics;
use crate::push::{Vapid, WebPush, generate_private_key};
use crate::store::{DatabaseUrl, LedgerStore, Store, StoreError, StoreSettings};

pub(super) fn listen(address: &str, key: &'static str) -> Result<TcpListener, StartError> {
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

pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

pub(super) fn store_settings(settings: &Settings) -> StoreSettings {
    StoreSettings {
        pool_size: settings.database.pool_size,
        wait: Duration::from_millis(settings.database.pool_wait_ms),
        statement_timeout: Duration::from_millis(settings.database.statement_timeout_ms),
        lock_timeout: Duration::from_millis(settings.database.lock_timeout_ms),
        session_settings: Vec::new(),
    }
}

pub(super) fn start_channels(
    settings: &Settings,
    ledgers: &[LedgerStore],
    sessions: &Arc<SessionDirectory>,
    pushes: &Arc<Pushes>,
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
        pushes: Arc::clone(pushes),
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

pub(super) fn start_acknowledgements(
    settings: &Settings,
    url: &DatabaseUrl,
    arbiters: &Arbiters,
    metrics: &Arc<Metrics>,
) -> Result<Arc<Acknowledgements>, StoreError> {
    let store = Store::open_for_notes(url, &store_settings(settings))?;
    let pending = settings.notifications.pending_acks;
    Ok(Acknowledgements::start(store, pending, arbiters, metrics))
}

pub(super) fn session_context(
    settings: &Settings,
    store: &Store,
    sessions: &Arc<SessionDirectory>,
    channels: &Arc<ChannelDirectory>,
    acknowledgements: Arc<Acknowledgements>,
    metrics: &Arc<Metrics>,
) -> Arc<SessionContext> {
    let sockets = &settings.sockets;
    Arc::new(SessionContext {
        sessions: Arc::clone(sessions),
        channels: Arc::clone(channels),
        history: History::new(store.clone(), sockets.replay_reads, Arc::clone(metrics)),
        acknowledgements,
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

/// The configured key signs, else the one that all servers on the database share.
pub(super) async fn start_push(
    settings: &Settings,
    store: &Store,
) -> Result<Arc<WebPush>, StartError> {
    let push = &settings.push;
    let configured = push.vapid_private_key.reveal();
    let vapid = if configured.is_empty() {
        let shared = store.shared_vapid_key(&generate_private_key()?).await?;
        Vapid::new(&shared, &push.subject)?
    } else {
        Vapid::new(configured, &push.subject)?
    };
    let rules = EndpointRules::new(&push.allowed_hosts, push.allow_loopback_http);
    Ok(Arc::new(WebPush::new(vapid, rules)?))
}

pub(super) fn start_pushes(
    settings: &Settings,
    url: &DatabaseUrl,
    push: &Arc<WebPush>,
    metrics: &Arc<Metrics>,
    public_url: &str,
) -> Result<Arc<Pushes>, StoreError> {
    let context = WebPushContext {
        store: Store::open_for_batches(url, &store_settings(settings))?,
        push: Arc::clone(push),
        metrics: Arc::clone(metrics),
        public_url: public_url.to_owned(),
        ack_timeout: Duration::from_millis(settings.notifications.ack_timeout_ms),
        session_idle_days: settings.sessions.idle_days,
    };
    let limits = PushLimits {
        in_flight: settings.push.max_in_flight,
        in_flight_per_host: settings.push.max_in_flight_per_host,
    };
    Ok(Pushes::start(context, limits))
}

pub(super) fn http_settings(settings: &Settings) -> HttpSettings {
    HttpSettings {
        workers: settings.workers,
        send_buffer_bytes: settings.sockets.send_buffer_bytes,
        user_timeout: Duration::from_millis(settings.sockets.user_timeout_ms),
        max_sockets: settings.sockets.max,
    }
}

pub(super) fn serve_metrics(
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
