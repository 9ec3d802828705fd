//! One-time keys: each is handed out at most once, then the fallback key is.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::encrypting_device::{EncryptingDevice, SIGNED, signature};
use crate::support::fixtures::Community;
use crate::support::server::TestServer;

/// Two members of a community, each with a device.
async fn pair(server: &TestServer) -> (Community, EncryptingDevice, EncryptingDevice) {
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.owner).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    (community, ann, bob)
}

async fn counts(device: &EncryptingDevice) -> Value {
    let answer = device.upload(&json!({})).await.expect_status(200);
    answer.body["one_time_key_counts"].clone()
}

#[tokio::test]
async fn fifty_claimers_at_once_get_a_key_each_and_never_the_same() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let bob = bob.with_one_time_keys(50).await;
    let fallback = json!({"fallback_keys": {format!("{SIGNED}:F"): bob.signed_key()}});
    bob.upload(&fallback).await.expect_status(200);
    let claims = join_all((0..50).map(|_| ann.claim(&bob))).await;
    let ids: BTreeSet<String> = claims
        .iter()
        .map(|claimed| claimed.as_ref().expect("a key").0.clone())
        .collect();
    assert_eq!(ids.len(), 50, "each got another key");
    assert!(ids.iter().all(|id| id.starts_with(&format!("{SIGNED}:K"))));
    assert_eq!(counts(&bob).await[SIGNED], 0);
    // From here on it is the fallback key, for everybody.
    let claims = join_all((0..10).map(|_| ann.claim(&bob))).await;
    for claimed in claims {
        assert_eq!(claimed.expect("the fallback key").0, format!("{SIGNED}:F"));
    }
}

#[tokio::test]
async fn more_claimers_than_keys_share_the_fallback_key() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let bob = bob.with_one_time_keys(20).await;
    let fallback = json!({"fallback_keys": {format!("{SIGNED}:F"): bob.signed_key()}});
    bob.upload(&fallback).await.expect_status(200);
    let claims = join_all((0..50).map(|_| ann.claim(&bob))).await;
    let ids: Vec<String> = claims.into_iter().map(|it| it.expect("a key").0).collect();
    let once: Vec<&String> = ids.iter().filter(|id| !id.ends_with(":F")).collect();
    let distinct: BTreeSet<&&String> = once.iter().collect();
    assert_eq!((once.len(), distinct.len()), (20, 20), "{ids:?}");
}

#[tokio::test]
async fn the_oldest_key_is_handed_out_first_and_as_it_was_uploaded() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let (first, second) = (bob.one_time_keys(5..6), bob.one_time_keys(1..2));
    for keys in [&first, &second] {
        let body = json!({ "one_time_keys": keys });
        bob.upload(&body).await.expect_status(200);
    }
    for keys in [first, second] {
        let (id, key) = ann.claim(&bob).await.unwrap();
        assert_eq!(keys, json!({ id: key }));
    }
    // Without any key and without a fallback key the device is left out.
    assert_eq!(ann.claim(&bob).await, None);
}

#[tokio::test]
async fn a_repeated_upload_does_not_bring_a_key_back_that_was_handed_out() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let body = json!({"one_time_keys": bob.one_time_keys(0..2)});
    bob.upload(&body).await.expect_status(200);
    let (id, _) = ann.claim(&bob).await.unwrap();
    // The answer to the first was lost, say.
    let again = bob.upload(&body).await.expect_status(200);
    assert_eq!(again.body["one_time_key_counts"][SIGNED], 1);
    assert_ne!(ann.claim(&bob).await.unwrap().0, id);
    assert_eq!(ann.claim(&bob).await, None);
    // The same id is never another key.
    let other = json!({"one_time_keys": bob.one_time_keys(7..8)});
    bob.upload(&other).await.expect_status(200);
    let changed = json!({"one_time_keys": bob.one_time_keys(7..8)});
    let refused = bob.upload(&changed).await;
    refused.expect_problem(409, "one_time_key_exists");
}

#[tokio::test]
async fn a_fallback_key_is_unused_until_it_is_handed_out() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let mut socket = bob.socket().await;
    let first = socket.expect_frame("one_time_keys").await;
    assert_eq!(first["unused_fallback_key_types"], json!([]));
    assert_eq!(first["counts"], json!({SIGNED: 0}));
    let fallback = json!({"fallback_keys": {format!("{SIGNED}:F"): bob.signed_key()}});
    bob.upload(&fallback).await.expect_status(200);
    let unused = |frame: &Value| frame["unused_fallback_key_types"].clone();
    let told = socket.expect_frame("one_time_keys").await;
    assert_eq!(unused(&told), json!([SIGNED]));
    ann.claim(&bob).await.unwrap();
    let told = socket.expect_frame("one_time_keys").await;
    assert_eq!(unused(&told), json!([]));
    // The same again stays used; another one is new.
    bob.upload(&fallback).await.expect_status(200);
    let told = socket.expect_frame("one_time_keys").await;
    assert_eq!(unused(&told), json!([]));
    let newer = json!({"fallback_keys": {format!("{SIGNED}:G"): bob.signed_key()}});
    bob.upload(&newer).await.expect_status(200);
    let told = socket.expect_frame("one_time_keys").await;
    assert_eq!(unused(&told), json!([SIGNED]));
    assert_eq!(ann.claim(&bob).await.unwrap().0, format!("{SIGNED}:G"));
}

