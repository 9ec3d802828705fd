//! A device ends with its session: its keys, its mailbox and its sockets, all at once.

use serde_json::{Value, json};

use crate::support::encrypting_device::{EncryptingDevice, SIGNED};
use crate::support::server::TestServer;
use crate::support::sweep::{open_store, sweep_once};

/// Where something of a device is: the table, and the column that names the device.
const TABLES: [(&str, &str); 8] = [
    ("device_keys", "session_id"),
    ("one_time_keys", "session_id"),
    ("fallback_keys", "session_id"),
    ("to_device_mailboxes", "session_id"),
    ("to_device_messages", "session_id"),
    ("to_device_transactions", "session_id"),
    ("key_signatures", "target_session_id"),
    ("key_signatures", "signer_session_id"),
];

/// A device that has something of everything, for which `other` writes to it.
async fn full_device(other: &EncryptingDevice, device: EncryptingDevice) -> EncryptingDevice {
    let body = json!({
        "one_time_keys": device.one_time_keys(0..3),
        "fallback_keys": {format!("{SIGNED}:F"): device.signed_key()},
    });
    device.upload(&body).await.expect_status(200);
    let [master, own, _] = device.cross_sign().await;
    let mut signed = device.device_keys.clone();
    signed["signatures"] = device.signed_by(&[&own]);
    let found = device.query(&[&device.user_id]).await.expect_status(200);
    let mut key = found.body["master_keys"][&device.user_id].clone();
    key["signatures"] = device.signed_by(&[&device.device_id]);
    let body = json!({&device.user_id: {&device.device_id: signed, &master: key}});
    let kept = device.upload_signatures(&body).await.expect_status(200);
    assert_eq!(kept.body, json!({"failures": {}}));
    let txn = format!("to-{}", device.device_id);
    other.send_to(&device, &txn, &json!({"n": 1})).await;
    device.send_to(other, "own", &json!({"n": 2})).await;
    device
}

async fn rows_of(server: &TestServer, device: &EncryptingDevice) -> Vec<i64> {
    let database = server.database.connect().await;
    let mut counts = Vec::new();
    for (table, column) in TABLES {
        let statement = format!("select count(*) from {table} where {column} = $1::text::uuid");
        let row = database.query_one(&statement, &[&device.device_id]).await;
        counts.push(row.unwrap().get(0));
    }
    counts
}

async fn expect_gone(server: &TestServer, viewer: &EncryptingDevice, device: &EncryptingDevice) {
    assert_eq!(rows_of(server, device).await, [0; TABLES.len()]);
    let found = viewer.query(&[&device.user_id]).await.expect_status(200);
    let devices = &found.body["device_keys"][&device.user_id];
    assert_eq!(devices.get(&device.device_id), None, "{}", found.text);
    assert_eq!(viewer.claim(device).await, None);
    let messages = json!({&device.user_id: {&device.device_id: {}}});
    let txn = format!("late-{}", device.device_id);
    viewer.send(&txn, &messages).await.expect_status(200);
    assert_eq!(rows_of(server, device).await, [0; TABLES.len()]);
}

#[tokio::test]
async fn a_device_goes_when_its_session_is_signed_out_or_revoked() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let bob = community.member("bob").await;
    let mut told = ann.socket().await;
    for revoke in [false, true] {
        let device = EncryptingDevice::of(&bob.sign_in().await).await;
        let device = full_device(&ann, device).await;
        assert_eq!(rows_of(&server, &device).await, [1, 3, 1, 1, 1, 1, 1, 1]);
        let mut socket = device.socket().await;
        told.expect_frame_where("the new device", |it| {
            it["changed"] == json!([device.user_id])
        })
        .await;
        if revoke {
            bob.revoke_session(&device.device_id).await.expect_done();
        } else {
            device.logout().await.expect_done();
        }
        socket.expect_close(4501).await;
        told.expect_frame_where("its end", |it| it["changed"] == json!([device.user_id]))
            .await;
        expect_gone(&server, &ann, &device).await;
    }
}

#[tokio::test]
async fn a_device_goes_when_its_session_gives_way_to_another() {
    let server = TestServer::with(|it| it.sessions.max_per_user = 2).await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let bob = community.member("bob").await;
    let device = EncryptingDevice::of(&bob).await;
    let (_, hello) = ann.handshake().connect_and_greet().await;
    let mut told = ann.socket().await;
    let mut socket = device.socket().await;
    // Used after the first, each of them.
    let second = bob.sign_in().await;
    let database = server.database.connect().await;
    database
        .execute(
            "update sessions set last_seen_at = last_seen_at - interval '1 hour' \
             where id = $1::text::uuid",
            &[&device.device_id],
        )
        .await
        .unwrap();
    second.sign_in().await;
    socket.expect_close(4501).await;
    told.expect_frame_where("its end", |it| it["changed"] == json!([device.user_id]))
        .await;
    expect_gone(&server, &ann, &device).await;
    let position = &hello["device_lists_position"];
    assert_eq!(ann.changes_since(position).await, [device.user_id.as_str()]);
}

