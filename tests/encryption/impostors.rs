//! Devices and identities that are not, or may not be, those of whom they are said to be: what they
//! write is refused, also when its key came with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chatalot_client::matrix_sdk_crypto::vodozemac::Curve25519PublicKey;
use chatalot_client::matrix_sdk_crypto::vodozemac::megolm::{self, GroupSession};
use chatalot_client::matrix_sdk_crypto::vodozemac::olm::{self, Account};
use chatalot_client::matrix_sdk_crypto::{EncryptionSettings, UserIdentity};
use chatalot_client::{Decryption, Draft, Error, MessageId, News, Refusal, ToDeviceEvent};
use ruma::api::client::keys::claim_keys;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::support::fixtures::PASSWORD;
use crate::support::people::{Person, id};
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

/// Writes into a channel with a device for which nobody vouches, which a client refuses to do: it
/// gives the key to the reader's devices, and signs what it sends with its own.
async fn ghost_writes(ghost: &Person, channel: &str, reader: &Person, text: &str) {
    let (machine, reader) = (ghost.device.machine(), reader.device.machine().user_id());
    machine.update_tracked_users([reader]).await.unwrap();
    ghost.device.flush().await.unwrap();
    let claim = machine.get_missing_sessions([reader].into_iter()).await;
    let (claim_id, claim) = claim.unwrap().expect("a device to begin a session with");
    let body = json!({"one_time_keys": claim.one_time_keys});
    let call = ghost.user.post("/api/e2ee/keys/claim").json(&body);
    let answer = call.send().await.expect_status(200);
    let keys = serde_json::from_value(answer.body["one_time_keys"].clone()).unwrap();
    let claimed = claim_keys::v3::Response::new(keys);
    let marked = machine.mark_request_as_sent(&claim_id, &claimed);
    marked.await.unwrap();

    let room = format!("!{channel}:{}", reader.server_name());
    let room = room.as_str().try_into().unwrap();
    let to_anybody = EncryptionSettings::default();
    let sends = machine.share_room_key(room, [reader].into_iter(), to_anybody);
    for send in sends.await.unwrap() {
        let path = format!("/api/e2ee/to_device/{}/{}", send.event_type, send.txn_id);
        let call = ghost
            .user
            .put(path)
            .json(&json!({"messages": send.messages}));
        call.send().await.expect_status(200);
    }
    let content = json!({
        "msgtype": "m.text", "channel_id": channel, "txn_id": "t", "body": text,
        "format": "markdown", "mentions": [],
    });
    let content = serde_json::from_value(content).unwrap();
    let sealed = machine.encrypt_room_event_raw(room, "m.room.message", &content);
    let envelope = sealed.await.unwrap().content.into_json();
    let version = ghost.user.channel(channel).await.expect_status(200);
    let body = json!({
        "members_version": version.body["members_version"], "envelope": envelope,
    });
    let sent = ghost.user.send_message(channel, "t", &body).await;
    sent.expect_status(201);
}

#[tokio::test]
async fn what_a_device_wrote_that_is_listed_and_not_signed_is_refused() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let carol = Person::of(&carol, &[]).await;
    carol.writes(general, "I am carol").await;
    assert_eq!(ann.reads().await, "I am carol");
    let ghost = carol.on_a_new_device(&[]).await;
    ghost_writes(&ghost, general, &ann, "I am carol too").await;
    let message = ann.next_message().await;
    assert_eq!(message.author.to_string(), carol.user.id);
    let refused = Decryption::Refused(Refusal::UnsignedDevice);
    assert_eq!(ann.decrypts(&message).await, refused);
}

