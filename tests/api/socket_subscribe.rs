//! Subscribing: who may, what arrives, and the bounds.

use serde_json::{Value, json};

use crate::support::fixtures::{Community, User};
use crate::support::history::{id_of, seq_of};
use crate::support::server::TestServer;
use crate::support::socket::WsClient;

#[tokio::test]
async fn a_subscriber_gets_each_new_message_as_it_is_stored() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    webhook.says("before").await;
    let mut socket = ann.socket().await;
    let subscribed = socket.subscribe(&community.general, None).await;
    assert_eq!(subscribed["last_seq"], 1, "{subscribed}");
    let id = webhook.says("**hello**\n<b>& @nobody").await;
    let frame = socket.next_frame().await;
    assert_eq!(frame["type"], "message", "only what is new: {frame}");
    assert_eq!(frame["channel_id"], community.general.as_str());
    assert_eq!(seq_of(&frame), 2);
    assert_eq!(id_of(&frame["message"]), id);
    let stored = ann.history_after(&community.general, 1).await;
    assert_eq!(frame["message"], stored[0], "the same object as over HTTP");
}

#[tokio::test]
async fn every_subscriber_gets_every_message_in_the_same_order() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let mut sockets = vec![
        ann.socket().await,
        ann.socket().await,
        community.owner.socket().await,
    ];
    for socket in &mut sockets {
        socket.subscribe(&community.general, None).await;
    }
    webhook.fill(50).await;
    for socket in &mut sockets {
        for seq in 1..=50 {
            let frame = socket.next_frame().await;
            assert_eq!(frame["type"], "message", "{frame}");
            assert_eq!(seq_of(&frame), seq);
        }
    }
}

#[tokio::test]
async fn without_a_subscription_no_message_arrives() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let other = community.channel("other").await;
    ann.add_to_channel(&other, &ann.id).await.expect_done();
    let mut watching = ann.socket().await;
    let mut idle = ann.socket().await;
    watching.subscribe(&community.general, None).await;
    idle.subscribe(&other, None).await;
    webhook.says("hello").await;
    watching.expect_frame("message").await;
    idle.expect_nothing_for(200).await;
}

#[tokio::test]
async fn channels_one_is_not_in_are_refused_one_by_one() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let public = community.channel("public").await;
    let private = community.private_channel("private").await;
    let foreigner = server.user("zoe").await;
    let foreign = Community::of(foreigner, "Elsewhere").await.general;
    let nowhere = uuid::Uuid::now_v7().to_string();
    let refused = [&public, &private, &foreign, &nowhere];
    let mut socket = ann.socket().await;
    let mut channels: Vec<Value> = refused.iter().map(|id| json!({"id": id})).collect();
    channels.insert(2, json!({"id": community.general}));
    socket
        .send_json(json!({"type": "subscribe", "channels": channels, "ref": "s1"}))
        .await;
    let subscribed = socket.expect_frame("subscribed").await;
    assert_eq!(subscribed["channel_id"], community.general.as_str());
    let mut named = Vec::new();
    for _ in refused {
        let error = socket.expect_frame("error").await;
        assert_eq!(error["code"], "not_a_member", "{error}");
        assert_eq!(error["ref"], "s1", "{error}");
        assert!(error["detail"].is_string(), "{error}");
        named.push(error["channel_id"].as_str().expect("an id").to_owned());
    }
    named.sort();
    let mut expected: Vec<String> = refused.iter().map(|&id| id.clone()).collect();
    expected.sort();
    assert_eq!(named, expected);
    // The refusals cost the good subscription nothing.
    webhook.says("hello").await;
    socket.expect_frame("message").await;
}

#[tokio::test]
async fn an_admin_watches_a_private_channel_only_after_joining_it() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let admin = community.admin("ada").await;
    let private = community.private_channel("private").await;
    let mut socket = admin.socket().await;
    expect_refused(&mut socket, &private, "not_a_member").await;
    let joined = admin.add_to_channel(&private, &admin.id).await;
    joined.expect_done();
    socket.subscribe(&private, None).await;
    let webhook = community.webhook(&private).await;
    webhook.says("hello").await;
    socket.expect_frame("message").await;
}

#[tokio::test]
async fn unsubscribing_ends_the_messages_of_that_channel_only() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let other = community.channel("other").await;
    let other_webhook = community.webhook(&other).await;
    let mut socket = community.owner.socket().await;
    socket.subscribe(&community.general, None).await;
    socket.subscribe(&other, None).await;
    socket
        .send_json(json!({"type": "unsubscribe", "channels": [community.general]}))
        .await;
    socket.round_trip().await;
    webhook.says("unheard").await;
    other_webhook.says("heard").await;
    let frame = socket.next_frame().await;
    assert_eq!(frame["channel_id"], other.as_str(), "{frame}");
    socket.expect_nothing_for(200).await;
    // Again, and from where it left: what came meanwhile is replayed.
    let subscribed = socket.subscribe(&community.general, Some(0)).await;
    assert_eq!(subscribed["last_seq"], 1);
    let frame = socket.next_frame().await;
    assert_eq!(frame["message"]["content"], "unheard");
}

#[tokio::test]
async fn unsubscribing_what_is_not_subscribed_does_no_harm() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut socket = community.owner.socket().await;
    let nowhere = uuid::Uuid::now_v7().to_string();
    socket
        .send_json(json!({"type": "unsubscribe", "channels": [nowhere, community.general]}))
        .await;
    socket.subscribe(&community.general, None).await;
    webhook.says("hello").await;
    socket.expect_frame("message").await;
}

