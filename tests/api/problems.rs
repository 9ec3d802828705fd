//! What is malformed, oversized, wrong-typed or unknown is refused with a clear problem,
//! and never with a server error.

use serde_json::json;

use crate::support::answer::Answer;
use crate::support::client::ApiClient;
use crate::support::contract::Contract;
use crate::support::raw::exchange;
use crate::support::server::TestServer;

/// The calls that work without a login.
const PUBLIC: [&str; 10] = [
    "POST /api/auth/register",
    "POST /api/auth/login",
    "GET /api/invites/{code}",
    "POST /api/webhooks/execute/{token}",
    "GET /api/openapi.json",
    "GET /api/push/key",
    "GET /api/instance",
    "GET /health/live",
    "GET /health/ready",
    // Authenticated like the others, but it speaks WebSocket.
    "GET /api/ws",
];

/// Every documented call that is not in [`PUBLIC`].
async fn protected_operations() -> Vec<(String, String)> {
    let operations = Contract::shared().await.operations().into_iter();
    operations
        .filter(|(method, path)| !PUBLIC.contains(&format!("{method} {path}").as_str()))
        .collect()
}

/// `template` with `value` in the place of every parameter.
fn filled(template: &str, value: &str) -> String {
    let segments = template.split('/').map(|segment| match segment {
        parameter if parameter.starts_with('{') => value,
        literal => literal,
    });
    segments.collect::<Vec<_>>().join("/")
}

async fn call(client: &ApiClient, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
    let mut call = client.call(method.parse().unwrap(), path);
    call = call.header("sec-fetch-site", "same-origin");
    if let Some(body) = body {
        call = call.header("content-type", "application/json").bytes(body);
    }
    call.send().await
}

#[tokio::test]
async fn whoever_is_not_signed_in_hears_of_that_before_anything_else() {
    let server = TestServer::start().await;
    for path in [
        "/api/channels/no-id",
        "/api/channels/no-id/messages?limit=%zz",
        "/api/notifications?limit=0",
        "/api/communities/no-id/members",
    ] {
        let answer = server.anonymous().get(path).send().await;
        answer.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn an_unknown_path_under_api_is_a_problem_404() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/communities/x/y/z",
        "/api/communities/",
        "/api/%00",
        "/api/..%2f..%2fetc/passwd",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            call(&ada, method, path, None).await.expect_refused(404);
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_405() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let id = uuid::Uuid::now_v7().to_string();
    let operations = Contract::shared().await.operations();
    for (_, template) in &operations {
        let known = |method: &str| {
            let same = |(m, t): &(String, String)| m == method && t == template;
            operations.iter().any(same)
        };
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if !known(method) {
                let path = filled(template, &id);
                // A path such as /api/webhooks/execute also matches a template with a parameter.
                let answer = call(&ada, method, &path, None).await;
                answer.expect_refused(405);
            }
        }
    }
}

#[tokio::test]
async fn every_other_call_asks_for_a_login_before_anything_else() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let stranger = anonymous.with_token(&"A".repeat(43));
    let id = uuid::Uuid::now_v7().to_string();
    let operations = protected_operations().await;
    assert!(operations.len() > 25, "{operations:?}");
    for (method, template) in operations {
        let path = filled(&template, &id);
        for client in [&anonymous, &stranger] {
            call(client, &method, &path, None).await.expect_refused(401);
            let body: &[u8] = b"{\"name\": \"x\"}";
            let answer = call(client, &method, &path, Some(body)).await;
            answer.expect_refused(401);
        }
    }
}

#[tokio::test]
async fn what_is_no_id_is_refused_without_an_error_of_the_server() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let ids = [
        "x",
        "0",
        "-1",
        "%00",
        "%ff",
        "null",
        "00000000-0000-0000-0000-000000000000",
        "00000000-0000-0000-0000-00000000000g",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "'%20or%20'1'='1",
        &"9".repeat(2000),
    ];
    for (method, template) in protected_operations().await {
        if !template.contains('{') {
            continue;
        }
        for id in ids {
            let body: &[u8] = b"{\"role\": \"admin\", \"seq\": 0, \"name\": \"x\"}";
            let path = filled(&template, id);
            let answer = call(&ada, &method, &path, Some(body)).await;
            let status = answer.status;
            assert!(
                [400, 404, 422].contains(&status),
                "{}: {status}",
                answer.call
            );
            answer.check_problem();
        }
    }
}

#[tokio::test]
async fn an_id_that_nothing_has_is_not_found_everywhere() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let id = uuid::Uuid::now_v7().to_string();
    for (method, template) in protected_operations().await {
        // Removing and testing what is not there is for the tests of push subscriptions. The names
        // of messages to devices are their sender's to make up.
        let other = ["/push/", "/to_device/"];
        if !template.contains('{') || other.iter().any(|part| template.contains(part)) {
            continue;
        }
        let body = json!({"role": "admin", "seq": 0, "name": "x"}).to_string();
        let path = filled(&template, &id);
        let answer = call(&ada, &method, &path, Some(body.as_bytes())).await;
        answer.expect_refused(404);
    }
}

