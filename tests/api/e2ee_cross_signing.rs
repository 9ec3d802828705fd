//! Cross-signing: the keys of a user's identity, and the signatures that are added to keys.

use serde_json::{Value, json};

use crate::support::encrypting_device::{EncryptingDevice, public_key};
use crate::support::fixtures::Community;
use crate::support::server::TestServer;

async fn pair(server: &TestServer) -> (Community, EncryptingDevice, EncryptingDevice) {
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.owner).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    (community, ann, bob)
}

/// The keys of `user` in the answer to a query, by the member of the answer.
async fn keys_of(viewer: &EncryptingDevice, user: &EncryptingDevice, member: &str) -> Value {
    let found = viewer.query(&[&user.user_id]).await.expect_status(200);
    found.body[member][&user.user_id].clone()
}

#[tokio::test]
async fn a_user_s_keys_are_shown_but_the_user_signing_key_to_its_owner_alone() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let [master, own, others] = ann.cross_sign().await;
    for viewer in [&ann, &bob] {
        let key = keys_of(viewer, &ann, "master_keys").await;
        assert_eq!(key["keys"], json!({format!("ed25519:{master}"): master}));
        let key = keys_of(viewer, &ann, "self_signing_keys").await;
        assert_eq!(key["keys"], json!({format!("ed25519:{own}"): own}));
    }
    let key = keys_of(&ann, &ann, "user_signing_keys").await;
    assert_eq!(key["keys"], json!({format!("ed25519:{others}"): others}));
    let hidden = keys_of(&bob, &ann, "user_signing_keys").await;
    assert_eq!(hidden, Value::Null);
}

#[tokio::test]
async fn cross_signing_keys_need_the_password_again() {
    let server = TestServer::start().await;
    let (_, ann, _) = pair(&server).await;
    let key = ann.cross_signing_key("master", &public_key(), &[&ann.device_id]);
    let send = async |auth: Value| {
        let body = json!({"master_key": key, "auth": auth});
        let call = ann.post("/api/e2ee/keys/device_signing/upload");
        call.json(&body).send().await
    };
    send(Value::Null)
        .await
        .expect_problem(403, "password_required");
    for wrong in ["wrong", "a wrong password", ""] {
        let auth = json!({"type": "m.login.password", "password": wrong});
        send(auth).await.expect_problem(403, "wrong_password");
    }
    let other = json!({"type": "m.login.sso", "password": "x"});
    send(other).await.expect_invalid(&["/auth/type"]);
    send(json!({"type": "m.login.password"}))
        .await
        .expect_refused(422);
    assert_eq!(keys_of(&ann, &ann, "master_keys").await, Value::Null);
    let right = json!({
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": ann.username},
        "password": crate::support::fixtures::PASSWORD,
    });
    send(right).await.expect_status(200);
    assert_eq!(keys_of(&ann, &ann, "master_keys").await, key);
}

#[tokio::test]
async fn guessing_the_password_there_is_limited_like_at_the_door() {
    let server = TestServer::with(|it| it.limits.login_per_minute = 3).await;
    // Two of the three are spent by registering and the first guess.
    let ann = EncryptingDevice::of(&server.user("ann").await).await;
    let key = ann.cross_signing_key("master", &public_key(), &[&ann.device_id]);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let auth = json!({"type": "m.login.password", "password": "a wrong one"});
        let body = json!({"master_key": key, "auth": auth});
        let call = ann.post("/api/e2ee/keys/device_signing/upload");
        statuses.push(call.json(&body).send().await.status);
    }
    assert_eq!(statuses, [403, 403, 429, 429]);
}

#[tokio::test]
async fn a_cross_signing_key_has_its_form_and_the_master_s_signature() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let (master, other) = (public_key(), public_key());
    let good = ann.cross_signing_key("master", &master, &[&ann.device_id]);
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        json!({ "master_key": key })
    };
    for (name, value) in [
        ("user_id", json!(bob.user_id)),
        ("usage", json!(["self_signing"])),
        ("usage", json!(["master", "self_signing"])),
        ("keys", json!({})),
        ("keys", json!({format!("ed25519:{master}"): other})),
        ("keys", json!({"ed25519:x": "x"})),
    ] {
        let answer = ann.upload_cross_signing(changed(name, value)).await;
        answer.expect_invalid(&[&format!("/master_key/{name}")]);
    }
    let nothing = ann.upload_cross_signing(json!({})).await;
    nothing.expect_invalid(&["/master_key"]);
    let own = |signer: &str| ann.cross_signing_key("self_signing", &other, &[signer]);
    let early = json!({"self_signing_key": own(&master)});
    let early = ann.upload_cross_signing(early).await;
    early.expect_invalid(&["/master_key"]);
    let unsigned = json!({"master_key": good, "self_signing_key": own(&other)});
    let unsigned = ann.upload_cross_signing(unsigned).await;
    unsigned.expect_invalid(&["/self_signing_key/signatures"]);
    let both = json!({"master_key": good, "self_signing_key": own(&master)});
    ann.upload_cross_signing(both).await.expect_status(200);
}

