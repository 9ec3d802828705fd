//! A new device, and what the recovery key gives it.

use chatalot_client::matrix_sdk_crypto::olm::ExportedRoomKey;
use chatalot_client::matrix_sdk_crypto::vodozemac::megolm::{
    GroupSession, InboundGroupSession, SessionConfig,
};
use chatalot_client::{Decryption, Draft, Error, MessageId, Recovery};
use serde_json::json;

use crate::support::people::{Person, id};
use crate::support::server::TestServer;

#[tokio::test]
async fn a_new_device_reads_the_history_with_the_recovery_key() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let mut bob = Person::of(&bob, &[general]).await;
    let recovery_key = ann.device.make_recovery_key().await.unwrap();
    bob.writes(general, "of bob").await;
    assert_eq!(ann.reads().await, "of bob");
    ann.writes(general, "of ann").await;
    assert_eq!(ann.reads().await, "of ann");
    ann.device.upload_backup().await.unwrap();

    let mut new = ann.on_a_new_device(&[general]).await;
    let (of_bob, of_ann) = (new.next_message().await, new.next_message().await);
    assert_eq!(new.device.recovery().await.unwrap(), Recovery::Locked);
    assert_eq!(new.tries(&of_bob).await, Decryption::Waiting);
    let locked = new.device.send(id(general), &Draft::of("too early")).await;
    assert!(matches!(locked, Err(Error::Locked)), "{locked:?}");

    let of_another = bob.device.make_recovery_key().await.unwrap();
    let spoilt = recovery_key.replacen(&recovery_key[5..9], "XXXX", 1);
    for wrong in ["", "correct horse", &spoilt, &of_another] {
        let refused = new.device.unlock(wrong).await;
        assert!(
            matches!(refused, Err(Error::WrongRecoveryKey)),
            "{refused:?}"
        );
    }
    new.device.unlock(&recovery_key).await.unwrap();
    assert_eq!(new.device.recovery().await.unwrap(), Recovery::Unlocked);
    for (message, text) in [(&of_bob, "of bob"), (&of_ann, "of ann")] {
        match new.tries(message).await {
            // A key from the backup does not prove who wrote.
            Decryption::Unproven(plaintext) => assert_eq!(plaintext.body, text),
            other => panic!("{text:?} is not read: {other:?}"),
        }
    }

    new.writes(general, "from my new device").await;
    for text in ["of bob", "of ann", "from my new device"] {
        assert_eq!(bob.reads().await, text);
    }
    bob.writes(general, "to your new device").await;
    for reader in [&mut new, &mut ann] {
        assert_eq!(reader.reads().await, "from my new device");
        assert_eq!(reader.reads().await, "to your new device");
    }
}

#[tokio::test]
async fn a_newer_recovery_key_takes_the_place_of_the_one_before() {
    let server = TestServer::start().await;
    let ann = Person::of(&server.user("ann").await, &[]).await;
    let first = ann.device.make_recovery_key().await.unwrap();
    let second = ann.device.make_recovery_key().await.unwrap();
    let new = ann.on_a_new_device(&[]).await;
    let refused = new.device.unlock(&first).await;
    assert!(
        matches!(refused, Err(Error::WrongRecoveryKey)),
        "{refused:?}"
    );
    new.device.unlock(&second).await.unwrap();
}

#[tokio::test]
async fn an_account_without_an_identity_is_told_to_set_it_up() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = Person::of(&community.owner, &[]).await;
    let bob = community.member("bob").await;
    let bob = crate::support::people::device(&bob, bob.origin(), &std::sync::Arc::default()).await;
    let general = id(&community.general);
    let refused = bob.send(general, &Draft::of("who am I?")).await;
    assert!(matches!(refused, Err(Error::NotSetUp)), "{refused:?}");
    let refused = bob.unlock("anything").await;
    assert!(matches!(refused, Err(Error::NotSetUp)), "{refused:?}");
    let refused = bob.set_up("a wrong password").await.unwrap_err();
    assert_eq!(refused.code(), Some("wrong_password"));
    bob.set_up(crate::support::fixtures::PASSWORD)
        .await
        .unwrap();
    bob.send(general, &Draft::of("I am bob")).await.unwrap();
    drop(ann);
}

#[tokio::test]
async fn what_a_made_up_key_of_the_backup_opens_is_not_told_as_proven() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let recovery_key = ann.device.make_recovery_key().await.unwrap();
    let carol = Person::of(&carol, &[]).await;
    carol.writes(general, "I am carol").await;
    let mut message = ann.next_message().await;
    assert_eq!(ann.reads_this(&message).await, "I am carol");

    // The server can put keys into the backup, which anybody can seal who knows its public key.
    let mut megolm = GroupSession::new(SessionConfig::version_1());
    let inbound = InboundGroupSession::new(&megolm.session_key(), SessionConfig::version_1());
    let carols = carol.device.machine().identity_keys();
    let room = format!(
        "!{general}:{}",
        carol.device.machine().user_id().server_name()
    );
    let key = json!({
        "algorithm": "m.megolm.v1.aes-sha2", "room_id": room,
        "session_id": megolm.session_id(),
        "session_key": inbound.export_at_first_known_index().to_base64(),
        "sender_key": carols.curve25519.to_base64(),
        "sender_claimed_keys": {"ed25519": carols.ed25519.to_base64()},
        "forwarding_curve25519_key_chain": [],
    });
    let key: ExportedRoomKey = serde_json::from_value(key).unwrap();
    let store = ann.device.machine().store();
    let imported = store.import_exported_room_keys(vec![key], |_, _| ()).await;
    assert_eq!(imported.unwrap().imported_count, 1);
    ann.device.upload_backup().await.unwrap();

    let text = json!({"type": "m.room.message", "room_id": room, "content": {
        "msgtype": "m.text", "channel_id": general, "txn_id": "t", "body": "I am carol too",
        "format": "markdown", "mentions": [],
    }});
    let envelope = json!({
        "algorithm": "m.megolm.v1.aes-sha2", "device_id": carol.device.id(),
        "sender_key": carols.curve25519.to_base64(), "session_id": megolm.session_id(),
        "ciphertext": megolm.encrypt(text.to_string()).to_base64(),
    });
    message.id = MessageId(uuid::Uuid::now_v7());
    message.envelope = serde_json::value::to_raw_value(&envelope).unwrap();
    let new = ann.on_a_new_device(&[]).await;
    new.device.unlock(&recovery_key).await.unwrap();
    for reader in [&new, &ann] {
        match reader.tries(&message).await {
            Decryption::Unproven(plaintext) => assert_eq!(plaintext.body, "I am carol too"),
            other => panic!("carol has not written this: {other:?}"),
        }
    }
}
