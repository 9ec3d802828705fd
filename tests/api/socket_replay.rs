//! Catching up: a replay begins after the client's place and joins the live messages
//! without a gap or a repeat, or the client is told to read over HTTP.

use serde_json::{Value, json};

use crate::support::history::{id_of, seq_of};
use crate::support::load::Load;
use crate::support::server::TestServer;
use crate::support::socket::WsClient;

#[tokio::test]
async fn a_replay_gives_what_was_missed_and_then_what_is_new() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.says_in_turn("old", 5).await;
    for after in [0, 2, 4, 5] {
        let mut socket = community.owner.socket().await;
        let subscribed = socket.subscribe(&community.general, Some(after)).await;
        assert_eq!(subscribed["last_seq"], 5, "{subscribed}");
        for seq in after + 1..=5 {
            expect_message(&mut socket, seq).await;
        }
        socket.expect_nothing_for(50).await;
    }
    let mut socket = community.owner.socket().await;
    socket.subscribe(&community.general, Some(3)).await;
    webhook.says("new").await;
    for seq in 4..=6 {
        let frame = expect_message(&mut socket, seq).await;
        let stored = community
            .owner
            .history_after(&community.general, seq - 1)
            .await;
        assert_eq!(frame["message"], stored[0], "the same object as over HTTP");
    }
}

#[tokio::test]
async fn an_empty_channel_replays_nothing() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut socket = community.owner.socket().await;
    let subscribed = socket.subscribe(&community.general, Some(0)).await;
    assert_eq!(subscribed["last_seq"], 0);
    webhook.says("first").await;
    expect_message(&mut socket, 1).await;
}

#[tokio::test]
async fn a_place_above_the_head_is_answered_with_a_resync() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.says_in_turn("old", 3).await;
    let mut socket = community.owner.socket().await;
    for after in [4, 1000, i64::MAX] {
        ask(&mut socket, &community.general, after, None).await;
        expect_resync(&mut socket, 3).await;
    }
    webhook.says("new").await;
    expect_message(&mut socket, 4).await;
}

#[tokio::test]
async fn a_place_in_another_history_is_answered_with_a_resync() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.says_in_turn("old", 3).await;
    let (mut socket, hello) = community.owner.handshake().connect_and_greet().await;
    let foreign = uuid::Uuid::now_v7().to_string();
    ask(&mut socket, &community.general, 1, Some(&foreign)).await;
    expect_resync(&mut socket, 3).await;
    let own = hello["epoch"].as_str().expect("an epoch");
    ask(&mut socket, &community.general, 1, Some(own)).await;
    let subscribed = socket.next_frame().await;
    assert_eq!(subscribed["type"], "subscribed", "{subscribed}");
    expect_message(&mut socket, 2).await;
    expect_message(&mut socket, 3).await;
    webhook.says("new").await;
    expect_message(&mut socket, 4).await;
}

#[tokio::test]
async fn exactly_the_bound_is_replayed_and_one_more_is_a_resync() {
    let server = TestServer::with(|settings| {
        settings.limits.webhook_per_second = 0;
        settings.sockets.replay_messages = 300;
    })
    .await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.fill(301).await;
    let mut socket = community.owner.socket().await;
    socket.subscribe(&community.general, Some(1)).await;
    for seq in 2..=301 {
        expect_message(&mut socket, seq).await;
    }
    ask(&mut socket, &community.general, 0, None).await;
    expect_resync(&mut socket, 301).await;
    webhook.says("new").await;
    expect_message(&mut socket, 302).await;
}

#[tokio::test]
async fn a_thousand_missed_messages_are_replayed_by_default() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.fill(1001).await;
    let mut socket = community.owner.socket().await;
    socket.subscribe(&community.general, Some(1)).await;
    for seq in 2..=1001 {
        expect_message(&mut socket, seq).await;
    }
    ask(&mut socket, &community.general, 0, None).await;
    expect_resync(&mut socket, 1001).await;
}

#[tokio::test]
async fn a_replay_larger_than_the_clients_budget_is_no_slowness() {
    let server = TestServer::with(|settings| {
        settings.limits.webhook_per_second = 0;
        settings.sockets.budget_bytes = 65_536;
    })
    .await;
    let (community, webhook) = server.channel_with_webhook().await;
    let content = "x".repeat(4000);
    for _ in 0..200 {
        webhook.says(&content).await;
    }
    let mut socket = community
        .owner
        .handshake()
        .receive_buffer(4096)
        .connect_and_greet()
        .await
        .0;
    socket.subscribe(&community.general, Some(0)).await;
    // Takes nothing for a while, as a phone on a bad line does.
    socket.stop_reading();
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    socket.read_on();
    for seq in 1..=200 {
        expect_message(&mut socket, seq).await;
    }
}

#[tokio::test]
async fn the_seam_between_replay_and_live_has_no_gap_and_no_repeat() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let load = Load::start(std::slice::from_ref(&webhook), 4, "");
    load.wait_for_more(50).await;
    let mut sockets = Vec::new();
    for round in 0..12 {
        let mut socket = community.owner.socket().await;
        let after = round * 4;
        let subscribed = socket.subscribe(&community.general, Some(after)).await;
        let head = subscribed["last_seq"].as_i64().expect("a head");
        assert!(head >= 50, "{subscribed}");
        sockets.push((socket, after));
        load.wait_for_more(5).await;
    }
    load.wait_for_more(50).await;
    load.stop().await;
    let head = head_of(&community.owner, &community.general).await;
    for (mut socket, after) in sockets {
        for seq in after + 1..=head {
            expect_message(&mut socket, seq).await;
        }
    }
}

