//! How often a webhook and an address may call.

use std::time::Instant;

use chatalot::config::ProxyNet;
use serde_json::json;

use crate::support::answer::Answer;
use crate::support::server::TestServer;

const BURST: u32 = 3;

async fn webhook_limited() -> TestServer {
    TestServer::with(|settings| {
        settings.limits.webhook_per_second = 1;
        settings.limits.webhook_burst = BURST;
    })
    .await
}

/// A server that limits addresses and believes the proxies in `trusted`.
async fn address_limited(trusted: &str) -> TestServer {
    let proxy = ProxyNet::try_from(trusted.to_owned()).unwrap();
    TestServer::with(|settings| {
        settings.limits.address_per_second = 1;
        settings.limits.address_burst = BURST;
        settings.trusted_proxies = vec![proxy];
    })
    .await
}

/// Calls until the server refuses, and fails unless that is after the burst and what was
/// saved up since. The machine may be slow, so time is measured, not assumed.
async fn expect_limit(call: impl AsyncFn() -> Answer) {
    let start = Instant::now();
    for accepted in 0..u64::from(BURST) * 20 {
        let answer = call().await;
        if answer.status == 429 {
            assert_tells_when_to_return(&answer);
            let saved_up = start.elapsed().as_secs() + 1;
            assert!(accepted >= u64::from(BURST), "refused after {accepted}");
            assert!(
                accepted <= u64::from(BURST) + saved_up,
                "{accepted} accepted"
            );
            return;
        }
    }
    panic!("never refused");
}

fn assert_tells_when_to_return(answer: &Answer) {
    answer.check_problem();
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&seconds), "Retry-After: {seconds}");
    assert!(
        answer.header("ratelimit").contains("r=0"),
        "{:?}",
        answer.headers
    );
    let policy = answer.header("ratelimit-policy");
    assert!(policy.contains(&format!("q={BURST}")), "{policy}");
}

#[tokio::test]
async fn a_webhook_posts_up_to_its_burst_and_then_at_its_rate() {
    let server = webhook_limited().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let post = json!({"content": "x"});
    expect_limit(async || webhook.execute(&post).await).await;
    let other = community.webhook(&community.general).await;
    other
        .says("another webhook of the channel is not held back")
        .await;
}

#[tokio::test]
async fn a_refused_post_writes_nothing() {
    let server = webhook_limited().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut accepted = 0;
    for _ in 0..20 {
        let answer = webhook.execute(&json!({"content": "x"})).await;
        accepted += i64::from(answer.status == 201);
    }
    let channel = community.owner.channel(&community.general).await;
    assert_eq!(channel.body["last_seq"], accepted);
    assert!(accepted < 20);
}

#[tokio::test]
async fn an_invalid_post_does_not_use_up_the_webhooks_rate() {
    let server = webhook_limited().await;
    let (_, webhook) = server.channel_with_webhook().await;
    for _ in 0..BURST * 3 {
        webhook
            .execute(&json!({"content": ""}))
            .await
            .expect_refused(422);
        webhook.execute_bytes("{").await.expect_refused(422);
        webhook
            .execute_bytes(vec![b' '; 65_537])
            .await
            .expect_refused(413);
    }
    for _ in 0..BURST {
        webhook.says("still possible").await;
    }
}

#[tokio::test]
async fn zero_switches_the_webhooks_limit_off() {
    let server = TestServer::with(|settings| {
        settings.limits.webhook_per_second = 0;
        settings.limits.webhook_burst = 1;
    })
    .await;
    let (_, webhook) = server.channel_with_webhook().await;
    for _ in 0..20 {
        webhook.says("x").await;
    }
}

/// One call of an address that a proxy on 127.0.0.1 forwarded for.
async fn forwarded(server: &TestServer, forwarded_for: &str) -> Answer {
    let call = server.anonymous().get("/api/auth/session");
    call.header("x-forwarded-for", forwarded_for).send().await
}

#[tokio::test]
async fn an_address_calls_up_to_its_burst_and_then_at_its_rate() {
    let server = address_limited("127.0.0.1").await;
    expect_limit(async || forwarded(&server, "203.0.113.1").await).await;
    let other = forwarded(&server, "203.0.113.2").await;
    other.expect_refused(401);
}

