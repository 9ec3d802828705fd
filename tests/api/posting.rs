//! Posting through a webhook: what is accepted, what is refused, and what becomes of it.

use serde_json::{Value, json};

use crate::support::fixtures::{Community, Webhook};
use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;

/// The newest message of the webhook's channel.
async fn newest(community: &Community) -> Value {
    let answer = community
        .owner
        .messages(&community.general, "?limit=1")
        .await;
    answer.expect_status(200).body["messages"][0].clone()
}

async fn count(community: &Community) -> Value {
    let channel = community.owner.channel(&community.general).await;
    channel.expect_status(200).body["last_seq"].clone()
}

#[tokio::test]
async fn a_post_is_answered_with_its_message_once_it_is_readable() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let answer = webhook.execute(&json!({"content": "Hello"})).await;
    let answer = answer.expect_status(201);
    assert_eq!(answer.body["status"], "ok");
    assert_eq!(answer.body["channel_id"], json!(community.general));
    assert_id(&answer.body["message_id"]);
    assert_time(&answer.body["created_at"]);
    let message = newest(&community).await;
    assert_eq!(message["id"], answer.body["message_id"]);
    assert_eq!(message["kind"], "webhook");
    assert_eq!(message["encrypted"], false);
}

#[tokio::test]
async fn the_url_alone_is_enough_whatever_else_is_sent() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let stranger = server.anonymous().with_token("no-such-session");
    let post = json!({"content": "x"});
    stranger
        .execute_webhook(&webhook.token, &post)
        .await
        .expect_status(201);
    let call = server.anonymous().post(webhook.path()).json(&post);
    let call = call
        .header("cookie", "chatalot_session=nonsense")
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site");
    call.send().await.expect_status(201);
    assert_eq!(count(&community).await, 2);
}

#[tokio::test]
async fn content_has_1_to_4000_characters_however_many_bytes_they_take() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    for character in ["x", "é", "🦀", "\u{301}"] {
        for length in [1, 3999, 4000] {
            let content = character.repeat(length);
            webhook.says(&content).await;
            assert_eq!(newest(&community).await["content"], json!(content));
        }
        let too_long = json!({"content": character.repeat(4001)});
        webhook
            .execute(&too_long)
            .await
            .expect_invalid(&["/content"]);
    }
    // The length of the escaped form does not count.
    let escaped = format!(r#"{{"content": "{}"}}"#, r"\ud83e\udd80".repeat(4000));
    webhook.execute_bytes(escaped).await.expect_status(201);
    assert_eq!(count(&community).await, 13);
}

#[tokio::test]
async fn content_that_says_nothing_or_cannot_be_stored_is_refused() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    for content in ["", " ", "\n\t \r", "\u{3000}\u{a0}", "\0", "a\0b"] {
        let answer = webhook.execute(&json!({ "content": content })).await;
        answer.expect_invalid(&["/content"]);
    }
    assert_eq!(count(&community).await, 0);
}

#[tokio::test]
async fn content_is_kept_exactly_as_it_was_sent() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let contents = [
        "  leading and trailing \n\n",
        "\r\n\ttabs\u{b}and\u{7}bells\u{1b}[31m",
        "<script>alert('x')</script> &amp; \\ \" '",
        "e\u{301} is not é, \u{202E}and this turns",
        "\u{feff}zero\u{200b}width \u{fffd}\u{10ffff}",
        "'; drop table messages; -- $1 %s {}",
    ];
    for content in contents {
        webhook.says(content).await;
        assert_eq!(newest(&community).await["content"], content);
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_an_invalid_payload() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let payloads: [&[u8]; 15] = [
        b"",
        b" ",
        b"{",
        b"}",
        br#"{"content": "x""#,
        br#"{"content": "x"} trailing"#,
        br#"{"content": "x"}{"content": "y"}"#,
        br#"{'content': 'x'}"#,
        br#"{"content": "\ud800"}"#,
        b"{\"content\": \"\xff\"}",
        b"content=x",
        b"[]",
        b"\"x\"",
        b"5",
        b"null",
    ];
    for payload in payloads {
        webhook.execute_bytes(payload).await.expect_refused(422);
    }
    assert_eq!(count(&community).await, 0);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let all = vec!["/content", "/username", "/avatar_url"];
    let cases = [
        (json!({}), vec!["/content"]),
        (json!({"content": null}), vec!["/content"]),
        (json!({"Content": "x"}), vec!["/content"]),
        (
            json!({"content": 5, "username": [], "avatar_url": {}}),
            all.clone(),
        ),
        (
            json!({"content": true, "username": 1.5, "avatar_url": false}),
            all.clone(),
        ),
        (
            json!({"content": ["x"], "username": {}, "avatar_url": 0}),
            all.clone(),
        ),
        (
            json!({"content": " ", "username": "u".repeat(65), "avatar_url": "nonsense"}),
            all.clone(),
        ),
        (
            json!({"content": "\0", "username": "\0", "avatar_url": "\0"}),
            all,
        ),
        (json!({"username": 5}), vec!["/content", "/username"]),
        (
            json!({"content": "x", "avatar_url": 5}),
            vec!["/avatar_url"],
        ),
    ];
    for (body, pointers) in cases {
        webhook.execute(&body).await.expect_invalid(&pointers);
    }
    assert_eq!(count(&community).await, 0);
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let server = TestServer::start().await;
    let (_, webhook) = server.channel_with_webhook().await;
    let body = json!({
        "content": "x",
        "embeds": [{"title": "t"}],
        "tts": false,
        "id": 5,
        "seq": -1,
        "": null,
    });
    webhook.execute(&body).await.expect_status(201);
}

