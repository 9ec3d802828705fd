//! How large an encrypted message may be, how often one may send, and how much is answered at once.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::server::TestServer;
use crate::support::writer::{Writer, fresh_txn_id};

const LIMIT: usize = 64 * 1024;
const BURST: u32 = 3;

/// An envelope of exactly `size` bytes.
fn envelope_of(writer: &Writer, size: usize) -> Value {
    let rest = writer.envelope("").to_string().len();
    let envelope = writer.envelope(&"A".repeat(size - rest));
    assert_eq!(envelope.to_string().len(), size);
    envelope
}

#[tokio::test]
async fn an_envelope_of_64_kib_is_accepted_and_one_byte_more_is_not() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let writer = Writer::of(&community.owner).await;
    let version = writer.members_version(channel).await;
    let mut socket = community.owner.socket().await;
    socket.subscribe(channel, None).await;
    for (size, accepted) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
        let envelope = envelope_of(&writer, size);
        let body = json!({"members_version": version, "envelope": envelope});
        let sent = writer
            .user
            .send_message(channel, &fresh_txn_id(), &body)
            .await;
        let message_id = match accepted {
            true => {
                let frame = socket.expect_frame("message").await;
                assert_eq!(frame["message"]["envelope"], envelope);
                sent.expect_status(201).str("message_id")
            }
            false => {
                sent.expect_problem(413, "envelope_too_large");
                writer.writes(channel, "AwgA").await.str("message_id")
            }
        };
        let edited = writer.user.edit_message(channel, &message_id, &body).await;
        match accepted {
            true => drop(edited.expect_status(200)),
            false => drop(edited.expect_problem(413, "envelope_too_large")),
        }
    }
}

#[tokio::test]
async fn a_page_of_large_messages_ends_after_1_mib_and_says_that_there_are_more() {
    let server = limited(0, 1).await;
    let community = server.community().await;
    let channel = &community.general;
    let writer = Writer::of(&community.owner).await;
    let version = writer.members_version(channel).await;
    // Sixteen are 1 MiB: the sixteenth begins before it, the seventeenth does not.
    let body = json!({"members_version": version, "envelope": envelope_of(&writer, LIMIT)});
    for count in 1..=17 {
        let sent = writer
            .user
            .send_message(channel, &fresh_txn_id(), &body)
            .await;
        sent.expect_status(201);
        if count < 15 {
            continue;
        }
        for query in ["limit=200", "limit=200&before=1000", "limit=200&after=0"] {
            let path = format!("/api/channels/{channel}/messages?{query}");
            let page = writer.user.get(path).send().await.expect_status(200).body;
            let messages = page["messages"].as_array().unwrap();
            assert_eq!(messages.len(), count.min(16), "{query}");
            assert_eq!(page["has_more"], count > 16, "{query}");
        }
    }
}

#[tokio::test]
async fn the_rest_of_the_body_may_have_4_kib() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let writer = Writer::of(&community.owner).await;
    let version = writer.members_version(channel).await;
    let body = json!({"members_version": version, "envelope": envelope_of(&writer, LIMIT)});
    for (size, status) in [
        (LIMIT + 4095, 201),
        (LIMIT + 4096, 201),
        (LIMIT + 4097, 413),
        (1_000_000, 413),
    ] {
        let mut body = body.to_string().into_bytes();
        // JSON may end in blanks.
        body.resize(size, b' ');
        let path = format!("/api/channels/{channel}/messages/{}", fresh_txn_id());
        let call = writer.user.put(path).bytes(body);
        let answer = call.header("content-type", "application/json").send().await;
        let answer = answer.expect_status(status);
        if status == 413 {
            answer.expect_problem(413, "payload_too_large");
        }
    }
}

#[tokio::test]
async fn a_transaction_id_has_1_to_64_characters_that_need_no_escape() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let writer = Writer::of(&community.owner).await;
    let version = writer.members_version(channel).await;
    for accepted in ["1", "a-B_c.d~e", &"x".repeat(63), &"x".repeat(64)] {
        let sent = writer.send(channel, accepted, version, "AwgA").await;
        sent.expect_status(201);
    }
    for refused in ["%20", "a%2Fb", "%C3%A9", "a+b", &"x".repeat(65)] {
        let sent = writer.send(channel, refused, version, "AwgA").await;
        let sent = sent.expect_problem(422, "invalid_path");
        sent.expect_invalid(&["/txn_id"]);
    }
}