#[tokio::test]
async fn another_master_key_takes_the_others_with_it() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let [_, own, _] = ann.cross_sign().await;
    sign_own_device(&ann, &own).await;
    let newer = public_key();
    let key = ann.cross_signing_key("master", &newer, &[&ann.device_id]);
    let replaced = ann.upload_cross_signing(json!({"master_key": key})).await;
    replaced.expect_status(200);
    assert_eq!(keys_of(&bob, &ann, "master_keys").await, key);
    for member in ["self_signing_keys", "user_signing_keys"] {
        assert_eq!(keys_of(&ann, &ann, member).await, Value::Null);
    }
    // What the old key vouched for nobody vouches for any more.
    let devices = keys_of(&bob, &ann, "device_keys").await;
    assert_eq!(devices[&ann.device_id], ann.device_keys);
}

/// Signs the device with the user's own self-signing key.
async fn sign_own_device(device: &EncryptingDevice, key: &str) -> Value {
    let mut signed = device.device_keys.clone();
    signed["signatures"] = device.signed_by(&[key]);
    let body = json!({&device.user_id: {&device.device_id: signed}});
    let answer = device.upload_signatures(&body).await.expect_status(200);
    assert_eq!(answer.body, json!({"failures": {}}));
    signed["signatures"][&device.user_id].clone()
}

#[tokio::test]
async fn signatures_on_one_s_own_keys_are_merged_and_shown_to_all() {
    let server = TestServer::start().await;
    let (_, ann, bob) = pair(&server).await;
    let [_, own, _] = ann.cross_sign().await;
    let mut all = ann.device_keys["signatures"][&ann.user_id].clone();
    let added = sign_own_device(&ann, &own).await;
    for (key, signature) in added.as_object().unwrap() {
        all[key] = signature.clone();
    }
    for viewer in [&ann, &bob] {
        let devices = keys_of(viewer, &ann, "device_keys").await;
        let device = &devices[&ann.device_id];
        assert_eq!(device["signatures"], json!({&ann.user_id: all}));
        assert_eq!(device["keys"], ann.device_keys["keys"]);
    }
    // A later one by the same key takes the place of the first.
    let newer = sign_own_device(&ann, &own).await;
    let devices = keys_of(&bob, &ann, "device_keys").await;
    let name = format!("ed25519:{own}");
    let shown = &devices[&ann.device_id]["signatures"][&ann.user_id][&name];
    assert_eq!(*shown, newer[&name]);
}

#[tokio::test]
async fn a_signature_on_a_device_that_goes_at_this_moment_is_refused_as_one_on_no_device() {
    let server = TestServer::start().await;
    let (_, ann, _) = pair(&server).await;
    let [_, own, _] = ann.cross_sign().await;
    let phone = ann.another().await;
    let mut signed = phone.device_keys.clone();
    signed["signatures"] = ann.signed_by(&[&own]);
    let body = json!({&ann.user_id: {&phone.device_id: signed}});
    let mut database = server.database.connect().await;
    let ending = database.transaction().await.unwrap();
    let statement = "delete from sessions where id = $1::text::uuid";
    ending
        .execute(statement, &[&phone.device_id])
        .await
        .unwrap();
    let (answer, ()) = tokio::join!(ann.upload_signatures(&body), async {
        server.database.until_something_waits_for_a_lock().await;
        ending.commit().await.unwrap();
    });
    let failures = &answer.expect_status(200).body["failures"];
    let failure = &failures[&ann.user_id][&phone.device_id];
    assert_eq!(failure["errcode"], "M_NOT_FOUND");
}

