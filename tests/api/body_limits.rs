//! How large a body may be, and that a client always sees why it was refused.

use serde_json::json;

use crate::support::answer::Answer;
use crate::support::fixtures::Webhook;
use crate::support::raw::{chunked, exchange};
use crate::support::server::TestServer;

const LIMIT: usize = 64 * 1024;

/// A valid post of exactly `size` bytes: JSON may end in blanks.
fn post_of(size: usize) -> Vec<u8> {
    let mut body = br#"{"content": "x"}"#.to_vec();
    body.resize(size, b' ');
    body
}

async fn chunked_post(server: &TestServer, webhook: &Webhook, body: &[u8]) -> Answer {
    let head = format!(
        "POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
        webhook.path()
    );
    exchange(server.port, &head, &chunked(body)).await
}

#[tokio::test]
async fn a_post_of_64_kib_is_accepted_and_one_byte_more_is_not() {
    let server = TestServer::start().await;
    let (_, webhook) = server.channel_with_webhook().await;
    for (size, status) in [(LIMIT - 1, 201), (LIMIT, 201), (LIMIT + 1, 413)] {
        let answer = webhook.execute_bytes(post_of(size)).await;
        answer.expect_status(status);
        let answer = chunked_post(&server, &webhook, &post_of(size)).await;
        answer.expect_status(status);
    }
}

#[tokio::test]
async fn a_client_that_sends_far_too_much_still_reads_the_413() {
    let server = TestServer::start().await;
    let (_, webhook) = server.channel_with_webhook().await;
    for size in [LIMIT + 2, 200_000, 1_000_000] {
        webhook
            .execute_bytes(post_of(size))
            .await
            .expect_refused(413);
        let answer = chunked_post(&server, &webhook, &post_of(size)).await;
        answer.expect_refused(413);
    }
    webhook.says("and the next post is fine").await;
}

#[tokio::test]
async fn every_other_call_has_a_bound_too() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let body = json!({"name": "n".repeat(1_000_000)}).to_string();
    let call = ada.post("/api/communities").bytes(body);
    let call = call.header("content-type", "application/json");
    call.send().await.expect_refused(413);
    let call = server.anonymous().post("/api/auth/login");
    let call = call
        .bytes(post_of(900_000))
        .header("content-type", "application/json")
        .header("sec-fetch-site", "same-origin");
    call.send().await.expect_refused(413);
}

#[tokio::test]
async fn a_compressed_body_is_measured_by_what_it_unpacks_to_or_refused() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let call = server.anonymous().post(webhook.path());
    let call = call.bytes(post_of(100)).header("content-encoding", "gzip");
    let answer = call.send().await;
    assert!(
        (400..500).contains(&answer.status) || answer.status == 201,
        "{}",
        answer.text
    );
    let channel = community.owner.channel(&community.general).await;
    let written = channel.body["last_seq"].as_i64().unwrap();
    assert_eq!(written, i64::from(answer.status == 201));
}
