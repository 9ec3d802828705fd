//! Checks that go beyond the types of the settings.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use super::{ConfigError, Settings};

impl Settings {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !self.public_url.is_empty() {
            check_public_url(&self.public_url)?;
        }
        if !self.metrics.listen.is_empty() && self.metrics.listen.parse::<SocketAddr>().is_err() {
            return Err(ConfigError::invalid(
                "metrics.listen",
                "must be an address such as 127.0.0.1:9090",
            ));
        }
        if !self.database.url.reveal().is_empty()
            && self
                .database
                .url
                .reveal()
                .parse::<tokio_postgres::Config>()
                .is_err()
        {
            let message = "must be a PostgreSQL URL such as postgres://user:password@host:5432/name, of which only sslmode=disable, prefer and require set TLS";
            return Err(ConfigError::invalid("database.url", message));
        }
        self.check_push()?;
        self.check_ranges()
    }

    fn check_push(&self) -> Result<(), ConfigError> {
        let push = &self.push;
        if !is_contact(&push.subject) {
            let message = "must be a mailto: or https: URL, such as mailto:admin@example.com";
            return Err(ConfigError::invalid("push.subject", message));
        }
        if let Some(host) = push
            .allowed_hosts
            .iter()
            .find(|host| !is_host_pattern(host))
        {
            let message = format!(
                "must list host names such as fcm.googleapis.com or *.notify.windows.com, not '{host}'"
            );
            return Err(ConfigError::invalid("push.allowed_hosts", message));
        }
        if push.allow_loopback_http && is_https(&self.public_url) {
            let message = "is for tests on one machine and must be false when public_url is https";
            return Err(ConfigError::invalid("push.allow_loopback_http", message));
        }
        let key = push.vapid_private_key.reveal();
        let is_key = URL_SAFE_NO_PAD
            .decode(key)
            .is_ok_and(|bytes| bytes.len() == 32);
        if !key.is_empty() && !is_key {
            let message = "must be 32 bytes in base64url without padding";
            return Err(ConfigError::invalid("push.vapid_private_key", message));
        }
        Ok(())
    }

    fn check_ranges(&self) -> Result<(), ConfigError> {
        let (limits, sockets) = (&self.limits, &self.sockets);
        // The greatest values keep a mistyped number from becoming a bound that bounds nothing.
        let ranges = [
            ("workers", as_u64(self.workers), 0, 1024),
            (
                "database.pool_size",
                as_u64(self.database.pool_size),
                2,
                1000,
            ),
            (
                "database.pool_wait_ms",
                self.database.pool_wait_ms,
                1,
                60_000,
            ),
            (
                "database.statement_timeout_ms",
                self.database.statement_timeout_ms,
                100,
                600_000,
            ),
            (
                "database.lock_timeout_ms",
                self.database.lock_timeout_ms,
                10,
                600_000,
            ),
            ("ledger.lanes", as_u64(self.ledger.lanes), 1, 64),
            (
                "ledger.batch_posts",
                as_u64(self.ledger.batch_posts),
                1,
                10_000,
            ),
            (
                "limits.webhook_burst",
                limits.webhook_burst.into(),
                1,
                1_000_000,
            ),
            (
                "limits.message_burst",
                limits.message_burst.into(),
                1,
                1_000_000,
            ),
            (
                "limits.address_burst",
                limits.address_burst.into(),
                1,
                1_000_000,
            ),
            (
                "limits.remembered_clients",
                as_u64(limits.remembered_clients),
                16,
                1_000_000,
            ),
            (
                "limits.webhook_cache",
                as_u64(limits.webhook_cache),
                16,
                1_000_000,
            ),
            (
                "limits.session_cache",
                as_u64(limits.session_cache),
                16,
                1_000_000,
            ),
            (
                "limits.channel_pending_posts",
                as_u64(limits.channel_pending_posts),
                1,
                100_000,
            ),
            (
                "limits.pending_posts",
                as_u64(limits.pending_posts),
                1,
                100_000,
            ),
            (
                "limits.channel_idle_ms",
                limits.channel_idle_ms,
                1,
                86_400_000,
            ),
            (
                "limits.channels_in_use",
                as_u64(limits.channels_in_use),
                1,
                1_000_000,
            ),
            (
                "limits.password_hashes",
                as_u64(limits.password_hashes),
                1,
                256,
            ),
            (
                "limits.password_queue",
                as_u64(limits.password_queue),
                1,
                10_000,
            ),
            ("sockets.max", as_u64(sockets.max), 1, 1_000_000),
            (
                "sockets.max_per_user",
                as_u64(sockets.max_per_user),
                1,
                10_000,
            ),
            (
                "sockets.budget_bytes",
                as_u64(sockets.budget_bytes),
                65_536,
                16_777_216,
            ),
            (
                "sockets.send_buffer_bytes",
                as_u64(sockets.send_buffer_bytes),
                0,
                16_777_216,
            ),
            (
                "sockets.user_timeout_ms",
                sockets.user_timeout_ms,
                0,
                3_600_000,
            ),
            (
                "sockets.heartbeat_interval_ms",
                sockets.heartbeat_interval_ms,
                100,
                3_600_000,
            ),
            (
                "sockets.heartbeat_timeout_ms",
                sockets.heartbeat_timeout_ms,
                100,
                3_600_000,
            ),
            (
                "sockets.frames_burst",
                sockets.frames_burst.into(),
                1,
                1_000_000,
            ),
            (
                "sockets.max_subscriptions",
                as_u64(sockets.max_subscriptions),
                1,
                10_000,
            ),
            (
                "sockets.max_subscriptions_per_frame",
                as_u64(sockets.max_subscriptions_per_frame),
                1,
                1_000,
            ),
            (
                "sockets.replay_messages",
                sockets.replay_messages.try_into().unwrap_or(0),
                1,
                100_000,
            ),
            (
                "sockets.replay_reads",
                as_u64(sockets.replay_reads),
                1,
                1_000,
            ),
            (
                "notifications.ack_timeout_ms",
                self.notifications.ack_timeout_ms,
                1,
                3_600_000,
            ),
            (
                "notifications.keep_days",
                self.notifications.keep_days.into(),
                1,
                3_650,
            ),
            (
                "notifications.pending_acks",
                as_u64(self.notifications.pending_acks),
                1,
                1_000_000,
            ),
            (
                "push.max_in_flight",
                as_u64(self.push.max_in_flight),
                1,
                10_000,
            ),
            (
                "push.max_in_flight_per_host",
                as_u64(self.push.max_in_flight_per_host),
                1,
                10_000,
            ),
            (
                "sessions.idle_days",
                self.sessions.idle_days.into(),
                1,
                3_650,
            ),
            (
                "sessions.max_per_user",
                self.sessions.max_per_user.into(),
                1,
                10_000,
            ),
            ("shutdown.drain_ms", self.shutdown.drain_ms, 0, 10_000),
        ];
        match ranges
            .iter()
            .find(|(_, value, least, most)| !(least..=most).contains(&value))
        {
            None => Ok(()),
            Some((key, value, least, most)) => Err(ConfigError::invalid(
                key,
                format!("must be between {least} and {most}, not {value}"),
            )),
        }
    }
}

fn as_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn check_public_url(text: &str) -> Result<(), ConfigError> {
    let message = "must be an http or https URL without a path, such as https://chat.example.com";
    let plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
    };
    match Url::parse(text) {
        Ok(url) if plain(&url) => Ok(()),
        _ => Err(ConfigError::invalid("public_url", message)),
    }
}

fn is_https(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.scheme() == "https")
}

/// Whether a push service can make something of `text` (RFC 8292, section 2.1).
fn is_contact(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| match url.scheme() {
        "mailto" => url.path().contains('@'),
        "https" => url.has_host(),
        _ => false,
    })
}

/// Whether `text` is a host name, `*.` and a host name, or `*`. A star anywhere else would
/// match parts of labels, which whoever registers domains could use.
fn is_host_pattern(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text == "*" || (name.contains('.') && name.split('.').all(label))
}
