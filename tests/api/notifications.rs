//! The inbox: what waits in it, how it is read, and when it forgets.

use serde_json::{Value, json};

use crate::support::fixtures::{Community, User, Webhook};
use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;

struct Scene {
    /// Kept, because the server stops with it.
    _server: TestServer,
    community: Community,
    webhook: Webhook,
    bob: User,
}

async fn scene() -> Scene {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let bob = community.member("bob").await;
    Scene {
        _server: server,
        community,
        webhook,
        bob,
    }
}

impl Scene {
    async fn mention_bob(&self, times: usize) {
        for number in 1..=times {
            self.webhook.says(&format!("@bob {number}")).await;
        }
    }
}

async fn unread(user: &User) -> i64 {
    let answer = user.notifications("").await.expect_status(200);
    answer.body["unread"].as_i64().unwrap()
}

/// The places of the messages on one page of the inbox, and whether there are more.
async fn page(user: &User, query: &str) -> (Vec<i64>, bool) {
    let answer = user.notifications(query).await.expect_status(200);
    let listed = answer.body["notifications"].as_array().unwrap();
    let seqs = listed
        .iter()
        .map(|it| it["seq"].as_i64().unwrap())
        .collect();
    (seqs, answer.body["has_more"].as_bool().unwrap())
}

#[tokio::test]
async fn a_notification_says_who_said_what_where() {
    let scene = scene().await;
    let content = format!("@bob {}", "é".repeat(200));
    let post = json!({
        "content": content,
        "username": "Deploy",
        "avatar_url": "https://example.com/d.png",
    });
    let posted = scene.webhook.execute(&post).await.expect_status(201);
    let inbox = scene.bob.inbox().await;
    assert_eq!(inbox.len(), 1);
    let notification = &inbox[0];
    assert_id(&notification["id"]);
    assert_time(&notification["created_at"]);
    let preview: String = content.chars().take(120).collect();
    let expected = json!({
        "id": notification["id"],
        "kind": "mention",
        "community_id": scene.community.id,
        "channel_id": scene.community.general,
        "channel_name": "general",
        "message_id": posted.body["message_id"],
        "seq": 1,
        "author": {"name": "Deploy", "avatar_url": "https://example.com/d.png"},
        "preview": preview,
        "created_at": posted.body["created_at"],
        "read_at": null,
    });
    assert_eq!(notification, &expected);
}

#[tokio::test]
async fn an_inbox_is_empty_at_first_and_asks_for_a_login() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let answer = ada.notifications("").await.expect_status(200);
    let empty = json!({"notifications": [], "unread": 0, "has_more": false});
    assert_eq!(answer.body, empty);
    let anonymous = server.anonymous();
    anonymous.notifications("").await.expect_refused(401);
    let answer = anonymous.read_notifications(&json!({"all": true})).await;
    answer.expect_refused(401);
}

#[tokio::test]
async fn the_inbox_is_paged_from_the_newest_back() {
    let scene = scene().await;
    scene.mention_bob(5).await;
    assert_eq!(page(&scene.bob, "").await, (vec![5, 4, 3, 2, 1], false));
    assert_eq!(
        page(&scene.bob, "?limit=5").await,
        (vec![5, 4, 3, 2, 1], false)
    );
    assert_eq!(page(&scene.bob, "?limit=2").await, (vec![5, 4], true));
    let inbox = scene.bob.inbox().await;
    let before = |place: usize| inbox[place]["id"].as_str().unwrap();
    let query = format!("?limit=2&before={}", before(1));
    assert_eq!(page(&scene.bob, &query).await, (vec![3, 2], true));
    let query = format!("?limit=2&before={}", before(3));
    assert_eq!(page(&scene.bob, &query).await, (vec![1], false));
    let query = format!("?before={}", before(4));
    assert_eq!(page(&scene.bob, &query).await, (vec![], false));
    for wrong in [
        "?limit=0",
        "?limit=-1",
        "?limit=x",
        "?limit=100000",
        "?before=x",
        "?before=",
    ] {
        let answer = scene.bob.notifications(wrong).await;
        answer.expect_refused(422);
    }
}

#[tokio::test]
async fn unread_counts_all_of_them_and_not_only_the_page() {
    let scene = scene().await;
    scene.mention_bob(4).await;
    let answer = scene.bob.notifications("?limit=1").await.expect_status(200);
    assert_eq!(answer.body["unread"], 4);
}

#[tokio::test]
async fn reading_some_marks_those_and_only_those() {
    let scene = scene().await;
    scene.mention_bob(3).await;
    let inbox = scene.bob.inbox().await;
    let body = json!({"ids": [inbox[0]["id"], inbox[2]["id"]]});
    for _ in 0..2 {
        scene.bob.read_notifications(&body).await.expect_done();
    }
    let after = scene.bob.inbox().await;
    assert_time(&after[0]["read_at"]);
    assert_eq!(after[1]["read_at"], Value::Null);
    assert_time(&after[2]["read_at"]);
    assert_eq!(unread(&scene.bob).await, 1);
    let channel = scene.bob.channel(&scene.community.general).await;
    assert_eq!(channel.body["unread_mentions"], 1);
}

#[tokio::test]
async fn what_was_read_once_keeps_its_time() {
    let scene = scene().await;
    scene.mention_bob(1).await;
    let read_at = async || scene.bob.inbox().await[0]["read_at"].clone();
    let all = json!({"all": true});
    scene.bob.read_notifications(&all).await.expect_done();
    let first = read_at().await;
    scene.bob.read_notifications(&all).await.expect_done();
    assert_eq!(read_at().await, first);
}

