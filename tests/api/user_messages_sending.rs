//! Encrypted messages: sent, read, seen live and replayed exactly as they were sent, by members of
//! the channel alone.

use serde_json::{Value, json};

use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;
use crate::support::writer::{Writer, fresh_txn_id};

#[tokio::test]
async fn a_message_is_read_as_it_was_sent() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (ann, channel) = (community.member("ann").await, &community.general);
    let ann = Writer::of(&ann).await;
    let version = ann.members_version(channel).await;
    let sent = ann.send(channel, "m1", version, "AwgAEnAC").await;
    let sent = sent.expect_status(201);
    assert_id(&sent.body["message_id"]);
    assert_time(&sent.body["created_at"]);
    let receipt = json!({
        "message_id": sent.body["message_id"],
        "channel_id": channel,
        "seq": 1,
        "created_at": sent.body["created_at"],
    });
    assert_eq!(sent.body, receipt);
    let read = community.owner.messages(channel, "").await;
    let expected = json!({
        "id": sent.body["message_id"],
        "channel_id": channel,
        "seq": 1,
        "kind": "user",
        "author": {
            "user_id": ann.user.id,
            "username": "ann",
            "display_name": "ann",
            "device_id": ann.device_id,
        },
        "encrypted": true,
        "envelope": ann.envelope("AwgAEnAC"),
        "created_at": sent.body["created_at"],
    });
    assert_eq!(read.expect_status(200).body["messages"], json!([expected]));
}

#[tokio::test]
async fn it_arrives_live_and_replayed_as_it_is_read() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let (ann, channel) = (community.member("ann").await, &community.general);
    let ann = Writer::of(&ann).await;
    let mut live = community.owner.socket().await;
    live.subscribe(channel, None).await;
    webhook.says("before").await;
    ann.writes(channel, "first").await;
    webhook.says("between").await;
    ann.writes(channel, "second").await;
    let mut replayed = community.owner.socket().await;
    replayed.subscribe(channel, Some(0)).await;
    let history = community.owner.history_after(channel, 0).await;
    let kinds: Vec<&Value> = history.iter().map(|message| &message["kind"]).collect();
    assert_eq!(kinds, ["webhook", "user", "webhook", "user"]);
    for message in &history {
        for socket in [&mut live, &mut replayed] {
            let expected = json!({
                "type": "message", "channel_id": channel, "seq": message["seq"],
                "message": message,
            });
            assert_eq!(socket.next_frame().await, expected);
        }
    }
}

#[tokio::test]
async fn the_envelope_is_passed_on_to_the_byte() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let owner = Writer::of(&community.owner).await;
    let version = owner.members_version(channel).await;
    let envelope = format!(
        "{{ \"org.example.key\" : [1.50, {{}}, null,\"\\u00e9\\u0000\"],\n\
         \"sender_key\":\"k\", \"ciphertext\":\"Awg\\u0041\", \"session_id\":\"s\",\
         \"device_id\":\"{}\",\"algorithm\":\"m.megolm.v1.aes-sha2\" }}",
        owner.device_id
    );
    let body = format!("{{\"x\":1,\"envelope\":{envelope},\"members_version\":{version}}}");
    let path = format!("/api/channels/{channel}/messages/m1");
    let call = owner.user.put(path).bytes(body);
    let call = call.header("content-type", "application/json");
    call.send().await.expect_status(201);
    let read = owner.user.messages(channel, "").await;
    let expected = format!("\"envelope\":{envelope}");
    assert!(read.text.contains(&expected), "{}", read.text);
}

#[tokio::test]
async fn only_members_of_the_channel_write() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (member, admin) = (community.member("bob").await, community.admin("ann").await);
    let outsider = community.outsider("eve").await;
    let (public, private) = (
        community.channel("public").await,
        community.private_channel("private").await,
    );
    let owner = Writer::of(&community.owner).await;
    for (user, channel, status) in [
        (&member, &public, 403),
        (&admin, &public, 403),
        (&outsider, &public, 404),
        (&member, &private, 404),
        (&admin, &private, 403),
        (&outsider, &private, 404),
    ] {
        let writer = Writer::of(user).await;
        let version = owner.members_version(channel).await;
        for wrong in [version, version + 1, 0] {
            let sent = writer.send(channel, "m1", wrong, "AwgA").await;
            sent.expect_refused(status);
        }
        // They hear of that before anything else.
        let sent = writer.user.send_message(channel, "m 1", &json!({})).await;
        sent.expect_refused(status);
    }
    assert_eq!(owner.user.history_after(&public, 0).await.len(), 0);
    assert_eq!(owner.user.history_after(&private, 0).await.len(), 0);
}

#[tokio::test]
async fn an_ended_session_sends_nothing_more() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let phone = Writer::of(&community.owner).await.on_another_device().await;
    let version = phone.members_version(channel).await;
    let first = phone.send(channel, "m1", version, "one").await;
    first.expect_status(201);
    let revoked = community.owner.revoke_session(&phone.device_id).await;
    revoked.expect_done();
    // Also what it sent before, and what would be refused anyhow.
    for txn_id in ["m1", "m2", "m%203"] {
        let sent = phone.send(channel, txn_id, version, "two").await;
        sent.expect_problem(401, "unauthenticated");
    }
    assert_eq!(community.owner.history_after(channel, 0).await.len(), 1);
}

#[tokio::test]
async fn a_deleted_channel_takes_nothing() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = community.channel("gone").await;
    let owner = Writer::of(&community.owner).await;
    owner.writes(&channel, "one").await;
    let version = owner.members_version(&channel).await;
    owner.user.delete_channel(&channel).await.expect_done();
    let sent = owner.send(&channel, "m2", version, "two").await;
    sent.expect_refused(404);
}

#[tokio::test]
async fn nobody_is_alerted_by_what_is_encrypted() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (ann, channel) = (community.member("ann").await, &community.general);
    let owner = Writer::of(&community.owner).await;
    let version = owner.members_version(channel).await;
    let mut body = owner.body(version, "AwgA");
    body["envelope"]["org.example.note"] = json!("@ann");
    body["mentions"] = json!([ann.id]);
    let sent = owner.user.send_message(channel, "m1", &body).await;
    sent.expect_status(201);
    assert_eq!(ann.inbox().await, Vec::<Value>::new());
    let shown = ann.channel(channel).await.expect_status(200);
    assert_eq!(shown.body["unread_mentions"], 0);
}

#[tokio::test]
async fn a_page_of_cookies_sends_too_but_no_other_site() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let owner = Writer::of(&community.owner).await;
    let version = owner.members_version(channel).await;
    let cookie = format!("chatalot_session={}", owner.user.token());
    let body = owner.body(version, "AwgA");
    for (site, status) in [
        ("cross-site", 403),
        ("same-origin", 201),
        ("cross-site", 403),
    ] {
        let path = format!("/api/channels/{channel}/messages/{}", fresh_txn_id());
        let call = server.anonymous().put(path).json(&body);
        let call = call.header("cookie", &cookie);
        let call = call.header("sec-fetch-site", site);
        call.send().await.expect_status(status);
    }
}
