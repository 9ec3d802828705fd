//! What handlers work with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;
use quick_cache::sync::Cache;

use super::extract::RememberedSession;
use super::limits::RateLimits;
use super::origin::Origins;
use super::passwords::PasswordHasher;
use super::problem::{Code, Problem};
use crate::actors::channels::ChannelDirectory;
use crate::actors::device_lists::DeviceLists;
use crate::actors::housekeeper::DatabaseWatch;
use crate::actors::pushes::Pushes;
use crate::actors::session::SessionContext;
use crate::actors::sessions::SessionDirectory;
use crate::config::Registration;
use crate::domain::encryption::ids::ServerName;
use crate::domain::secrets::TokenHash;
use crate::metrics::Metrics;
use crate::push::WebPush;
use crate::store::{Store, StoreError, WebhookTarget};

/// Everything a handler may use. One for the whole server.
pub struct ApiState {
    /// The database.
    pub store: Store,
    /// The channels and their actors.
    pub channels: Arc<ChannelDirectory>,
    /// The open sockets.
    pub sessions: Arc<SessionDirectory>,
    /// Tells whose devices changed.
    pub device_lists: Arc<DeviceLists>,
    /// What the server name becomes, should the database have none.
    pub fresh_server_name: ServerName,
    /// What a new socket works with.
    pub socket: Arc<SessionContext>,
    /// Signs, encrypts and sends Web Push.
    pub push: Arc<WebPush>,
    /// Sees to pushes.
    pub pushes: Arc<Pushes>,
    /// Rates.
    pub limits: RateLimits,
    /// Hashes and checks passwords.
    pub passwords: PasswordHasher,
    /// Where a state-changing request may come from.
    pub origins: Origins,
    /// Where things are counted.
    pub metrics: Arc<Metrics>,
    /// What URLs begin with, without a slash at the end.
    pub public_url: String,
    /// Who may register.
    pub registration: Registration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Days that a session may go unused.
    pub session_idle_days: u32,
    /// Sessions that a user may have.
    pub sessions_per_user: u32,
    /// Whom session tokens belonged to a short while ago.
    pub remembered_sessions: Cache<TokenHash, RememberedSession>,
    /// Where known webhook tokens lead, which never changes.
    pub webhook_targets: Cache<TokenHash, WebhookTarget>,
    /// Whether the database answers.
    pub watch: Arc<DatabaseWatch>,
    /// Whether the server is about to stop.
    pub stopping: AtomicBool,
}

impl ApiState {
    /// Whether the public URL is https, so that cookies are only for it.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The session cookie's name. The prefix makes browsers refuse one that another host or
    /// an insecure page set (RFC 6265bis, section 4.1.3.2).
    #[must_use]
    pub fn cookie_name(&self) -> &'static str {
        if self.is_https() {
            "__Host-chatalot_session"
        } else {
            "chatalot_session"
        }
    }

    /// What stands behind the colon of user ids and room ids.
    pub(super) async fn server_name(&self) -> Result<ServerName, StoreError> {
        self.store.server_name(&self.fresh_server_name).await
    }

    /// Refuses new work while the server stops.
    pub(super) fn refuse_while_stopping(&self) -> Result<(), Problem> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(Problem::retry(Code::ShuttingDown, "Try again in a moment."));
        }
        Ok(())
    }
}
