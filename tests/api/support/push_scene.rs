//! Where alerts are pushed: a server, a push service, a channel with a webhook, and bob, a
//! member who has a device and no socket open.

use chatalot::config::Settings;
use serde_json::Value;

use super::client::ApiClient;
use super::database::TestDatabase;
use super::fixtures::{Community, User, Webhook};
use super::history::id_of;
use super::push_books::{FIRST_RETRY, PushBooks};
use super::push_device::Device;
use super::push_service::{Forced, PushService};
use super::server::TestServer;

/// So long that what was pushed was pushed at once.
pub(crate) const FOR_EVER_MS: u64 = 3_600_000;

/// The scene. It ends with this value, and fails the test if anything wrong was pushed.
pub(crate) struct PushScene<S = TestServer> {
    pub(crate) server: S,
    pub(crate) service: PushService,
    pub(crate) books: PushBooks,
    pub(crate) community: Community,
    pub(crate) webhook: Webhook,
    pub(crate) bob: User,
    pub(crate) device: Device,
    /// The id of the device's subscription.
    pub(crate) device_id: String,
}

impl PushScene {
    /// A scene in which nobody who has a socket open is ever given up on.
    pub(crate) async fn start() -> Self {
        Self::with(|settings| settings.notifications.ack_timeout_ms = FOR_EVER_MS).await
    }

    /// The same, with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let server = TestServer::with(|settings| {
            settings.push.allow_loopback_http = true;
            settings.limits.webhook_per_second = 0;
            change(settings);
        })
        .await;
        let books = PushBooks::of(&server.database).await;
        let anonymous = server.anonymous();
        Self::furnish(server, books, &anonymous).await
    }

    /// The database of the server.
    pub(crate) fn database(&self) -> &TestDatabase {
        &self.server.database
    }
}

impl<S> PushScene<S> {
    /// Lets everybody in at `server`, which is empty so far.
    pub(super) async fn furnish(server: S, books: PushBooks, anonymous: &ApiClient) -> Self {
        let service = PushService::start().await;
        let owner = User::register(anonymous, "owner").await;
        let community = Community::of(owner, "Acme").await;
        let webhook = community.webhook(&community.general).await;
        let bob = community.member("bob").await;
        let (device, device_id) = service.subscribe(&bob).await;
        Self {
            server,
            service,
            books,
            community,
            webhook,
            bob,
            device,
            device_id,
        }
    }

    /// Posts `text` for bob, and tells the id of his alert.
    pub(crate) async fn mention(&self, text: &str) -> String {
        let message = self.webhook.says(&format!("@bob {text}")).await;
        id_of(&self.bob.alert_of(&message).await)
    }

    /// Waits until it is decided what becomes of bob's alert on his device; it is `end`.
    pub(crate) async fn wait_for_end(&self, alert: &str, end: &str) {
        let ended = self.books.wait_for_end(alert, &self.device_id, end);
        ended.await;
    }

    /// Mentions bob while his push service is busy. The second attempt is left for later.
    pub(crate) async fn mention_in_vain(&self) -> String {
        self.service.force(1, &Forced::status(503));
        let alert = self.mention("first attempt").await;
        let retry = self
            .books
            .wait_for_retry(&alert, &self.device_id, 1, &FIRST_RETRY);
        retry.await;
        self.books.put_off().await;
        alert
    }
}

impl PushService {
    /// A device of `user`, subscribed, and its id.
    pub(crate) async fn subscribe(&self, user: &User) -> (Device, String) {
        let device = self.device(&user.push_public_key().await);
        let id = user.subscribe_device(&device).await;
        (device, id)
    }
}

impl User {
    /// The alert about a message, as the inbox has it.
    pub(crate) async fn alert_of(&self, message_id: &str) -> Value {
        let inbox = self.whole_inbox().await;
        let about = |alert: &&Value| alert["message_id"] == message_id;
        let found = inbox.iter().find(about);
        let found = found.unwrap_or_else(|| panic!("no alert about {message_id} in {inbox:#?}"));
        found.clone()
    }
}
