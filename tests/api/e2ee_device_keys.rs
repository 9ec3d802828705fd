//! The directory of devices: what a device says of itself, once, and who may ask.

use chatalot::config::Secret;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use crate::support::answer::Answer;
use crate::support::encrypting_device::{EncryptingDevice, public_key};
use crate::support::fixtures::{Community, User};
use crate::support::server::TestServer;

#[tokio::test]
async fn a_device_is_its_session_and_has_the_server_s_name() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let device = EncryptingDevice::without_keys(&ada).await;
    assert_eq!(device.server_name, "localhost");
    assert_eq!(device.user_id, format!("@{}:localhost", ada.id));
    let (_, hello) = ada.handshake().connect_and_greet().await;
    assert_eq!(hello["session_id"], device.device_id.as_str());
    let other = EncryptingDevice::without_keys(&ada.sign_in().await).await;
    assert_eq!(other.user_id, device.user_id);
    assert_ne!(other.device_id, device.device_id);
}

#[tokio::test]
async fn the_server_name_is_that_of_the_first_start_for_ever() {
    let mut first =
        TestServer::with(|it| it.public_url = "https://one.example.com".to_owned()).await;
    // Bearer tokens work whatever the origin.
    let ada = EncryptingDevice::of(&first.user("ada").await).await;
    assert_eq!(ada.server_name, "one.example.com");
    let url = first.database.url();
    first.stop();
    let second = TestServer::with(|it| {
        it.database.url = Secret::new(url.as_str());
        it.public_url = "https://two.example.com".to_owned();
    })
    .await;
    let token = second.anonymous().with_token(ada.token());
    let again = EncryptingDevice::without_keys(&ada.with_client(token)).await;
    assert_eq!(again.user_id, ada.user_id);
    assert_eq!(again.device_id, ada.device_id);
    // And the directory is as it was.
    let found = again.query(&[&ada.user_id]).await.expect_status(200);
    let keys = &found.body["device_keys"][&ada.user_id][&ada.device_id];
    assert_eq!(*keys, ada.device_keys);
}

#[tokio::test]
async fn identity_keys_are_written_once() {
    let server = TestServer::start().await;
    let device = EncryptingDevice::of(&server.user("ada").await).await;
    // The same again, as after a lost answer.
    let same = json!({"device_keys": device.device_keys});
    device.upload(&same).await.expect_status(200);
    let other = json!({"device_keys": device.new_identity()});
    let refused = device.upload(&other).await;
    refused.expect_problem(409, "identity_key_changed");
    for key in ["curve25519", "ed25519"] {
        let mut changed = device.device_keys.clone();
        changed["keys"][format!("{key}:{}", device.device_id)] = json!(public_key());
        let refused = device.upload(&json!({"device_keys": changed})).await;
        refused.expect_problem(409, "identity_key_changed");
    }
    // What it says beside its keys may change.
    let mut newer = device.device_keys.clone();
    newer["algorithms"] = json!(["m.megolm.v1.aes-sha2"]);
    let newer_body = json!({"device_keys": newer});
    device.upload(&newer_body).await.expect_status(200);
    let found = device.query(&[&device.user_id]).await.expect_status(200);
    let keys = &found.body["device_keys"][&device.user_id][&device.device_id];
    assert_eq!(*keys, newer);
}

#[tokio::test]
async fn a_device_speaks_for_itself_alone() {
    let server = TestServer::start().await;
    let ada = EncryptingDevice::without_keys(&server.user("ada").await).await;
    let bob = EncryptingDevice::without_keys(&server.user("bob").await).await;
    let id = &ada.device_id;
    let named = |name: &str, value: Value| {
        let mut keys = ada.device_keys.clone();
        keys[name] = value;
        keys
    };
    let key = |name: String, value: Value| {
        let mut keys = ada.device_keys.clone();
        keys["keys"][name] = value;
        keys
    };
    let other_server = format!("@{}:elsewhere.example.com", ada.id);
    for (keys, pointer) in [
        (named("user_id", json!(bob.user_id)), "user_id".to_owned()),
        (named("user_id", json!(ada.id)), "user_id".to_owned()),
        (named("user_id", json!(other_server)), "user_id".to_owned()),
        (
            named("device_id", json!(bob.device_id)),
            "device_id".to_owned(),
        ),
        (
            named("algorithms", json!("m.megolm")),
            "algorithms".to_owned(),
        ),
        (named("algorithms", json!([1])), "algorithms".to_owned()),
        (
            key(format!("ed25519:{id}"), json!("short")),
            format!("keys/ed25519:{id}"),
        ),
        (
            key(format!("curve25519:{id}"), json!(7)),
            format!("keys/curve25519:{id}"),
        ),
        (
            named("signatures", json!({})),
            format!("signatures/{}/ed25519:{id}", ada.user_id),
        ),
    ] {
        let answer = ada.upload(&json!({"device_keys": keys})).await;
        answer.expect_invalid(&[&format!("/device_keys/{pointer}")]);
    }
    // The keys of another device name another device.
    let foreign = json!({"device_keys": bob.device_keys});
    ada.upload(&foreign).await.expect_refused(422);
    let nobody = json!({"device_keys": "x"});
    ada.upload(&nobody).await.expect_invalid(&["/device_keys"]);
    let found = ada.query(&[&ada.user_id]).await.expect_status(200);
    assert_eq!(found.body["device_keys"][&ada.user_id], json!({}));
}

