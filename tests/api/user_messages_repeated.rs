//! Sending the same again: one message, and always the first answer.

use serde_json::Value;

use crate::support::server::TestServer;
use crate::support::sweep::{open_store, sweep_everything};
use crate::support::writer::{Writer, ciphertext_of};

/// A server without a limit on messages.
async fn unlimited() -> TestServer {
    TestServer::with(|settings| settings.limits.message_per_second = 0).await
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_writes_nothing() {
    let server = unlimited().await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let version = ann.members_version(channel).await;
    let first = ann.send(channel, "m1", version, "one").await;
    let first = first.expect_status(201);
    ann.send(channel, "m2", version, "two").await;
    for ciphertext in ["one", "other"] {
        let again = ann.send(channel, "m1", version, ciphertext).await;
        assert_eq!(again.expect_status(201).body, first.body);
    }
    let history = ann.user.history_after(channel, 0).await;
    let said: Vec<&str> = history.iter().map(ciphertext_of).collect();
    assert_eq!(said, ["one", "two"]);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_whoever_joined_or_left_since() {
    let server = unlimited().await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let version = ann.members_version(channel).await;
    let first = ann.send(channel, "m1", version, "one").await;
    let first = first.expect_status(201);
    community.member("bob").await;
    let again = ann.send(channel, "m1", version, "one").await;
    assert_eq!(again.expect_status(201).body, first.body);
    let new = ann.send(channel, "m2", version, "two").await;
    new.expect_problem(409, "members_changed");

    let kicked = community.owner.remove_from_channel(channel, &ann.user.id);
    kicked.await.expect_done();
    let again = ann.send(channel, "m1", version, "one").await;
    assert_eq!(again.expect_status(201).body, first.body);
    let new = ann.send(channel, "m2", version, "two").await;
    new.expect_refused(403);

    let kicked = community.owner.remove_member(&community.id, &ann.user.id);
    kicked.await.expect_done();
    let again = ann.send(channel, "m1", version, "one").await;
    assert_eq!(again.expect_status(201).body, first.body);
    let new = ann.send(channel, "m2", version, "two").await;
    new.expect_refused(404);
    assert_eq!(community.owner.history_after(channel, 0).await.len(), 1);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_although_the_message_was_deleted() {
    let server = unlimited().await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let version = ann.members_version(channel).await;
    let first = ann.send(channel, "m1", version, "one").await;
    let id = first.str("message_id");
    ann.user.delete_message(channel, &id).await.expect_done();
    let again = ann.send(channel, "m1", version, "one").await;
    assert_eq!(again.expect_status(201).body, first.body);
    let history = ann.user.history_after(channel, 0).await;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["deleted"], true);
}

#[tokio::test]
async fn a_refused_send_leaves_its_transaction_id_free() {
    let server = unlimited().await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let version = ann.members_version(channel).await;
    let refused = ann.send(channel, "m1", version - 1, "old").await;
    refused.expect_problem(409, "members_changed");
    let sent = ann.send(channel, "m1", version, "new").await;
    sent.expect_status(201);
    let history = ann.user.history_after(channel, 0).await;
    let said: Vec<&str> = history.iter().map(ciphertext_of).collect();
    assert_eq!(said, ["new"]);
}

#[tokio::test]
async fn other_devices_and_other_channels_have_transaction_ids_of_their_own() {
    let server = unlimited().await;
    let community = server.community().await;
    let other_channel = community.channel("other").await;
    let laptop = Writer::of(&community.owner).await;
    let phone = laptop.on_another_device().await;
    let mut answers: Vec<Value> = Vec::new();
    for writer in [&laptop, &phone] {
        for channel in [&community.general, &other_channel] {
            let version = writer.members_version(channel).await;
            let sent = writer.send(channel, "m1", version, "AwgA").await;
            let sent = sent.expect_status(201);
            assert!(!answers.contains(&sent.body), "{}", sent.text);
            answers.push(sent.body);
        }
    }
    for channel in [&community.general, &other_channel] {
        assert_eq!(laptop.user.history_after(channel, 0).await.len(), 2);
    }
}

#[tokio::test]
async fn repeats_at_the_same_moment_are_one_message() {
    let server = unlimited().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let channel = community.general.clone();
    let ann = Writer::of(&community.member("ann").await).await;
    let version = ann.members_version(&channel).await;
    for round in 0..10 {
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let (ann, channel) = (ann.clone(), channel.clone());
            let txn_id = format!("round-{round}");
            sending.spawn(async move {
                let sent = ann.send(&channel, &txn_id, version, "AwgA").await;
                sent.expect_status(201).body
            });
        }
        let other = webhook.says("in between");
        let (answers, _) = tokio::join!(sending.join_all(), other);
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{answers:?}"
        );
    }
    let history = ann.user.history_after(&channel, 0).await;
    let written = history.iter().filter(|it| it["kind"] == "user").count();
    assert_eq!((written, history.len()), (10, 20));
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_as_long_as_there_is_the_message() {
    let server = unlimited().await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let version = ann.members_version(channel).await;
    let first = ann.send(channel, "m1", version, "one").await;
    let first = first.expect_status(201).str("message_id");
    let ago = "update messages set created_at = now() - interval '3 years'";
    let database = server.database.connect().await;
    database.execute(ago, &[]).await.unwrap();
    sweep_everything(&open_store(server.database.config())).await;
    let again = ann.send(channel, "m1", version, "one").await;
    assert_eq!(again.expect_status(201).str("message_id"), first);
    assert_eq!(ann.user.history_after(channel, 0).await.len(), 1);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_although_another_device_edited_the_message() {
    let server = unlimited().await;
    let community = server.community().await;
    let channel = &community.general;
    let laptop = Writer::of(&community.owner).await;
    let phone = laptop.on_another_device().await;
    let version = laptop.members_version(channel).await;
    let first = laptop.send(channel, "m1", version, "one").await;
    let first = first.expect_status(201);
    let edited = phone.edit(channel, &first.str("message_id"), "two").await;
    edited.expect_status(200);
    let again = laptop.send(channel, "m1", version, "one").await;
    assert_eq!(again.expect_status(201).body, first.body);
    let history = laptop.user.history_after(channel, 0).await;
    let said: Vec<&str> = history.iter().map(ciphertext_of).collect();
    assert_eq!(said, ["two"]);
}
