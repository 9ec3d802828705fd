//! How often somebody may try to sign in or register.

use chatalot::config::ProxyNet;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::fixtures::PASSWORD;
use crate::support::server::TestServer;

/// A server that allows `per_minute` tries and believes the proxy 127.0.0.1.
async fn limited(per_minute: u32, proxies: &[&str]) -> TestServer {
    let proxies: Vec<ProxyNet> = proxies
        .iter()
        .map(|&proxy| ProxyNet::try_from(proxy.to_owned()).unwrap())
        .collect();
    TestServer::with(|settings| {
        settings.limits.login_per_minute = per_minute;
        settings.trusted_proxies = proxies;
    })
    .await
}

async fn try_from(server: &TestServer, address: &str, username: &str, password: &str) -> Answer {
    let body = json!({"username": username, "password": password, "session": "token"});
    let call = server.anonymous().post("/api/auth/login").json(&body);
    call.header("x-forwarded-for", address).send().await
}

/// What a client needs to know to wait for its turn.
fn assert_tells_when_to_return(answer: &Answer) {
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "Retry-After: {seconds}");
    assert!(
        answer.header("ratelimit").contains("r=0"),
        "{:?}",
        answer.headers
    );
    let policy = answer.header("ratelimit-policy");
    assert!(policy.contains("q=") && policy.contains("w="), "{policy}");
}

#[tokio::test]
async fn one_try_more_than_allowed_at_one_account_is_refused_even_with_the_right_password() {
    let server = limited(3, &[]).await;
    server.user("ada").await;
    // Registering was the first of ada's three tries.
    for _ in 0..2 {
        try_from(&server, "", "ada", "wrong password")
            .await
            .expect_problem(401, "bad_credentials");
    }
    let refused = try_from(&server, "", "ada", PASSWORD).await;
    assert_tells_when_to_return(&refused.expect_refused(429));
}

#[tokio::test]
async fn another_account_from_the_same_address_has_tries_of_its_own() {
    let server = limited(2, &[]).await;
    for username in ["ada", "bob"] {
        for _ in 0..2 {
            let answer = try_from(&server, "", username, "wrong password").await;
            answer.expect_status(401);
        }
        let answer = try_from(&server, "", username, "wrong password").await;
        answer.expect_refused(429);
    }
}

#[tokio::test]
async fn nobody_can_lock_somebody_else_out() {
    let server = limited(2, &["127.0.0.1"]).await;
    server.user("ada").await;
    for _ in 0..2 {
        let answer = try_from(&server, "203.0.113.1", "ada", "wrong password").await;
        answer.expect_status(401);
    }
    let answer = try_from(&server, "203.0.113.1", "ada", PASSWORD).await;
    answer.expect_refused(429);
    let answer = try_from(&server, "203.0.113.2", "ada", PASSWORD).await;
    answer.expect_status(200);
}

#[tokio::test]
async fn an_account_cannot_be_tried_more_often_by_writing_its_name_differently() {
    let server = limited(3, &[]).await;
    for username in ["ada", "Ada", "ADA"] {
        let answer = try_from(&server, "", username, "wrong password").await;
        answer.expect_status(401);
    }
    let answer = try_from(&server, "", "aDa", "wrong password").await;
    answer.expect_refused(429);
}

#[tokio::test]
async fn one_address_has_six_times_as_many_tries_at_all_accounts_together() {
    let server = limited(1, &["127.0.0.1"]).await;
    for number in 0..6 {
        let username = format!("user{number}");
        let answer = try_from(&server, "203.0.113.1", &username, "wrong password").await;
        answer.expect_status(401);
    }
    let answer = try_from(&server, "203.0.113.1", "user6", "wrong password").await;
    assert_tells_when_to_return(&answer.expect_refused(429));
    let answer = try_from(&server, "203.0.113.2", "user6", "wrong password").await;
    answer.expect_status(401);
}

#[tokio::test]
async fn registrations_count_as_tries() {
    let server = limited(2, &[]).await;
    let register = async |password: &str| -> Answer {
        let body: Value = json!({"username": "ada", "password": password, "session": "token"});
        server.anonymous().register(&body).await
    };
    register(PASSWORD).await.expect_status(201);
    register(PASSWORD)
        .await
        .expect_problem(409, "username_taken");
    register(PASSWORD).await.expect_refused(429);
}

#[tokio::test]
async fn who_is_no_trusted_proxy_cannot_pretend_to_be_many() {
    let server = limited(2, &["203.0.113.0/24"]).await;
    for number in 0..2 {
        let address = format!("198.51.100.{number}");
        let answer = try_from(&server, &address, "ada", "wrong password").await;
        answer.expect_status(401);
    }
    let answer = try_from(&server, "198.51.100.9", "ada", "wrong password").await;
    answer.expect_refused(429);
}

#[tokio::test]
async fn zero_switches_the_limit_off() {
    let server = limited(0, &[]).await;
    for _ in 0..12 {
        let answer = try_from(&server, "", "ada", "wrong password").await;
        answer.expect_status(401);
    }
}