#[tokio::test]
async fn a_device_goes_when_its_session_expires() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    let bob = full_device(&ann, bob).await;
    let (_, hello) = ann.handshake().connect_and_greet().await;
    let database = server.database.connect().await;
    database
        .execute(
            "update sessions set last_seen_at = now() - interval '31 days' \
             where id = $1::text::uuid",
            &[&bob.device_id],
        )
        .await
        .unwrap();
    let store = open_store(server.database.config());
    let (swept, done) = sweep_once(&store).await;
    assert!(done);
    let changed: Vec<String> = swept
        .device_lists_changed
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(changed, [bob.id.as_str()]);
    expect_gone(&server, &ann, &bob).await;
    let position = &hello["device_lists_position"];
    assert_eq!(ann.changes_since(position).await, [bob.user_id.as_str()]);
}

#[tokio::test]
async fn a_session_without_keys_ends_without_a_word() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let bob = community.member("bob").await;
    let (_, hello) = ann.handshake().connect_and_greet().await;
    bob.sign_in().await.logout().await.expect_done();
    let position = &hello["device_lists_position"];
    assert_eq!(ann.changes_since(position).await, Vec::<String>::new());
}

/// Only the sessions that make room are locked, not those beside them.
#[tokio::test]
async fn a_sign_in_does_not_wait_for_what_other_devices_of_the_user_are_doing() {
    let server = TestServer::start().await;
    let bob = server.user("bob").await;
    let device = EncryptingDevice::without_keys(&bob).await;
    let mut database = server.database.connect().await;
    let busy = database.transaction().await.unwrap();
    let lock = "select from sessions where id = $1::text::uuid for key share";
    busy.query_one(lock, &[&device.device_id]).await.unwrap();
    bob.sign_in().await;
    busy.commit().await.unwrap();
}

/// The sweep passes over a session that is just uploading its first keys, and tells of its device
/// when it ends it later.
#[tokio::test]
async fn a_session_that_uploads_its_first_keys_while_it_expires_is_ended_the_next_time() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let bob = EncryptingDevice::without_keys(&community.member("bob").await).await;
    let mut database = server.database.connect().await;
    let idle = "update sessions set last_seen_at = now() - interval '31 days' \
         where id = $1::text::uuid";
    database.execute(idle, &[&bob.device_id]).await.unwrap();
    let upload = database.transaction().await.unwrap();
    let lock = "select from sessions where id = $1::text::uuid for key share";
    upload.query_one(lock, &[&bob.device_id]).await.unwrap();
    let keys = "insert into device_keys (session_id, user_id, device_keys) \
         values ($1::text::uuid, $2::text::uuid, '{}')";
    let inserted = upload.execute(keys, &[&bob.device_id, &bob.id]).await;
    inserted.unwrap();
    let store = open_store(server.database.config());
    let (swept, done) = sweep_once(&store).await;
    assert!(done && swept.device_lists_changed.is_empty());
    upload.commit().await.unwrap();
    let (swept, done) = sweep_once(&store).await;
    assert!(done);
    let changed = swept.device_lists_changed.iter().map(ToString::to_string);
    assert_eq!(changed.collect::<Vec<_>>(), [bob.id.as_str()]);
    bob.session().await.expect_status(401);
}

#[tokio::test]
async fn what_a_user_keeps_outlives_their_devices() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    let [master, ..] = bob.cross_sign().await;
    let new = (*bob).sign_in().await;
    bob.logout().await.expect_done();
    let found = ann.query(&[&bob.user_id]).await.expect_status(200);
    let key = &found.body["master_keys"][&bob.user_id];
    assert_eq!(key["keys"][format!("ed25519:{master}")], master.as_str());
    let again = EncryptingDevice::of(&new).await;
    assert_eq!(again.user_id, bob.user_id);
}

#[tokio::test]
async fn keys_uploaded_while_the_session_ends_leave_nothing_behind() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let bob = community.member("bob").await;
    for _ in 0..10 {
        let device = EncryptingDevice::without_keys(&bob.sign_in().await).await;
        let body = json!({
            "device_keys": device.device_keys,
            "one_time_keys": device.one_time_keys(0..20),
        });
        let send = json!({&device.user_id: {&device.device_id: {}}});
        let txn = device.device_id.clone();
        let (uploaded, ended, sent) =
            tokio::join!(device.upload(&body), device.logout(), ann.send(&txn, &send));
        ended.expect_done();
        sent.expect_status(200);
        let statuses = [200, 401];
        assert!(statuses.contains(&uploaded.status), "{}", uploaded.text);
        assert_eq!(rows_of(&server, &device).await, [0; TABLES.len()]);
    }
    let found = ann.query(&[&format!("@{}:localhost", bob.id)]).await;
    let devices: &Value = &found.body["device_keys"][format!("@{}:localhost", bob.id)];
    assert_eq!(*devices, json!({}));
}
