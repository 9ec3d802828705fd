//! Alerts and the other news of a user on the socket: on every device, once by id, and
//! again for whoever was not there.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::history::id_of;
use crate::support::server::TestServer;

#[tokio::test]
async fn a_mention_reaches_every_session_subscribed_or_not() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let bob = community.member("bob").await;
    let mut subscribed = ann.socket().await;
    subscribed.subscribe(&community.general, None).await;
    let mut idle = ann.socket().await;
    let mut bystander = bob.socket().await;
    let message_id = webhook.says("disk full, @ann!").await;
    let first = subscribed.next_alert().await;
    let second = idle.next_alert().await;
    assert_eq!(first, second, "one alert, the same everywhere");
    let inbox = ann.whole_inbox().await;
    assert_eq!(inbox.len(), 1);
    assert_eq!(inbox[0], first, "the same object as over HTTP");
    assert_eq!(first["message_id"], message_id.as_str());
    assert_eq!(first["channel_id"], community.general.as_str());
    assert_eq!(first["preview"], "disk full, @ann!");
    let frame = subscribed.expect_frame("message").await;
    assert_eq!(frame["message"]["mentions"], json!([ann.id]));
    bystander.expect_nothing_for(200).await;
}

#[tokio::test]
async fn an_alert_that_nobody_acknowledged_is_offered_again() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    webhook.says("@ann").await;
    let offered = socket.next_alert().await;
    drop(socket);
    for _ in 0..2 {
        let (mut socket, hello) = ann.handshake().connect_and_greet().await;
        assert_eq!(hello["unread_notifications"], 1);
        assert_eq!(socket.next_alert().await["id"], offered["id"]);
    }
}

#[tokio::test]
async fn an_acknowledged_alert_is_not_offered_again() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    webhook.says("@ann one").await;
    webhook.says("@ann two").await;
    let first = socket.next_alert().await;
    let second = socket.next_alert().await;
    socket.acknowledge(&[&first]).await;
    // Acknowledgements are written in batches, which nothing announces: the database shows it.
    wait_until_acknowledged(&server, 1).await;
    let mut again = ann.socket().await;
    assert_eq!(again.next_alert().await["id"], second["id"]);
    again.round_trip().await;
    again.expect_nothing_for(100).await;
    let inbox = ann.whole_inbox().await;
    assert_eq!(inbox.len(), 2, "acknowledged is not read");
    assert!(inbox.iter().all(|alert| alert["read_at"].is_null()));
}

#[tokio::test]
async fn acknowledging_what_is_not_ones_own_changes_nothing() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let bob = community.member("bob").await;
    webhook.says("@ann").await;
    let inbox = ann.whole_inbox().await;
    let mut socket = bob.socket().await;
    socket.acknowledge(&[&inbox[0]]).await;
    let unknown = json!({"id": uuid::Uuid::now_v7().to_string()});
    socket.acknowledge(&[&unknown]).await;
    socket.acknowledge(&[]).await;
    // Bob's own acknowledgement goes the same way, and is written after the foreign ones.
    webhook.says("@bob").await;
    let own = socket.next_alert().await;
    socket.acknowledge(&[&own]).await;
    wait_until_acknowledged(&server, 1).await;
    let mut socket = ann.socket().await;
    assert_eq!(socket.next_alert().await["id"], inbox[0]["id"]);
}

#[tokio::test]
async fn the_newest_hundred_unseen_alerts_are_offered_at_connect() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    webhook.says_in_turn("@ann number", 103).await;
    let (mut socket, hello) = ann.handshake().connect_and_greet().await;
    assert_eq!(hello["unread_notifications"], 103);
    let inbox = ann.whole_inbox().await;
    let newest: HashSet<String> = inbox.iter().take(100).map(id_of).collect();
    let mut offered = HashSet::new();
    for _ in 0..100 {
        offered.insert(id_of(&socket.next_alert().await));
    }
    assert_eq!(offered, newest);
    socket.round_trip().await;
    socket.expect_nothing_for(100).await;
}

#[tokio::test]
async fn reading_an_alert_tells_the_other_devices() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let mut phone = ann.socket().await;
    webhook.says("@ann one").await;
    webhook.says("@ann two").await;
    let first = phone.next_alert().await;
    phone.next_alert().await;
    let ids = json!([first["id"]]);
    let read = ann.read_notifications(&json!({"ids": ids})).await;
    read.expect_done();
    let frame = phone.expect_frame("notifications_read").await;
    assert_eq!(frame["ids"], ids, "{frame}");
    let read = ann.read_notifications(&json!({"all": true})).await;
    read.expect_done();
    let frame = phone.expect_frame("notifications_read").await;
    assert_eq!(frame["all"], true, "{frame}");
    let (mut socket, hello) = ann.handshake().connect_and_greet().await;
    assert_eq!(hello["unread_notifications"], 0);
    socket.expect_nothing_for(100).await;
}