#[tokio::test]
async fn subscribing_anew_during_a_replay_starts_it_over_once() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.fill(600).await;
    let mut socket = community.owner.socket().await;
    for after in [0, 100, 599, 300] {
        ask(&mut socket, &community.general, after, None).await;
    }
    webhook.says("new").await;
    // Each answer begins a stream of its own, which may be cut short by the next.
    let mut streams: Vec<Vec<i64>> = Vec::new();
    while streams.len() < 4 || streams.last().and_then(|seqs| seqs.last()) != Some(&601) {
        let frame = socket.next_frame().await;
        match frame["type"].as_str() {
            Some("subscribed") => streams.push(Vec::new()),
            Some("message") => {
                let stream = streams.last_mut().expect("subscribed comes first");
                stream.push(seq_of(&frame));
            }
            _ => panic!("{frame}"),
        }
    }
    for (stream, after) in streams.iter().zip([0, 100, 599, 300]) {
        let expected: Vec<i64> = (after + 1..).take(stream.len()).collect();
        assert_eq!(stream, &expected, "a stream without gap or repeat");
    }
    socket.expect_nothing_for(200).await;
}

#[tokio::test]
async fn unsubscribing_during_a_replay_ends_it() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.fill(600).await;
    let mut socket = community.owner.socket().await;
    socket.subscribe(&community.general, Some(0)).await;
    socket
        .send_json(json!({"type": "unsubscribe", "channels": [community.general]}))
        .await;
    socket
        .send_json(json!({"type": "ping", "ref": "end"}))
        .await;
    while socket.next_frame().await["type"] != "pong" {}
    webhook.says("unheard").await;
    socket.expect_nothing_for(300).await;
}

#[tokio::test]
async fn a_replay_carries_deleted_messages_without_their_content() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.says("one").await;
    let id = webhook.says("a secret").await;
    webhook.says("three").await;
    let mut watching = community.owner.socket().await;
    watching.subscribe(&community.general, None).await;
    let deleted = community.owner.delete_message(&community.general, &id);
    deleted.await.expect_done();
    let frame = watching.next_frame().await;
    assert_eq!(frame["type"], "message_deleted", "{frame}");
    assert_eq!(frame["channel_id"], community.general.as_str());
    assert_eq!(frame["message_id"], id.as_str());
    assert_eq!(seq_of(&frame), 2);
    let mut socket = community.owner.socket().await;
    socket.subscribe(&community.general, Some(0)).await;
    expect_message(&mut socket, 1).await;
    let frame = expect_message(&mut socket, 2).await;
    assert_eq!(id_of(&frame["message"]), id);
    assert_eq!(frame["message"]["deleted"], true);
    assert!(!frame.to_string().contains("a secret"), "{frame}");
    expect_message(&mut socket, 3).await;
}

#[tokio::test]
async fn many_channels_are_replayed_side_by_side() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let mut channels = Vec::new();
    for number in 0..12 {
        let channel = community.channel(&format!("channel {number}")).await;
        let webhook = community.webhook(&channel).await;
        webhook.says_in_turn("old", number).await;
        channels.push(channel);
    }
    let mut socket = community.owner.socket().await;
    let entries: Vec<Value> = channels
        .iter()
        .map(|id| json!({"id": id, "after_seq": 0}))
        .collect();
    socket
        .send_json(json!({"type": "subscribe", "channels": entries}))
        .await;
    let mut places = std::collections::HashMap::new();
    for _ in 0..12 + (0..12).sum::<i32>() {
        let frame = socket.next_frame().await;
        let channel = frame["channel_id"].as_str().expect("an id").to_owned();
        if frame["type"] == "subscribed" {
            assert_eq!(
                places.insert(channel, 0),
                None,
                "subscribed comes once, and first"
            );
        } else {
            let place = places.get_mut(&channel).expect("subscribed comes first");
            *place += 1;
            assert_eq!(seq_of(&frame), *place);
        }
    }
    for (channel, number) in channels.iter().zip(0..) {
        assert_eq!(places[channel], number);
    }
}

async fn head_of(user: &crate::support::fixtures::User, channel: &str) -> i64 {
    let channel = user.channel(channel).await.expect_status(200);
    channel.body["last_seq"].as_i64().expect("a head")
}

async fn ask(socket: &mut WsClient, channel: &str, after: i64, epoch: Option<&str>) {
    let mut frame = json!({"type": "subscribe", "channels": [{"id": channel, "after_seq": after}]});
    if let Some(epoch) = epoch {
        frame["epoch"] = epoch.into();
    }
    socket.send_json(frame).await;
}

async fn expect_message(socket: &mut WsClient, seq: i64) -> Value {
    let frame = socket.next_frame().await;
    assert_eq!(
        frame["type"], "message",
        "where {seq} was expected: {frame}"
    );
    assert_eq!(seq_of(&frame), seq, "{frame}");
    frame
}

/// The `subscribed`, which comes first, and the `resync`.
async fn expect_resync(socket: &mut WsClient, last_seq: i64) {
    for kind in ["subscribed", "resync"] {
        let frame = socket.next_frame().await;
        assert_eq!(frame["type"], kind, "{frame}");
        assert_eq!(frame["last_seq"], last_seq, "{frame}");
    }
}