#[tokio::test]
async fn the_size_of_a_device_s_keys_is_bounded() {
    let server = TestServer::start().await;
    let ada = EncryptingDevice::without_keys(&server.user("ada").await).await;
    let of_size = |size: usize| {
        let mut keys = ada.device_keys.clone();
        keys["note"] = json!("");
        let missing = size - keys.to_string().len();
        keys["note"] = json!("x".repeat(missing));
        json!({ "device_keys": keys })
    };
    let refused = ada.upload(&of_size(4097)).await;
    refused.expect_invalid(&["/device_keys"]);
    for size in [4095, 4096] {
        ada.upload(&of_size(size)).await.expect_status(200);
    }
}

#[tokio::test]
async fn keys_are_shown_to_those_who_share_a_channel() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    let laptop = bob.another().await;
    let eve = EncryptingDevice::of(&community.outsider("eve").await).await;

    let found = ann.query(&[&bob.user_id, &eve.user_id]).await;
    let found = found.expect_status(200);
    let devices = &found.body["device_keys"];
    let expected = json!({
        &bob.device_id: bob.device_keys,
        &laptop.device_id: laptop.device_keys,
    });
    assert_eq!(devices[&bob.user_id], expected);
    assert_eq!(devices.get(&eve.user_id), None, "{}", found.text);
    // One device of them, and one that does not exist.
    let body = json!({"device_keys": {&bob.user_id: [&laptop.device_id, "x"]}});
    let one = ann.post("/api/e2ee/keys/query").json(&body).send().await;
    let one = one.expect_status(200);
    let devices = one.body["device_keys"][&bob.user_id].as_object().unwrap();
    assert_eq!(devices.keys().collect::<Vec<_>>(), [&laptop.device_id]);

    // Eve sees nobody but herself, and then whom she meets.
    let found = eve.query(&[&ann.user_id, &eve.user_id]).await;
    let users: Vec<&String> = found.body["device_keys"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(users, [&eve.user_id]);
    community.let_in(&eve).await;
    let found = eve.query(&[&ann.user_id]).await;
    assert!(found.body["device_keys"][&ann.user_id].is_object());
    // And no more when they part.
    community
        .owner
        .remove_member(&community.id, &eve.id)
        .await
        .expect_done();
    for (viewer, other) in [(&eve, &ann), (&ann, &eve)] {
        let found = viewer.query(&[&other.user_id]).await;
        assert_eq!(found.body["device_keys"], json!({}), "{}", found.text);
    }
}

#[tokio::test]
async fn a_deleted_channel_is_not_shared() {
    let server = TestServer::start().await;
    let ann = EncryptingDevice::of(&server.user("ann").await).await;
    let community = Community::of((*ann).clone(), "Acme").await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    let ask = async || ann.query(&[&bob.user_id]).await.expect_status(200).body;
    assert_ne!(ask().await["device_keys"], json!({}));
    ann.delete_channel(&community.general).await.expect_done();
    assert_eq!(ask().await["device_keys"], json!({}));
}

#[tokio::test]
async fn a_query_names_users_of_this_server_and_not_too_many() {
    let server = TestServer::start().await;
    let ada = EncryptingDevice::of(&server.user("ada").await).await;
    let elsewhere = format!("@{}:elsewhere", ada.id);
    let answer = ada.query(&["ada", &elsewhere]).await;
    answer.expect_invalid(&["/device_keys/ada", &format!("/device_keys/{elsewhere}")]);
    let of = |count: usize| -> Vec<String> {
        (0..count)
            .map(|_| format!("@{}:localhost", uuid::Uuid::now_v7()))
            .collect()
    };
    for (count, status) in [(499, 200), (500, 200), (501, 422)] {
        let users = of(count);
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        ada.query(&users).await.expect_status(status);
    }
}

