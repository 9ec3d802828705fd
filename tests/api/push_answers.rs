//! What follows from the answer of a push service to an alert: for the alert, and for the
//! device that it was for.

use serde_json::{Value, json};

use crate::support::history::id_of;
use crate::support::push_books::FIRST_RETRY;
use crate::support::push_crypto::DeviceKeys;
use crate::support::push_scene::PushScene;
use crate::support::push_service::{Forced, PushService, Received};

#[tokio::test]
async fn any_success_is_one() {
    let mut it = PushScene::start().await;
    for status in [200, 201, 202, 204] {
        it.service.force(1, &Forced::status(status));
        let alert = it.mention("one").await;
        it.wait_for_end(&alert, "pushed").await;
        it.books.wait_for_state(&alert, "pushed").await;
        it.bob.wait_for_healthy(&it.device_id).await;
        assert_eq!(id_of(&it.device.next_push().await), alert);
    }
    assert_eq!(it.service.requests().len(), 4, "each was sent once");
}

#[tokio::test]
async fn a_device_that_its_push_service_no_longer_knows_is_removed() {
    let mut it = PushScene::start().await;
    for status in [404, 410] {
        match status {
            410 => it.service.forget(&it.device),
            status => it.service.force(1, &Forced::status(status)),
        }
        let alert = it.mention("one").await;
        it.wait_for_end(&alert, "withdrawn: gone").await;
        it.books.wait_for_state(&alert, "inbox").await;
        it.bob
            .wait_for_devices("a removed device", <[Value]>::is_empty)
            .await;
        (it.device, it.device_id) = it.service.subscribe(&it.bob).await;
    }
    assert_eq!(it.service.requests().len(), 2, "nothing was tried again");
    let alert = it.mention("to the new device").await;
    assert_eq!(id_of(&it.device.next_push().await), alert);
}

/// Answers `forced` to one alert, which is not tried again and ends as `end`. The device is
/// kept, and works.
async fn expect_given_up(it: &mut PushScene, forced: &Forced, end: &str) {
    let before = it.service.requests().len();
    it.service.force(1, forced);
    let alert = it.mention("refused").await;
    it.wait_for_end(&alert, end).await;
    it.books.wait_for_state(&alert, end).await;
    let failing = it.bob.wait_for_failing(&it.device_id).await;
    assert!(
        failing["failing_since"].is_string(),
        "{forced:?}: {failing}"
    );
    let alert = it.mention("works").await;
    assert_eq!(id_of(&it.device.next_push().await), alert, "{forced:?}");
    it.bob.wait_for_healthy(&it.device_id).await;
    let sent = it.service.requests().len() - before;
    assert_eq!(sent, 2, "each once after {forced:?}");
}

#[tokio::test]
async fn a_push_service_that_does_not_accept_this_server_is_not_asked_again() {
    let mut it = PushScene::start().await;
    for status in [400, 401, 403] {
        let forced = Forced::status(status);
        expect_given_up(&mut it, &forced, "failed: refused").await;
    }
}

#[tokio::test]
async fn an_answer_that_nobody_expects_ends_the_attempts() {
    let mut it = PushScene::start().await;
    for status in [402, 405, 409, 418, 422, 451] {
        let forced = Forced::status(status);
        expect_given_up(&mut it, &forced, "failed: unexpected").await;
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut it = PushScene::start().await;
    let elsewhere = PushService::start().await;
    let target = elsewhere.device(&it.bob.push_public_key().await);
    for status in [301, 302, 303, 307, 308] {
        let location = [("location", target.endpoint.as_str())];
        let forced = Forced::with_headers(status, &location);
        expect_given_up(&mut it, &forced, "failed: unexpected").await;
    }
    assert!(elsewhere.requests().is_empty(), "nobody was sent there");
}

/// Answers `forced` to the first attempt; the next one arrives, and is the same push.
async fn expect_tried_again(it: &mut PushScene, forced: &Forced) {
    let before = it.service.requests().len();
    it.service.force(1, forced);
    let alert = it.mention("tried again").await;
    it.wait_for_retry(&alert, 1, &FIRST_RETRY).await;
    assert_eq!(it.books.state(&alert).await, "pushing", "{forced:?}");
    it.bob.wait_for_failing(&it.device_id).await;
    it.books.make_due().await;
    it.wait_for_end(&alert, "pushed").await;
    it.books.wait_for_state(&alert, "pushed").await;
    it.bob.wait_for_healthy(&it.device_id).await;
    it.device.next_push().await;
    let requests = it.service.requests();
    let [first, second] = &requests[before..] else {
        panic!("two attempts after {forced:?}, but: {requests:#?}");
    };
    assert_eq!(first.payload, second.payload);
    assert_eq!(first.payload["id"], alert.as_str());
    assert_eq!(first.header("topic"), second.header("topic"));
}

#[tokio::test]
async fn a_push_service_that_is_busy_is_asked_again() {
    let mut it = PushScene::start().await;
    for status in [408, 429, 500, 502, 503, 504, 599] {
        expect_tried_again(&mut it, &Forced::status(status)).await;
    }
    expect_tried_again(&mut it, &Forced::Drop).await;
}

#[tokio::test]
async fn a_push_service_that_does_not_answer_is_asked_again() {
    let it = PushScene::start().await;
    it.service.force(1, &Forced::Hang);
    let alert = it.mention("one").await;
    // It is waited for ten seconds first.
    it.wait_for_retry(&alert, 1, &(13.5..22.0)).await;
    it.books.make_due().await;
    it.wait_for_end(&alert, "pushed").await;
}

#[tokio::test]
async fn a_push_service_that_cannot_be_reached_is_asked_again() {
    let it = PushScene::start().await;
    let eve = it.community.member("eve").await;
    let closed = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}/push/x", closed.local_addr().unwrap());
    drop(closed);
    let body = DeviceKeys::new().subscription(&endpoint);
    let id = eve.subscribe_push(&body).await.expect_status(201).id();
    let begin = chrono::Utc::now();
    let message = it.webhook.says("@eve one").await;
    let alert = id_of(&eve.alert_of(&message).await);
    let retry = it
        .books
        .wait_for_retry((&alert, &id), 1, begin, &FIRST_RETRY);
    retry.await;
    eve.wait_for_failing(&id).await;
    assert_eq!(it.books.state(&alert).await, "pushing");
}

