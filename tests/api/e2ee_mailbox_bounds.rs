//! How much may wait for a device, for how long, and how much one call may send.

use serde_json::{Map, Value, json};

use crate::support::encrypting_device::EncryptingDevice;
use crate::support::metrics::{counts, wait_for_counts};
use crate::support::server::TestServer;
use crate::support::sweep::{open_store, sweep_everything};

async fn with_metrics() -> (TestServer, u16) {
    let server = TestServer::with(|it| it.metrics.listen = "127.0.0.1:0".to_owned()).await;
    let port = server.metrics_port.expect("a metrics listener");
    (server, port)
}

async fn pair(server: &TestServer) -> (EncryptingDevice, EncryptingDevice) {
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.owner).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    (ann, bob)
}

/// Makes the mailbox of a device as full as if so much had been put into it.
async fn fill(server: &TestServer, device: &EncryptingDevice, messages: i32, bytes: i64) {
    let database = server.database.connect().await;
    let statement = "update to_device_mailboxes set waiting_messages = $2, waiting_bytes = $3 \
         where session_id = $1::text::uuid";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&device.device_id, &messages, &bytes];
    assert_eq!(database.execute(statement, &parameters).await.unwrap(), 1);
}

async fn waiting(server: &TestServer, device: &EncryptingDevice) -> (i32, i64) {
    let database = server.database.connect().await;
    let statement = "select waiting_messages, waiting_bytes from to_device_mailboxes \
         where session_id = $1::text::uuid";
    let row = database.query_one(statement, &[&device.device_id]).await;
    let row = row.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn a_full_mailbox_is_passed_over_and_the_sender_is_told() {
    let (server, port) = with_metrics().await;
    let (ann, bob) = pair(&server).await;
    let laptop = bob.another().await;
    let messages = json!({&bob.user_id: {"*": {"n": 1}}});
    let full = json!({"undelivered": {&bob.user_id: [&bob.device_id]}});
    let content = json!({"n": 1}).to_string().len() as i64;
    const MOST_BYTES: i64 = 16 * 1024 * 1024;
    for (at, messages_waiting, bytes_waiting, expected) in [
        (1, 9_999, 0, json!({})),
        (2, 10_000, 0, full.clone()),
        (3, 0, MOST_BYTES - content, json!({})),
        (4, 0, MOST_BYTES - content + 1, full.clone()),
    ] {
        fill(&server, &bob, messages_waiting, bytes_waiting).await;
        let answer = ann.send(&format!("t{at}"), &messages).await;
        assert_eq!(answer.expect_status(200).body, expected, "{at}");
        // A repeat tells it again, also when there is room by now.
        fill(&server, &bob, 0, 0).await;
        let answer = ann.send(&format!("t{at}"), &messages).await;
        assert_eq!(answer.expect_status(200).body, expected, "{at}");
    }
    assert_eq!(waiting(&server, &laptop).await.0, 4, "others get theirs");
    wait_for_counts(port, "chatalot_to_device_lost", &[("mailbox_full", 2)]).await;
}

#[tokio::test]
async fn a_send_that_reaches_nobody_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let (ann, bob) = pair(&server).await;
    let nobody = json!({&bob.user_id: {uuid::Uuid::now_v7().to_string(): {}}});
    for (number, messages) in [json!({}), nobody].iter().enumerate() {
        let answer = ann.send(&format!("t{number}"), messages).await;
        assert_eq!(answer.expect_status(200).body, json!({}));
    }
    let database = server.database.connect().await;
    let statement = "select count(*) from to_device_transactions";
    let row = database.query_one(statement, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn acknowledging_makes_room() {
    let server = TestServer::start().await;
    let (ann, bob) = pair(&server).await;
    for number in 0..3 {
        let content = json!({ "n": number });
        ann.send_to(&bob, &format!("t{number}"), &content).await;
    }
    assert_eq!(waiting(&server, &bob).await, (3, 21));
    let mut socket = bob.socket().await;
    let mail = socket.expect_frame("to_device").await;
    let frame = json!({"type": "to_device_ack", "up_to": mail["events"][1]["id"]});
    socket.send_json(frame).await;
    let frame = json!({"type": "to_device_ack", "up_to": mail["events"][2]["id"]});
    socket.send_json(frame).await;
    // The next message comes only after the acknowledgement was written down.
    ann.send_to(&bob, "t3", &json!({"n": 3})).await;
    socket.expect_frame("to_device").await;
    assert_eq!(waiting(&server, &bob).await, (1, 7));
}

#[tokio::test]
async fn one_call_reaches_at_most_500_devices() {
    let server = TestServer::start().await;
    let (ann, bob) = pair(&server).await;
    let named = |count: usize| {
        let devices: Map<String, Value> = (0..count)
            .map(|_| (uuid::Uuid::now_v7().to_string(), json!({})))
            .collect();
        json!({&bob.user_id: devices})
    };
    for (count, status) in [(499, 200), (500, 200), (501, 422)] {
        let answer = ann.send(&format!("t{count}"), &named(count)).await;
        answer.expect_status(status);
    }
}

#[tokio::test]
async fn a_star_counts_as_the_devices_that_it_stands_for() {
    let server = TestServer::with(|it| it.sessions.max_per_user = 1000).await;
    let (ann, bob) = pair(&server).await;
    // As if bob had signed in on 499 more devices.
    let add = async |count: i32| {
        let database = server.database.connect().await;
        let statement = format!(
            "with made as (
                insert into sessions (id, user_id, token_hash)
                select gen_random_uuid(), '{0}', sha256(gen_random_uuid()::text::bytea)
                from generate_series(1, {count})
                returning id
            ),
            keys as (
                insert into device_keys (session_id, user_id, device_keys)
                select id, '{0}', '{{}}' from made
                returning session_id
            )
            insert into to_device_mailboxes (session_id) select session_id from keys",
            bob.id
        );
        database.batch_execute(&statement).await.unwrap();
    };
    let star = json!({&bob.user_id: {"*": {}, &bob.device_id: {}}});
    add(499).await;
    ann.send("t1", &star).await.expect_status(200);
    add(1).await;
    let refused = ann.send("t2", &star).await;
    refused.expect_invalid(&["/messages"]);
    // Nothing was done, so that the same transaction may be tried in parts.
    let one = json!({&bob.user_id: {&bob.device_id: {}}});
    ann.send("t2", &one).await.expect_status(200);
    assert_eq!(waiting(&server, &bob).await.0, 2);
}

#[tokio::test]
async fn a_message_has_at_most_64_kib_and_a_call_1_mib() {
    let server = TestServer::start().await;
    let (ann, bob) = pair(&server).await;
    const LIMIT: usize = 64 * 1024;
    // {"x":"…"} is 8 bytes around the text.
    for (size, status) in [(LIMIT - 1, 200), (LIMIT, 200), (LIMIT + 1, 422)] {
        let content = json!({"x": "x".repeat(size - 8)});
        let messages = json!({&bob.user_id: {&bob.device_id: content}});
        let answer = ann.send(&format!("t{size}"), &messages).await;
        answer.expect_status(status);
    }
    const BODY: usize = 1024 * 1024;
    for (size, status) in [(BODY - 1, 200), (BODY, 200), (BODY + 1, 413)] {
        let mut body = br#"{"messages": {}}"#.to_vec();
        body.resize(size, b' ');
        let call = ann.put(format!("/api/e2ee/to_device/m.dummy/body{size}"));
        let call = call.header("content-type", "application/json").bytes(body);
        call.send().await.expect_status(status);
    }
}

#[tokio::test]
async fn mail_waits_30_days_and_repeats_are_known_for_7() {
    let server = TestServer::start().await;
    let (ann, bob) = pair(&server).await;
    for number in 0..2 {
        let content = json!({ "n": number });
        ann.send_to(&bob, &format!("t{number}"), &content).await;
    }
    let database = server.database.connect().await;
    database
        .batch_execute(
            "update to_device_messages set created_at = now() - interval '1 day' * (32 - position * 2);
             update to_device_transactions set created_at = now() - interval '1 day' * 8
             where txn_id = 't0'",
        )
        .await
        .unwrap();
    let store = open_store(server.database.config());
    let expired = sweep_everything(&store).await;
    assert_eq!(expired, 1);
    assert_eq!(waiting(&server, &bob).await, (1, 7));
    // The first is forgotten, and sent anew; the second is known.
    for number in 0..2 {
        let content = json!({"n": 10 + number});
        ann.send_to(&bob, &format!("t{number}"), &content).await;
    }
    let mut socket = bob.socket().await;
    let mail = socket.expect_frame("to_device").await;
    let numbers: Vec<&Value> = mail["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["content"]["n"])
        .collect();
    assert_eq!(numbers, [&json!(1), &json!(10)]);
}

#[tokio::test]
async fn nothing_is_counted_as_lost_that_was_not() {
    let (server, port) = with_metrics().await;
    let (ann, bob) = pair(&server).await;
    ann.send_to(&bob, "t", &json!({"n": 1})).await;
    assert!(counts(port, "chatalot_to_device_lost").await.is_empty());
}
