//! Web Push from end to end: the server encrypts and signs, a push service carries, and a real
//! browser decrypts and shows it. Nothing here but the browser knows the browser's keys.

use serde_json::{Value, json};

use crate::support::autopush::Autopush;
use crate::support::firefox::Firefox;
use crate::support::fixtures::User;
use crate::support::formats::assert_time;
use crate::support::server::TestServer;
use crate::support::timeline::Timeline;

/// A server that sends to the push service of the browser.
async fn server() -> TestServer {
    TestServer::with(|settings| settings.push.allow_loopback_http = true).await
}

/// A browser with its push service, subscribed for a user.
struct Browser {
    firefox: Firefox,
    service: Autopush,
    /// The id of the device at the server.
    device: String,
}

impl Browser {
    async fn of(user: &User) -> Self {
        let timeline = Timeline::new();
        let service = Autopush::start(&timeline).await;
        let mut firefox = Firefox::launch(&service.url(), &timeline).await;
        let key = user.push_public_key().await;
        let subscription = firefox.subscribe(&key).await;
        let answer = user.subscribe_push(&subscription).await;
        Self {
            firefox,
            service,
            device: answer.expect_status(201).id(),
        }
    }

    /// The user sees `push` and nothing else.
    async fn expect_shown(&mut self, push: &Value) {
        let expected = json!({
            "title": "Chatalot",
            "tag": push["id"],
            "body": push["preview"],
            "data": {"url": push["url"]},
        });
        assert_eq!(self.firefox.shown().await, [expected]);
    }
}

/// What `push` opens is `path` of the server.
#[track_caller]
fn expect_opens(push: &Value, server: &TestServer, path: &str) {
    let url = push["url"].as_str().expect("a url to open");
    let url: url::Url = url.parse().expect("a url that is absolute");
    assert_eq!((url.port(), url.path()), (Some(server.port), path), "{url}");
}

#[tokio::test]
async fn the_browser_decrypts_the_test_notification_and_shows_it() {
    let server = server().await;
    let ada = server.user("ada").await;
    let mut browser = Browser::of(&ada).await;
    ada.expect_test_push(&browser.device).await;
    let push = browser.firefox.next_push().await;
    assert_eq!(push["kind"], "test", "{push}");
    expect_opens(&push, &server, "/");
    browser.expect_shown(&push).await;
    let healthy = ada.wait_for_healthy(&browser.device).await;
    assert_time(&healthy["last_success_at"]);
}

#[tokio::test]
async fn a_push_waits_for_the_browser_and_a_repeat_takes_its_place() {
    let server = server().await;
    let ada = server.user("ada").await;
    let mut browser = Browser::of(&ada).await;
    browser.service.cut_browser_off().await;
    ada.expect_test_push(&browser.device).await;
    let taken = browser.service.wait_for_pushes(1).await;
    browser.service.repeat(&taken[0]).await;
    assert_eq!(
        browser.service.waiting(),
        1,
        "the second replaces the first"
    );
    browser.service.let_browser_back();
    let push = browser.firefox.next_push().await;
    browser.service.wait_until_acknowledged().await;
    browser.expect_shown(&push).await;
    browser.service.repeat(&taken[0]).await;
    assert_eq!(browser.firefox.next_push().await, push, "once more");
    browser.expect_shown(&push).await;
}

#[tokio::test]
async fn a_mention_of_somebody_without_a_socket_is_shown_by_their_browser() {
    let server = server().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let mut browser = Browser::of(&ann).await;
    let message_id = webhook.says("disk full, @ann!").await;
    let push = browser.firefox.next_push().await;
    assert_eq!(push["message_id"], message_id, "{push}");
    assert_eq!(push["preview"], "disk full, @ann!", "{push}");
    expect_opens(&push, &server, &format!("/c/{}/1", community.general));
    let mut alert = push.clone();
    alert.as_object_mut().unwrap().remove("url");
    assert_eq!(ann.inbox().await, [alert], "the same object as over HTTP");
    browser.expect_shown(&push).await;
    ann.wait_for_healthy(&browser.device).await;
}
