//! What is no longer wanted is not pushed. It is looked at immediately before each attempt, so
//! each test changes something between an attempt that failed and the next.

use serde_json::json;

use crate::support::history::id_of;
use crate::support::push_books::FIRST_RETRY;
use crate::support::push_scene::PushScene;
use crate::support::push_service::Forced;

/// Mentions bob in vain, lets `change` happen, and makes it time for the next attempt: there
/// is none. The alert has `state` then, and what was owed to the device ended as `end`.
async fn expect_withdrawn(it: &PushScene, end: &str, state: &str, change: impl AsyncFnOnce(&str)) {
    let alert = it.mention_in_vain().await;
    change(&alert).await;
    it.books.make_due().await;
    it.wait_for_end(&alert, end).await;
    it.books.wait_for_state(&alert, state).await;
    assert_eq!(it.service.requests().len(), 1, "no second attempt");
}

#[tokio::test]
async fn an_alert_that_was_acknowledged_is_not_tried_again() {
    let it = PushScene::start().await;
    let change = async |alert: &str| {
        let mut socket = it.bob.socket().await;
        let offered = socket.next_alert().await;
        socket.acknowledge(&[&offered]).await;
        it.books.wait_for_state(alert, "delivered").await;
    };
    expect_withdrawn(&it, "withdrawn: acknowledged", "delivered", change).await;
}

#[tokio::test]
async fn an_alert_that_was_read_is_not_tried_again() {
    let it = PushScene::start().await;
    let change = async |alert: &str| {
        let read = it.bob.read_notifications(&json!({"ids": [alert]})).await;
        read.expect_done();
    };
    expect_withdrawn(&it, "withdrawn: read", "read", change).await;
}

#[tokio::test]
async fn an_alert_in_a_channel_that_was_read_is_not_tried_again() {
    let it = PushScene::start().await;
    let change = async |_: &str| {
        let read = it.bob.read_channel(&it.community.general, 1).await;
        read.expect_done();
    };
    expect_withdrawn(&it, "withdrawn: read", "read", change).await;
}

#[tokio::test]
async fn who_left_the_channel_is_not_pushed_what_was_said_there() {
    let mut it = PushScene::start().await;
    let channel = it.community.channel("other").await;
    it.bob
        .add_to_channel(&channel, &it.bob.id)
        .await
        .expect_done();
    it.webhook = it.community.webhook(&channel).await;
    let end = "failed: not_a_member";
    let change = async |_: &str| {
        let left = it.bob.remove_from_channel(&channel, &it.bob.id).await;
        left.expect_done();
    };
    expect_withdrawn(&it, end, end, change).await;
}

#[tokio::test]
async fn who_was_put_out_of_the_community_is_not_pushed_what_was_said_there() {
    let it = PushScene::start().await;
    let end = "failed: not_a_member";
    let change = async |_: &str| {
        let owner = &it.community.owner;
        let removed = owner.remove_member(&it.community.id, &it.bob.id).await;
        removed.expect_done();
    };
    expect_withdrawn(&it, end, end, change).await;
}

#[tokio::test]
async fn a_message_that_was_deleted_is_not_pushed() {
    let it = PushScene::start().await;
    let end = "failed: message_deleted";
    let change = async |_: &str| {
        let inbox = it.bob.whole_inbox().await;
        let message = inbox[0]["message_id"].as_str().unwrap();
        let owner = &it.community.owner;
        let deleted = owner.delete_message(&it.community.general, message).await;
        deleted.expect_done();
    };
    expect_withdrawn(&it, end, end, change).await;
}

#[tokio::test]
async fn a_device_ends_with_its_session() {
    let it = PushScene::start().await;
    let change = async |_: &str| drop(it.bob.logout().await.expect_done());
    expect_withdrawn(&it, "withdrawn: unsubscribed", "inbox", change).await;
}

#[tokio::test]
async fn a_device_ends_with_a_session_that_was_ended_from_elsewhere() {
    let it = PushScene::start().await;
    let laptop = it.bob.sign_in().await;
    let change = async |_: &str| {
        let sessions = laptop.sessions().await.expect_status(200);
        let other = sessions.list().iter().find(|it| it["current"] == false);
        let other = other.unwrap()["id"].as_str().unwrap();
        laptop.revoke_session(other).await.expect_done();
    };
    expect_withdrawn(&it, "withdrawn: unsubscribed", "inbox", change).await;
}

