//! Connections: where to, with which time-outs, with or without TLS.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::NoTls;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::StoreError;

/// How long a new connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long without an answer from the database's machine a connection is given up.
/// Without it a machine that vanishes holds a connection for a quarter of an hour.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// Which database. Holds a password perhaps, so it is never shown.
#[derive(Clone)]
pub struct DatabaseUrl(tokio_postgres::Config);

impl DatabaseUrl {
    /// Reads a URL or key-value string of libpq's form.
    ///
    /// # Errors
    /// When it is neither. The sentence does not repeat it.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let config = url.parse::<tokio_postgres::Config>();
        config.map(Self).map_err(|error| {
            StoreError::Setup(format!("database.url is not a PostgreSQL URL: {error}"))
        })
    }

    /// Whether the connection leaves this machine without being encrypted for certain.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let leaves = |host: &Host| match host {
            Host::Tcp(name) => !["localhost", "127.0.0.1", "::1"].contains(&name.as_str()),
            Host::Unix(_) => false,
        };
        self.0.get_ssl_mode() != SslMode::Require && self.0.get_hosts().iter().any(leaves)
    }

    /// The settings of a connection, as the driver takes them.
    #[must_use]
    pub fn config(&self) -> &tokio_postgres::Config {
        &self.0
    }
}

impl From<tokio_postgres::Config> for DatabaseUrl {
    fn from(config: tokio_postgres::Config) -> Self {
        Self(config)
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl(..)")
    }
}

/// How connections behave.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// Connections at most.
    pub pool_size: usize,
    /// How long a caller waits for one.
    pub wait: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock.
    pub lock_timeout: Duration,
    /// Further settings of the connection, as `name=value`.
    pub session_settings: Vec<&'static str>,
}

/// Settings of a connection whose statements work on many rows at once. Every statement looks
/// rows up by key, and PostgreSQL, which cannot guess how long an array is, would rather read a
/// table of a thousand rows whole.
pub(super) const LOOK_UP_BY_KEY: [&str; 3] = [
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    "enable_seqscan=off",
];
/// Plans statements once: the plans do not depend on the values. For tables that statements find
/// by one key only.
pub(super) const PLAN_ONCE: &str = "plan_cache_mode=force_generic_plan";
/// Plans statements anew each time. A table with several keys that fit looks the same by each of
/// them while it is small; a plan made then, and kept, reads far too much once it has grown.
pub(super) const PLAN_ANEW: &str = "plan_cache_mode=force_custom_plan";

/// A setting of a connection that takes rows in the order of an index, a few at a time. While
/// PostgreSQL takes a table for small it would rather read all that fit and sort them. Sorting
/// itself stays on: without it, a few rows that are to be in order would be looked for in a whole
/// index that has it.
pub(super) const IN_ORDER_OF_INDEX: &str = "enable_bitmapscan=off";

/// A setting of a connection whose commits need not survive a power cut. They are in order and
/// whole all the same.
pub(super) const NOT_FLUSHED: &str = "synchronous_commit=off";

impl StoreSettings {
    /// How long one round trip may take before the connection counts as lost: longer than the
    /// database's own limits, so that normally the database decides.
    pub(super) fn patience(&self) -> Duration {
        self.statement_timeout + self.lock_timeout + Duration::from_secs(2)
    }
}

pub(super) fn pool(url: &DatabaseUrl, settings: &StoreSettings) -> Result<Pool, StoreError> {
    let config = with_session_settings(url.0.clone(), settings);
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = if config.get_ssl_mode() == SslMode::Require {
        Manager::from_config(config, tls()?, recycling)
    } else {
        Manager::from_config(config, NoTls, recycling)
    };
    Pool::builder(manager)
        .max_size(settings.pool_size)
        .wait_timeout(Some(settings.wait))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .recycle_timeout(Some(CONNECT_TIMEOUT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| StoreError::Setup(error.to_string()))
}

fn with_session_settings(
    mut config: tokio_postgres::Config,
    settings: &StoreSettings,
) -> tokio_postgres::Config {
    let mut options = config.get_options().map(str::to_owned).unwrap_or_default();
    let mut set = |setting: String| {
        options.push_str(" -c ");
        options.push_str(&setting);
    };
    set(format!(
        "statement_timeout={}",
        settings.statement_timeout.as_millis()
    ));
    set(format!(
        "lock_timeout={}",
        settings.lock_timeout.as_millis()
    ));
    // A process that was frozen in the middle of a transaction must not hold its locks.
    set("idle_in_transaction_session_timeout=30000".to_owned());
    // Compiling a statement takes PostgreSQL up to a second, which is for reports and not for a few
    // rows by key. It compiles what looks costly, and a plan with one of the steps that are
    // switched off below looks costlier than any report:
    // https://www.postgresql.org/docs/15/jit-decision.html
    set("jit=off".to_owned());
    for setting in &settings.session_settings {
        set((*setting).to_owned());
    }
    config.options(options.trim_start());
    if config.get_application_name().is_none() {
        config.application_name("chatalot");
    }
    config
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_user_timeout(TCP_USER_TIMEOUT);
    config
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(30));
    config
}

/// TLS with the certificates that the operating system trusts.
fn tls() -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = rustls::RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        return Err(StoreError::Setup(
            "sslmode=require needs the system's certificates; install the package ca-certificates"
                .to_owned(),
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Setup(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