/// Gives a user that many devices, whose keys have that many bytes each.
async fn add_devices(server: &TestServer, user: &User, count: i32, bytes: i32) {
    let database = server.database.connect().await;
    let statement = "
        with made as (
            insert into sessions (id, user_id, token_hash)
            select gen_random_uuid(), $1::text::uuid, sha256(gen_random_uuid()::text::bytea)
            from generate_series(1, $2)
            returning id, user_id
        )
        insert into device_keys (session_id, user_id, device_keys)
        select id, user_id, '{\"x\":\"' || repeat('x', $3 - 8) || '\"}' from made";
    let parameters: [&(dyn ToSql + Sync); 3] = [&user.id, &count, &bytes];
    database.execute(statement, &parameters).await.unwrap();
}

#[tokio::test]
async fn a_query_answers_5000_devices_and_8_mib_of_keys_and_refuses_more() {
    const MOST_BYTES: i32 = 8 * 1024 * 1024;
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let named = |user: &User| format!("@{}:localhost", user.id);
    for (name, count, bytes) in [("many", 5_000, 100), ("large", MOST_BYTES / 4096, 4096)] {
        let user = community.member(name).await;
        add_devices(&server, &user, count - 1, bytes).await;
        add_devices(&server, &user, 1, bytes - 1).await;
        let id = named(&user);
        let count_of = |answer: &Answer| {
            let devices = answer.body["device_keys"][&id].as_object();
            devices.map(serde_json::Map::len)
        };
        let answer = ann.query(&[&id]).await.expect_status(200);
        let below = usize::try_from(count).unwrap();
        assert_eq!(count_of(&answer), Some(below), "{name}");
        let database = server.database.connect().await;
        if name == "many" {
            let one_less = "delete from device_keys where user_id = $1::text::uuid \
                 and octet_length(device_keys) = 99";
            database.execute(one_less, &[&user.id]).await.unwrap();
            add_devices(&server, &user, 1, bytes).await;
            ann.query(&[&id]).await.expect_status(200);
            add_devices(&server, &user, 1, bytes).await;
        } else {
            let longer = "update device_keys set device_keys = device_keys || ' ' \
                 where user_id = $1::text::uuid and octet_length(device_keys) = 4095";
            database.execute(longer, &[&user.id]).await.unwrap();
            ann.query(&[&id]).await.expect_status(200);
            add_devices(&server, &user, 1, 8).await;
        }
        let refused = ann.query(&[&id]).await;
        refused.expect_invalid(&["/device_keys"]);
        // One of them by its id is not too much, and nobody else is kept from being asked for.
        let one = "select session_id::text from device_keys where user_id = $1::text::uuid limit 1";
        let row = database.query_one(one, &[&user.id]).await.unwrap();
        let body = json!({"device_keys": {&id: [row.get::<_, String>(0)], &ann.user_id: []}});
        let call = ann.post("/api/e2ee/keys/query").json(&body).send().await;
        assert_eq!(count_of(&call.expect_status(200)), Some(1), "{name}");
    }
}

#[tokio::test]
async fn without_a_session_nothing_is_told() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let body = json!({"device_keys": {}});
    for path in [
        "upload",
        "query",
        "claim",
        "device_signing/upload",
        "signatures/upload",
    ] {
        let call = anonymous.post(format!("/api/e2ee/keys/{path}"));
        call.json(&body).send().await.expect_refused(401);
    }
    for path in [
        "whoami",
        "keys/changes?from=0",
        "room_keys/version",
        "room_keys/keys?version=1",
        "account_data/m.megolm_backup.v1",
    ] {
        let call = anonymous.get(format!("/api/e2ee/{path}"));
        call.send().await.expect_refused(401);
    }
    let send = anonymous.put("/api/e2ee/to_device/m.dummy/1").json(&body);
    send.send().await.expect_refused(401);
}

#[tokio::test]
async fn calls_about_encryption_are_limited_for_each_device() {
    let server = TestServer::with(|it| it.limits.encryption_per_minute = 3).await;
    let ada = server.user("ada").await;
    let other = ada.sign_in().await;
    for _ in 0..3 {
        ada.get("/api/e2ee/whoami").send().await.expect_status(200);
    }
    let refused = ada.get("/api/e2ee/whoami").send().await;
    let refused = refused.expect_problem(429, "rate_limited");
    assert!(refused.header("ratelimit").starts_with("\"encryption\""));
    other
        .get("/api/e2ee/whoami")
        .send()
        .await
        .expect_status(200);
    // Everything else goes on.
    ada.session().await.expect_status(200);
}