#[tokio::test]
async fn reading_all_leaves_nothing_unread() {
    let scene = scene().await;
    scene.mention_bob(3).await;
    let all = json!({"all": true});
    scene.bob.read_notifications(&all).await.expect_done();
    assert_eq!(unread(&scene.bob).await, 0);
    scene.mention_bob(1).await;
    assert_eq!(unread(&scene.bob).await, 1, "later ones are new");
}

#[tokio::test]
async fn nobody_reads_the_notifications_of_somebody_else() {
    let scene = scene().await;
    let alice = scene.community.member("alice").await;
    scene.mention_bob(1).await;
    let ids = json!({"ids": [scene.bob.inbox().await[0]["id"]]});
    alice.read_notifications(&ids).await.expect_done();
    alice
        .read_notifications(&json!({"all": true}))
        .await
        .expect_done();
    assert_eq!(unread(&scene.bob).await, 1);
}

#[tokio::test]
async fn what_to_read_is_said_in_one_of_two_ways() {
    let scene = scene().await;
    let unknown = json!({"ids": [uuid::Uuid::now_v7()]});
    scene.bob.read_notifications(&unknown).await.expect_done();
    scene
        .bob
        .read_notifications(&json!({"ids": []}))
        .await
        .expect_done();
    scene
        .bob
        .read_notifications(&json!({}))
        .await
        .expect_refused(422);
    let cases = [
        (json!({"ids": "x"}), "/ids"),
        (json!({"ids": ["x"]}), "/ids/0"),
        (json!({"ids": [5]}), "/ids/0"),
        (json!({"all": "yes"}), "/all"),
    ];
    for (body, pointer) in cases {
        let answer = scene.bob.read_notifications(&body).await;
        answer.expect_invalid(&[pointer]);
    }
}

#[tokio::test]
async fn reading_a_channel_reads_its_notifications_up_to_there() {
    let scene = scene().await;
    let other = scene.community.channel("other").await;
    scene
        .bob
        .add_to_channel(&other, &scene.bob.id)
        .await
        .expect_done();
    let elsewhere = scene.community.webhook(&other).await;
    scene.mention_bob(3).await;
    elsewhere.says("@bob").await;
    let general = &scene.community.general;
    scene.bob.read_channel(general, 2).await.expect_done();
    let inbox = scene.bob.inbox().await;
    let unread_ones: Vec<(Value, Value)> = inbox
        .iter()
        .filter(|it| it["read_at"].is_null())
        .map(|it| (it["channel_id"].clone(), it["seq"].clone()))
        .collect();
    let expected = [(json!(other), json!(1)), (json!(general), json!(3))];
    assert_eq!(unread_ones, expected);
    assert_eq!(unread(&scene.bob).await, 2);
}

#[tokio::test]
async fn a_deleted_message_leaves_no_trace_of_its_content_in_the_inbox() {
    let scene = scene().await;
    let id = scene.webhook.says("@bob the password is hunter2").await;
    scene.mention_bob(1).await;
    let general = &scene.community.general;
    let owner = &scene.community.owner;
    owner.delete_message(general, &id).await.expect_done();
    let answer = scene.bob.notifications("").await.expect_status(200);
    assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    let inbox = scene.bob.inbox().await;
    let deleted = inbox.iter().find(|it| it["message_id"] == id.as_str());
    assert!(deleted.is_none_or(|it| it["preview"] == ""), "{inbox:?}");
    let kept = inbox.iter().find(|it| it["seq"] == 2).unwrap();
    assert_eq!(kept["preview"], "@bob 1");
}

#[tokio::test]
async fn who_left_a_channel_no_longer_sees_its_notifications() {
    let scene = scene().await;
    let other = scene.community.channel("other").await;
    scene
        .bob
        .add_to_channel(&other, &scene.bob.id)
        .await
        .expect_done();
    let elsewhere = scene.community.webhook(&other).await;
    elsewhere.says("@bob secret").await;
    scene.mention_bob(1).await;
    assert_eq!(unread(&scene.bob).await, 2);
    scene
        .bob
        .remove_from_channel(&other, &scene.bob.id)
        .await
        .expect_done();
    let answer = scene.bob.notifications("").await.expect_status(200);
    assert!(!answer.text.contains("secret"), "{}", answer.text);
    assert_eq!(answer.body["notifications"].as_array().unwrap().len(), 1);
    assert_eq!(answer.body["unread"], 1);
}

#[tokio::test]
async fn who_was_removed_from_the_community_sees_none_of_its_notifications() {
    let scene = scene().await;
    scene.mention_bob(2).await;
    let community = &scene.community;
    let answer = community
        .owner
        .remove_member(&community.id, &scene.bob.id)
        .await;
    answer.expect_done();
    assert_eq!(page(&scene.bob, "").await, (vec![], false));
    assert_eq!(unread(&scene.bob).await, 0);
}

#[tokio::test]
async fn a_deleted_channel_takes_its_notifications_along() {
    let scene = scene().await;
    let other = scene.community.channel("other").await;
    scene
        .bob
        .add_to_channel(&other, &scene.bob.id)
        .await
        .expect_done();
    scene.community.webhook(&other).await.says("@bob").await;
    assert_eq!(unread(&scene.bob).await, 1);
    let owner = &scene.community.owner;
    owner.delete_channel(&other).await.expect_done();
    assert_eq!(page(&scene.bob, "").await, (vec![], false));
    assert_eq!(unread(&scene.bob).await, 0);
}

#[tokio::test]
async fn a_renamed_channel_is_shown_under_its_new_name() {
    let scene = scene().await;
    scene.mention_bob(1).await;
    let change = json!({"name": "renamed"});
    let owner = &scene.community.owner;
    let answer = owner.patch_channel(&scene.community.general, &change).await;
    answer.expect_status(200);
    assert_eq!(scene.bob.inbox().await[0]["channel_name"], "renamed");
}