#[tokio::test]
async fn what_a_user_signs_of_others_is_for_their_own_eyes() {
    let server = TestServer::start().await;
    let (community, ann, bob) = pair(&server).await;
    let eve = EncryptingDevice::of(&community.member("eve").await).await;
    let [master, ..] = bob.cross_sign().await;
    let [_, _, signing] = ann.cross_sign().await;
    let mut signed = keys_of(&ann, &bob, "master_keys").await;
    signed["signatures"] = ann.signed_by(&[&signing]);
    let body = json!({&bob.user_id: {&master: signed}});
    let (mut phone, mut others) = (ann.another().await.socket().await, eve.socket().await);
    let answer = ann.upload_signatures(&body).await.expect_status(200);
    assert_eq!(answer.body, json!({"failures": {}}));
    let by_ann = |key: &Value| key["signatures"].get(&ann.user_id).cloned();
    let shown = keys_of(&ann, &bob, "master_keys").await;
    assert_eq!(
        by_ann(&shown),
        Some(signed["signatures"][&ann.user_id].clone())
    );
    for viewer in [&bob, &eve] {
        assert_eq!(by_ann(&keys_of(viewer, &bob, "master_keys").await), None);
    }
    // The signer's other devices are told to ask again, and nobody else.
    let told = phone.expect_frame("device_lists").await;
    assert_eq!(told["changed"], json!([bob.user_id]));
    others.round_trip().await;
    let frames = others
        .next_within(std::time::Duration::from_millis(50))
        .await;
    let kinds = frames.and_then(Result::ok).map(|it| it["type"].clone());
    assert_ne!(kinds, Some(json!("device_lists")));
}

#[tokio::test]
async fn signatures_that_do_not_fit_are_named_and_the_others_are_kept() {
    let server = TestServer::start().await;
    let (community, ann, bob) = pair(&server).await;
    let eve = EncryptingDevice::of(&community.outsider("eve").await).await;
    let [_, own, _] = ann.cross_sign().await;
    let signed = |of: &EncryptingDevice, by: &str| {
        let mut keys = of.device_keys.clone();
        keys["signatures"] = ann.signed_by(&[by]);
        keys
    };
    let mut altered = signed(&ann, &own);
    altered["algorithms"] = json!([]);
    let phone = ann.another().await;
    let body = json!({
        &ann.user_id: {
            &ann.device_id: altered,
            &phone.device_id: signed(&phone, &own),
            uuid::Uuid::now_v7().to_string(): signed(&ann, &own),
        },
        &bob.user_id: {&bob.device_id: signed(&bob, &own)},
        &eve.user_id: {&eve.device_id: signed(&eve, &own)},
    });
    let answer = ann.upload_signatures(&body).await.expect_status(200);
    let code = |user: &EncryptingDevice, key: &str| {
        answer.body["failures"][&user.user_id][key]["errcode"].clone()
    };
    assert_eq!(code(&ann, &ann.device_id), "M_INVALID_SIGNATURE");
    assert_eq!(code(&ann, &phone.device_id), Value::Null);
    assert_eq!(code(&bob, &bob.device_id), "M_FORBIDDEN");
    assert_eq!(code(&eve, &eve.device_id), "M_NOT_FOUND");
    assert_eq!(answer.body["failures"].as_object().unwrap().len(), 3);
    let devices = keys_of(&bob, &ann, "device_keys").await;
    let kept = &devices[&phone.device_id]["signatures"][&ann.user_id];
    assert!(kept.get(format!("ed25519:{own}")).is_some(), "{devices}");
    // By a key that is nobody's.
    let body = json!({&ann.user_id: {&ann.device_id: signed(&ann, &public_key())}});
    let answer = ann.upload_signatures(&body).await.expect_status(200);
    let failure = &answer.body["failures"][&ann.user_id][&ann.device_id];
    assert_eq!(failure["errcode"], "M_INVALID_SIGNATURE");
    // And nobody signs in somebody else's name.
    let mut forged = ann.device_keys.clone();
    forged["signatures"] = bob.signed_by(&[&bob.device_id]);
    let body = json!({&ann.user_id: {&ann.device_id: forged}});
    ann.upload_signatures(&body).await.expect_refused(422);
}

#[tokio::test]
async fn one_call_signs_at_most_200_keys() {
    let server = TestServer::start().await;
    let (_, ann, _) = pair(&server).await;
    for (count, status) in [(199, 200), (200, 200), (201, 422)] {
        let signed = json!({"signatures": {&ann.user_id: {
            "ed25519:x": crate::support::encrypting_device::signature()}}});
        let keys: serde_json::Map<String, Value> = (0..count)
            .map(|_| (uuid::Uuid::now_v7().to_string(), signed.clone()))
            .collect();
        let body = json!({&ann.user_id: keys});
        ann.upload_signatures(&body).await.expect_status(status);
    }
}