#[tokio::test]
async fn an_unsubscribe_undoes_the_subscribes_before_it() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let other = community.channel("other").await;
    let other_webhook = community.webhook(&other).await;
    for round in 0..5 {
        let mut socket = community.owner.socket().await;
        // All at once, so that the first is still being looked at when the last arrives.
        for channel in [&community.general, &other] {
            ask_for(&mut socket, std::slice::from_ref(channel)).await;
        }
        socket
            .send_json(json!({"type": "unsubscribe", "channels": [other]}))
            .await;
        socket.round_trip().await;
        socket
            .expect_frame_where("the first subscribed", |frame| {
                frame["type"] == "subscribed" && frame["channel_id"] == community.general.as_str()
            })
            .await;
        // By now the server has long decided about the second as well.
        let mark = format!("heard {round}");
        webhook.says(&mark).await;
        other_webhook.says("unheard").await;
        webhook.says("last").await;
        loop {
            let frame = socket.next_frame().await;
            assert_ne!(frame["message"]["content"], "unheard", "{frame}");
            if frame["message"]["content"] == "last" {
                break;
            }
        }
        socket.expect_nothing_for(100).await;
    }
}

#[tokio::test]
async fn subscribing_twice_delivers_once() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut socket = community.owner.socket().await;
    let entry = json!({"id": community.general});
    socket.subscribe(&community.general, None).await;
    socket
        .send_json(json!({"type": "subscribe", "channels": [entry, entry]}))
        .await;
    socket.round_trip().await;
    webhook.says("one").await;
    webhook.says("two").await;
    let first = socket.expect_frame("message").await;
    let second = socket.expect_frame("message").await;
    assert_eq!((seq_of(&first), seq_of(&second)), (1, 2));
}

#[tokio::test]
async fn one_frame_names_at_most_a_hundred_channels() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let mut socket = community.owner.socket().await;
    let nowhere = |count: usize| -> Vec<Value> {
        let ids = std::iter::repeat_with(|| json!({"id": uuid::Uuid::now_v7().to_string()}));
        ids.take(count).collect()
    };
    socket
        .send_json(json!({"type": "subscribe", "channels": nowhere(100), "ref": "100"}))
        .await;
    for _ in 0..100 {
        let error = socket.next_frame().await;
        assert_eq!(error["code"], "not_a_member", "{error}");
    }
    socket
        .send_json(json!({"type": "subscribe", "channels": nowhere(101), "ref": "101"}))
        .await;
    let error = socket.next_frame().await;
    assert_eq!(error["type"], "error", "{error}");
    assert_eq!(error["code"], "too_many_channels", "{error}");
    assert_eq!(error["ref"], "101", "{error}");
    socket.round_trip().await;
}

#[tokio::test]
async fn a_frame_at_its_bound_is_taken_and_one_above_subscribes_nothing() {
    let server =
        TestServer::with(|settings| settings.sockets.max_subscriptions_per_frame = 3).await;
    let community = server.community().await;
    let channels = channels_of(&community, 4).await;
    let mut socket = community.owner.socket().await;
    ask_for(&mut socket, &channels).await;
    let error = socket.next_frame().await;
    assert_eq!(error["code"], "too_many_channels", "{error}");
    let webhook = community.webhook(&channels[0]).await;
    webhook.says("unheard").await;
    ask_for(&mut socket, &channels[1..]).await;
    for _ in 0..3 {
        let frame = socket.next_frame().await;
        assert_eq!(frame["type"], "subscribed", "{frame}");
    }
}

#[tokio::test]
async fn a_connection_watches_at_most_so_many_channels() {
    let server = TestServer::with(|settings| settings.sockets.max_subscriptions = 3).await;
    let community = server.community().await;
    let channels = channels_of(&community, 4).await;
    let mut socket = community.owner.socket().await;
    for channel in &channels[..3] {
        socket.subscribe(channel, None).await;
    }
    expect_refused(&mut socket, &channels[3], "too_many_channels").await;
    // What is watched already takes no further place, and what is left gives one back.
    socket.subscribe(&channels[0], None).await;
    socket
        .send_json(json!({"type": "unsubscribe", "channels": [channels[0]]}))
        .await;
    socket.subscribe(&channels[3], None).await;
    let webhook = community.webhook(&channels[3]).await;
    webhook.says("hello").await;
    socket.expect_frame("message").await;
    // A refused channel takes no place either.
    let mut second = community.owner.socket().await;
    for _ in 0..5 {
        let nowhere = uuid::Uuid::now_v7().to_string();
        expect_refused(&mut second, &nowhere, "not_a_member").await;
    }
    for channel in &channels[..3] {
        second.subscribe(channel, None).await;
    }
}

async fn channels_of(community: &Community, count: usize) -> Vec<String> {
    let mut channels = Vec::new();
    for number in 0..count {
        channels.push(community.channel(&format!("channel {number}")).await);
    }
    channels
}

async fn ask_for(socket: &mut WsClient, channels: &[String]) {
    let channels: Vec<Value> = channels.iter().map(|id| json!({"id": id})).collect();
    socket
        .send_json(json!({"type": "subscribe", "channels": channels}))
        .await;
}

async fn expect_refused(socket: &mut WsClient, channel: &str, code: &str) {
    ask_for(socket, &[channel.to_owned()]).await;
    let error = socket.next_frame().await;
    assert_eq!(error["type"], "error", "{error}");
    assert_eq!(error["code"], code, "{error}");
    assert_eq!(error["channel_id"], channel, "{error}");
}

#[tokio::test]
async fn two_sessions_of_one_user_subscribe_independently() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann: User = community.member("ann").await;
    let mut first = ann.socket().await;
    let mut second = ann.socket().await;
    first.subscribe(&community.general, None).await;
    second.subscribe(&community.general, None).await;
    drop(first);
    webhook.says("hello").await;
    second.expect_frame("message").await;
}
