//! The test notification: it reaches the device as a browser and its push service expect, and
//! what a push service answers is seen in the list of devices.

use std::time::{Duration, Instant};

use chatalot::config::Secret;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::timeout;

use crate::support::fixtures::User;
use crate::support::formats::{assert_id, assert_time};
use crate::support::push_crypto::DeviceKeys;
use crate::support::push_device::Device;
use crate::support::push_service::{Forced, PushService};
use crate::support::server::TestServer;
use crate::support::socket::DEADLINE;

/// What the machine's own buffers may take of an answer that nobody reads.
const MOST_SENT: usize = 32 << 20;

/// A server that sends to the push service of the tests.
async fn server() -> TestServer {
    TestServer::with(|settings| settings.push.allow_loopback_http = true).await
}

/// A user with a device, and the device's id.
struct Subscribed {
    server: TestServer,
    service: PushService,
    user: User,
    device: Device,
    id: String,
}

impl Subscribed {
    async fn new() -> Self {
        let (server, service) = (server().await, PushService::start().await);
        let user = server.user("ada").await;
        let device = service.device(&user.push_public_key().await);
        let id = user.subscribe_device(&device).await;
        Self {
            server,
            service,
            user,
            device,
            id,
        }
    }

    /// Another device of the same user.
    async fn another(&self) -> (Device, String) {
        let device = self.service.device(&self.user.push_public_key().await);
        let id = self.user.subscribe_device(&device).await;
        (device, id)
    }

    /// Asks for a test notification.
    async fn test(&self) {
        self.user.expect_test_push(&self.id).await;
    }

    /// The device works: a test notification arrives and is noted. That an earlier one failed
    /// may be noted after it, so another may be needed.
    async fn expect_works(&mut self) {
        self.service.recover();
        let begin = Instant::now();
        loop {
            self.test().await;
            self.device.next_push().await;
            let noted = self.user.wait_for_healthy(&self.id);
            if timeout(Duration::from_secs(2), noted).await.is_ok() {
                return;
            }
            assert!(begin.elapsed() < DEADLINE, "the device works in time");
        }
    }
}

#[tokio::test]
async fn it_arrives_at_the_device_and_says_where_it_comes_from() {
    let mut it = Subscribed::new().await;
    let (mut other, _) = it.another().await;
    it.test().await;
    let push = it.device.next_push().await;
    let url = push["url"].as_str().expect("a url to open");
    let url: url::Url = url.parse().expect("a url that is absolute");
    assert_eq!(url.port(), Some(it.server.port), "the server's own: {url}");
    assert_id(&push["id"]);
    assert_time(&push["created_at"]);
    assert_eq!(push["kind"], "test", "no mention: {push}");
    let healthy = it.user.wait_for_healthy(&it.id).await;
    assert_time(&healthy["last_success_at"]);
    assert_eq!(it.service.requests().len(), 1, "it goes to one device");
    other.expect_no_more();
}

#[tokio::test]
async fn it_is_urgent_and_replaces_what_was_not_delivered() {
    let mut it = Subscribed::new().await;
    it.test().await;
    let received = it.device.next_received().await;
    assert_eq!(received.header("urgency"), "high");
    assert!(!received.header("topic").is_empty());
    assert!(received.path.ends_with(it.device.token()));
    let ttl: u64 = received.header("ttl").parse().unwrap();
    assert!(ttl > 0, "a device that sleeps gets it too");
    assert!(received.header("ttl") != "2419200", "the library's default");
    assert_eq!(received.header("content-type"), "application/octet-stream");
    for private in ["cookie", "referer", "x-forwarded-for"] {
        assert!(!received.headers.contains_key(private), "{received:#?}");
    }
}

