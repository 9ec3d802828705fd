//! Managing webhooks: what the calls take, show and bound.

use serde_json::{Value, json};

use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;

#[tokio::test]
async fn the_token_is_told_once_and_never_again() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let owner = &community.owner;
    let body = json!({"name": " CI ", "avatar_url": "https://example.com/ci.png"});
    let made = owner.create_webhook(&community.general, &body).await;
    let made = made.expect_status(201);
    assert_id(&made.body["id"]);
    assert_time(&made.body["created_at"]);
    assert_eq!(made.body["channel_id"], json!(community.general));
    assert_eq!(made.body["name"], "CI");
    assert_eq!(made.body["avatar_url"], "https://example.com/ci.png");
    assert_eq!(made.body["active"], true);
    assert_eq!(made.body["created_by"], json!(owner.id));
    assert_eq!(made.body["last_used_at"], Value::Null);
    let token = made.str("token");
    assert_eq!(token.len(), 64);
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric()), "{token}");
    let own = format!("http://localhost:{}", server.port);
    assert_eq!(
        made.str("url"),
        format!("{own}/api/webhooks/execute/{token}")
    );

    let id = made.id();
    let later = [
        owner.webhooks(&community.general).await,
        owner.patch_webhook(&id, &json!({"name": "CI 2"})).await,
        owner.patch_webhook(&id, &json!({})).await,
        owner
            .execute_webhook(&token, &json!({"content": "x"}))
            .await,
        owner.execute_webhook(&token, &json!({"content": 5})).await,
        owner.messages(&community.general, "").await,
        owner
            .get(format!("/api/webhooks/execute/{token}"))
            .send()
            .await,
        owner.delete_webhook(&id).await,
        owner
            .execute_webhook(&token, &json!({"content": "x"}))
            .await,
    ];
    for answer in later {
        assert!(!answer.text.contains(&token), "{}", answer.call);
        let headers = format!("{:?}", answer.headers);
        assert!(!headers.contains(&token), "{}", answer.call);
    }
}

#[tokio::test]
async fn the_url_begins_with_the_public_url() {
    let server = TestServer::with(|settings| {
        settings.public_url = "https://chat.example.com/".to_owned();
    })
    .await;
    let (_, webhook) = server.channel_with_webhook().await;
    let start = "https://chat.example.com/api/webhooks/execute/";
    assert_eq!(webhook.url, format!("{start}{}", webhook.token));
}

#[tokio::test]
async fn the_list_shows_what_each_webhook_is_and_when_it_was_used() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let other = community.channel("other").await;
    community.webhook(&other).await;
    let list = async || {
        community
            .owner
            .webhooks(&community.general)
            .await
            .expect_status(200)
    };
    let before = list().await;
    assert_eq!(
        before.each("id"),
        [json!(webhook.id)],
        "only the channel's own"
    );
    assert_eq!(before.each("last_used_at"), [Value::Null]);
    webhook.says("now").await;
    let after = list().await;
    assert_time(&after.list()[0]["last_used_at"]);
    assert_eq!(after.each("created_by"), [json!(community.owner.id)]);
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_null_removes_the_avatar() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let owner = &community.owner;
    let body = json!({"name": "CI", "avatar_url": "https://example.com/ci.png"});
    let made = owner.create_webhook(&community.general, &body).await;
    let id = made.expect_status(201).id();
    let edit = async |change: Value| {
        let answer = owner.patch_webhook(&id, &change).await.expect_status(200);
        let listed = owner.webhooks(&community.general).await.expect_status(200);
        assert_eq!(
            listed.list()[0],
            answer.body,
            "the answer is what is stored"
        );
        ["name", "avatar_url", "active"].map(|name| answer.body[name].clone())
    };
    let avatar = json!("https://example.com/ci.png");
    let steps = [
        (json!({}), [json!("CI"), avatar.clone(), json!(true)]),
        (
            json!({"name": "CD"}),
            [json!("CD"), avatar.clone(), json!(true)],
        ),
        (
            json!({"active": false}),
            [json!("CD"), avatar, json!(false)],
        ),
        (
            json!({"avatar_url": null}),
            [json!("CD"), Value::Null, json!(false)],
        ),
        (
            json!({"active": true}),
            [json!("CD"), Value::Null, json!(true)],
        ),
        (
            json!({"avatar_url": "http://localhost/x", "unknown": 1}),
            [json!("CD"), json!("http://localhost/x"), json!(true)],
        ),
    ];
    for (change, expected) in steps {
        assert_eq!(edit(change.clone()).await, expected, "{change}");
    }
}

