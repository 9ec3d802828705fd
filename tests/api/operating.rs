//! What an operator sees: health, metrics, logs, and what is on disk.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::answer::media_type;
use crate::support::client::ApiClient;
use crate::support::database::{Cluster, TestDatabase};
use crate::support::fixtures::{Community, User};
use crate::support::process::Launch;
use crate::support::server::TestServer;

async fn metrics_of(port: u16) -> String {
    let client = ApiClient::new(format!("http://127.0.0.1:{port}"), None);
    let answer = client.get("/metrics").send().await.expect_status(200);
    let types = ["application/openmetrics-text", "text/plain"];
    assert!(
        types.contains(&media_type(&answer.headers)),
        "{:?}",
        answer.headers
    );
    answer.text
}

async fn with_metrics() -> TestServer {
    TestServer::with(|settings| settings.metrics.listen = "127.0.0.1:0".to_owned()).await
}

#[tokio::test]
async fn a_monitor_may_ask_for_the_head_alone() {
    let server = TestServer::start().await;
    for path in ["/health/live", "/health/ready", "/api/openapi.json"] {
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .head(format!("{}{path}", server.origin()))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.bytes().await.unwrap().len(), 0, "{path}");
    }
}

#[tokio::test]
async fn a_server_that_serves_says_so_without_a_login() {
    let server = TestServer::start().await;
    for path in ["/health/live", "/health/ready"] {
        let answer = server.anonymous().get(path).send().await;
        answer.expect_status(200);
    }
}

#[tokio::test]
async fn metrics_are_served_on_a_listener_of_their_own_and_nowhere_else() {
    let server = with_metrics().await;
    let port = server.metrics_port.expect("a metrics listener");
    assert_ne!(port, server.port);
    metrics_of(port).await;
    for path in ["/metrics", "/api/metrics"] {
        let answer = server.anonymous().get(path).send().await;
        answer.expect_status(404);
    }
    let metrics = ApiClient::new(format!("http://127.0.0.1:{port}"), None);
    for path in ["/api/auth/session", "/health/live", "/"] {
        let answer = metrics.get(path).send().await;
        assert_ne!(
            answer.status, 401,
            "the interface is not on the metrics listener"
        );
    }
    let without = TestServer::start().await;
    assert_eq!(without.metrics_port, None);
}

