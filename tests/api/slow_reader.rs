//! A client that stops reading costs bounded memory, delays nobody, and loses nothing: it is
//! cut off, comes back with its place and is caught up.

use std::time::Duration;

use futures_util::StreamExt;

use crate::support::database::TestDatabase;
use crate::support::fixtures::Webhook;
use crate::support::follower::Follower;
use crate::support::history::seq_of;
use crate::support::load::{Load, audit, client, try_post};
use crate::support::metrics::{gauge, wait_for_gauge};
use crate::support::process::Launch;
use crate::support::server::TestServer;

/// A thousand readers that are flooded take the machine from one who must keep up: these tests
/// take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const BUDGET: usize = 65_536;
const SMALL: u32 = 4096;

async fn server_with_small_budget(user_timeout_ms: u64) -> TestServer {
    TestServer::with(|settings| {
        settings.limits.webhook_per_second = 0;
        settings.metrics.listen = "127.0.0.1:0".to_owned();
        settings.sockets.budget_bytes = BUDGET;
        settings.sockets.send_buffer_bytes = 8192;
        settings.sockets.user_timeout_ms = user_timeout_ms;
    })
    .await
}

/// Room for far more than the budget and the kernel's buffers hold.
const BIG_POSTS: usize = 150;

fn big() -> String {
    "x".repeat(3900)
}

#[tokio::test]
async fn a_reader_that_is_late_is_told_so_and_can_come_back() {
    let server = server_with_small_budget(60_000).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let handshake = community.owner.handshake().receive_buffer(SMALL);
    let (mut socket, _) = handshake.connect_and_greet().await;
    socket.subscribe(&community.general, None).await;
    socket.stop_reading();
    for _ in 0..BIG_POSTS {
        webhook.says(&big()).await;
    }
    socket.read_on();
    let frames = socket.expect_close(4001).await;
    for (frame, seq) in frames.iter().zip(1..) {
        assert_eq!(seq_of(frame), seq, "what did arrive has no gap");
    }
    assert!(frames.len() < BIG_POSTS, "it was cut off");
    let place = frames.last().map_or(0, seq_of);
    let mut socket = community.owner.socket().await;
    socket.subscribe(&community.general, Some(place)).await;
    for seq in place + 1..=i64::try_from(BIG_POSTS).unwrap() {
        let frame = socket.expect_frame("message").await;
        assert_eq!(seq_of(&frame), seq);
    }
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_ended_by_the_kernel() {
    let server = server_with_small_budget(1500).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let handshake = community.owner.handshake().receive_buffer(SMALL);
        let (mut socket, _) = handshake.connect_and_greet().await;
        socket.subscribe(&community.general, None).await;
        stalled.push(socket);
    }
    let mut healthy = community.owner.socket().await;
    healthy.subscribe(&community.general, None).await;
    let port = server.metrics_port.expect("a metrics listener");
    wait_for_gauge(port, "session", 4.0).await;
    for socket in &stalled {
        socket.stop_reading();
    }
    for _ in 0..BIG_POSTS {
        webhook.says(&big()).await;
    }
    for seq in 1..=i64::try_from(BIG_POSTS).unwrap() {
        let frame = healthy.next_frame().await;
        assert_eq!(seq_of(&frame), seq, "nobody else misses anything");
    }
    // The stalled sockets are still open on this side: their end is the server's doing.
    wait_for_gauge(port, "session", 1.0).await;
    healthy.round_trip().await;
    drop(stalled);
}

#[tokio::test]
async fn others_see_every_message_while_one_reader_stalls_and_catches_up() {
    let _turn = TURN.lock().await;
    let server = server_with_small_budget(2000).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let channel = community.general.as_str();
    let mut slow = Follower::new(&ann).with_receive_buffer(SMALL);
    slow.subscribe(channel).await;
    slow.settle().await;
    let mut quick = Follower::of(&community.owner, &[channel]).await;
    slow.set_reading(false);
    let load = Load::start(std::slice::from_ref(&webhook), 4, &big()[..3500]);
    // While the slow one takes nothing, the quick one keeps up to date.
    for _ in 0..BIG_POSTS / 4 {
        load.wait_for_more(4).await;
        quick.follow_to(channel, load.accepted()).await;
    }
    assert_eq!(quick.connects, 1, "it was never interrupted");
    slow.set_reading(true);
    load.wait_for_more(20).await;
    let records = load.stop().await;
    let history = audit(&community.owner, &[channel], &records).await;
    quick.saw_all(&history).await;
    slow.saw_all(&history).await;
    assert!(slow.connects > 1, "the slow one had been cut off");
    for end in &slow.ends {
        assert!(matches!(end, Some(4001) | None), "{end:?}");
    }
}

