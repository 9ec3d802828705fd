//! Messages to single devices: in order, once for each transaction, until acknowledged.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::encrypting_device::EncryptingDevice;
use crate::support::fixtures::Community;
use crate::support::server::TestServer;
use crate::support::socket::WsClient;

async fn pair(server: &TestServer) -> (Community, EncryptingDevice, EncryptingDevice) {
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.owner).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    (community, ann, bob)
}

/// The events of the next `to_device`.
async fn next_mail(socket: &mut WsClient) -> Vec<Value> {
    let frame = socket.expect_frame("to_device").await;
    frame["events"].as_array().unwrap().clone()
}

async fn acknowledge(socket: &mut WsClient, up_to: &Value) {
    let frame = json!({"type": "to_device_ack", "up_to": up_to});
    socket.send_json(frame).await;
}

/// Takes mail, acknowledging each page, until there were `count` messages.
async fn take(socket: &mut WsClient, count: usize) -> Vec<Value> {
    let mut all = Vec::new();
    while all.len() < count {
        let page = next_mail(socket).await;
        acknowledge(socket, &page.last().unwrap()["id"]).await;
        all.extend(page);
    }
    all
}

fn contents(events: &[Value]) -> Vec<i64> {
    let content = |event: &Value| event["content"]["n"].as_i64().unwrap();
    events.iter().map(content).collect()
}

/// Nothing waits for the device: the next message is the first that comes.
async fn expect_empty(from: &EncryptingDevice, to: &EncryptingDevice) {
    let mut socket = to.socket().await;
    from.send_to(to, "probe", &json!({"n": -1})).await;
    let mail = take(&mut socket, 1).await;
    assert_eq!(contents(&mail), [-1]);
}

#[tokio::test]
async fn a_message_reaches_the_device_it_is_for_as_it_was_sent() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let laptop = bob.another().await;
    let (mut socket, mut other) = (bob.socket().await, laptop.socket().await);
    let content = json!({
        "algorithm": "m.olm.v1.curve25519-aes-sha2",
        "ciphertext": {"key": {"type": 0, "body": "AwogGJ\u{0}\"é"}},
        "sender_key": "x",
    });
    ann.send_to(&bob, "t1", &content).await;
    let mail = next_mail(&mut socket).await;
    let expected = json!({
        "id": mail[0]["id"],
        "type": "m.room.encrypted",
        "sender": ann.user_id,
        "content": content,
    });
    assert_eq!(mail, [expected]);
    // The star is for all of a user's devices, unless one is named beside it.
    let messages = json!({&bob.user_id: {"*": {"n": 1}, &bob.device_id: {"n": 2}}});
    ann.send("t2", &messages).await.expect_status(200);
    assert_eq!(contents(&take(&mut other, 1).await), [1]);
    acknowledge(&mut socket, &mail[0]["id"]).await;
    assert_eq!(contents(&take(&mut socket, 1).await), [2]);
}

#[tokio::test]
async fn messages_wait_in_order_until_they_are_acknowledged() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    for number in 0..5 {
        let content = json!({ "n": number });
        ann.send_to(&bob, &format!("t{number}"), &content).await;
    }
    // Sent on each connection, for as long as nobody acknowledges.
    for _ in 0..2 {
        let mut socket = bob.socket().await;
        let mail = next_mail(&mut socket).await;
        assert_eq!(contents(&mail), [0, 1, 2, 3, 4]);
    }
    // What was acknowledged does not come again, what follows it does.
    let mut socket = bob.socket().await;
    let mail = next_mail(&mut socket).await;
    acknowledge(&mut socket, &mail[2]["id"]).await;
    ann.send_to(&bob, "t5", &json!({"n": 5})).await;
    acknowledge(&mut socket, &mail[4]["id"]).await;
    let rest = next_mail(&mut socket).await;
    assert_eq!(contents(&rest), [5], "only what was not sent here before");
    drop(socket);
    let mut socket = bob.socket().await;
    let mail = next_mail(&mut socket).await;
    assert_eq!(contents(&mail), [5]);
    acknowledge(&mut socket, &mail[0]["id"]).await;
    ann.send_to(&bob, "t6", &json!({"n": 6})).await;
    let mail = take(&mut socket, 1).await;
    assert_eq!(contents(&mail), [6]);
}

#[tokio::test]
async fn mail_comes_in_pages_and_the_next_after_the_acknowledgement() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    for number in 0..250 {
        let content = json!({ "n": number });
        ann.send_to(&bob, &format!("t{number}"), &content).await;
    }
    let mut socket = bob.socket().await;
    let page = next_mail(&mut socket).await;
    assert_eq!(page.len(), 100);
    socket.round_trip().await;
    // Acknowledging what was never sent takes nothing with it.
    acknowledge(&mut socket, &json!(1_000_000)).await;
    let second = take(&mut socket, 150).await;
    let all: Vec<i64> = contents(&page)
        .into_iter()
        .chain(contents(&second))
        .collect();
    assert_eq!(all, (0..250).collect::<Vec<_>>());
    // A page has bytes too: these are three.
    for number in 0..6 {
        let content = json!({"n": number, "x": "x".repeat(60_000)});
        ann.send_to(&bob, &format!("large{number}"), &content).await;
    }
    let large = take(&mut socket, 6).await;
    assert_eq!(contents(&large), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_repeat_of_a_transaction_changes_nothing() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let messages = |n: i64| json!({&bob.user_id: {&bob.device_id: {"n": n}}});
    let sends: Vec<Value> = (0..10).map(messages).collect();
    let answers = join_all(sends.iter().map(|body| ann.send("same", body))).await;
    for answer in answers {
        answer.expect_status(200);
    }
    // Another device of the sender has transactions of its own.
    let phone = ann.another().await;
    phone.send("same", &messages(50)).await.expect_status(200);
    let mut socket = bob.socket().await;
    let mail = take(&mut socket, 2).await;
    assert_eq!(mail.len(), 2);
    assert_eq!(contents(&mail)[1], 50);
}

