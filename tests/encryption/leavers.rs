//! People who left: what they wrote stays readable, what follows is not for them, and when they come
//! back they are known anew.

use std::sync::Arc;

use chatalot_client::{Decryption, Draft, News};
use serde_json::Value;

use crate::support::people::{Person, device, history, id};
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

#[tokio::test]
async fn a_new_device_reads_what_somebody_wrote_who_left_and_does_not_ask_for_them_again_and_again()
{
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let recovery_key = ann.device.make_recovery_key().await.unwrap();
    let carol = Person::of(&carol, &[]).await;
    let mut messages = Vec::new();
    for text in ["one", "two", "three"] {
        carol.writes(general, text).await;
        let message = ann.next_message().await;
        assert_eq!(ann.reads_this(&message).await, text);
        messages.push((message, text));
    }
    ann.device.upload_backup().await.unwrap();
    let left = carol.user.remove_from_channel(general, &carol.user.id);
    left.await.expect_done();

    let proxy = Proxy::before(server.origin()).await;
    let user = ann.user.sign_in().await;
    let new = device(&user, &proxy.origin, &Arc::default()).await;
    new.unlock(&recovery_key).await.unwrap();
    let before = proxy.posts("/keys/query").len();
    for (message, expected) in messages {
        match new.decrypt(&message).await.unwrap() {
            Decryption::Unproven(plaintext) => assert_eq!(plaintext.body, expected),
            other => panic!("{expected:?} is read with the backup, not {other:?}"),
        }
    }
    let queries = proxy.posts("/keys/query").len() - before;
    assert!(queries <= 2, "{queries} queries");
}

#[tokio::test]
async fn who_left_is_asked_for_again_when_something_is_said_of_them_or_they_are_back() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let proxy = Proxy::before(server.origin()).await;
    let mut ann = Person::at(&proxy.origin, &community.owner, &[general]).await;
    let carol = Person::of(&carol, &[]).await;
    let recovery_key = carol.device.make_recovery_key().await.unwrap();
    carol.writes(general, "one").await;
    assert_eq!(ann.reads().await, "one");
    let left = carol.user.remove_from_channel(general, &carol.user.id);
    left.await.expect_done();
    let mut asked = Vec::new();
    for told in [true, false, true] {
        if told {
            let news = News {
                changed: vec![carol.device.machine().user_id().to_string()],
                ..News::default()
            };
            ann.device.receive(news).await.unwrap();
        }
        ann.device.flush().await.unwrap();
        asked.push(proxy.posts("/keys/query").len());
    }
    assert_eq!(asked[0], asked[1]);
    assert_eq!(asked[1] + 1, asked[2]);

    // She is back on another device, and nobody has told ann.
    let joined = carol.user.add_to_channel(general, &carol.user.id);
    joined.await.expect_done();
    let mut back = carol.on_a_new_device(&[general]).await;
    back.device.unlock(&recovery_key).await.unwrap();
    ann.writes(general, "two").await;
    let _one = back.next_message().await;
    assert_eq!(back.reads().await, "two");
}

#[tokio::test]
async fn after_somebody_was_away_between_two_messages_there_is_a_new_key() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let _carol = Person::of(&carol, &[]).await;
    let mut keys = Vec::new();
    for comes_back in [false, false, true] {
        if comes_back {
            let left = carol.remove_from_channel(general, &carol.id);
            left.await.expect_done();
            let joined = carol.add_to_channel(general, &carol.id);
            joined.await.expect_done();
        }
        ann.writes(general, "text").await;
        let envelope = ann.next_message().await.envelope;
        let envelope: Value = serde_json::from_str(envelope.get()).unwrap();
        keys.push(envelope["session_id"].clone());
    }
    assert_eq!(keys[0], keys[1]);
    // The same people are there: that one of them was away is told by the version alone.
    assert_ne!(keys[1], keys[2]);
}

#[tokio::test]
async fn who_comes_back_in_the_middle_of_a_send_reads_it_on_a_device_that_is_new() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let carol = community.member("carol").await;
    let mut proxy = Proxy::before(server.origin()).await;
    let ann = Person::at(&proxy.origin, &community.owner, &[]).await;
    let carol = Person::of(&carol, &[]).await;
    let recovery_key = carol.device.make_recovery_key().await.unwrap();
    ann.writes(general, "with carol").await;
    let left = carol.user.remove_from_channel(general, &carol.user.id);
    left.await.expect_done();
    ann.writes(general, "without carol").await;
    // She shares no channel with ann, who is told nothing of it.
    let mut back = carol.on_a_new_device(&[]).await;
    back.device.unlock(&recovery_key).await.unwrap();

    proxy.hold_the_next("/messages/");
    let (device, channel) = (ann.device.clone(), id(general));
    let sending =
        tokio::spawn(async move { device.send(channel, &Draft::of("carol is back")).await });
    let held = proxy.held().await;
    let joined = back.user.add_to_channel(general, &back.user.id);
    joined.await.expect_done();
    held.go_on();
    sending.await.unwrap().unwrap();
    let history = history(&back.device, general).await;
    assert_eq!(back.reads_this(&history[2]).await, "carol is back");
}