#[tokio::test]
async fn a_stalled_reader_delays_no_post() {
    let server = server_with_small_budget(60_000).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let handshake = community.owner.handshake().receive_buffer(SMALL);
    let (mut socket, _) = handshake.connect_and_greet().await;
    socket.subscribe(&community.general, None).await;
    socket.stop_reading();
    let content = big();
    for _ in 0..BIG_POSTS {
        let post = tokio::time::timeout(Duration::from_secs(5), webhook.says(&content));
        post.await.expect("an answer although one reader stalls");
    }
}

#[tokio::test]
async fn stalled_readers_cost_bounded_memory() {
    const READERS: usize = 1_000;
    let _turn = TURN.lock().await;
    let database = TestDatabase::create().await;
    let (launch, port) = Launch::new()
        .set("CHATALOT_DATABASE__URL", database.url())
        .set("CHATALOT_SOCKETS__BUDGET_BYTES", BUDGET.to_string())
        .set("CHATALOT_SOCKETS__SEND_BUFFER_BYTES", "8192")
        .set("CHATALOT_SOCKETS__USER_TIMEOUT_MS", "120000")
        .set("CHATALOT_SOCKETS__MAX_PER_USER", (READERS + 1).to_string())
        .with_metrics();
    let server = launch.start().await;
    let community = server.community().await;
    let webhook = community.webhook(&community.general).await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let handshake = community.owner.handshake().receive_buffer(SMALL);
        let (mut socket, _) = handshake.connect_and_greet().await;
        socket.subscribe(&community.general, None).await;
        readers.push(socket);
    }
    wait_for_gauge(port, "session", READERS as f64).await;
    flood(&webhook, 40).await;
    let before = server.resident_bytes();
    for socket in &readers {
        socket.stop_reading();
    }
    // Unbounded, every reader would be owed all of it: a thousand times 600 KB.
    flood(&webhook, BIG_POSTS).await;
    let after = server.resident_bytes();
    let bound = READERS * (3 * BUDGET + 32 * 1024) + 24 * 1024 * 1024;
    let grown = usize::try_from(after.saturating_sub(before)).unwrap();
    assert!(grown < bound, "grew by {grown} bytes, bound {bound}");
    assert!(gauge(port, "session").await.is_some());
    let mut socket = community.owner.socket().await;
    let newest = i64::try_from(40 + BIG_POSTS).unwrap();
    socket.subscribe(&community.general, Some(newest - 5)).await;
    for seq in newest - 4..=newest {
        let frame = socket.expect_frame("message").await;
        assert_eq!(seq_of(&frame), seq);
    }
}

async fn flood(webhook: &Webhook, count: usize) {
    let http = client();
    let content = big();
    let posts = futures_util::stream::iter(0..count).map(|_| async {
        let posted = try_post(&http, webhook, &content).await;
        assert_eq!(posted.expect("an answer").status, 201);
    });
    posts.buffer_unordered(8).collect::<Vec<()>>().await;
}

#[tokio::test]
async fn a_reader_that_never_takes_its_replay_costs_nothing_and_is_not_slow() {
    let server = server_with_small_budget(60_000).await;
    let (community, webhook) = server.channel_with_webhook().await;
    flood(&webhook, BIG_POSTS).await;
    let handshake = community.owner.handshake().receive_buffer(SMALL);
    let (mut socket, _) = handshake.connect_and_greet().await;
    socket.subscribe(&community.general, Some(0)).await;
    socket.stop_reading();
    // New messages while the replay waits join it instead of the budget.
    flood(&webhook, 40).await;
    socket.read_on();
    for seq in 1..=i64::try_from(BIG_POSTS + 40).unwrap() {
        let frame = socket.next_frame().await;
        assert_eq!(seq_of(&frame), seq, "{frame}");
    }
}

#[tokio::test]
async fn a_stalled_reader_does_not_keep_a_member_in() {
    let server = server_with_small_budget(60_000).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let handshake = ann.handshake().receive_buffer(SMALL);
    let (mut socket, _) = handshake.connect_and_greet().await;
    socket.subscribe(&community.general, None).await;
    socket.stop_reading();
    flood(&webhook, 10).await;
    let kicked = community.owner.remove_member(&community.id, &ann.id).await;
    kicked.expect_done();
    webhook.says("unheard").await;
    socket.read_on();
    loop {
        match socket.next_or_end().await {
            Ok(frame) => {
                assert_ne!(frame["message"]["content"], "unheard");
                if frame["type"] == "channel_removed" {
                    break;
                }
            }
            Err(code) => {
                assert_eq!(code, Some(4001));
                break;
            }
        }
    }
}
