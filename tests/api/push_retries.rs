//! A push that a push service cannot take now is tried again: later each time, no sooner than
//! the service asks, and for a day at most.

use std::ops::Range;

use crate::support::history::id_of;
use crate::support::push_books::FIRST_RETRY;
use crate::support::push_scene::PushScene;
use crate::support::push_service::{Forced, PushService};

/// Minutes for which an alert is worth a push.
const DAY: i32 = 24 * 60;

/// After how many seconds the next attempt follows: five after the first, then twice as many
/// each time up to an hour, a fifth more or less, and a little until the answer is noted.
fn wait_after(attempt: i64) -> Range<f64> {
    let doubled = 5.0 * 2_f64.powi(i32::try_from(attempt - 1).unwrap());
    let base = doubled.min(3600.0);
    base * 0.8..base * 1.2 + 3.0
}

#[tokio::test]
async fn the_wait_doubles_with_each_attempt_up_to_an_hour() {
    let it = PushScene::start().await;
    it.service.force_always(Forced::status(503));
    let alert = it.mention("one").await;
    it.wait_for_retry(&alert, 1, &wait_after(1)).await;
    let attempts = [2, 3, 4, 6, 9, 10, 11, 20, 40];
    for (request, attempt) in (2..).zip(attempts) {
        it.books.set_attempts(attempt - 1).await;
        let last = it.service.wait_for_attempt(&it.device, &alert, request);
        let since = last.await.at;
        let owed = (alert.as_str(), it.device_id.as_str());
        let expected = wait_after(attempt);
        it.books
            .wait_for_retry(owed, attempt, since, &expected)
            .await;
    }
}

/// Mentions bob while his push service answers with this `Retry-After`; the next attempt
/// follows after so many seconds.
async fn expect_wait(it: &PushScene, status: u16, retry_after: &str, seconds: &Range<f64>) {
    let header = [("retry-after", retry_after)];
    it.service.force(1, &Forced::with_headers(status, &header));
    let alert = it.mention(retry_after).await;
    it.wait_for_retry(&alert, 1, seconds).await;
    it.books.make_due().await;
    it.wait_for_end(&alert, "pushed").await;
}

#[tokio::test]
async fn a_push_service_says_when_it_wants_to_be_asked_again() {
    let it = PushScene::start().await;
    for status in [429, 503] {
        expect_wait(&it, status, "60", &(60.0..75.0)).await;
        expect_wait(&it, status, "7200", &(7200.0..8700.0)).await;
    }
    let date = chrono::Utc::now() + chrono::TimeDelta::seconds(600);
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    expect_wait(&it, 429, &date, &(570.0..725.0)).await;
}

#[tokio::test]
async fn a_push_service_is_not_asked_sooner_than_usual() {
    let it = PushScene::start().await;
    for value in ["0", "1", "-5", "soon", "", "Wed, 31 Dec 2025 00:00:00 GMT"] {
        expect_wait(&it, 503, value, &FIRST_RETRY).await;
    }
}

#[tokio::test]
async fn an_attempt_that_is_due_is_made_without_being_told() {
    let it = PushScene::start().await;
    it.service.force(1, &Forced::status(503));
    let alert = it.mention("one").await;
    let first = it.service.wait_for_attempt(&it.device, &alert, 1).await;
    let second = it.service.wait_for_attempt(&it.device, &alert, 2).await;
    let between = (second.at - first.at).as_seconds_f64();
    assert!((4.0..15.0).contains(&between), "after {between} s");
    it.books.wait_for_state(&alert, "pushed").await;
}

#[tokio::test]
async fn a_push_is_kept_for_what_is_left_of_the_day() {
    let it = PushScene::start().await;
    let alert = it.mention_in_vain().await;
    it.books.age(10 * 60).await;
    it.books.make_due().await;
    let second = it.service.wait_for_attempt(&it.device, &alert, 2).await;
    let ttl: u64 = second.header("ttl").parse().unwrap();
    let left = 14 * 3600;
    assert!(
        (left - 60..=left).contains(&ttl),
        "{left} s and not {ttl} s"
    );
    it.wait_for_end(&alert, "pushed").await;
}

#[tokio::test]
async fn an_alert_is_worth_a_push_until_the_day_is_over() {
    let it = PushScene::start().await;
    let alert = it.mention_in_vain().await;
    it.books.age(DAY - 2).await;
    it.books.make_due().await;
    let second = it.service.wait_for_attempt(&it.device, &alert, 2).await;
    let ttl: u64 = second.header("ttl").parse().unwrap();
    assert!((1..=120).contains(&ttl), "two minutes and not {ttl} s");
    it.wait_for_end(&alert, "pushed").await;
    it.books.wait_for_state(&alert, "pushed").await;
}

#[tokio::test]
async fn an_alert_older_than_a_day_is_not_pushed() {
    let it = PushScene::start().await;
    let alert = it.mention_in_vain().await;
    it.books.age(DAY + 1).await;
    it.books.make_due().await;
    let end = "failed: expired";
    it.wait_for_end(&alert, end).await;
    it.books.wait_for_state(&alert, end).await;
    assert_eq!(it.service.requests().len(), 1);
    let inbox = it.bob.whole_inbox().await;
    assert_eq!(id_of(&inbox[0]), alert, "it is read in the inbox");
}

/// Makes `before` attempts of an alert and the next one due, while its push service is busy.
async fn mention_after_attempts(it: &PushScene, before: i64) -> String {
    let alert = it.mention_in_vain().await;
    it.service.force_always(Forced::status(503));
    it.books.set_attempts(before).await;
    alert
}