#[tokio::test]
async fn each_test_is_a_notification_of_its_own() {
    let mut it = Subscribed::new().await;
    it.test().await;
    let first = it.device.next_received().await;
    it.test().await;
    let second = it.device.next_received().await;
    assert_ne!(first.payload["id"], second.payload["id"]);
    assert_ne!(first.header("topic"), second.header("topic"));
    // Signing costs more than all the rest, so one signature serves many pushes.
    assert_eq!(first.claims, second.claims);
    let token = |header: &str| header.split(',').next().unwrap_or_default().to_owned();
    assert_eq!(
        token(first.header("authorization")),
        token(second.header("authorization"))
    );
}

#[tokio::test]
async fn each_push_service_gets_a_signature_for_itself() {
    let it = Subscribed::new().await;
    let elsewhere = PushService::start().await;
    let mut device = elsewhere.device(&it.user.push_public_key().await);
    let id = it.user.subscribe_device(&device).await;
    it.test().await;
    it.user.expect_test_push(&id).await;
    device.next_push().await;
    let here = it.service.wait_for_requests(1).await;
    let there = elsewhere.wait_for_requests(1).await;
    assert_eq!(here[0].claims["aud"], it.service.origin());
    assert_eq!(there[0].claims["aud"], elsewhere.origin());
}

#[tokio::test]
async fn the_contact_is_the_one_that_is_configured() {
    let contact = "mailto:push@chat.example.org";
    let server = TestServer::with(|settings| {
        settings.push.allow_loopback_http = true;
        settings.push.subject = contact.to_owned();
    })
    .await;
    let service = PushService::start().await;
    let ada = server.user("ada").await;
    let mut device = service.device(&ada.push_public_key().await);
    let id = ada.subscribe_device(&device).await;
    ada.expect_test_push(&id).await;
    assert_eq!(device.next_received().await.claims["sub"], contact);
}

#[tokio::test]
async fn a_device_that_subscribed_again_is_reached_with_its_new_keys() {
    let mut it = Subscribed::new().await;
    let key = it.user.push_public_key().await;
    it.device = it.service.device_at(it.device.token(), &key);
    assert_eq!(it.user.subscribe_device(&it.device).await, it.id);
    it.expect_works().await;
}

#[tokio::test]
async fn a_device_that_its_push_service_no_longer_knows_is_removed() {
    for status in [404, 410] {
        let it = Subscribed::new().await;
        let (mut other, kept) = it.another().await;
        match status {
            410 => it.service.forget(&it.device),
            status => it.service.force(1, &Forced::status(status)),
        }
        it.test().await;
        let gone = |devices: &[Value]| devices.len() == 1;
        let left = it.user.wait_for_devices("a removed device", gone).await;
        assert_eq!(left[0]["id"], *kept, "{status}");
        assert_eq!(left[0]["failing_since"], Value::Null);
        it.user.test_push(&it.id).await.expect_refused(404);
        it.user.expect_test_push(&kept).await;
        other.next_push().await;
    }
}

#[tokio::test]
async fn a_push_service_that_refuses_leaves_a_device_that_fails() {
    let refusals = [
        Forced::status(500),
        Forced::status(502),
        Forced::with_headers(503, &[("retry-after", "3600")]),
        Forced::with_headers(429, &[("retry-after", "3600")]),
        Forced::with_headers(429, &[("retry-after", "nonsense")]),
        Forced::status(400),
        Forced::status(401),
        Forced::status(403),
        Forced::status(413),
        Forced::Drop,
    ];
    let mut it = Subscribed::new().await;
    it.expect_works().await;
    for refusal in refusals {
        it.service.force_always(refusal.clone());
        it.test().await;
        let failing = it.user.wait_for_failing(&it.id).await;
        assert_time(&failing["failing_since"]);
        assert_time(&failing["last_success_at"]);
        // When it began to fail stays what it was, however often it fails.
        let seen = it.service.requests().len();
        it.test().await;
        it.service.wait_for_requests(seen + 1).await;
        let still = it.user.wait_for_failing(&it.id).await;
        assert_eq!(still, failing, "{refusal:?}");
        it.expect_works().await;
    }
}