#[tokio::test]
async fn every_call_under_api_counts_and_none_outside_it() {
    let server = address_limited("127.0.0.1").await;
    let paths = [
        "/api/auth/session",
        "/api/nothing-here",
        "/api/webhooks/execute/x",
        // The same path in other letters is found, and counts, as well.
        "/%61pi/auth/session",
        "/a%70i/webhooks/execute/x",
    ];
    for (number, path) in paths.into_iter().enumerate() {
        expect_limit(async || {
            let call = server.anonymous().get(path);
            call.header("x-forwarded-for", format!("198.51.100.{number}"))
                .send()
                .await
        })
        .await;
    }
    for _ in 0..BURST * 4 {
        let answer = server.anonymous().get("/health/live").send().await;
        answer.expect_status(200);
    }
}

#[tokio::test]
async fn an_ipv6_network_of_64_bits_counts_as_one_address() {
    let server = address_limited("127.0.0.1").await;
    let next = std::cell::Cell::new(0);
    expect_limit(async || {
        next.set(next.get() + 1);
        forwarded(&server, &format!("2001:db8:0:1::{:x}", next.get())).await
    })
    .await;
    let other = forwarded(&server, "2001:db8:0:2::1").await;
    other.expect_refused(401);
}

#[tokio::test]
async fn an_ipv4_address_written_as_ipv6_is_the_same_address() {
    let server = address_limited("127.0.0.1").await;
    let mapped = std::cell::Cell::new(false);
    expect_limit(async || {
        mapped.set(!mapped.get());
        let address = if mapped.get() {
            "::ffff:203.0.113.1"
        } else {
            "203.0.113.1"
        };
        forwarded(&server, address).await
    })
    .await;
    let other = forwarded(&server, "::ffff:203.0.113.2").await;
    other.expect_refused(401);
}

#[tokio::test]
async fn what_the_client_wrote_before_the_proxy_is_not_believed() {
    let server = address_limited("127.0.0.1").await;
    let next = std::cell::Cell::new(0);
    expect_limit(async || {
        next.set(next.get() + 1);
        forwarded(&server, &format!("198.51.100.{}, 203.0.113.7", next.get())).await
    })
    .await;
}

#[tokio::test]
async fn who_is_no_trusted_proxy_is_not_believed_at_all() {
    let server = address_limited("192.0.2.0/24").await;
    let next = std::cell::Cell::new(0);
    expect_limit(async || {
        next.set(next.get() + 1);
        forwarded(&server, &format!("203.0.113.{}", next.get())).await
    })
    .await;
}

#[tokio::test]
async fn nonsense_in_the_header_breaks_nothing() {
    let server = address_limited("127.0.0.1").await;
    for nonsense in [
        "",
        ",",
        "unknown",
        "1.2.3.4:80",
        "[::1]",
        "999.1.1.1",
        &"1,".repeat(2000),
    ] {
        let answer = forwarded(&server, nonsense).await;
        assert!(
            answer.status == 401 || answer.status == 429,
            "{nonsense}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn beyond_the_bound_of_waiting_posts_a_post_is_refused_and_not_written() {
    let server = TestServer::with(|settings| {
        settings.limits.webhook_per_second = 0;
        settings.limits.channel_pending_posts = 2;
    })
    .await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut database = server.database.connect().await;
    // Nothing can be written while somebody else holds the channel's row.
    let lock = database.transaction().await.unwrap();
    let statement = "select id from channels where id::text = $1 for update";
    lock.execute(statement, &[&community.general])
        .await
        .unwrap();
    let (told, mut answers) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..12 {
        let (webhook, told) = (webhook.clone(), told.clone());
        tokio::spawn(async move { told.send(webhook.execute(&json!({"content": "x"})).await) });
    }
    drop(told);
    let refused = answers.recv().await.unwrap().expect_refused(503);
    refused.header("retry-after").parse::<u64>().unwrap();
    lock.commit().await.unwrap();
    let mut accepted = 0;
    while let Some(answer) = answers.recv().await {
        match answer.status {
            201 => accepted += 1,
            _ => assert!(
                answer.headers.contains_key("retry-after"),
                "{}",
                answer.text
            ),
        }
    }
    let channel = community.owner.channel(&community.general).await;
    assert_eq!(channel.body["last_seq"], accepted);
    assert!(accepted >= 2, "what waited was written: {accepted}");
}
