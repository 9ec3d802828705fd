//! Reading a channel page by page, and deleting messages.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::fixtures::{User, Webhook};
use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;

fn seqs(answer: &Answer) -> Vec<i64> {
    let messages = answer.body["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|it| it["seq"].as_i64().unwrap())
        .collect()
}

async fn page(user: &User, channel: &str, query: &str) -> (Vec<i64>, bool) {
    let answer = user.messages(channel, query).await.expect_status(200);
    (seqs(&answer), answer.body["has_more"].as_bool().unwrap())
}

fn range(first: i64, last: i64) -> Vec<i64> {
    (first..=last).collect()
}

async fn fill(webhook: &Webhook, count: usize) {
    for number in 1..=count {
        webhook.says(&format!("message {number}")).await;
    }
}

/// A server whose webhooks may post as often as a test likes.
async fn unlimited() -> TestServer {
    TestServer::with(|settings| settings.limits.webhook_per_second = 0).await
}

#[tokio::test]
async fn a_message_is_read_as_it_was_posted() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let posted = webhook.execute(&json!({"content": "Hello"})).await;
    let posted = posted.expect_status(201);
    let answer = community.owner.messages(&community.general, "").await;
    let answer = answer.expect_status(200);
    let message = &answer.body["messages"][0];
    let expected = json!({
        "id": posted.body["message_id"],
        "channel_id": community.general,
        "seq": 1,
        "kind": "webhook",
        "webhook_id": webhook.id,
        "author": {"name": "Build server", "avatar_url": null},
        "content": "Hello",
        "mentions": [],
        "encrypted": false,
        "created_at": posted.body["created_at"],
    });
    assert_eq!(message, &expected);
    assert_id(&message["id"]);
    assert_time(&message["created_at"]);
    assert_eq!(answer.body["has_more"], false);
}

#[tokio::test]
async fn an_empty_channel_has_an_empty_page() {
    let server = TestServer::start().await;
    let community = server.community().await;
    for query in ["", "?before=1", "?after=0", "?before=100", "?after=100"] {
        let found = page(&community.owner, &community.general, query).await;
        assert_eq!(found, (vec![], false), "{query}");
    }
}

#[tokio::test]
async fn pages_go_up_by_seq_and_join_without_gap_in_both_directions() {
    let server = unlimited().await;
    let (community, webhook) = server.channel_with_webhook().await;
    fill(&webhook, 60).await;
    let (owner, channel) = (&community.owner, &community.general);
    let cases = [
        ("", range(11, 60), true),
        ("?limit=60", range(1, 60), false),
        ("?limit=59", range(2, 60), true),
        ("?limit=61", range(1, 60), false),
        ("?before=11", range(1, 10), false),
        ("?before=11&limit=10", range(1, 10), false),
        ("?before=11&limit=9", range(2, 10), true),
        ("?before=1", vec![], false),
        ("?before=61&limit=2", range(59, 60), true),
        ("?before=1000&limit=2", range(59, 60), true),
        ("?after=0&limit=2", range(1, 2), true),
        ("?after=58&limit=2", range(59, 60), false),
        ("?after=57&limit=2", range(58, 59), true),
        ("?after=60", vec![], false),
        ("?after=5", range(6, 55), true),
        ("?after=10", range(11, 60), false),
    ];
    for (query, expected, has_more) in cases {
        let found = page(owner, channel, query).await;
        assert_eq!(found, (expected, has_more), "{query}");
    }
}

#[tokio::test]
async fn a_page_holds_1_to_200_messages() {
    let server = unlimited().await;
    let (community, webhook) = server.channel_with_webhook().await;
    fill(&webhook, 201).await;
    let (owner, channel) = (&community.owner, &community.general);
    for (limit, first) in [(1, 201), (199, 3), (200, 2)] {
        let found = page(owner, channel, &format!("?limit={limit}")).await;
        assert_eq!(found, (range(first, 201), true), "limit {limit}");
    }
    for limit in ["0", "201", "-1", "x", "1.5", "", "99999999999999999999"] {
        let answer = owner.messages(channel, &format!("?limit={limit}")).await;
        answer.expect_refused(422);
    }
}

#[tokio::test]
async fn a_cursor_is_one_number_and_only_one_is_given() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.says("one").await;
    let (owner, channel) = (&community.owner, &community.general);
    for query in [
        "?before=2&after=0",
        "?before=x",
        "?after=",
        "?before=1.5",
        "?after=99999999999999999999",
    ] {
        owner.messages(channel, query).await.expect_refused(422);
    }
}

#[tokio::test]
async fn only_members_of_the_channel_read_it() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (member, admin) = (community.member("bob").await, community.admin("ann").await);
    let outsider = community.outsider("eve").await;
    let channel = community.channel("alerts").await;
    for (user, status) in [(&member, 403), (&admin, 403), (&outsider, 404)] {
        user.messages(&channel, "").await.expect_refused(status);
        user.read_channel(&channel, 0).await.expect_refused(status);
    }
}

#[tokio::test]
async fn a_deleted_message_keeps_its_place_and_loses_its_content() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let bob = community.member("bob").await;
    webhook.says("one").await;
    let id = webhook.says("two: the secret, @bob").await;
    webhook.says("three").await;
    let (owner, channel) = (&community.owner, &community.general);
    owner.delete_message(channel, &id).await.expect_done();
    let answer = bob.messages(channel, "").await.expect_status(200);
    assert_eq!(seqs(&answer), [1, 2, 3]);
    let deleted = &answer.body["messages"][1];
    assert_eq!(deleted["id"], json!(id));
    assert_eq!(deleted["deleted"], true);
    assert!(deleted.get("content").is_none(), "{deleted}");
    assert!(!answer.text.contains("the secret"), "{}", answer.text);
    for other in [0, 2] {
        let message: &Value = &answer.body["messages"][other];
        assert_ne!(message["deleted"], true);
    }
}

#[tokio::test]
async fn a_webhooks_message_is_deleted_by_admins_and_nobody_else() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let (admin, member) = (community.admin("ann").await, community.member("bob").await);
    let outsider = community.outsider("eve").await;
    let channel = &community.general;
    let (first, second) = (webhook.says("one").await, webhook.says("two").await);
    member
        .delete_message(channel, &first)
        .await
        .expect_refused(403);
    outsider
        .delete_message(channel, &first)
        .await
        .expect_refused(404);
    let answer = member.messages(channel, "").await.expect_status(200);
    assert_eq!(answer.body["messages"][0]["content"], "one");
    admin.delete_message(channel, &first).await.expect_done();
    let answer = community.owner.delete_message(channel, &second).await;
    answer.expect_done();
}

#[tokio::test]
async fn a_message_is_deleted_only_in_its_own_channel() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let other = community.channel("other").await;
    let id = webhook.says("one").await;
    let owner = &community.owner;
    owner.delete_message(&other, &id).await.expect_refused(404);
    let unknown = uuid::Uuid::now_v7().to_string();
    let answer = owner.delete_message(&community.general, &unknown).await;
    answer.expect_refused(404);
    let answer = owner.messages(&community.general, "").await;
    assert_eq!(answer.body["messages"][0]["content"], "one");
}