#[tokio::test]
async fn what_a_device_wrote_that_is_not_listed_is_refused() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let carol = Person::of(&carol, &[]).await;
    let ghost = carol.on_a_new_device(&[]).await;
    let path_of_ghost = format!("/device_keys/{}", ghost.device.machine().user_id());
    let ghost_id = ghost.device.id().to_owned();
    let proxy = Proxy::rewriting(server.origin(), move |path, mut answer| {
        if path.ends_with("/keys/query")
            && let Some(Value::Object(devices)) = answer.pointer_mut(&path_of_ghost)
        {
            devices.remove(&ghost_id);
        }
        answer
    })
    .await;
    let mut ann = Person::at(&proxy.origin, &community.owner, &[general]).await;
    carol.writes(general, "I am carol").await;
    assert_eq!(ann.reads().await, "I am carol");
    ghost_writes(&ghost, general, &ann, "I am carol too").await;
    let message = ann.next_message().await;
    // The key tells of the device as well, and that nobody but itself has signed it.
    let refused = Decryption::Refused(Refusal::UnsignedDevice);
    assert_eq!(ann.decrypts(&message).await, refused);
}

#[tokio::test]
async fn what_the_server_writes_with_a_device_that_it_made_up_is_refused() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let carol = Person::of(&carol, &[]).await;
    carol.writes(general, "I am carol").await;
    let mut message = ann.next_message().await;
    assert_eq!(ann.reads_this(&message).await, "I am carol");

    // The server needs no library that knows of devices.
    let name_of_carol = carol.device.machine().user_id().to_string();
    let name_of_ann = ann.device.machine().user_id().to_string();
    let room = format!(
        "!{general}:{}",
        carol.device.machine().user_id().server_name()
    );
    let body = json!({"one_time_keys": {&name_of_ann: {ann.device.id(): "signed_curve25519"}}});
    let call = carol.user.post("/api/e2ee/keys/claim").json(&body);
    let claimed = call.send().await.expect_status(200);
    let keys = &claimed.body["one_time_keys"][&name_of_ann][ann.device.id()];
    let one_time_key = keys.as_object().unwrap().values().next().unwrap();
    let one_time_key = one_time_key["key"].as_str().unwrap();
    let keys_of_ann = ann.device.machine().identity_keys();
    let made_up = Account::new();
    let olm = made_up.create_outbound_session(
        olm::SessionConfig::version_1(),
        keys_of_ann.curve25519,
        Curve25519PublicKey::from_base64(one_time_key).unwrap(),
    );
    let mut olm = olm.unwrap();
    let mut megolm = GroupSession::new(megolm::SessionConfig::version_1());
    let room_key = json!({
        "type": "m.room_key", "sender": name_of_carol, "recipient": name_of_ann,
        "keys": {"ed25519": made_up.ed25519_key().to_base64()},
        "recipient_keys": {"ed25519": keys_of_ann.ed25519.to_base64()},
        "content": {
            "algorithm": "m.megolm.v1.aes-sha2", "room_id": room,
            "session_id": megolm.session_id(), "session_key": megolm.session_key().to_base64(),
        },
    });
    let (kind, ciphertext) = olm.encrypt(room_key.to_string()).unwrap().to_parts();
    let content = json!({
        "algorithm": "m.olm.v1.curve25519-aes-sha2",
        "sender_key": made_up.curve25519_key().to_base64(),
        "ciphertext": {
            keys_of_ann.curve25519.to_base64(): {"type": kind, "body": STANDARD_NO_PAD.encode(ciphertext)},
        },
    });
    let event = ToDeviceEvent {
        id: i64::MAX,
        event_type: "m.room.encrypted".to_owned(),
        sender: name_of_carol,
        content: to_raw_value(&content).unwrap(),
    };
    let news = News {
        events: vec![event],
        ..News::default()
    };
    let received = ann.device.receive(news).await.unwrap();
    assert_eq!(received.sessions, [megolm.session_id()]);

    let text = json!({"type": "m.room.message", "room_id": room, "content": {
        "msgtype": "m.text", "channel_id": general, "txn_id": "t", "body": "I am carol too",
        "format": "markdown", "mentions": [],
    }});
    message.envelope = to_raw_value(&json!({
        "algorithm": "m.megolm.v1.aes-sha2", "device_id": "made up",
        "sender_key": made_up.curve25519_key().to_base64(), "session_id": megolm.session_id(),
        "ciphertext": megolm.encrypt(text.to_string()).to_base64(),
    }))
    .unwrap();
    message.id = MessageId(uuid::Uuid::now_v7());
    let refused = Decryption::Refused(Refusal::UnknownDevice);
    assert_eq!(ann.tries(&message).await, refused);
}