#[tokio::test]
async fn an_alert_is_tried_once_more_before_the_last_time() {
    let it = PushScene::start().await;
    let alert = mention_after_attempts(&it, 48).await;
    let second = it.service.wait_for_attempt(&it.device, &alert, 2).await;
    let owed = (alert.as_str(), it.device_id.as_str());
    let expected = wait_after(49);
    it.books
        .wait_for_retry(owed, 49, second.at, &expected)
        .await;
    assert_eq!(it.books.state(&alert).await, "pushing");
}

#[tokio::test]
async fn an_alert_is_given_up_after_fifty_attempts() {
    let it = PushScene::start().await;
    let alert = mention_after_attempts(&it, 49).await;
    let end = "failed: attempts";
    it.wait_for_end(&alert, end).await;
    it.books.wait_for_state(&alert, end).await;
    assert_eq!(it.service.requests().len(), 2, "the fiftieth was made");
}

#[tokio::test]
async fn the_last_attempt_may_succeed() {
    let it = PushScene::start().await;
    let alert = it.mention_in_vain().await;
    it.books.set_attempts(49).await;
    it.wait_for_end(&alert, "pushed").await;
    it.books.wait_for_state(&alert, "pushed").await;
}

#[tokio::test]
async fn an_alert_that_was_tried_often_enough_is_not_tried_again() {
    for before in [50, 51] {
        let it = PushScene::start().await;
        let alert = mention_after_attempts(&it, before).await;
        let end = "failed: attempts";
        it.wait_for_end(&alert, end).await;
        it.books.wait_for_state(&alert, end).await;
        assert_eq!(it.service.requests().len(), 1, "{before} were enough");
    }
}

#[tokio::test]
async fn a_device_that_subscribed_again_meanwhile_is_tried_with_its_new_keys() {
    let mut it = PushScene::start().await;
    let alert = it.mention_in_vain().await;
    let key = it.bob.push_public_key().await;
    it.device = it.service.device_at(it.device.token(), &key);
    assert_eq!(it.bob.subscribe_device(&it.device).await, it.device_id);
    it.books.make_due().await;
    assert_eq!(id_of(&it.device.next_push().await), alert);
    it.wait_for_end(&alert, "pushed").await;
}

#[tokio::test]
async fn each_device_goes_its_own_way() {
    let mut it = PushScene::start().await;
    let (busy, refusing, gone) = (
        PushService::start().await,
        PushService::start().await,
        PushService::start().await,
    );
    let (mut late, late_id) = busy.subscribe(&it.bob).await;
    let (_refused, refused_id) = refusing.subscribe(&it.bob).await;
    let (_gone, gone_id) = gone.subscribe(&it.bob).await;
    busy.force(1, &Forced::status(503));
    refusing.force(1, &Forced::status(403));
    gone.force(1, &Forced::status(410));
    let alert = it.mention("to all").await;
    it.wait_for_end(&alert, "pushed").await;
    let books = &it.books;
    books
        .wait_for_end(&alert, &refused_id, "failed: refused")
        .await;
    books
        .wait_for_end(&alert, &gone_id, "withdrawn: gone")
        .await;
    // One that arrived is enough for the alert, and not for the device that waits.
    books.wait_for_state(&alert, "pushed").await;
    let first = busy.wait_for_attempt(&late, &alert, 1).await.at;
    let owed = (alert.as_str(), late_id.as_str());
    books.wait_for_retry(owed, 1, first, &FIRST_RETRY).await;
    books.make_due().await;
    books.wait_for_end(&alert, &late_id, "pushed").await;
    assert_eq!(id_of(&late.next_push().await), alert);
    assert_eq!(id_of(&it.device.next_push().await), alert);
    books.wait_for_state(&alert, "pushed").await;
    let sent = [&it.service, &refusing, &gone, &busy].map(|it| it.requests().len());
    assert_eq!(sent, [1, 1, 1, 2]);
    let left = it.bob.device_ids().await;
    assert!(!left.contains(&gone_id), "{left:?}");
    assert_eq!(left.len(), 3);
}

#[tokio::test]
async fn an_alert_fails_when_every_device_refused_it() {
    let it = PushScene::start().await;
    let other = PushService::start().await;
    let (_device, other_id) = other.subscribe(&it.bob).await;
    other.force(1, &Forced::status(401));
    it.service.force(1, &Forced::status(503));
    let alert = it.mention("to both").await;
    let end = "failed: refused";
    it.books.wait_for_end(&alert, &other_id, end).await;
    it.wait_for_retry(&alert, 1, &FIRST_RETRY).await;
    assert_eq!(it.books.state(&alert).await, "pushing", "one may succeed");
    it.service.force(1, &Forced::status(403));
    it.books.make_due().await;
    it.wait_for_end(&alert, end).await;
    it.books.wait_for_state(&alert, end).await;
}

#[tokio::test]
async fn an_alert_stays_in_the_inbox_when_every_device_is_gone() {
    let it = PushScene::start().await;
    let (_device, other_id) = it.service.subscribe(&it.bob).await;
    it.service.force(2, &Forced::status(410));
    let alert = it.mention("to both").await;
    it.wait_for_end(&alert, "withdrawn: gone").await;
    let books = &it.books;
    books
        .wait_for_end(&alert, &other_id, "withdrawn: gone")
        .await;
    books.wait_for_state(&alert, "inbox").await;
    let mut socket = it.bob.socket().await;
    assert_eq!(id_of(&socket.next_alert().await), alert);
}