/// Mentions bob in a way that makes a large push.
async fn mention_at_length(it: &PushScene) -> String {
    let start = "https://example.com/";
    let body = json!({
        "content": format!("@bob {}", "é".repeat(200)),
        "avatar_url": format!("{start}{}", "a".repeat(1000)),
    });
    let posted = it.webhook.execute(&body).await.expect_status(201);
    id_of(&it.bob.alert_of(&posted.str("message_id")).await)
}

/// The second is the first in fewer words, and came at once.
fn assert_is_smaller(first: &Received, second: &Received) {
    let size = |received: &Received| received.payload.to_string().len();
    assert!(size(second) < size(first), "{first:#?}\n{second:#?}");
    let text = |received: &Received| received.payload["preview"].as_str().unwrap().to_owned();
    assert!(text(second).len() < text(first).len());
    assert!(text(first).starts_with(&text(second)));
    assert_eq!(second.payload["author"]["avatar_url"], Value::Null);
    for name in ["id", "channel_id", "message_id", "url", "created_at"] {
        assert_eq!(first.payload[name], second.payload[name], "{name}");
    }
    assert_eq!(first.header("topic"), second.header("topic"));
    let between = (second.at - first.at).as_seconds_f64();
    assert!(between < 3.5, "no retry among others, but {between} s");
}

#[tokio::test]
async fn a_push_that_is_too_large_is_sent_once_more_with_less() {
    let mut it = PushScene::start().await;
    it.service.force(1, &Forced::status(413));
    let alert = mention_at_length(&it).await;
    assert_eq!(id_of(&it.device.next_push().await), alert);
    it.wait_for_end(&alert, "pushed").await;
    it.books.wait_for_state(&alert, "pushed").await;
    it.bob.wait_for_healthy(&it.device_id).await;
    let requests = it.service.requests();
    assert_eq!(requests.len(), 2);
    assert_is_smaller(&requests[0], &requests[1]);
}

#[tokio::test]
async fn a_push_that_is_too_large_even_so_is_given_up() {
    let mut it = PushScene::start().await;
    it.service.force(2, &Forced::status(413));
    let alert = mention_at_length(&it).await;
    let end = "failed: too_large";
    it.wait_for_end(&alert, end).await;
    it.books.wait_for_state(&alert, end).await;
    let requests = it.service.requests();
    assert_eq!(requests.len(), 2);
    assert_is_smaller(&requests[0], &requests[1]);
    // The device is kept.
    let alert = it.mention("works").await;
    assert_eq!(id_of(&it.device.next_push().await), alert);
}

#[tokio::test]
async fn a_smaller_push_that_is_not_taken_now_is_tried_again() {
    let it = PushScene::start().await;
    it.service.force(1, &Forced::status(413));
    it.service.force(1, &Forced::status(503));
    let alert = mention_at_length(&it).await;
    it.service.wait_for_attempt(&it.device, &alert, 2).await;
    it.bob.wait_for_failing(&it.device_id).await;
    it.books.make_due().await;
    it.wait_for_end(&alert, "pushed").await;
    it.books.wait_for_state(&alert, "pushed").await;
}