#[tokio::test]
async fn the_body_is_json_whatever_it_is_declared_as() {
    let server = TestServer::start().await;
    let (_, webhook) = server.channel_with_webhook().await;
    let body = r#"{"content": "x"}"#;
    webhook.execute_bytes(body).await.expect_status(201);
    let types = [
        "application/json",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data; boundary=x",
        "nonsense",
        "",
    ];
    for media_type in types {
        let call = server.anonymous().post(webhook.path()).bytes(body);
        let call = call.header("content-type", media_type);
        call.send().await.expect_status(201);
    }
}

#[tokio::test]
async fn another_method_is_not_allowed_on_the_url() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let method = method.parse().unwrap();
        let call = server.anonymous().call(method, webhook.path());
        call.send().await.expect_refused(405);
    }
    assert_eq!(count(&community).await, 0);
}

async fn author_of(community: &Community, webhook: &Webhook, post: Value) -> Value {
    webhook.execute(&post).await.expect_status(201);
    newest(community).await["author"].clone()
}

#[tokio::test]
async fn a_post_may_bring_its_own_name_of_at_most_64_characters() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let name = async |username: Value| {
        let post = json!({"content": "x", "username": username});
        author_of(&community, &webhook, post).await["name"].clone()
    };
    for absent in [json!(null), json!(""), json!("  "), json!("\t")] {
        assert_eq!(name(absent).await, "Build server");
    }
    for length in [1, 63, 64] {
        let username = json!("é".repeat(length));
        assert_eq!(name(username.clone()).await, username);
    }
    for wrong in [
        "é".repeat(65),
        "a\0b".into(),
        "a\nb".into(),
        "a\u{202E}b".into(),
    ] {
        let post = json!({"content": "x", "username": wrong});
        webhook.execute(&post).await.expect_invalid(&["/username"]);
    }
    assert_eq!(name(json!("everyone")).await, "everyone");
}

#[tokio::test]
async fn a_post_may_bring_its_own_avatar() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let body = json!({"name": "CI", "avatar_url": "https://example.com/own.png"});
    let made = community
        .owner
        .create_webhook(&community.general, &body)
        .await;
    let token = made.expect_status(201).str("token");
    let post = async |body: Value| {
        let answer = community.owner.execute_webhook(&token, &body).await;
        answer.expect_status(201);
        newest(&community).await["author"]["avatar_url"].clone()
    };
    let own = json!("https://example.com/own.png");
    assert_eq!(post(json!({"content": "x"})).await, own);
    assert_eq!(post(json!({"content": "x", "avatar_url": null})).await, own);
    let longest = format!("https://e.co/{}", "a".repeat(2035));
    for url in [
        "https://example.com/other.png",
        "http://localhost:1/x",
        &longest,
    ] {
        assert_eq!(post(json!({"content": "x", "avatar_url": url})).await, url);
    }
    let too_long = format!("{longest}a");
    for wrong in [
        "",
        "x",
        "/x.png",
        "javascript:alert(1)",
        "data:image/png,x",
        &too_long,
    ] {
        let body = json!({"content": "x", "avatar_url": wrong});
        let answer = community.owner.execute_webhook(&token, &body).await;
        answer.expect_invalid(&["/avatar_url"]);
    }
}

#[tokio::test]
async fn two_hundred_posts_at_once_are_each_there_once_without_a_gap() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, first) = server.channel_with_webhook().await;
    let second = community.webhook(&community.general).await;
    let mut posting = Vec::new();
    for number in 0..200 {
        let webhook = if number % 2 == 0 { &first } else { &second }.clone();
        posting.push(tokio::spawn(async move {
            webhook.says(&format!("post {number}")).await
        }));
    }
    let mut answered = Vec::new();
    for posting in posting {
        answered.push(json!(posting.await.unwrap()));
    }
    let read = community
        .owner
        .messages(&community.general, "?limit=200")
        .await;
    let messages = read.expect_status(200).body["messages"]
        .as_array()
        .unwrap()
        .clone();
    let seqs: Vec<i64> = messages
        .iter()
        .map(|it| it["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=200).collect::<Vec<i64>>());
    let mut stored: Vec<Value> = messages.iter().map(|it| it["id"].clone()).collect();
    stored.sort_by_key(ToString::to_string);
    answered.sort_by_key(ToString::to_string);
    assert_eq!(stored, answered);
}