#[tokio::test]
async fn every_wrong_field_of_a_webhook_is_named() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let owner = &community.owner;
    let both = vec!["/name", "/avatar_url"];
    let cases = [
        (json!({"name": "", "avatar_url": ""}), both.clone()),
        (
            json!({"name": "n".repeat(65), "avatar_url": "javascript:alert(1)"}),
            both.clone(),
        ),
        (
            json!({"name": "a\0b", "avatar_url": "https://example.com/\0"}),
            both.clone(),
        ),
        (
            json!({"name": 5, "avatar_url": ["https://example.com/"]}),
            both.clone(),
        ),
        (
            json!({"name": "a\u{2066}b", "avatar_url": "/relative.png"}),
            both.clone(),
        ),
        (
            json!({"name": "a\u{7f}b", "avatar_url": avatar(2049)}),
            both,
        ),
    ];
    for (body, pointers) in &cases {
        let answer = owner.create_webhook(&community.general, body).await;
        answer.expect_invalid(pointers);
        let mut change = body.clone();
        change["active"] = json!("yes");
        let mut pointers = pointers.clone();
        pointers.push("/active");
        let answer = owner.patch_webhook(&webhook.id, &change).await;
        answer.expect_invalid(&pointers);
    }
    let answer = owner.create_webhook(&community.general, &json!({})).await;
    answer.expect_invalid(&["/name"]);
    for length in [2047, 2048] {
        let body = json!({"name": "é".repeat(64), "avatar_url": avatar(length)});
        let answer = owner.create_webhook(&community.general, &body).await;
        answer.expect_status(201);
    }
}

/// A URL of `length` characters.
fn avatar(length: usize) -> String {
    format!("https://e.co/{}", "a".repeat(length - 13))
}

#[tokio::test]
async fn a_channel_has_at_most_50_webhooks() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let owner = &community.owner;
    let body = json!({"name": "CI"});
    let mut last = String::new();
    for _ in 0..50 {
        let answer = owner.create_webhook(&community.general, &body).await;
        last = answer.expect_status(201).id();
    }
    let answer = owner.create_webhook(&community.general, &body).await;
    answer.expect_problem(409, "too_many_webhooks");
    let other = community.channel("other").await;
    community.webhook(&other).await;
    owner.delete_webhook(&last).await.expect_done();
    let answer = owner.create_webhook(&community.general, &body).await;
    answer.expect_status(201);
    let answer = owner.create_webhook(&community.general, &body).await;
    answer.expect_problem(409, "too_many_webhooks");
}

#[tokio::test]
async fn making_many_webhooks_at_once_does_not_pass_the_bound() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let mut making = Vec::new();
    for _ in 0..60 {
        let (owner, channel) = (community.owner.clone(), community.general.clone());
        making.push(tokio::spawn(async move {
            owner
                .create_webhook(&channel, &json!({"name": "CI"}))
                .await
                .status
        }));
    }
    let mut made = 0;
    for making in making {
        match making.await.unwrap() {
            201 => made += 1,
            status => assert_eq!(status, 409),
        }
    }
    let listed = community.owner.webhooks(&community.general).await;
    assert_eq!((made, listed.list().len()), (50, 50));
}

#[tokio::test]
async fn a_webhook_outlives_its_makers_rank_and_membership() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = community.admin("ann").await;
    let answer = ann
        .create_webhook(&community.general, &json!({"name": "CI"}))
        .await;
    let token = answer.expect_status(201).str("token");
    let post = json!({"content": "still here"});
    let owner = &community.owner;
    let answer = owner.set_role(&community.id, &ann.id, "member").await;
    answer.expect_status(200);
    owner
        .execute_webhook(&token, &post)
        .await
        .expect_status(201);
    ann.remove_member(&community.id, &ann.id)
        .await
        .expect_done();
    owner
        .execute_webhook(&token, &post)
        .await
        .expect_status(201);
    let listed = owner.webhooks(&community.general).await.expect_status(200);
    assert_eq!(listed.each("created_by"), [json!(ann.id)]);
}

#[tokio::test]
async fn an_unknown_webhook_is_not_found() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let unknown = uuid::Uuid::now_v7().to_string();
    let owner = &community.owner;
    owner
        .patch_webhook(&unknown, &json!({"name": "x"}))
        .await
        .expect_refused(404);
    owner.delete_webhook(&unknown).await.expect_refused(404);
    owner
        .create_webhook(&unknown, &json!({"name": "x"}))
        .await
        .expect_refused(404);
    owner.webhooks(&unknown).await.expect_refused(404);
}
