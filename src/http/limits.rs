//! Rate limits: token buckets in bounded caches.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use ipnet::IpNet;
use parking_lot::Mutex;
use quick_cache::sync::Cache;

use super::problem::{Code, Problem};
use crate::config::LimitSettings;
use crate::domain::ids::{SessionId, UserId, WebhookId};
use crate::domain::token_bucket::{Rate, TokenBucket};
use crate::metrics::Metrics;

/// The IETF draft's headers (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4).
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many sign-ins a minute an address has for each that an account has from it.
const ACCOUNTS_PER_ADDRESS: u32 = 6;

/// One limit: a bucket for each key. The least recently used are forgotten, full again.
struct Limit<K> {
    name: &'static str,
    rate: Option<Rate>,
    buckets: Cache<K, Arc<Mutex<TokenBucket>>>,
    metrics: Arc<Metrics>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(
        name: &'static str,
        rate: Option<Rate>,
        remembered: usize,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            name,
            rate,
            buckets: Cache::new(remembered),
            metrics: Arc::clone(metrics),
        }
    }

    fn charge(&self, key: &K) -> Result<(), Problem> {
        let Some(rate) = self.rate else {
            return Ok(());
        };
        let now = Instant::now();
        let fresh = || {
            Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(TokenBucket::full(rate, now))))
        };
        let Ok(bucket) = self.buckets.get_or_insert_with(key, fresh);
        let taken = bucket.lock().take(rate, now);
        taken.map_err(|wait| self.refusal(rate, wait))
    }

    fn give_back(&self, key: &K) {
        if let (Some(rate), Some(bucket)) = (self.rate, self.buckets.get(key)) {
            bucket.lock().give_back(rate);
        }
    }

    fn refusal(&self, rate: Rate, wait: Duration) -> Problem {
        Metrics::count(&self.metrics.rate_limited, self.name);
        let (name, seconds) = (self.name, wait.as_secs_f64().ceil().max(1.0));
        let policy = format!(
            "\"{name}\";q={:.0};w={:.0}",
            rate.burst(),
            rate.window_seconds().ceil().max(1.0)
        );
        Problem::new(
            Code::RateLimited,
            format!("Over the limit \"{name}\". Try again in {seconds:.0} s."),
        )
        .retry_after(wait)
        .header(RATELIMIT_POLICY, &policy)
        .header(RATELIMIT, &format!("\"{name}\";r=0;t={seconds:.0}"))
    }
}

/// A client's address as limits see it. An IPv6 /64 is one client: whoever has one address of
/// it has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ClientAddress {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let mut network = [0; 8];
                network.copy_from_slice(address.octets().split_at(8).0);
                Self::V6(network)
            }
        }
    }
}

impl ClientAddress {
    /// Finds who a request comes from: the connection's peer, or, behind trusted proxies, the
    /// last address in `X-Forwarded-For` that is not one of them. Earlier ones can be forged.
    pub(super) fn of(request: &HttpRequest, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| {
            trusted
                .iter()
                .any(|net| net.contains(&address.to_canonical()))
        };
        let peer = request
            .peer_addr()
            .map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip().to_canonical());
        let mut found = peer;
        if is_trusted(&peer) {
            let headers = request.headers().get_all("x-forwarded-for");
            let listed: Vec<&str> = headers
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .collect();
            for text in listed.iter().rev() {
                let Some(address) = parse_address(text.trim()) else {
                    break;
                };
                found = address;
                if !is_trusted(&address) {
                    break;
                }
            }
        }
        found.into()
    }
}

/// Reads an address as proxies write it: alone, with a port, or in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let plain = text
        .trim_start_matches('[')
        .split(']')
        .next()
        .unwrap_or(text);
    let parsed = plain
        .parse()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// Every rate limit of the server.
pub struct RateLimits {
    webhooks: Limit<WebhookId>,
    messages: Limit<UserId>,
    addresses: Limit<ClientAddress>,
    accounts: Limit<(ClientAddress, String)>,
    sign_ins: Limit<ClientAddress>,
    encryption: Limit<SessionId>,
}

impl RateLimits {
    /// The limits that the operator chose.
    #[must_use]
    pub fn new(settings: &LimitSettings, metrics: &Arc<Metrics>) -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let per_account = settings.login_per_minute;
        let per_address = per_account.saturating_mul(ACCOUNTS_PER_ADDRESS);
        let remembered = settings.remembered_clients;
        let encryption = settings.encryption_per_minute;
        Self {
            webhooks: Limit::new(
                "webhook",
                Rate::new(settings.webhook_per_second, second, settings.webhook_burst),
                remembered,
                metrics,
            ),
            messages: Limit::new(
                "message",
                Rate::new(settings.message_per_second, second, settings.message_burst),
                remembered,
                metrics,
            ),
            addresses: Limit::new(
                "address",
                Rate::new(settings.address_per_second, second, settings.address_burst),
                remembered,
                metrics,
            ),
            accounts: Limit::new(
                "account",
                Rate::new(per_account, minute, per_account),
                remembered,
                metrics,
            ),
            sign_ins: Limit::new(
                "sign_in",
                Rate::new(per_address, minute, per_address),
                remembered,
                metrics,
            ),
            encryption: Limit::new(
                "encryption",
                Rate::new(encryption, minute, encryption),
                remembered,
                metrics,
            ),
        }
    }

    /// Charges a request to its client's address.
    pub(super) fn charge_address(&self, address: ClientAddress) -> Result<(), Problem> {
        self.addresses.charge(&address)
    }

    /// Charges a call about encryption to its device.
    pub(super) fn charge_encryption(&self, device: SessionId) -> Result<(), Problem> {
        self.encryption.charge(&device)
    }

    /// Charges a post to its webhook.
    pub(super) fn charge_webhook(&self, webhook: WebhookId) -> Result<(), Problem> {
        self.webhooks.charge(&webhook)
    }

    /// Gives back what was charged for a post that was not taken.
    pub(super) fn give_back_webhook(&self, webhook: WebhookId) {
        self.webhooks.give_back(&webhook);
    }

    /// Charges a message, or an edit of one, to its author.
    pub(super) fn charge_message(&self, author: UserId) -> Result<(), Problem> {
        self.messages.charge(&author)
    }

    /// Gives back what was charged for a message that the server could not take.
    pub(super) fn give_back_message(&self, author: UserId) {
        self.messages.give_back(&author);
    }

    /// Charges an attempt to sign in or register. Keyed by account and address together, so
    /// that nobody can lock somebody else out.
    pub(super) fn charge_sign_in(
        &self,
        address: ClientAddress,
        username: &str,
    ) -> Result<(), Problem> {
        self.sign_ins.charge(&address)?;
        // Longer ones are nobody's; cut, so that what is remembered is bounded in bytes too.
        let username: String = username.chars().take(64).collect();
        self.accounts
            .charge(&(address, username.to_ascii_lowercase()))
    }
}
