//! Everything that devices rely on is in the database: a restart forgets nothing.

use chatalot::config::Secret;
use serde_json::json;

use crate::support::encrypting_device::{EncryptingDevice, SIGNED, public_key};
use crate::support::server::TestServer;

#[tokio::test]
async fn a_restart_keeps_keys_mail_backups_and_secrets() {
    let mut first = TestServer::start().await;
    let community = first.community().await;
    let ann = EncryptingDevice::of(&community.owner).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    let bob = bob.with_one_time_keys(2).await;
    let [master, ..] = bob.cross_sign().await;
    let (id, _) = ann.claim(&bob).await.unwrap();
    for number in 0..3 {
        let content = json!({ "n": number });
        ann.send_to(&bob, &format!("t{number}"), &content).await;
    }
    let terms = json!({"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": public_key()}});
    let backup = bob.post("/api/e2ee/room_keys/version").json(&terms);
    let version = backup.send().await.expect_status(200).str("version");
    let room = format!("!{}:localhost", community.general);
    let keys = format!("/api/e2ee/room_keys/keys/{room}/s?version={version}");
    let key = json!({"first_message_index": 0, "forwarded_count": 0, "is_verified": true, "session_data": {"ephemeral": "eA", "ciphertext": "eA", "mac": "eA"}});
    bob.put(&keys).json(&key).send().await.expect_status(200);
    let secret = "/api/e2ee/account_data/m.megolm_backup.v1";
    let sealed = json!({"encrypted": {"key": {"iv": "aXY", "ciphertext": "eA", "mac": "bWFj"}}});
    bob.put(secret)
        .json(&sealed)
        .send()
        .await
        .expect_status(200);
    let (_, hello) = ann.handshake().connect_and_greet().await;
    let url = first.database.url();
    first.stop();

    let second = TestServer::with(|it| it.database.url = Secret::new(url.as_str())).await;
    let on_second = async |device: &EncryptingDevice| {
        let client = second.anonymous().with_token(device.token());
        EncryptingDevice::without_keys(&device.with_client(client)).await
    };
    let (ann, bob_again) = (on_second(&ann).await, on_second(&bob).await);
    let found = ann.query(&[&bob.user_id]).await.expect_status(200);
    assert_eq!(
        found.body["device_keys"][&bob.user_id][&bob.device_id],
        bob.device_keys
    );
    let shown = &found.body["master_keys"][&bob.user_id]["keys"];
    assert_eq!(*shown, json!({format!("ed25519:{master}"): master}));
    let (mut socket, again) = bob_again.handshake().connect_and_greet().await;
    let counts = socket.expect_frame("one_time_keys").await;
    assert_eq!(counts["counts"], json!({SIGNED: 1}));
    let mail = socket.expect_frame("to_device").await;
    assert_eq!(mail["events"].as_array().unwrap().len(), 3);
    assert_eq!(
        again["device_lists_position"],
        hello["device_lists_position"]
    );
    // The transaction is known, the key is spent.
    let content = json!({"n": 9});
    ann.send_to(&bob_again, "t2", &content).await;
    let frame = json!({"type": "to_device_ack", "up_to": mail["events"][2]["id"]});
    socket.send_json(frame).await;
    ann.send_to(&bob_again, "t3", &json!({"n": 3})).await;
    let mail = socket.expect_frame("to_device").await;
    assert_eq!(mail["events"][0]["content"]["n"], 3);
    assert_ne!(ann.claim(&bob_again).await.unwrap().0, id);
    let found = bob_again.get(&keys).send().await.expect_status(200);
    assert_eq!(found.body, key);
    let found = bob_again.get(secret).send().await.expect_status(200);
    assert_eq!(found.body, sealed);
}
