//! Sends whose answers get lost: sent again, they are there once.

use chatalot_client::{Draft, Error};

use crate::support::people::{Person, history, id};
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

/// What the messages of the channel say to `reader`.
async fn all(reader: &mut Person, channel: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for message in history(&reader.device, channel).await {
        texts.push(reader.reads_this(&message).await);
    }
    texts
}

#[tokio::test]
async fn a_send_whose_answer_is_lost_is_made_again_and_there_once() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let proxy = Proxy::before(server.origin()).await;
    let ann = Person::at(&proxy.origin, &community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[]).await;
    proxy.lose_answers(1, "/messages/");
    ann.writes(general, "once").await;
    let sends = proxy.puts("/messages/");
    assert_eq!(sends.len(), 2);
    assert_eq!(sends[0].path, sends[1].path);
    assert_eq!(all(&mut bob, general).await, ["once"]);
}

#[tokio::test]
async fn a_draft_that_was_given_up_may_be_sent_again_and_is_there_once() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let (bob, carol) = (
        community.member("bob").await,
        community.member("carol").await,
    );
    let proxy = Proxy::before(server.origin()).await;
    let ann = Person::at(&proxy.origin, &community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[]).await;
    let draft = Draft::of("once");
    proxy.lose_answers(usize::MAX, "/messages/");
    let given_up = ann.device.send(id(general), &draft).await.unwrap_err();
    assert!(matches!(given_up, Error::Network(_)), "{given_up:?}");
    assert!(given_up.is_transient());
    proxy.lose_answers(0, "/messages/");

    // Somebody leaves before it is sent again, which makes no other message of it.
    let left = carol.remove_from_channel(general, &carol.id).await;
    left.expect_done();
    let posted = ann.device.send(id(general), &draft).await.unwrap();
    ann.writes(general, "another").await;
    assert_eq!(all(&mut bob, general).await, ["once", "another"]);
    let again = ann.device.send(id(general), &draft).await.unwrap();
    assert_eq!(again.message_id, posted.message_id);
}

#[tokio::test]
async fn a_program_that_is_started_anew_sends_under_the_id_that_it_kept() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let ann = Person::of(&community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[]).await;
    let told = || Draft::of("backup of db1 failed").under("backup-db1-2026-11-25".parse().unwrap());
    let posted = ann.device.send(id(general), &told()).await.unwrap();
    let user = ann.user.clone();
    let store = std::sync::Arc::clone(&ann.store);
    drop(ann);
    let restarted = crate::support::people::device(&user, user.origin(), &store).await;
    let again = restarted.send(id(general), &told()).await.unwrap();
    assert_eq!(again.message_id, posted.message_id);
    assert_eq!(all(&mut bob, general).await, ["backup of db1 failed"]);
}

#[tokio::test]
async fn one_draft_may_be_the_new_text_of_two_messages() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let mut ann = Person::of(&community.owner, &[]).await;
    let draft = Draft::of("withdrawn");
    for text in ["one", "two"] {
        let posted = ann.writes(general, text).await;
        let edited = ann.device.edit(id(general), posted.message_id, &draft);
        edited.await.unwrap();
    }
    assert_eq!(all(&mut ann, general).await, ["withdrawn", "withdrawn"]);
}

#[tokio::test]
async fn a_program_that_only_sends_writes_to_devices_that_came_meanwhile() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let bob = Person::of(&bob, &[]).await;
    let recovery_key = bob.device.make_recovery_key().await.unwrap();
    let ann = &community.owner;
    let ann = crate::support::people::device(ann, ann.origin(), &std::sync::Arc::default()).await;
    ann.set_up(crate::support::fixtures::PASSWORD)
        .await
        .unwrap();
    ann.send(id(general), &Draft::of("one")).await.unwrap();
    let mut new = bob.on_a_new_device(&[general]).await;
    new.device.unlock(&recovery_key).await.unwrap();
    ann.send(id(general), &Draft::of("two")).await.unwrap();
    let _before = new.next_message().await;
    assert_eq!(new.reads().await, "two");
}
