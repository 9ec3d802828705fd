//! One-time keys that run out while a device is away.

use std::collections::HashSet;

use chatalot_client::Frame;
use serde_json::json;

use crate::support::fixtures::PASSWORD;
use crate::support::people::{Person, device, history};
use crate::support::server::TestServer;

/// More than a device keeps on the server.
const MANY: usize = 200;

/// Takes a one-time key of the device, as a device of `taker` would, and tells its id.
async fn claim(taker: &Person, user: &str, device: &str) -> String {
    let body = json!({"one_time_keys": {user: {device: "signed_curve25519"}}});
    let call = taker.user.post("/api/e2ee/keys/claim").json(&body);
    let answer = call.send().await.expect_status(200);
    let keys = &answer.body["one_time_keys"][user][device];
    keys.as_object().unwrap().keys().next().unwrap().clone()
}

#[tokio::test]
async fn whoever_is_away_is_reached_by_the_fallback_key_and_makes_new_keys_when_back() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let (bob, carol) = (
        community.member("bob").await,
        community.member("carol").await,
    );
    let ann = Person::of(&community.owner, &[]).await;
    let carol = Person::of(&carol, &[]).await;
    let store = std::sync::Arc::default();
    let away = device(&bob, bob.origin(), &store).await;
    away.set_up(PASSWORD).await.unwrap();
    let (name, device_id) = (away.machine().user_id().to_string(), away.id().to_owned());

    let mut taken = HashSet::new();
    let fallback = loop {
        assert!(taken.len() < MANY, "more keys than a device keeps");
        let key = claim(&ann, &name, &device_id).await;
        if taken.contains(&key) {
            break key;
        }
        taken.insert(key);
    };
    assert!(taken.len() > 2, "there were one-time keys: {taken:?}");

    // Both begin their sessions with the same fallback key.
    ann.writes(general, "can you hear me?").await;
    carol.writes(general, "and me?").await;

    let mut live = away.follow(&[]).await.unwrap();
    let mut told = None;
    let mut sessions = 0;
    while told.is_none() || sessions < 2 {
        match live.next().await.unwrap() {
            Frame::OneTimeKeys {
                counts,
                unused_fallback_keys,
            } => {
                told.get_or_insert((counts, unused_fallback_keys));
            }
            Frame::ToDevice(events) => sessions += events.len(),
            _ => {}
        }
    }
    let (counts, unused_fallback_keys) = told.unwrap();
    assert_eq!(counts["signed_curve25519"], 0);
    assert!(unused_fallback_keys.is_empty(), "{unused_fallback_keys:?}");
    let messages = history(&away, general).await;
    for (message, text) in messages.iter().zip(["can you hear me?", "and me?"]) {
        match away.decrypt(message).await.unwrap() {
            chatalot_client::Decryption::Clear(plaintext) => assert_eq!(plaintext.body, text),
            other => panic!("{text:?} is not read: {other:?}"),
        }
    }

    // The device was told that it has none left, and made new ones.
    for _ in 0..2 {
        let new = claim(&ann, &name, &device_id).await;
        assert_ne!(new, fallback);
        assert!(taken.insert(new), "never handed out before");
    }
}