#[tokio::test]
async fn metrics_are_well_formed_and_each_says_what_it_is() {
    let server = with_metrics().await;
    let (_, webhook) = server.channel_with_webhook().await;
    webhook.says("x").await;
    webhook
        .execute(&json!({"content": ""}))
        .await
        .expect_refused(422);
    let text = metrics_of(server.metrics_port.unwrap()).await;
    let described = |keyword: &str| -> Vec<&str> {
        let start = format!("# {keyword} ");
        text.lines()
            .filter_map(|line| line.strip_prefix(&start)?.split(' ').next())
            .collect()
    };
    let (helps, types) = (described("HELP"), described("TYPE"));
    assert!(!types.is_empty(), "{text}");
    for name in &types {
        assert!(helps.contains(name), "{name} has no help");
        assert!(
            name.starts_with("chatalot_"),
            "{name} is not ours by its name"
        );
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').expect(line);
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn metrics_count_posts_and_name_no_channel_webhook_or_person() {
    let server = with_metrics().await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.says("canary in the mine").await;
    let text = metrics_of(server.metrics_port.unwrap()).await;
    let counted = |line: &str| text.lines().any(|it| it == line);
    assert!(counted("chatalot_posts_total 1"), "{text}");
    assert!(counted("chatalot_panics_total 0"), "{text}");
    for identity in [
        &webhook.token,
        &webhook.id,
        &community.id,
        &community.general,
        &community.owner.id,
        "canary",
        community.owner.token(),
    ] {
        assert!(!text.contains(identity), "{identity} in {text}");
    }
}

/// Texts that must never be shown or stored in clear.
struct Canaries {
    password: String,
    wrong_password: String,
    session_tokens: Vec<String>,
    cookie: String,
    webhook_token: String,
    invite_code: String,
    content: String,
}

impl Canaries {
    fn secret_from_logs(&self) -> Vec<&str> {
        let mut all = self.secret_from_the_database();
        all.extend([self.invite_code.as_str(), &self.content]);
        all
    }

    fn secret_from_the_database(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.session_tokens.iter().map(String::as_str).collect();
        all.extend([
            self.password.as_str(),
            &self.wrong_password,
            &self.cookie,
            &self.webhook_token,
        ]);
        all
    }
}

/// Uses every call that takes or gives a secret, rightly and wrongly.
async fn leave_canaries(anonymous: &ApiClient) -> Canaries {
    let password = "canary-password-5e1f0c".to_owned();
    let wrong_password = "canary-wrong-password-77ab".to_owned();
    let content = "canary-content-90d2aa".to_owned();
    let ada = json!({"username": "ada", "password": password, "session": "token"});
    let registered = anonymous.register(&ada).await.expect_status(201);
    let again = anonymous.login(&ada).await.expect_status(200);
    let by_cookie = json!({"username": "ada", "password": password});
    let by_cookie = anonymous.login(&by_cookie).await.expect_status(200);
    let cookie = by_cookie.header("set-cookie").split(';').next().unwrap();
    let cookie_value = cookie.split_once('=').unwrap().1.to_owned();
    let wrong = json!({"username": "ada", "password": wrong_password});
    anonymous.login(&wrong).await.expect_refused(401);
    let call = anonymous.get("/api/auth/session").header("cookie", cookie);
    call.send().await.expect_status(200);
    let session_tokens = vec![registered.str("token"), again.str("token")];
    let client = anonymous.with_token(&session_tokens[0]);
    let made = client.create_community(&json!({"name": "Acme"})).await;
    let id = made.expect_status(201).id();
    let invite = client.create_invite(&id, &json!({})).await;
    let invite_code = invite.expect_status(201).str("code");
    anonymous
        .preview_invite(&invite_code)
        .await
        .expect_status(200);
    let bob = User::register(anonymous, "bob").await;
    bob.accept_invite(&invite_code).await.expect_status(200);
    let channels = client.channels(&id).await.expect_status(200);
    let general = channels.list()[0]["id"].as_str().unwrap().to_owned();
    let webhook = client
        .create_webhook(&general, &json!({"name": "CI"}))
        .await;
    let webhook = webhook.expect_status(201);
    let webhook_token = webhook.str("token");
    let path = format!("/api/webhooks/execute/{webhook_token}");
    let post = json!({"content": format!("@bob {content}")});
    anonymous
        .execute_webhook(&webhook_token, &post)
        .await
        .expect_status(201);
    let bad = json!({"content": 5, "username": content});
    anonymous
        .execute_webhook(&webhook_token, &bad)
        .await
        .expect_refused(422);
    anonymous
        .post(&*path)
        .bytes("{")
        .send()
        .await
        .expect_refused(422);
    anonymous.get(&*path).send().await.expect_refused(405);
    anonymous
        .post(format!("{path}/x"))
        .send()
        .await
        .expect_refused(404);
    client.revoke_invite(&invite_code).await.expect_done();
    let disable = json!({"active": false});
    client
        .patch_webhook(&webhook.id(), &disable)
        .await
        .expect_status(200);
    anonymous
        .execute_webhook(&webhook_token, &post)
        .await
        .expect_refused(404);
    client.logout().await.expect_done();
    client.session().await.expect_refused(401);
    Canaries {
        password,
        wrong_password,
        session_tokens,
        cookie: cookie_value,
        webhook_token,
        invite_code,
        content,
    }
}

/// Whether a file below `directory` holds `text`.
fn on_disk(directory: &Path, text: &str) -> bool {
    let output = Command::new("grep")
        .args(["-rlsaF", "-e", text])
        .arg(directory)
        .output()
        .expect("grep");
    !output.stdout.is_empty()
}

#[tokio::test]
async fn no_secret_reaches_a_log_a_metric_or_the_disk() {
    for format in ["text", "json"] {
        let database = TestDatabase::create().await;
        let launch = Launch::new()
            .set("CHATALOT_DATABASE__URL", database.url())
            .set("CHATALOT_LOG__LEVEL", "trace")
            .set("CHATALOT_LOG__FORMAT", format);
        let (launch, metrics_port) = launch.with_metrics();
        let mut process = launch.start().await;
        let canaries = leave_canaries(&process.anonymous()).await;
        let metrics = metrics_of(metrics_port).await;
        process.sigterm();
        assert!(process.wait().await.success(), "{}", process.stderr());
        let (log, output) = (process.stderr(), process.stdout());
        assert!(!log.is_empty(), "a log at the level trace");
        for secret in canaries.secret_from_logs() {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} is in the log");
            assert!(!metrics.contains(secret), "{secret} is in the metrics");
            assert!(!output.contains(secret), "{secret} is in the output");
        }
        if format == "json" {
            for line in log.lines() {
                let parsed = serde_json::from_str::<serde_json::Value>(line);
                assert!(parsed.is_ok(), "a log line that is not JSON: {line}");
            }
        }
        let client = database.connect().await;
        client.batch_execute("checkpoint").await.unwrap();
        let root = Cluster::shared().root();
        assert!(
            on_disk(root, &canaries.content),
            "the search finds what is stored"
        );
        for secret in canaries.secret_from_the_database() {
            assert!(!on_disk(root, secret), "{secret} is on disk");
        }
    }
}

#[tokio::test]
async fn a_restarted_server_knows_everything_that_was_answered() {
    let database = TestDatabase::create().await;
    let launch = Launch::new().set("CHATALOT_DATABASE__URL", database.url());
    let mut first = launch.start().await;
    let community = Community::of(User::register(&first.anonymous(), "owner").await, "Acme").await;
    let webhook = community.webhook(&community.general).await;
    let id = webhook.says("before").await;
    first.sigterm();
    assert!(first.wait().await.success(), "{}", first.stderr());
    let second = launch.start().await;
    assert!(
        second.stdout().contains("http://localhost:"),
        "{}",
        second.stdout()
    );
    let owner = second.anonymous().with_token(community.owner.token());
    let read = owner
        .messages(&community.general, "")
        .await
        .expect_status(200);
    assert_eq!(read.body["messages"][0]["id"], json!(id));
    let post = json!({"content": "after"});
    owner
        .execute_webhook(&webhook.token, &post)
        .await
        .expect_status(201);
    let read = owner
        .messages(&community.general, "")
        .await
        .expect_status(200);
    assert_eq!(read.body["messages"][1]["seq"], 2);
}
