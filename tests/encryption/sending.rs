//! Sends whose answers get lost: sent again, they are there once.

use std::iter::repeat;

use chatalot_client::{Draft, Error, Session};

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
async fn a_reverse_proxy_that_does_not_find_the_server_is_tried_again() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let proxy = Proxy::before(server.origin()).await;
    let ann = Person::at(&proxy.origin, &community.owner, &[]).await;
    for status in [502, 503, 504] {
        proxy.fail("/messages/", [status]);
        ann.writes(general, "text").await;
    }
    let sends = proxy.puts("/messages/");
    let statuses: Vec<u16> = sends.iter().map(|send| send.status).collect();
    assert_eq!(statuses, [502, 201, 503, 201, 504, 201]);
    proxy.fail("/messages/", repeat(502));
    let given_up = ann.device.send(id(general), &Draft::of("text")).await;
    let given_up = given_up.unwrap_err();
    assert!(matches!(given_up, Error::Network(_)), "{given_up:?}");
    assert!(given_up.is_transient());
}

#[tokio::test]
async fn a_refusal_that_follows_a_lost_answer_does_not_say_that_nothing_was_sent() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let mut proxy = Proxy::before(server.origin()).await;
    let bob = Person::at(&proxy.origin, &bob, &[]).await;
    let ann = Person::of(&community.owner, &[]).await;
    let channel = id(general);
    proxy.lose_answers(1, "/messages/");
    proxy.hold_the_next("/messages/");
    let device = bob.device.clone();
    let sending = tokio::spawn(async move { device.send(channel, &Draft::of("text")).await });
    let first = proxy.held().await;
    proxy.hold_the_next("/messages/");
    first.go_on();
    // It was sent, and is sent again.
    let second = proxy.held().await;
    let over = Session::resume(bob.user.origin(), bob.user.token()).unwrap();
    over.sign_out().await.unwrap();
    second.go_on();
    let refused = sending.await.unwrap().unwrap_err();
    assert!(matches!(refused, Error::OutcomeUnknown(_)), "{refused:?}");
    assert_eq!(refused.code(), Some("unauthenticated"));
    assert!(!refused.is_transient());
    assert_eq!(history(&ann.device, general).await.len(), 1);

    // Without an attempt before it, it does.
    let refused = bob.device.send(channel, &Draft::of("text")).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, Error::Refused(_)), "{refused:?}");
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
