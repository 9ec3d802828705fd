//! What is in the database after a conversation: neither what was said nor a key that opens it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chatalot_client::{ChannelId, Draft};

use crate::support::database::TestDatabase;
use crate::support::fixtures::PASSWORD;
use crate::support::people::{Person, id};
use crate::support::server::TestServer;

/// What ann writes.
const OF_ANN: &str = "the safe opens with 4711-marker-of-ann";
/// What bob writes, and then edits.
const OF_BOB: &str = "meet me at the old mill, marker-of-bob";
const EDITED: &str = "meet me at the new mill, marker-of-the-edit";
/// What a webhook posts, which is not encrypted: it shows that the search finds what is there.
const OF_THE_WEBHOOK: &str = "deployed, marker-of-the-webhook";

/// Every row of every table as text. Bytes are shown in hexadecimal.
async fn dump(database: &TestDatabase) -> String {
    let client = database.connect().await;
    let tables = "select format('%I.%I', schemaname, tablename) from pg_tables \
         where schemaname not in ('pg_catalog', 'information_schema') order by 1";
    let tables = client.query(tables, &[]).await.unwrap();
    assert!(tables.len() > 20, "{} tables", tables.len());
    let mut dump = String::new();
    for table in tables {
        let table: String = table.get(0);
        let rows = format!("select row::text from {table} as row");
        for row in client.query(&rows, &[]).await.unwrap() {
            dump.push_str(row.get(0));
            dump.push('\n');
        }
    }
    dump
}

/// How bytes may have been written down, whatever stands around them.
fn spellings(secret: &[u8]) -> Vec<String> {
    let mut spellings = Vec::new();
    if let Ok(text) = str::from_utf8(secret) {
        spellings.push(text.to_owned());
    }
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    spellings.extend([hex.to_uppercase(), hex]);
    spellings.extend([STANDARD.encode(secret), STANDARD_NO_PAD.encode(secret)]);
    // Within something longer that was encoded, its first and last letters depend on their
    // neighbours, and the rest on how many bytes came before.
    for before in 0..3 {
        let shifted = [&vec![0; before], secret].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&shifted);
            let from = (before * 8).div_ceil(6);
            let until = shifted.len() * 8 / 6;
            spellings.push(encoded[from..until].to_owned());
        }
    }
    spellings
}

/// A secret, and what it is.
struct Secret {
    what: String,
    bytes: Vec<u8>,
}

fn text(what: impl Into<String>, text: &str) -> Secret {
    Secret {
        what: what.into(),
        bytes: text.as_bytes().to_vec(),
    }
}

/// The bytes that were written in base64.
fn decoded(what: impl Into<String>, text: &str) -> Secret {
    Secret {
        what: what.into(),
        bytes: STANDARD_NO_PAD.decode(text.trim_end_matches('=')).unwrap(),
    }
}

/// Everything that a device has and nobody else may have.
async fn secrets_of(person: &Person) -> Vec<Secret> {
    let name = &person.user.username;
    let machine = person.device.machine();
    let mut secrets = vec![text(format!("{name}'s session token"), person.user.token())];
    let keys = machine.export_cross_signing_keys().await.unwrap().unwrap();
    for (which, key) in [
        ("master", &keys.master_key),
        ("self-signing", &keys.self_signing_key),
        ("user-signing", &keys.user_signing_key),
    ] {
        let what = format!("{name}'s {which} key");
        secrets.push(decoded(what, key.as_deref().unwrap()));
    }
    let backup = machine.backup_machine().get_backup_keys().await.unwrap();
    let backup = backup.decryption_key.unwrap().to_base64();
    secrets.push(decoded(format!("{name}'s backup key"), &backup));
    let room_keys = machine.store().export_room_keys(|_| true).await.unwrap();
    assert!(!room_keys.is_empty());
    for key in room_keys {
        let exported = key.session_key.to_base64();
        let mut key = decoded(format!("a key of a channel that {name} has"), &exported);
        // Version, index, then 128 bytes of ratchet; what follows is public.
        key.bytes = key.bytes[5..133].to_vec();
        secrets.push(key);
    }
    secrets
}

#[tokio::test]
async fn the_database_holds_neither_what_was_said_nor_a_key_to_it() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let general = community.general.as_str();
    let channel: ChannelId = id(general);
    let bob = community.member("bob").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let mut bob = Person::of(&bob, &[general]).await;
    let recovery_keys = [
        ann.device.make_recovery_key().await.unwrap(),
        bob.device.make_recovery_key().await.unwrap(),
    ];
    webhook.says(OF_THE_WEBHOOK).await;
    let mentioning_bob = Draft::of(OF_ANN).mentioning([bob.device.user_id()]);
    ann.device.send(channel, &mentioning_bob).await.unwrap();
    assert_eq!(bob.reads().await, OF_ANN);
    let posted = bob.writes(general, OF_BOB).await;
    let new_text = Draft::of(EDITED);
    let edited = bob.device.edit(channel, posted.message_id, &new_text);
    edited.await.unwrap();
    for text in [OF_ANN, OF_BOB] {
        assert_eq!(ann.reads().await, text);
    }
    ann.device.upload_backup().await.unwrap();
    bob.device.upload_backup().await.unwrap();
    // A device that was there for a while and is gone.
    let new = ann.on_a_new_device(&[]).await;
    new.device.unlock(&recovery_keys[0]).await.unwrap();
    let mut secrets = secrets_of(&ann).await;
    secrets.extend(secrets_of(&bob).await);
    new.device.session().sign_out().await.unwrap();

    let of_ann = OF_ANN.split_once("marker").unwrap().1;
    secrets.extend([
        text("what ann wrote", OF_ANN),
        text("a part of what ann wrote", &format!("marker{of_ann}")),
        text("what bob wrote", OF_BOB),
        text("a part of what bob wrote", "marker-of-bob"),
        text("what bob wrote instead", EDITED),
        text("a part of what bob wrote instead", "marker-of-the-edit"),
        text("the password", PASSWORD),
        text("the token of a session that ended", new.user.token()),
    ]);
    for key in &recovery_keys {
        let in_one_piece = key.replace(' ', "");
        secrets.push(text("a recovery key", key));
        secrets.push(text("a recovery key without spaces", &in_one_piece));
    }

    let dump = dump(&server.database).await;
    // The search finds what is there: a webhook's text, and what is public of the keys.
    assert!(dump.contains(OF_THE_WEBHOOK));
    let identity = ann.device.machine().identity_keys();
    assert!(dump.contains(&identity.curve25519.to_base64()));
    let hash = STANDARD_NO_PAD.encode(OF_THE_WEBHOOK);
    assert!(spellings(OF_THE_WEBHOOK.as_bytes()).contains(&hash));
    for Secret { what, bytes } in secrets {
        for spelling in spellings(&bytes) {
            assert!(
                !dump.contains(&spelling),
                "{what} is in the database: {spelling}"
            );
        }
    }
}