/// Bodies that no call can do anything with.
fn garbage() -> Vec<Vec<u8>> {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let deep_member = format!("{{\"name\": {}1{}}}", "[".repeat(500), "]".repeat(500));
    let wide = format!("{{{}\"z\": 1}}", "\"a\": 1, ".repeat(5000));
    let numbers = json!({
        "name": 1e308, "username": -0.0, "password": u64::MAX, "seq": 1e308, "ids": 1, "all": 0,
        "role": 5, "max_uses": i64::MIN, "expires_in_seconds": u64::MAX, "active": 2,
        "topic": 1, "private": 1, "endpoint": 1, "keys": 1, "content": 1,
    });
    let objects = json!({
        "name": {}, "username": {}, "password": {}, "seq": {}, "ids": {}, "all": {}, "role": {},
        "max_uses": {}, "expires_in_seconds": {}, "active": {}, "topic": {}, "private": {},
        "endpoint": {}, "keys": [], "content": {},
    });
    let nul = json!({
        "name": "\0", "username": "\0", "password": "\0\0\0\0\0\0\0\0", "invite": "\0",
        "display_name": "\0", "role": "\0", "topic": "\0", "endpoint": "\0", "content": "\0",
        "max_uses": "\0", "seq": "\0", "ids": ["\0"], "active": "\0",
        "keys": {"p256dh": "\0", "auth": "\0"},
    });
    vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"nonsense".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"x\"".to_vec(),
        b"1e999".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        b"{\"name\": \"\xff\"}".to_vec(),
        b"{\"name\": \"\\ud800\"}".to_vec(),
        b"{\"name\": 123456789012345678901234567890}".to_vec(),
        b"{\"seq\": 99999999999999999999999}".to_vec(),
        deep.into_bytes(),
        deep_member.into_bytes(),
        wide.into_bytes(),
        numbers.to_string().into_bytes(),
        objects.to_string().into_bytes(),
        nul.to_string().into_bytes(),
    ]
}

/// A path at which a call with `method` on `template` finds something, for the owner of
/// everything there is.
struct Found {
    community: String,
    channel: String,
    user: String,
    webhook: String,
    token: String,
}

impl Found {
    fn path(&self, template: &str) -> String {
        let mut before = "";
        let segments = template.split('/').map(|segment| {
            let value = match (segment.starts_with('{'), before) {
                (false, _) => segment,
                (true, "communities") => &self.community,
                (true, "channels") => &self.channel,
                (true, "members") => &self.user,
                (true, "webhooks") => &self.webhook,
                (true, "execute") => &self.token,
                // Whatever else it names, the body is read before it is looked up or after.
                (true, _) => &self.community,
            };
            before = segment;
            value
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

#[tokio::test]
async fn no_body_makes_the_server_fail() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let member = community.member("bob").await;
    let found = Found {
        community: community.id.clone(),
        channel: community.general.clone(),
        user: member.id.clone(),
        webhook: webhook.id.clone(),
        token: webhook.token.clone(),
    };
    let changing = ["POST", "PUT", "PATCH"];
    for (method, template) in Contract::shared().await.operations() {
        if !changing.contains(&method.as_str()) || template == "/api/auth/logout" {
            continue;
        }
        let path = found.path(&template);
        for body in garbage() {
            let answer = call(&community.owner, &method, &path, Some(&body)).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            // A call without a body ignores one, and a few calls take an empty object.
            let status = answer.status;
            assert!(
                status < 500,
                "{} with {shown}: {}",
                answer.call,
                answer.text
            );
            if status >= 400 {
                answer.check_problem();
            }
        }
    }
    webhook.says("and the server still works").await;
}

#[tokio::test]
async fn a_bad_query_is_a_problem_and_an_unknown_one_is_ignored() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (owner, channel) = (&community.owner, &community.general);
    for query in [
        "?limit=%ff",
        "?before=%00",
        "?limit=1&limit=2",
        "?after=-",
        "?limit[]=1",
    ] {
        let answer = owner.messages(channel, query).await;
        assert!(answer.status < 500, "{}: {}", answer.call, answer.text);
    }
    owner
        .messages(channel, "?unknown=1")
        .await
        .expect_status(200);
    owner.messages(channel, "?").await.expect_status(200);
}

#[tokio::test]
async fn a_request_that_is_hardly_http_breaks_nothing() {
    let server = TestServer::start().await;
    let heads = [
        "GET /api/auth/session HTTP/1.1\r\nAuthorization: Bearer \u{e9}\r\n".to_owned(),
        "GET /api/auth/session HTTP/1.1\r\nCookie: chatalot_session\r\n".to_owned(),
        "GET /api/auth/session HTTP/1.1\r\nCookie: ;;=;chatalot_session==;\r\n".to_owned(),
        "POST /api/auth/login HTTP/1.1\r\nContent-Length: 0\r\nContent-Type: application/json\r\n"
            .to_owned(),
        format!(
            "GET /api/auth/session HTTP/1.1\r\nX-Filler: {}\r\n",
            "x".repeat(6000)
        ),
        "BREW /api/auth/session HTTP/1.1\r\n".to_owned(),
        "GET /api/auth/session?%ff=%00&&=&a HTTP/1.1\r\n".to_owned(),
    ];
    for head in heads {
        let answer = exchange(server.port, &head, b"").await;
        assert!(
            (400..500).contains(&answer.status),
            "{head}: {}",
            answer.text
        );
    }
    server.user("ada").await;
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_request() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let first = anonymous.session().await.expect_refused(401);
    let second = anonymous.session().await.expect_refused(401);
    assert_ne!(first.body["request_id"], second.body["request_id"]);
    assert_eq!(first.body["request_id"], first.header("x-request-id"));
    let ok = anonymous.get("/health/live").send().await;
    assert!(!ok.header("x-request-id").is_empty());
}
