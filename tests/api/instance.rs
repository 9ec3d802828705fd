//! What the server says of itself to whoever arrives.

use chatalot::config::Registration;
use serde_json::json;

use crate::support::server::TestServer;

#[tokio::test]
async fn whoever_arrives_learns_how_to_come_in() {
    for (registration, name) in [
        (Registration::Open, "open"),
        (Registration::Invite, "invite"),
        (Registration::Closed, "closed"),
    ] {
        let server = TestServer::with(|settings| settings.registration = registration).await;
        let answer = server.anonymous().get("/api/instance").send().await;
        let expected = json!({
            "server_version": env!("CARGO_PKG_VERSION"),
            "registration": name,
            "first_run": true,
        });
        assert_eq!(answer.expect_status(200).body, expected);
    }
}

#[tokio::test]
async fn the_first_run_ends_with_the_first_account() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let first = anonymous.get("/api/instance").send().await;
    assert_eq!(first.expect_status(200).body["first_run"], true);
    server.user("ada").await;
    let second = anonymous.get("/api/instance").send().await;
    assert_eq!(second.expect_status(200).body["first_run"], false);
}

#[tokio::test]
async fn asking_is_limited_like_every_call() {
    let server = TestServer::with(|settings| {
        settings.limits.address_per_second = 1;
        settings.limits.address_burst = 3;
    })
    .await;
    let anonymous = server.anonymous();
    for _ in 0..3 {
        let answer = anonymous.get("/api/instance").send().await;
        answer.expect_status(200);
    }
    let refused = anonymous.get("/api/instance").send().await;
    refused.expect_problem(429, "rate_limited");
}
