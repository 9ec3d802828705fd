//! Settings: what an operator may choose, parsed and checked before anything starts.
//!
//! `config/default.toml` is compiled in and documents every key. A file given with `--config`
//! and then the environment override it. Each subsystem takes its own section by value.

mod checks;
mod layers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use layers::ConfigError;

/// Everything an operator may set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the public listener.
    pub listen: SocketAddr,
    /// What people type; empty until the listener's port is known.
    pub public_url: String,
    /// Directory of the private PostgreSQL; empty for the user's own.
    pub data_dir: String,
    /// Who may register.
    pub registration: Registration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<ProxyNet>,
    /// HTTP threads; 0 for one a core.
    pub workers: usize,
    /// The database.
    pub database: DatabaseSettings,
    /// The writer of posts.
    pub ledger: LedgerSettings,
    /// Logging.
    pub log: LogSettings,
    /// The metrics listener.
    pub metrics: MetricsSettings,
    /// Bounds and rates.
    pub limits: LimitSettings,
    /// WebSockets.
    pub sockets: SocketSettings,
    /// Alerts and the inbox.
    pub notifications: NotificationSettings,
    /// Web Push.
    pub push: PushSettings,
    /// Sign-ins.
    pub sessions: SessionSettings,
    /// The end.
    pub shutdown: ShutdownSettings,
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Whoever has an invite's code.
    Invite,
    /// Anybody.
    Open,
    /// Nobody.
    Closed,
}

/// A text that must not be shown, such as a URL with a password in it.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text in clear.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() {
            "\"\""
        } else {
            "\"(secret)\""
        })
    }
}

/// The address or the network of a proxy.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct ProxyNet(pub IpNet);

impl TryFrom<String> for ProxyNet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let net = text
            .parse()
            .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
        net.map(Self).map_err(|_neither| {
            format!("'{text}' is neither an address nor a network such as 10.0.0.0/8")
        })
    }
}

/// Which database, and how it is used.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// The URL of a PostgreSQL; empty for the private one.
    pub url: Secret,
    /// Where the private PostgreSQL's programs are; empty for the usual places.
    pub bin_dir: String,
    /// Connections for everything but posting.
    pub pool_size: usize,
    /// How long a request waits for a connection.
    pub pool_wait_ms: u64,
    /// How long a statement may run.
    pub statement_timeout_ms: u64,
    /// How long a statement may wait for a lock.
    pub lock_timeout_ms: u64,
}

/// How posts are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerSettings {
    /// Transactions side by side.
    pub lanes: usize,
    /// Posts in one transaction at most.
    pub batch_posts: usize,
}

/// What the log looks like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// For people or for machines.
    pub format: LogFormat,
    /// What is logged, in the syntax of `tracing_subscriber`'s `EnvFilter`.
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

/// Where metrics are served.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// The address; empty for none.
    pub listen: String,
}

/// Rates and bounds; `config/default.toml` explains each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml, which is compiled in, documents every key"
)]
pub struct LimitSettings {
    pub webhook_per_second: u32,
    pub webhook_burst: u32,
    pub message_per_second: u32,
    pub message_burst: u32,
    pub address_per_second: u32,
    pub address_burst: u32,
    pub login_per_minute: u32,
    pub encryption_per_minute: u32,
    pub remembered_clients: usize,
    pub webhook_cache: usize,
    pub session_cache: usize,
    pub channel_pending_posts: usize,
    pub pending_posts: usize,
    pub channel_idle_ms: u64,
    pub channels_in_use: usize,
    pub password_hashes: usize,
    pub password_queue: usize,
}

/// Bounds of the WebSockets; `config/default.toml` explains each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml, which is compiled in, documents every key"
)]
pub struct SocketSettings {
    pub max: usize,
    pub max_per_user: usize,
    pub budget_bytes: usize,
    pub send_buffer_bytes: usize,
    pub user_timeout_ms: u64,
    pub heartbeat_interval_ms: u64,
    pub heartbeat_timeout_ms: u64,
    pub frames_per_second: u32,
    pub frames_burst: u32,
    pub max_subscriptions: usize,
    pub max_subscriptions_per_frame: usize,
    pub replay_messages: i64,
    pub replay_reads: usize,
}

/// Alerts and the inbox.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationSettings {
    /// How long a live alert may go unacknowledged.
    pub ack_timeout_ms: u64,
    /// How long the inbox keeps an alert.
    pub keep_days: u32,
    /// Acknowledgements waiting to be written at most.
    pub pending_acks: usize,
}

/// Web Push.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushSettings {
    /// Whom a push service may ask: a mailto or https URL.
    pub subject: String,
    /// Hosts that pushes may be sent to.
    pub allowed_hosts: Vec<String>,
    /// Whether pushes may be sent to this machine without TLS, for tests.
    pub allow_loopback_http: bool,
    /// The private key in base64url; empty for one that is made and kept in the database.
    pub vapid_private_key: Secret,
    /// Pushes on their way at once, in all.
    pub max_in_flight: usize,
    /// Pushes on their way at once to one push service.
    pub max_in_flight_per_host: usize,
}

/// Sign-ins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// How long a session may go unused.
    pub idle_days: u32,
    /// Sessions of one user at most.
    pub max_per_user: u32,
}

/// The end of the process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShutdownSettings {
    /// How long accepted work may take to finish.
    pub drain_ms: u64,
}

impl Settings {
    /// Reads the defaults, then `file` if there is one, then the process's environment.
    ///
    /// # Errors
    /// Names the setting that is wrong, where it was set, and what it should be.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_sources(file, std::env::vars())
    }

    /// Like [`Settings::load`], with the environment given.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_sources(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let settings = layers::merge(file, environment)?;
        settings.check()?;
        Ok(settings)
    }

    /// The public URL once the listener's `port` is known: an absolute http or https URL
    /// without a path and without a slash at its end.
    #[must_use]
    pub fn public_url(&self, port: u16) -> String {
        if self.public_url.is_empty() {
            format!("http://localhost:{port}")
        } else {
            self.public_url.trim_end_matches('/').to_owned()
        }
    }

    /// The directory of the private PostgreSQL and other files.
    ///
    /// # Errors
    /// When it is not set and cannot be derived from the environment.
    pub fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        if !self.data_dir.is_empty() {
            return Ok(PathBuf::from(&self.data_dir));
        }
        if rustix::process::geteuid().is_root() {
            return Ok(PathBuf::from("/var/lib/chatalot"));
        }
        let variable = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        variable("XDG_DATA_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
            .map(|base| base.join("chatalot"))
            .ok_or_else(|| {
                ConfigError::invalid(
                    "data_dir",
                    "cannot be derived, because HOME is not set; set it",
                )
            })
    }
}
