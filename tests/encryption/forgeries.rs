//! A server, or somebody in its place, that lies.

use std::sync::Arc;

use chatalot_client::matrix_sdk_crypto::OlmMachine;
use chatalot_client::{Decryption, MessageId, Refusal};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::people::{Person, history};
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

#[tokio::test]
async fn a_message_with_another_authors_name_on_it_is_refused() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let (bob, carol) = (
        community.member("bob").await,
        community.member("carol").await,
    );
    let _carol = Person::of(&carol, &[]).await;
    let ann = Person::of(&community.owner, &[]).await;
    let liar = {
        let (true_author, false_author) = (ann.user.id.clone(), carol.id.clone());
        Proxy::rewriting(server.origin(), move |path, answer| {
            if !path.contains("/messages") {
                return answer;
            }
            let lie = answer.to_string().replace(&true_author, &false_author);
            serde_json::from_str(&lie).unwrap()
        })
        .await
    };
    let mut bob = Person::at(&liar.origin, &bob, &[general]).await;
    ann.writes(general, "I am ann").await;
    let true_one = bob.next_message().await;
    assert_eq!(bob.reads_this(&true_one).await, "I am ann");

    let told = history(&bob.device, general).await;
    let [false_one] = &told[..] else {
        panic!("one message, not {told:?}");
    };
    assert_eq!(false_one.author.to_string(), carol.id);
    let refused = Decryption::Refused(Refusal::OtherAuthor);
    assert_eq!(bob.tries(false_one).await, refused);
}

#[tokio::test]
async fn a_message_that_was_changed_is_refused() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let ann = Person::of(&community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[general]).await;
    ann.writes(general, "pay 10").await;
    let message = bob.next_message().await;
    assert_eq!(bob.reads_this(&message).await, "pay 10");
    let mut envelope: Value = serde_json::from_str(message.envelope.get()).unwrap();
    let mut ciphertext = envelope["ciphertext"].as_str().unwrap().to_owned();
    let middle = ciphertext.len() / 2;
    let other = if &ciphertext[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    ciphertext.replace_range(middle..=middle, other);
    envelope["ciphertext"] = ciphertext.into();
    let mut changed = message.clone();
    changed.envelope = serde_json::value::to_raw_value(&envelope).unwrap();
    let refused = Decryption::Refused(Refusal::Damaged);
    assert_eq!(bob.tries(&changed).await, refused);
}

#[tokio::test]
async fn the_same_envelope_again_is_dropped() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let ann = Person::of(&community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[general]).await;
    ann.writes(general, "once").await;
    let original = bob.next_message().await;
    assert_eq!(bob.reads_this(&original).await, "once");

    // A device that sends its own envelope again is not hindered by the server, which cannot tell.
    let channel = ann.user.channel(general).await.expect_status(200);
    let envelope: Value = serde_json::from_str(original.envelope.get()).unwrap();
    let body = json!({
        "members_version": channel.body["members_version"], "envelope": envelope,
    });
    let again = ann.user.send_message(general, "another", &body).await;
    again.expect_status(201);
    let repeat = bob.next_message().await;
    assert_ne!(repeat.id, original.id);
    let refused = Decryption::Refused(Refusal::Repeated);
    assert_eq!(bob.tries(&repeat).await, refused);

    // The same when the server makes the repeat up.
    let mut made_up = original.clone();
    made_up.id = MessageId(uuid::Uuid::now_v7());
    made_up.seq += 7;
    assert_eq!(bob.tries(&made_up).await, refused);
    // The original stays readable, as often as it is looked at.
    assert_eq!(bob.reads_this(&original).await, "once");
}

#[tokio::test]
async fn a_device_knows_its_own_message_when_it_comes_again() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let ann = Person::of(&community.owner, &[]).await;
    let posted = ann.writes(general, "once").await;
    let [original] = &history(&ann.device, general).await[..] else {
        panic!("one message");
    };
    // The repeat comes first, and the original was never read.
    let mut repeat = original.clone();
    repeat.id = MessageId(uuid::Uuid::now_v7());
    repeat.seq += 7;
    let refused = Decryption::Refused(Refusal::Repeated);
    assert_eq!(ann.tries(&repeat).await, refused);
    // Neither is it believed in a place before it.
    repeat.seq = posted.seq - 1;
    assert_eq!(ann.tries(&repeat).await, refused);
    let decrypted = ann.tries(original).await;
    assert_eq!(crate::mailboxes::text(decrypted), "once");
}

#[tokio::test]
async fn what_was_written_for_another_channel_is_refused() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let side = community.channel("side").await;
    let bob = community.member("bob").await;
    let ann = Person::of(&community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[general]).await;
    ann.writes(general, "in general").await;
    let original = bob.next_message().await;
    assert_eq!(bob.reads_this(&original).await, "in general");

    // With a key of the one channel, a text that names the other.
    let own_name = ann.device.machine().user_id();
    let room = format!("!{general}:{}", own_name.server_name());
    let content = json!({
        "msgtype": "m.text", "channel_id": side, "txn_id": "t", "body": "in side",
        "format": "markdown", "mentions": [],
    });
    let content = serde_json::from_value(content).unwrap();
    let machine = ann.device.machine();
    let room = room.as_str().try_into().unwrap();
    let sealed = machine.encrypt_room_event_raw(room, "m.room.message", &content);
    let mut elsewhere = original.clone();
    elsewhere.id = MessageId(uuid::Uuid::now_v7());
    elsewhere.envelope = sealed.await.unwrap().content.into_json();
    let refused = Decryption::Refused(Refusal::OtherChannel);
    assert_eq!(bob.tries(&elsewhere).await, refused);
    // In the other channel itself, there is no key for it.
    elsewhere.channel_id = side.parse().unwrap();
    assert_eq!(bob.tries(&elsewhere).await, Decryption::Waiting);
}

#[tokio::test]
async fn a_device_that_the_server_invents_is_given_no_key() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let invented: Arc<Mutex<Value>> = Arc::default();
    let liar = {
        let invented = Arc::clone(&invented);
        Proxy::rewriting(server.origin(), move |path, mut answer| {
            let device = invented.lock();
            if let (true, Some(user)) = (path.ends_with("/keys/query"), device["user_id"].as_str())
                && answer["device_keys"].get(user).is_some()
            {
                let device_id = device["device_id"].as_str().unwrap();
                answer["device_keys"][user][device_id] = device.clone();
            }
            answer
        })
        .await
    };
    let mut bob = Person::of(&bob, &[general]).await;
    // A device in bob's name, rightly signed with its own key, which bob knows nothing of.
    let ghost_id = uuid::Uuid::now_v7().to_string();
    let user = bob.device.machine().user_id();
    let ghost = OlmMachine::new(user, ghost_id.as_str().into()).await;
    let upload = ghost.upload_device_keys().await.unwrap().unwrap().1;
    *invented.lock() = serde_json::to_value(upload.device_keys).unwrap();
    let ann = Person::at(&liar.origin, &community.owner, &[]).await;
    ann.writes(general, "to bob's own devices").await;
    assert_eq!(bob.reads().await, "to bob's own devices");

    let known = ann.device.machine().get_user_devices(ghost.user_id(), None);
    let known = known.await.unwrap();
    assert!(
        known.get(ghost.device_id()).is_some(),
        "the lie was believed"
    );
    let sent = liar.puts("/to_device/m.room.encrypted/");
    assert!(!sent.is_empty());
    for send in sent {
        let body = send.body.to_string();
        assert!(!body.contains(&ghost_id), "{body}");
    }
}
