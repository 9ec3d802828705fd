//! Sealed secrets that a user keeps on the server.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::fixtures::User;
use crate::support::server::TestServer;

fn path(kind: &str) -> String {
    format!("/api/e2ee/account_data/{kind}")
}

async fn keep(user: &User, kind: &str, content: &Value) -> Answer {
    user.put(path(kind)).json(content).send().await
}

fn sealed(mark: &str) -> Value {
    json!({"encrypted": {"key": {"iv": "aXY", "ciphertext": mark, "mac": "bWFj"}}})
}

#[tokio::test]
async fn a_secret_is_kept_replaced_and_forgotten_by_its_user() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let kind = "m.cross_signing.master";
    ada.get(path(kind)).send().await.expect_refused(404);
    for mark in ["one", "two"] {
        let kept = keep(&ada, kind, &sealed(mark)).await;
        assert_eq!(kept.expect_status(200).body, json!({}));
        // On every session of the user.
        let elsewhere = ada.sign_in().await;
        let found = elsewhere.get(path(kind)).send().await.expect_status(200);
        assert_eq!(found.body, sealed(mark));
    }
    bob.get(path(kind)).send().await.expect_refused(404);
    bob.delete(path(kind)).send().await.expect_refused(404);
    ada.delete(path(kind)).send().await.expect_done();
    ada.get(path(kind)).send().await.expect_refused(404);
}

#[tokio::test]
async fn only_what_belongs_to_secret_storage_is_kept_and_secrets_only_sealed() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let named = json!({"key": "abc"});
    let description = json!({"algorithm": "m.secret_storage.v1.aes-hmac-sha2", "iv": "x"});
    for (kind, content) in [
        ("m.secret_storage.default_key", &named),
        ("m.secret_storage.key.abc", &description),
        ("m.cross_signing.self_signing", &sealed("x")),
        ("m.cross_signing.user_signing", &sealed("x")),
        ("m.megolm_backup.v1", &sealed("x")),
    ] {
        keep(&ada, kind, content).await.expect_status(200);
    }
    for kind in ["m.direct", "m.secret_storage.key.", "notes"] {
        keep(&ada, kind, &named).await.expect_refused(404);
        ada.get(path(kind)).send().await.expect_refused(404);
        ada.delete(path(kind)).send().await.expect_refused(404);
    }
    for bare in [
        json!({"key": "secret"}),
        json!({}),
        json!({"encrypted": {}, "key": "x"}),
        json!({"encrypted": {"key": {}}}),
        json!({"encrypted": {"key": {"iv": "aXY", "ciphertext": "in clear!", "mac": "bWFj"}}}),
        json!({"encrypted": {"key": {"iv": "aXY", "ciphertext": "eA", "mac": "bWFj", "key": "x"}}}),
    ] {
        let refused = keep(&ada, "m.megolm_backup.v1", &bare).await;
        refused.expect_invalid(&["/encrypted"]);
    }
    let found = ada.get(path("m.megolm_backup.v1")).send().await;
    assert_eq!(found.body, sealed("x"));
}

#[tokio::test]
async fn what_is_kept_has_a_greatest_size_and_number() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    const LIMIT: usize = 16 * 1024;
    for (size, status) in [(LIMIT - 1, 200), (LIMIT, 200), (LIMIT + 1, 422)] {
        // {"x":"…"} is 8 bytes around the text.
        let content = json!({"x": "x".repeat(size - 8)});
        let kept = keep(&ada, "m.secret_storage.key.size", &content).await;
        kept.expect_status(status);
    }
    for number in 0..49 {
        let kind = format!("m.secret_storage.key.{number}");
        keep(&ada, &kind, &json!({})).await.expect_status(200);
    }
    let one_more = keep(&ada, "m.secret_storage.key.more", &json!({})).await;
    one_more.expect_problem(409, "too_much_account_data");
    // What is there can be replaced, and deleting makes room.
    let replaced = keep(&ada, "m.secret_storage.key.7", &json!({"new": 1})).await;
    replaced.expect_status(200);
    let gone = ada.delete(path("m.secret_storage.key.7")).send().await;
    gone.expect_done();
    let now = keep(&ada, "m.secret_storage.key.more", &json!({})).await;
    now.expect_status(200);
}
