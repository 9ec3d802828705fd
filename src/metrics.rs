//! What the server counts, in the form Prometheus reads.
//!
//! `docs/operations.md` lists every metric. Labels come from fixed sets: nothing a client
//! sends becomes a label, so their number is bounded and no secret can be in one.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A label that says which of a fixed set of kinds was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    /// The kind.
    pub kind: &'static str,
}

/// A counter for each of a fixed set of kinds.
pub type ByKind = Family<Kind, Counter>;

/// Everything that is counted. Shared by all; each part adds to its own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Posts that were committed.
    pub posts: Counter,
    /// Posts that a device sent again, and that were answered as the first time.
    pub posts_repeated: Counter,
    /// Posts that were refused, by reason.
    pub posts_refused: ByKind,
    /// Posts accepted and not yet answered.
    pub posts_pending: Gauge,
    /// Transactions of the ledger.
    pub ledger_batches: Counter,
    /// Posts in a transaction.
    pub ledger_batch_posts: Histogram,
    /// Seconds a transaction took.
    pub ledger_batch_seconds: Histogram,
    /// Running channel actors.
    pub channel_actors: Gauge,
    /// Channels in the directory.
    pub channels_in_use: Gauge,
    /// Open sockets.
    pub sessions: Gauge,
    /// Subscriptions of open sockets.
    pub subscriptions: Gauge,
    /// Sockets closed by the server, by reason.
    pub sockets_closed: ByKind,
    /// Frames of clients that were refused, by reason.
    pub frames_refused: ByKind,
    /// Frames handed to sessions.
    pub frames_delivered: Counter,
    /// Live alerts offered to sessions.
    pub alerts_offered: Counter,
    /// Alerts acknowledged by a client.
    pub alerts_acknowledged: Counter,
    /// Pushes sent, by outcome.
    pub pushes: ByKind,
    /// What became of what was owed to devices, by how it ended.
    pub push_deliveries: ByKind,
    /// Pushes on their way, until it is noted what came of them.
    pub pushes_in_flight: Gauge,
    /// Acknowledgements waiting to be written.
    pub acknowledgements_pending: Gauge,
    /// Messages to devices that no device got, by reason.
    pub to_device_lost: ByKind,
    /// Pages of missed messages read for sessions.
    pub replay_pages: Counter,
    /// Requests refused by a rate limit, by limit.
    pub rate_limited: ByKind,
    /// Requests answered, by class of status.
    pub responses: ByKind,
    /// Requests refused because a bounded resource was full, by resource.
    pub overloads: ByKind,
    /// Passwords being hashed or waiting for it.
    pub password_hashes: Gauge,
    /// Database connections, and requests waiting for one.
    pub database_connections: Gauge,
    /// Requests waiting for a database connection.
    pub database_waiting: Gauge,
    /// Whether the database answered when last asked: 1 or 0.
    pub database_up: Gauge,
    /// How often the private PostgreSQL was started again.
    pub postgres_restarts: Counter<u64, AtomicU64>,
    /// Panics anywhere in the process.
    pub panics: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Makes and registers every metric.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("chatalot"),
            posts: Counter::default(),
            posts_repeated: Counter::default(),
            posts_refused: ByKind::default(),
            posts_pending: Gauge::default(),
            ledger_batches: Counter::default(),
            ledger_batch_posts: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            ledger_batch_seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 15)),
            channel_actors: Gauge::default(),
            channels_in_use: Gauge::default(),
            sessions: Gauge::default(),
            subscriptions: Gauge::default(),
            sockets_closed: ByKind::default(),
            frames_refused: ByKind::default(),
            frames_delivered: Counter::default(),
            alerts_offered: Counter::default(),
            alerts_acknowledged: Counter::default(),
            pushes: ByKind::default(),
            push_deliveries: ByKind::default(),
            pushes_in_flight: Gauge::default(),
            acknowledgements_pending: Gauge::default(),
            to_device_lost: ByKind::default(),
            replay_pages: Counter::default(),
            rate_limited: ByKind::default(),
            responses: ByKind::default(),
            overloads: ByKind::default(),
            password_hashes: Gauge::default(),
            database_connections: Gauge::default(),
            database_waiting: Gauge::default(),
            database_up: Gauge::default(),
            postgres_restarts: Counter::default(),
            panics: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("posts", "Posts committed", self.posts.clone());
        r.register(
            "posts_repeated",
            "Repeated posts, answered as the first time",
            self.posts_repeated.clone(),
        );
        r.register(
            "posts_refused",
            "Posts refused, by reason",
            self.posts_refused.clone(),
        );
        r.register(
            "posts_pending",
            "Posts accepted and not yet answered",
            self.posts_pending.clone(),
        );
        r.register(
            "ledger_batches",
            "Transactions of the ledger",
            self.ledger_batches.clone(),
        );
        r.register(
            "ledger_batch_posts",
            "Posts in a transaction",
            self.ledger_batch_posts.clone(),
        );
        r.register(
            "ledger_batch_seconds",
            "Duration of a transaction",
            self.ledger_batch_seconds.clone(),
        );
        r.register(
            "channel_actors",
            "Running channel actors",
            self.channel_actors.clone(),
        );
        r.register(
            "channels_in_use",
            "Channels in the directory",
            self.channels_in_use.clone(),
        );
        r.register("sessions", "Open sockets", self.sessions.clone());
        r.register(
            "subscriptions",
            "Channels watched by open sockets",
            self.subscriptions.clone(),
        );
        r.register(
            "sockets_closed",
            "Sockets closed by the server, by reason",
            self.sockets_closed.clone(),
        );
        r.register(
            "frames_refused",
            "Client frames refused, by reason",
            self.frames_refused.clone(),
        );
        r.register(
            "frames_delivered",
            "Frames handed to sessions",
            self.frames_delivered.clone(),
        );
        r.register(
            "alerts_offered",
            "Live alerts offered to sessions",
            self.alerts_offered.clone(),
        );
        r.register(
            "alerts_acknowledged",
            "Alerts acknowledged by a client",
            self.alerts_acknowledged.clone(),
        );
        let pending = self.acknowledgements_pending.clone();
        r.register(
            "acknowledgements_pending",
            "Acknowledgements waiting to be written",
            pending,
        );
        r.register(
            "replay_pages",
            "Pages of missed messages read",
            self.replay_pages.clone(),
        );
        r.register(
            "rate_limited",
            "Requests refused by a rate limit, by limit",
            self.rate_limited.clone(),
        );
        r.register(
            "responses",
            "Requests answered, by class of status",
            self.responses.clone(),
        );
        r.register(
            "overloads",
            "Refusals because something bounded was full",
            self.overloads.clone(),
        );
        r.register(
            "password_hashes",
            "Password hashes computed or waiting",
            self.password_hashes.clone(),
        );
        r.register(
            "database_connections",
            "Open database connections",
            self.database_connections.clone(),
        );
        r.register(
            "database_waiting",
            "Requests waiting for a connection",
            self.database_waiting.clone(),
        );
        r.register(
            "database_up",
            "Whether the database answered last",
            self.database_up.clone(),
        );
        r.register(
            "postgres_restarts",
            "Restarts of the private PostgreSQL",
            self.postgres_restarts.clone(),
        );
        r.register(
            "panics",
            "Panics anywhere in the process",
            self.panics.clone(),
        );
        self.register_pushes();
        self.registry.register(
            "to_device_lost",
            "Messages to devices that no device got, by reason",
            self.to_device_lost.clone(),
        );
    }

    fn register_pushes(&mut self) {
        let r = &mut self.registry;
        r.register("pushes", "Pushes sent, by outcome", self.pushes.clone());
        r.register(
            "push_deliveries",
            "What was owed to devices, by how it ended",
            self.push_deliveries.clone(),
        );
        r.register(
            "pushes_in_flight",
            "Pushes on their way",
            self.pushes_in_flight.clone(),
        );
    }

    /// Adds one to the counter of `kind`.
    pub fn count(family: &ByKind, kind: &'static str) {
        family.get_or_create(&Kind { kind }).inc();
    }

    /// Adds to the counter of `kind`; nothing does not make it appear.
    pub fn count_by(family: &ByKind, kind: &'static str, count: u64) {
        if count > 0 {
            family.get_or_create(&Kind { kind }).inc_by(count);
        }
    }

    /// Writes every metric in the OpenMetrics text format.
    ///
    /// # Errors
    /// Never in practice: writing to a string does not fail.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}