#[tokio::test]
async fn reading_a_channel_tells_the_other_devices() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let bob = community.member("bob").await;
    webhook.says("one").await;
    webhook.says("@ann two").await;
    let mut phone = ann.socket().await;
    phone.next_alert().await;
    let mut other = bob.socket().await;
    ann.read_channel(&community.general, 2).await.expect_done();
    let frame = phone.expect_frame("channel_read").await;
    assert_eq!(frame["channel_id"], community.general.as_str(), "{frame}");
    assert_eq!(frame["seq"], 2, "{frame}");
    other.expect_nothing_for(200).await;
    let (mut socket, hello) = ann.handshake().connect_and_greet().await;
    assert_eq!(hello["unread_notifications"], 0, "read with the channel");
    socket.expect_nothing_for(100).await;
}

#[tokio::test]
async fn a_deleted_message_is_announced_to_subscribers_and_blanked_in_alerts() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    socket.subscribe(&community.general, None).await;
    let id = webhook.says("@ann the password is x").await;
    socket.expect_frame("message").await;
    let deleted = community.owner.delete_message(&community.general, &id);
    deleted.await.expect_done();
    let frame = socket.expect_frame("message_deleted").await;
    assert_eq!(frame["message_id"], id.as_str(), "{frame}");
    assert_eq!(frame["seq"], 1, "{frame}");
    let mut again = ann.socket().await;
    let frame = again.next_alert().await;
    assert!(!frame.to_string().contains("password"), "{frame}");
}

#[tokio::test]
async fn changed_lists_are_announced_to_those_who_show_them() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    let named = |id: &'static str, value: String| move |frame: &Value| frame[id] == value.as_str();
    // A new public channel is in the list of every member.
    let channel = community.channel("new").await;
    let is_about_new = named("channel_id", channel.clone());
    let change = |frame: &Value| frame["type"] == "channel_changed";
    let listed = |frame: &Value| change(frame) || frame["type"] == "membership_changed";
    socket
        .expect_frame_where("news of the new channel", listed)
        .await;
    let renamed = json!({"name": "renamed", "topic": "t"});
    let patched = community.owner.patch_channel(&channel, &renamed).await;
    patched.expect_status(200);
    socket
        .expect_frame_where("news of the name", |frame| {
            change(frame) && is_about_new(frame)
        })
        .await;
    // Being made an admin changes what one may do.
    let promoted = community.owner.set_role(&community.id, &ann.id, "admin");
    promoted.await.expect_status(200);
    let frame = socket.expect_frame("membership_changed").await;
    assert_eq!(frame["community_id"], community.id.as_str(), "{frame}");
    community.owner.delete_channel(&channel).await.expect_done();
    socket
        .expect_frame_where("the end of the channel", |frame| {
            frame["type"] == "channel_removed" && is_about_new(frame)
        })
        .await;
}

#[tokio::test]
async fn being_let_in_and_put_out_is_announced_to_the_person() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let zoe = community.outsider("zoe").await;
    let mut socket = zoe.socket().await;
    community.let_in(&zoe).await;
    let frame = socket.expect_frame("membership_changed").await;
    assert_eq!(frame["community_id"], community.id.as_str(), "{frame}");
    let private = community.private_channel("private").await;
    let added = community.owner.add_to_channel(&private, &zoe.id).await;
    added.expect_done();
    let about_private = |frame: &Value| frame["channel_id"] == private.as_str();
    socket
        .expect_frame_where("news of the private channel", |frame| {
            frame["type"] == "channel_changed" && about_private(frame)
        })
        .await;
    let removed = community.owner.remove_from_channel(&private, &zoe.id);
    removed.await.expect_done();
    socket
        .expect_frame_where("the end of the private channel", |frame| {
            frame["type"] == "channel_removed" && about_private(frame)
        })
        .await;
}

#[tokio::test]
async fn a_private_channel_is_no_news_to_those_outside_it() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    let private = community.private_channel("secret plans").await;
    let renamed = json!({"name": "more secret plans"});
    let patched = community.owner.patch_channel(&private, &renamed).await;
    patched.expect_status(200);
    let public = community.channel("public").await;
    socket
        .expect_frame_where("news of the public channel", |frame| {
            assert!(!frame.to_string().contains(&private), "{frame}");
            frame["channel_id"] == public.as_str() || frame["type"] == "membership_changed"
        })
        .await;
}

/// Waits until so many alerts are marked as acknowledged, and checks that no more are.
async fn wait_until_acknowledged(server: &TestServer, count: i64) {
    let database = server.database.connect().await;
    let statement = "select count(*) from notifications where acknowledged_at is not null";
    let written = async {
        loop {
            let found: i64 = database.query_one(statement, &[]).await.unwrap().get(0);
            assert!(found <= count, "{found} acknowledged instead of {count}");
            if found == count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let written = tokio::time::timeout(crate::support::socket::DEADLINE, written).await;
    assert!(written.is_ok(), "the acknowledgement should be written");
}
