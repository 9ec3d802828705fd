//! Settings as an operator gives them: by file, by environment, and wrongly.

use std::process::{Command, Output};

use crate::support::database::TestDatabase;
use crate::support::process::Launch;

/// Runs the program, which must end by itself.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chatalot"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// Fails unless the program refused to start with a sentence that has all of `words` in it.
fn expect_refused(output: &Output, words: &[&str]) {
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "started, and said: {shown}");
    for word in words {
        assert!(shown.contains(word), "no {word:?} in: {shown}");
    }
    assert!(!shown.contains("panicked"), "{shown}");
    assert!(output.stdout.is_empty(), "nothing is ready: {output:?}");
}

#[test]
fn a_bad_setting_stops_the_start_with_a_sentence_that_names_it() {
    let cases = [
        ("CHATALOT_LISTEN", "nowhere", "listen"),
        ("CHATALOT_REGISTRATION", "maybe", "registration"),
        (
            "CHATALOT_LIMITS__WEBHOOK_BURST",
            "many",
            "limits.webhook_burst",
        ),
        (
            "CHATALOT_LIMITS__PENDING_POSTS",
            "0",
            "limits.pending_posts",
        ),
        ("CHATALOT_LIMITS__WEBHOK_BURST", "1", "limits.webhok_burst"),
        ("CHATALOT_PUBLIC_URL", "chat.example.com", "public_url"),
        ("CHATALOT_TRUSTED_PROXIES", "proxy", "trusted_proxies"),
        ("CHATALOT_METRICS__LISTEN", "9090", "metrics.listen"),
        (
            "CHATALOT_PUSH__SUBJECT",
            "admin@example.com",
            "push.subject",
        ),
        (
            "CHATALOT_PUSH__SUBJECT",
            "http://example.com",
            "push.subject",
        ),
        (
            "CHATALOT_PUSH__VAPID_PRIVATE_KEY",
            "short",
            "push.vapid_private_key",
        ),
        ("CHATALOT_LOG__FORMAT", "xml", "log.format"),
        ("CHATALOT_LOG__LEVEL", "chatalot=loud,=", "log.level"),
    ];
    for (variable, value, name) in cases {
        let output = run(&[], &[("HOME", "/nonexistent"), (variable, value)]);
        expect_refused(&output, &[name]);
    }
}

#[test]
fn a_file_with_a_mistake_stops_the_start_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chatalot.toml");
    let file = path.to_str().unwrap();
    let cases = [
        ("[limits]\nwebhook_brust = 9\n", "limits.webhook_brust"),
        ("listen = 8080\n", "listen"),
        ("listen = \n", "chatalot.toml"),
        ("[nowhere]\nx = 1\n", "nowhere"),
    ];
    for (text, name) in cases {
        std::fs::write(&path, text).unwrap();
        expect_refused(&run(&["--config", file], &[]), &[name]);
        expect_refused(&run(&["serve", "--config", file], &[]), &[name]);
    }
    let missing = directory.path().join("missing.toml");
    let missing = missing.to_str().unwrap();
    expect_refused(&run(&["--config", missing], &[]), &["missing.toml"]);
}

#[test]
fn a_password_in_a_bad_database_url_is_not_shown() {
    let url = "postgres://user:hunter2@host:notaport/name";
    for variable in ["DATABASE_URL", "CHATALOT_DATABASE__URL"] {
        let output = run(&[], &[(variable, url)]);
        expect_refused(&output, &["database.url"]);
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn an_address_that_is_taken_stops_the_start_and_is_named() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let url = database.url();
    let environment = [
        ("CHATALOT_LISTEN", address.as_str()),
        ("CHATALOT_DATABASE__URL", url.as_str()),
    ];
    expect_refused(&run(&[], &environment), &[&address]);
}

#[test]
fn an_unknown_argument_is_refused_with_the_usage() {
    expect_refused(&run(&["fly"], &[]), &["Usage"]);
    expect_refused(&run(&["--nonsense"], &[]), &["Usage"]);
}

#[tokio::test]
async fn the_database_can_be_named_the_usual_way_and_the_ready_line_shows_the_url() {
    let database = TestDatabase::create().await;
    let launch = Launch::new().set("DATABASE_URL", database.url());
    let process = launch.start().await;
    let line = format!("http://localhost:{}", process.port());
    assert_eq!(process.stdout().lines().count(), 1, "{}", process.stdout());
    assert!(process.stdout().contains(&line), "{}", process.stdout());
    let answer = process.anonymous().get("/health/ready").send().await;
    answer.expect_status(200);
}

#[tokio::test]
async fn the_health_check_tells_whether_the_server_serves() {
    let database = TestDatabase::create().await;
    let launch = Launch::new().set("CHATALOT_DATABASE__URL", database.url());
    let mut process = launch.start().await;
    let listen = format!("127.0.0.1:{}", process.port());
    let check = || {
        let listen = listen.clone();
        tokio::task::spawn_blocking(move || run(&["healthcheck"], &[("CHATALOT_LISTEN", &listen)]))
    };
    let output = check().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    process.sigterm();
    assert!(process.wait().await.success(), "{}", process.stderr());
    let output = check().await.unwrap();
    assert!(!output.status.success(), "{output:?}");
}
