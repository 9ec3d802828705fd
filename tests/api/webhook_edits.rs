//! Disabling and deleting webhooks: from when it holds, and what the caller of the URL sees.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::fixtures::Webhook;
use crate::support::server::TestServer;

/// Everything of an answer that a caller could tell two cases apart by: the status, the body
/// but for the request's id, and which headers it has.
type Visible = (u16, Value, Vec<String>);

fn visible(mut answer: Answer) -> Visible {
    answer.body["request_id"] = Value::Null;
    let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort();
    (answer.status, answer.body, names)
}

/// The answers to a good payload and to bad ones of every kind.
async fn probes(webhook: &Webhook) -> Vec<Visible> {
    let payloads: [Vec<u8>; 8] = [
        br#"{"content": "hello"}"#.to_vec(),
        br#"{"content": ""}"#.to_vec(),
        br#"{"content": 5, "username": []}"#.to_vec(),
        br#"{"content""#.to_vec(),
        b"\xff\xfe".to_vec(),
        Vec::new(),
        vec![b' '; 65_537],
        vec![b'x'; 300_000],
    ];
    let mut answers = Vec::new();
    for payload in payloads {
        answers.push(visible(webhook.execute_bytes(payload).await));
    }
    answers
}

fn expect_alike(found: &[Visible], unknown: &[Visible], case: &str) {
    for (number, (found, unknown)) in found.iter().zip(unknown).enumerate() {
        assert_eq!(found, unknown, "{case} shows by payload number {number}");
    }
}

fn with_token(webhook: &Webhook, token: &str) -> Webhook {
    Webhook {
        token: token.to_owned(),
        ..webhook.clone()
    }
}

#[tokio::test]
async fn a_disabled_or_deleted_webhook_cannot_be_told_from_an_unknown_token() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let owner = &community.owner;
    let unknown = probes(&with_token(&webhook, &"A".repeat(64))).await;
    for (status, _, _) in &unknown {
        assert_eq!(*status, 404);
    }
    webhook.says("it works").await;
    let disable = json!({"active": false});
    owner
        .patch_webhook(&webhook.id, &disable)
        .await
        .expect_status(200);
    expect_alike(&probes(&webhook).await, &unknown, "a disabled webhook");

    let deleted = community.webhook(&community.general).await;
    deleted.says("it works").await;
    owner.delete_webhook(&deleted.id).await.expect_done();
    expect_alike(&probes(&deleted).await, &unknown, "a deleted webhook");

    let channel = community.channel("short-lived").await;
    let orphan = community.webhook(&channel).await;
    orphan.says("it works").await;
    owner.delete_channel(&channel).await.expect_done();
    let found = probes(&orphan).await;
    expect_alike(&found, &unknown, "the webhook of a deleted channel");
    let malformed = probes(&with_token(&webhook, "not-a-token")).await;
    expect_alike(&malformed, &unknown, "a malformed token");
}

#[tokio::test]
async fn a_webhook_that_was_never_used_is_disabled_all_the_same() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let disable = json!({"active": false});
    let answer = community.owner.patch_webhook(&webhook.id, &disable).await;
    answer.expect_status(200);
    for status in probes(&webhook).await.into_iter().map(|probe| probe.0) {
        assert_eq!(status, 404);
    }
}

#[tokio::test]
async fn enabling_a_webhook_makes_the_same_url_work_again() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    for _ in 0..3 {
        for (active, status) in [(false, 404), (true, 201)] {
            let change = json!({ "active": active });
            let answer = community.owner.patch_webhook(&webhook.id, &change).await;
            assert_eq!(answer.expect_status(200).body["active"], active);
            let answer = webhook.execute(&json!({"content": "x"})).await;
            answer.expect_status(status);
        }
    }
}

#[tokio::test]
async fn the_messages_of_a_deleted_webhook_stay_readable() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.says("remember me").await;
    let owner = &community.owner;
    owner.delete_webhook(&webhook.id).await.expect_done();
    owner.delete_webhook(&webhook.id).await.expect_refused(404);
    let listed = owner.webhooks(&community.general).await.expect_status(200);
    assert_eq!(listed.list().len(), 0);
    let read = owner
        .messages(&community.general, "")
        .await
        .expect_status(200);
    let message = &read.body["messages"][0];
    assert_eq!(message["content"], "remember me");
    assert_eq!(message["webhook_id"], json!(webhook.id));
    assert_eq!(message["author"]["name"], "Build server");
}

#[tokio::test]
async fn the_next_post_carries_the_new_name_and_avatar_and_old_ones_keep_theirs() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.says("old").await;
    let change = json!({"name": "Renamed", "avatar_url": "https://example.com/new.png"});
    let answer = community.owner.patch_webhook(&webhook.id, &change).await;
    answer.expect_status(200);
    webhook.says("new").await;
    let read = community.owner.messages(&community.general, "").await;
    let authors: Vec<&Value> = read.body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["author"])
        .collect();
    let old = json!({"name": "Build server", "avatar_url": null});
    let new = json!({"name": "Renamed", "avatar_url": "https://example.com/new.png"});
    assert_eq!(authors, [&old, &new]);
}

/// Posts from many sides while `end` ends the webhook, and checks that nothing was written
/// after `end` was answered.
async fn nothing_is_written_after(end: impl AsyncFnOnce(&Webhook)) {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut posting = Vec::new();
    for _ in 0..8 {
        let webhook = webhook.clone();
        posting.push(tokio::spawn(async move {
            let mut accepted: i64 = 0;
            loop {
                match webhook.execute(&json!({"content": "x"})).await.status {
                    201 => accepted += 1,
                    404 => return accepted,
                    status => panic!("answered {status}"),
                }
            }
        }));
    }
    let last_seq = async || -> i64 {
        let channel = community.owner.channel(&community.general).await;
        channel.body["last_seq"].as_i64().unwrap()
    };
    while last_seq().await < 20 {}
    end(&webhook).await;
    let at_the_end = last_seq().await;
    let mut accepted = 0;
    for posting in posting {
        accepted += posting.await.unwrap();
    }
    assert_eq!(last_seq().await, at_the_end, "written after the answer");
    assert_eq!(
        accepted, at_the_end,
        "what was answered 201 is there, and nothing else"
    );
}

#[tokio::test]
async fn nothing_is_written_after_disabling_was_answered() {
    nothing_is_written_after(async |webhook| {
        let owner = &webhook.owner;
        let answer = owner
            .patch_webhook(&webhook.id, &json!({"active": false}))
            .await;
        answer.expect_status(200);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_written_after_deleting_was_answered() {
    nothing_is_written_after(async |webhook| {
        webhook
            .owner
            .delete_webhook(&webhook.id)
            .await
            .expect_done();
    })
    .await;
}