#[tokio::test]
async fn a_device_that_nobody_answers_for_fails() {
    let it = Subscribed::new().await;
    let closed = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}/push/x", closed.local_addr().unwrap());
    drop(closed);
    let body = DeviceKeys::new().subscription(&endpoint);
    let id = it.user.subscribe_push(&body).await.expect_status(201).id();
    it.user.expect_test_push(&id).await;
    it.user.wait_for_failing(&id).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut it = Subscribed::new().await;
    let elsewhere = PushService::start().await;
    let key = it.user.push_public_key().await;
    let target = elsewhere.device(&key);
    for status in [301, 302, 303, 307, 308] {
        let location = [("location", target.endpoint.as_str())];
        it.service
            .force_always(Forced::with_headers(status, &location));
        it.test().await;
        it.user.wait_for_failing(&it.id).await;
        it.expect_works().await;
    }
    assert!(elsewhere.requests().is_empty(), "nobody was sent there");
}

#[tokio::test]
async fn an_answer_of_megabytes_is_not_read_to_its_end() {
    let mut it = Subscribed::new().await;
    it.service.force_always(Forced::Endless(201));
    it.test().await;
    let sent = it.service.wait_for_abandoned(1).await;
    assert!(sent < MOST_SENT, "{sent} bytes were taken");
    it.user.wait_for_healthy(&it.id).await;
    it.device.next_push().await;
    it.service.force_always(Forced::Endless(500));
    it.test().await;
    let sent = it.service.wait_for_abandoned(2).await;
    assert!(sent < MOST_SENT, "{sent} bytes were taken");
    it.user.wait_for_failing(&it.id).await;
    it.service.force_always(Forced::Answer {
        status: 500,
        headers: Vec::new(),
        body: vec![b'x'; 8 << 20],
    });
    it.test().await;
    it.service.wait_for_requests(3).await;
    it.expect_works().await;
}

#[tokio::test]
async fn a_push_service_that_hangs_holds_nobody_up() {
    let mut it = Subscribed::new().await;
    it.service.force(1, &Forced::Hang);
    let begin = Instant::now();
    it.test().await;
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "nobody waits for the push service"
    );
    it.service.wait_for_requests(1).await;
    let (mut other, id) = it.another().await;
    it.user.expect_test_push(&id).await;
    other.next_push().await;
    it.user.wait_for_healthy(&id).await;
    it.service.wait_for_abandoned(1).await;
    it.user.wait_for_failing(&it.id).await;
    it.expect_works().await;
}

#[tokio::test]
async fn a_server_stops_while_a_push_service_hangs() {
    let mut it = Subscribed::new().await;
    it.service.force_always(Forced::Hang);
    it.test().await;
    it.service.wait_for_requests(1).await;
    it.server.stop();
}

#[tokio::test]
async fn an_endpoint_that_is_no_longer_allowed_is_not_connected_to() {
    let mut it = Subscribed::new().await;
    it.server.stop();
    let url = it.server.database.url();
    let strict = TestServer::with(|it| it.database.url = Secret::new(url)).await;
    let user = strict.anonymous().with_token(it.user.token());
    user.expect_test_push(&it.id).await;
    user.wait_for_failing(&it.id).await;
    assert!(it.service.requests().is_empty(), "the rules hold here too");
}

#[tokio::test]
async fn more_test_notifications_than_can_be_sent_are_refused_until_later() {
    let mut it = Subscribed::new().await;
    it.service.force_always(Forced::Hang);
    let answers = join_all((0..100).map(|_| it.user.test_push(&it.id))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 202);
    assert!(!refused.is_empty(), "{} at once", taken.len());
    for answer in refused {
        let answer = answer.expect_problem(503, "overloaded");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    it.service.wait_for_abandoned(taken.len()).await;
    assert_eq!(it.service.requests().len(), taken.len());
    it.service.recover();
    let begin = Instant::now();
    while it.user.test_push(&it.id).await.status != 202 {
        assert!(begin.elapsed() < DEADLINE, "there is room again in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    it.device.next_push().await;
}