async fn limited(per_second: u32, burst: u32) -> TestServer {
    TestServer::with(|settings| {
        settings.limits.message_per_second = per_second;
        settings.limits.message_burst = burst;
    })
    .await
}

/// Sends and edits until the server refuses; the machine may be slow, so time is measured.
async fn expect_limit(call: impl AsyncFn() -> Answer) {
    let start = std::time::Instant::now();
    for accepted in 0..u64::from(BURST) * 20 {
        let answer = call().await;
        if answer.status == 429 {
            let answer = answer.expect_problem(429, "rate_limited");
            let policy = answer.header("ratelimit-policy");
            assert!(
                policy.starts_with(&format!("\"message\";q={BURST}")),
                "{policy}"
            );
            answer.header("retry-after").parse::<u64>().unwrap();
            let saved_up = start.elapsed().as_secs() + 1;
            assert!(accepted >= u64::from(BURST), "refused after {accepted}");
            assert!(
                accepted <= u64::from(BURST) + saved_up,
                "{accepted} accepted"
            );
            return;
        }
        assert!(answer.status < 300, "{}", answer.text);
    }
    panic!("never refused");
}

#[tokio::test]
async fn a_user_sends_up_to_the_burst_and_then_at_the_rate_on_all_devices_together() {
    let server = limited(1, BURST).await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let phone = ann.on_another_device().await;
    let version = ann.members_version(channel).await;
    let turn = std::cell::Cell::new(false);
    expect_limit(async || {
        turn.set(!turn.get());
        let writer = if turn.get() { &ann } else { &phone };
        writer.send(channel, &fresh_txn_id(), version, "AwgA").await
    })
    .await;
    let owner = Writer::of(&community.owner).await;
    owner.writes(channel, "notHeldBack").await;
}

#[tokio::test]
async fn edits_count_as_messages() {
    let server = limited(1, BURST).await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let bob = Writer::of(&community.member("bob").await).await;
    let version = ann.members_version(channel).await;
    let sent = bob.send(channel, "m1", version, "AwgA").await;
    let message_id = sent.expect_status(201).str("message_id");
    let body = ann.body(version, "AwgA");
    let refused = ann.user.edit_message(channel, &message_id, &body).await;
    refused.expect_refused(403);
    let sent = ann.send(channel, "m1", version, "AwgA").await;
    let message_id = sent.expect_status(201).str("message_id");
    // Two of the burst are used up.
    for _ in 0..BURST * 20 {
        let edited = ann.user.edit_message(channel, &message_id, &body).await;
        if edited.status == 429 {
            return;
        }
        edited.expect_status(200);
    }
    panic!("never refused");
}

#[tokio::test]
async fn what_is_not_valid_does_not_use_up_the_rate() {
    let server = limited(1, BURST).await;
    let community = server.community().await;
    let channel = &community.general;
    let writer = Writer::of(&community.owner).await;
    let version = writer.members_version(channel).await;
    for _ in 0..BURST * 3 {
        let sent = writer.user.send_message(channel, "m1", &json!({})).await;
        sent.expect_refused(422);
        let sent = writer.send(channel, "%20", version, "AwgA").await;
        sent.expect_refused(422);
    }
    for _ in 0..BURST {
        let sent = writer.send(channel, &fresh_txn_id(), version, "AwgA").await;
        sent.expect_status(201);
    }
}

#[tokio::test]
async fn zero_switches_the_limit_off() {
    let server = limited(0, 1).await;
    let community = server.community().await;
    let channel = &community.general;
    let writer = Writer::of(&community.owner).await;
    let version = writer.members_version(channel).await;
    for _ in 0..20 {
        let sent = writer.send(channel, &fresh_txn_id(), version, "AwgA").await;
        sent.expect_status(201);
    }
}

#[tokio::test]
async fn many_large_messages_are_replayed_in_order_and_nobody_is_cut_off() {
    let server = limited(0, 1).await;
    let community = server.community().await;
    let channel = &community.general;
    let writer = Writer::of(&community.owner).await;
    let version = writer.members_version(channel).await;
    let body = json!({"members_version": version, "envelope": envelope_of(&writer, LIMIT)});
    for _ in 0..30 {
        let sent = writer
            .user
            .send_message(channel, &fresh_txn_id(), &body)
            .await;
        sent.expect_status(201);
    }
    let mut socket = community.owner.socket().await;
    socket.subscribe(channel, Some(0)).await;
    for seq in 1..=30 {
        let frame = socket.next_frame().await;
        assert_eq!(frame["type"], "message");
        assert_eq!(frame["seq"], seq);
    }
}