#[tokio::test]
async fn a_device_of_a_session_that_goes_unused_is_not_tried_again() {
    let it = PushScene::start().await;
    let change = async |_: &str| {
        let client = it.database().connect().await;
        let statement = "update sessions set last_seen_at = now() - interval '31 days' \
             where user_id = $1::text::uuid";
        let changed = client.execute(statement, &[&it.bob.id]).await;
        assert_eq!(changed.unwrap(), 1);
    };
    expect_withdrawn(&it, "withdrawn: unsubscribed", "inbox", change).await;
}

#[tokio::test]
async fn a_device_that_unsubscribed_is_not_tried_again() {
    let it = PushScene::start().await;
    let change = async |_: &str| {
        let removed = it.bob.delete_push_subscription(&it.device_id).await;
        removed.expect_done();
    };
    expect_withdrawn(&it, "withdrawn: unsubscribed", "inbox", change).await;
}

#[tokio::test]
async fn a_device_that_somebody_else_uses_now_is_not_tried_again() {
    let it = PushScene::start().await;
    let eve = it.community.member("eve").await;
    let change = async |_: &str| drop(eve.subscribe_device(&it.device).await);
    expect_withdrawn(&it, "withdrawn: unsubscribed", "inbox", change).await;
}

#[tokio::test]
async fn one_device_that_unsubscribed_does_not_take_the_others_along() {
    let mut it = PushScene::start().await;
    let (_other, gone) = it.service.subscribe(&it.bob).await;
    it.service.force(2, &Forced::status(503));
    let alert = it.mention("to both").await;
    for id in [&it.device_id, &gone] {
        it.books.wait_for_retry(&alert, id, 1, &FIRST_RETRY).await;
    }
    it.books.put_off().await;
    let removed = it.bob.delete_push_subscription(&gone).await;
    removed.expect_done();
    it.books.make_due().await;
    it.wait_for_end(&alert, "pushed").await;
    let end = "withdrawn: unsubscribed";
    it.books.wait_for_end(&alert, &gone, end).await;
    it.books.wait_for_state(&alert, "pushed").await;
    it.device.next_push().await;
    assert_eq!(it.service.requests().len(), 3);
}

#[tokio::test]
async fn a_deleted_channel_leaves_nothing_to_push() {
    let mut it = PushScene::start().await;
    let channel = it.community.channel("other").await;
    it.bob
        .add_to_channel(&channel, &it.bob.id)
        .await
        .expect_done();
    it.webhook = it.community.webhook(&channel).await;
    it.mention_in_vain().await;
    let deleted = it.community.owner.delete_channel(&channel).await;
    deleted.expect_done();
    it.books.make_due().await;
    it.books.wait_until_nothing_is_owed().await;
    assert_eq!(it.service.requests().len(), 1);
}

/// The first attempt is an attempt like any other.
#[tokio::test]
async fn what_is_not_wanted_when_its_time_is_over_is_not_pushed_at_all() {
    let mut it = PushScene::with(|it| it.notifications.ack_timeout_ms = 1500).await;
    let eve = it.community.member("eve").await;
    it.service.subscribe(&eve).await;
    let ann = it.community.member("ann").await;
    let (_device, unsubscribed) = it.service.subscribe(&ann).await;
    let mut sockets = [
        eve.socket().await,
        ann.socket().await,
        it.bob.socket().await,
    ];
    let deleted = it.webhook.says("@bob").await;
    let message = it.webhook.says("@eve and @ann").await;
    for socket in &mut sockets {
        socket.next_alert().await;
    }
    let eves = id_of(&eve.alert_of(&message).await);
    let anns = id_of(&ann.alert_of(&message).await);
    let bobs = id_of(&it.bob.alert_of(&deleted).await);
    let owner = &it.community.owner;
    let general = &it.community.general;
    owner.delete_message(general, &deleted).await.expect_done();
    let removed = owner.remove_member(&it.community.id, &eve.id).await;
    removed.expect_done();
    let removed = ann.delete_push_subscription(&unsubscribed).await;
    removed.expect_done();
    it.books
        .wait_for_state(&bobs, "failed: message_deleted")
        .await;
    it.books.wait_for_state(&eves, "failed: not_a_member").await;
    it.books.wait_for_state(&anns, "inbox").await;
    let next = it.mention("wanted").await;
    assert_eq!(it.device.next_push().await["id"], next.as_str());
    assert_eq!(it.service.requests().len(), 1);
}