/// Ann has compared keys with the other, and vouches for their identity.
async fn verifies(ann: &Person, other: &Person) {
    let machine = ann.device.machine();
    let identity = machine.get_identity(other.device.machine().user_id(), None);
    let Some(UserIdentity::Other(identity)) = identity.await.unwrap() else {
        panic!("an identity that is known");
    };
    let request = identity.verify().await.unwrap();
    let call = ann.user.post("/api/e2ee/keys/signatures/upload");
    let signed = serde_json::to_value(request.signed_keys).unwrap();
    call.json(&signed).send().await.expect_status(200);
    learns_of(ann, other).await;
}

/// Ann is told that something about the other has changed.
async fn learns_of(ann: &Person, other: &Person) {
    let changed = vec![other.device.machine().user_id().to_string()];
    let news = News {
        changed,
        ..News::default()
    };
    ann.device.receive(news).await.unwrap();
    ann.device.flush().await.unwrap();
}

/// Begins a new identity, for which the password is enough.
async fn begins_anew(person: &Person) {
    let made = person.device.machine().bootstrap_cross_signing(true).await;
    let made = made.unwrap();
    let keys = made.upload_signing_keys_req;
    let body = json!({
        "master_key": keys.master_key,
        "self_signing_key": keys.self_signing_key,
        "user_signing_key": keys.user_signing_key,
        "auth": {"type": "m.login.password", "password": PASSWORD},
    });
    let call = person.user.post("/api/e2ee/keys/device_signing/upload");
    call.json(&body).send().await.expect_status(200);
    let signed = serde_json::to_value(made.upload_signatures_req.signed_keys).unwrap();
    let call = person.user.post("/api/e2ee/keys/signatures/upload");
    call.json(&signed).send().await.expect_status(200);
    learns_of(person, person).await;
}

#[tokio::test]
async fn a_verified_author_with_another_identity_is_refused_until_somebody_has_looked() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let carol = Person::of(&carol, &[]).await;
    carol.writes(general, "I am carol").await;
    assert_eq!(ann.reads().await, "I am carol");
    verifies(&ann, &carol).await;

    // Somebody who has learned her password.
    let stranger = carol.on_a_new_device(&[]).await;
    begins_anew(&stranger).await;
    stranger.writes(general, "I am carol, am I not?").await;
    let message = ann.next_message().await;
    let refused = Decryption::Refused(Refusal::IdentityChanged);
    assert_eq!(ann.decrypts(&message).await, refused);
    let not_sent = ann.device.send(id(general), &Draft::of("to you?")).await;
    let Err(Error::IdentityChanged(users)) = not_sent else {
        panic!("nothing is sent to who that may be, not {not_sent:?}");
    };
    assert_eq!(users, [carol.device.user_id()]);

    ann.device.acknowledge_identity(users[0]).await.unwrap();
    assert_eq!(ann.reads_this(&message).await, "I am carol, am I not?");
    ann.writes(general, "to you").await;
}

/// The backup never told who wrote it, so there is nothing that a new identity takes back.
#[tokio::test]
async fn what_the_backup_opened_stays_open_when_its_author_has_another_identity() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let carol = Person::of(&carol, &[]).await;
    let recovery_key = ann.device.make_recovery_key().await.unwrap();
    carol.writes(general, "I am carol").await;
    assert_eq!(ann.reads().await, "I am carol");
    ann.device.upload_backup().await.unwrap();

    let mut new = ann.on_a_new_device(&[general]).await;
    let message = new.next_message().await;
    new.device.unlock(&recovery_key).await.unwrap();
    let is_read = |read: &Decryption| matches!(read, Decryption::Unproven(_));
    let read = new.tries(&message).await;
    assert!(is_read(&read), "{read:?}");
    begins_anew(&carol).await;
    learns_of(&new, &carol).await;
    for _ in 0..2 {
        let read = new.tries(&message).await;
        assert!(is_read(&read), "{read:?}");
    }
}