#[tokio::test]
async fn many_senders_at_once_lose_nothing_and_each_stays_in_order() {
    let server = TestServer::start().await;
    let (community, ann, bob) = pair(&server).await;
    let mut senders = vec![ann];
    for name in ["cat", "dan", "eva"] {
        senders.push(EncryptingDevice::of(&community.member(name).await).await);
    }
    let mut socket = bob.socket().await;
    let bob = &bob;
    let send = async |sender: &EncryptingDevice| {
        for number in 0..25 {
            let content = json!({ "n": number });
            sender.send_to(bob, &format!("t{number}"), &content).await;
        }
    };
    let (mail, _) = tokio::join!(take(&mut socket, 100), join_all(senders.iter().map(send)));
    let ids: Vec<i64> = mail.iter().map(|it| it["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, (1..=100).collect::<Vec<_>>(), "places without gaps");
    for sender in &senders {
        let of_sender: Vec<Value> = mail
            .iter()
            .filter(|it| it["sender"] == sender.user_id.as_str())
            .cloned()
            .collect();
        assert_eq!(contents(&of_sender), (0..25).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn one_connection_s_acknowledgement_counts_for_all_of_the_device() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let (mut first, mut second) = (bob.socket().await, bob.socket().await);
    ann.send_to(&bob, "t1", &json!({"n": 1})).await;
    let mail = next_mail(&mut first).await;
    assert_eq!(contents(&next_mail(&mut second).await), [1]);
    acknowledge(&mut first, &mail[0]["id"]).await;
    first.round_trip().await;
    ann.send_to(&bob, "t2", &json!({"n": 2})).await;
    // The second one acknowledged nothing, and goes on all the same.
    assert_eq!(contents(&next_mail(&mut first).await), [2]);
    assert_eq!(contents(&next_mail(&mut second).await), [2]);
}

#[tokio::test]
async fn messages_go_to_those_who_share_a_channel() {
    let server = TestServer::start().await;
    let (community, ann, bob) = pair(&server).await;
    let eve = EncryptingDevice::of(&community.outsider("eve").await).await;
    eve.send_to(&bob, "t1", &json!({"n": 1})).await;
    let star = json!({&bob.user_id: {"*": {"n": 2}}});
    eve.send("t2", &star).await.expect_status(200);
    // A device is written to under its own user only.
    let foreign = json!({&ann.user_id: {&bob.device_id: {"n": 3}}});
    ann.send("t3", &foreign).await.expect_status(200);
    expect_empty(&ann, &bob).await;
    // One's own devices can always be written to.
    let phone = eve.another().await;
    eve.send_to(&phone, "t4", &json!({"n": 4})).await;
    let mut socket = phone.socket().await;
    assert_eq!(contents(&take(&mut socket, 1).await), [4]);
}

#[tokio::test]
async fn what_is_sent_has_its_form() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    ann.send("t", &json!("x")).await.expect_refused(422);
    let nobody = json!({"bob": {"*": {}}, &bob.user_id: {"phone": {}, "*": {}}});
    let answer = ann.send("t", &nobody).await;
    let device = format!("/messages/{}/phone", bob.user_id);
    answer.expect_invalid(&["/messages/bob", &device]);
    let text = json!({&bob.user_id: {"*": "text"}});
    ann.send("t", &text).await.expect_refused(422);
    let of_length = |length: usize| "x".repeat(length);
    let none = json!({});
    ann.send(&of_length(255), &none).await.expect_status(200);
    ann.send(&of_length(256), &none).await.expect_refused(404);
    let path = format!("/api/e2ee/to_device/{}/t", of_length(256));
    let call = ann.put(path).json(&json!({"messages": {}}));
    call.send().await.expect_refused(404);
}

#[tokio::test]
async fn an_acknowledgement_needs_a_place() {
    let server = TestServer::start().await;
    let (_, _, bob) = pair(&server).await;
    let mut socket = bob.socket().await;
    for up_to in [json!("1"), Value::Null, json!(1.5)] {
        let frame = json!({"type": "to_device_ack", "up_to": up_to, "ref": "a"});
        socket.send_json(frame).await;
        let error = socket.expect_frame("error").await;
        assert_eq!(
            (&error["code"], &error["ref"]),
            (&json!("bad_frame"), &json!("a"))
        );
    }
    for up_to in [-1, 0, 5] {
        acknowledge(&mut socket, &json!(up_to)).await;
    }
    socket.round_trip().await;
}