#[tokio::test]
async fn a_claim_tells_the_device_how_many_keys_are_left() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let bob = bob.with_one_time_keys(2).await;
    let (mut socket, mut elsewhere) = (bob.socket().await, bob.another().await.socket().await);
    let left = async |socket: &mut crate::support::socket::WsClient| {
        let frame = socket.expect_frame("one_time_keys").await;
        frame["counts"][SIGNED].clone()
    };
    assert_eq!(left(&mut socket).await, 2);
    assert_eq!(left(&mut elsewhere).await, 0);
    for expected in [1, 0] {
        ann.claim(&bob).await.unwrap();
        assert_eq!(left(&mut socket).await, expected);
    }
    // Another device of the same user hears nothing of it. It shares the user's other news.
    elsewhere.round_trip().await;
}

#[tokio::test]
async fn keys_are_handed_out_to_those_who_share_a_channel() {
    let server = TestServer::start().await;
    let (community, ann, bob) = pair(&server).await;
    let bob = bob.with_one_time_keys(3).await;
    let eve = EncryptingDevice::of(&community.outsider("eve").await).await;
    assert_eq!(eve.claim(&bob).await, None);
    assert_eq!(counts(&bob).await[SIGNED], 3, "and none is spent");
    // A device is asked for under its own user only.
    let body = json!({"one_time_keys": {&ann.user_id: {&bob.device_id: SIGNED}}});
    let answer = ann.post("/api/e2ee/keys/claim").json(&body).send().await;
    assert_eq!(answer.expect_status(200).body["one_time_keys"], json!({}));
    // Of an algorithm that it has no keys of it hands out none.
    let body = json!({"one_time_keys": {&bob.user_id: {&bob.device_id: "curve25519"}}});
    let answer = ann.post("/api/e2ee/keys/claim").json(&body).send().await;
    assert_eq!(answer.expect_status(200).body["one_time_keys"], json!({}));
    assert_eq!(counts(&bob).await[SIGNED], 3);
    ann.claim(&bob).await.unwrap();
    bob.another().await.claim(&bob).await.unwrap();
    assert_eq!(counts(&bob).await[SIGNED], 1);
}

#[tokio::test]
async fn a_device_has_at_most_100_one_time_keys() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let add = async |numbers| {
        let body = json!({"one_time_keys": bob.one_time_keys(numbers)});
        bob.upload(&body).await
    };
    add(0..101).await.expect_invalid(&["/one_time_keys"]);
    add(0..99).await.expect_status(200);
    add(99..101)
        .await
        .expect_problem(409, "too_many_one_time_keys");
    assert_eq!(counts(&bob).await[SIGNED], 99, "nothing of it was kept");
    add(99..100).await.expect_status(200);
    add(100..101)
        .await
        .expect_problem(409, "too_many_one_time_keys");
    // Those that were handed out make room.
    ann.claim(&bob).await.unwrap();
    add(100..101).await.expect_status(200);
}

#[tokio::test]
async fn a_one_time_key_has_its_form() {
    let server = TestServer::start().await;
    let (_, _, bob) = pair(&server).await;
    let good = bob.signed_key();
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let by_other = json!({"@x:localhost": {"ed25519:x": signature()}});
    let signed_at = format!("/signatures/{}/ed25519:{}", bob.user_id, bob.device_id);
    for (id, key, inside) in [
        ("curve25519:A", good.clone(), String::new()),
        ("signed_curve25519", good.clone(), String::new()),
        ("signed_curve25519:", good.clone(), String::new()),
        ("signed_curve25519:a b", good.clone(), String::new()),
        (
            &format!("{SIGNED}:{}", "x".repeat(65)),
            good.clone(),
            String::new(),
        ),
        ("signed_curve25519:A", json!("text"), String::new()),
        (
            "signed_curve25519:A",
            changed("key", json!("short")),
            "/key".to_owned(),
        ),
        (
            "signed_curve25519:A",
            changed("signatures", by_other),
            signed_at,
        ),
    ] {
        for field in ["one_time_keys", "fallback_keys"] {
            let body = json!({field: {id: key}});
            let answer = bob.upload(&body).await;
            answer.expect_invalid(&[&format!("/{field}/{id}{inside}")]);
        }
    }
    let longest = format!("{SIGNED}:{}", "x".repeat(64));
    let body = json!({"one_time_keys": {longest: good}});
    bob.upload(&body).await.expect_status(200);
    let two = json!({"fallback_keys": bob.one_time_keys(0..2)});
    bob.upload(&two).await.expect_invalid(&["/fallback_keys"]);
}

#[tokio::test]
async fn a_device_without_an_identity_has_no_other_keys() {
    let server = TestServer::start().await;
    let ada = EncryptingDevice::without_keys(&server.user("ada").await).await;
    ada.upload(&json!({})).await.expect_status(200);
    let body = json!({"one_time_keys": ada.one_time_keys(0..1)});
    ada.upload(&body).await.expect_invalid(&["/device_keys"]);
    let both = json!({
        "device_keys": ada.device_keys,
        "one_time_keys": ada.one_time_keys(0..1),
    });
    ada.upload(&both).await.expect_status(200);
}

#[tokio::test]
async fn a_claim_names_at_most_1000_devices() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    for (count, status) in [(999, 200), (1000, 200), (1001, 422)] {
        let devices: serde_json::Map<String, Value> = (0..count)
            .map(|_| (uuid::Uuid::now_v7().to_string(), json!(SIGNED)))
            .collect();
        let body = json!({"one_time_keys": {&bob.user_id: devices}});
        let call = ann.post("/api/e2ee/keys/claim").json(&body);
        call.send().await.expect_status(status);
    }
}
