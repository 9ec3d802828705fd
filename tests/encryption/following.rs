//! Devices that follow what happens, on connections that fail.

use std::sync::Arc;

use chatalot_client::{Device, Error, Frame, Live, News, Session, Socket};
use tokio::time::timeout;

use crate::mailboxes::{mail, newest, take, text};
use crate::support::fixtures::{PASSWORD, User};
use crate::support::people::{DEADLINE, Person, device};
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

/// Follows what happens, on a socket that goes to the server directly.
async fn follow(device: &Device, user: &User) -> Live {
    let direct = Session::resume(user.origin(), user.token()).unwrap();
    device.follow_at(&direct, &[]).await.unwrap()
}

/// Waits for messages to the device, or for the end of the connection.
async fn next_mail(live: &mut Live) -> Result<(), Error> {
    loop {
        let frame = timeout(DEADLINE, live.next()).await.expect("news in time");
        if let Frame::ToDevice(_) = frame? {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_connection_ends_with_what_was_not_taken_in_and_the_next_one_brings_it_again() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let proxy = Proxy::before(server.origin()).await;
    let ann = Person::of(&community.owner, &[]).await;
    let device_of_bob = device(&bob, &proxy.origin, &Arc::default()).await;
    device_of_bob.set_up(PASSWORD).await.unwrap();
    let mut live = follow(&device_of_bob, &bob).await;

    // Bob's device does not know ann's yet, and asks for it in vain.
    proxy.lose_answers(usize::MAX, "/keys/query");
    ann.writes(general, "one").await;
    let failed = next_mail(&mut live).await;
    assert!(matches!(failed, Err(Error::Network(_))), "{failed:?}");
    proxy.lose_answers(0, "/keys/query");
    let over = next_mail(&mut live).await;
    assert!(matches!(over, Err(Error::Closed(None))), "{over:?}");

    let mut live = follow(&device_of_bob, &bob).await;
    next_mail(&mut live).await.unwrap();
    assert_eq!(text(newest(&device_of_bob, general).await), "one");
}

#[tokio::test]
async fn whoever_stops_waiting_for_news_loses_none() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let mut proxy = Proxy::before(server.origin()).await;
    let ann = Person::of(&community.owner, &[]).await;
    let device_of_bob = device(&bob, &proxy.origin, &Arc::default()).await;
    device_of_bob.set_up(PASSWORD).await.unwrap();
    let mut live = follow(&device_of_bob, &bob).await;

    // The wait is given up while the device is taking the message in.
    proxy.hold_the_next("/keys/query");
    ann.writes(general, "one").await;
    let held = tokio::select! {
        mail = next_mail(&mut live) => panic!("taken in too early: {mail:?}"),
        held = proxy.held() => held,
    };
    held.go_on();
    next_mail(&mut live).await.unwrap();
    assert_eq!(text(newest(&device_of_bob, general).await), "one");
}

#[tokio::test]
async fn a_session_that_has_ended_is_told_so_and_does_not_try_again() {
    let server = TestServer::start().await;
    let bob = server.user("bob").await;
    let session = Session::resume(bob.origin(), bob.token()).unwrap();
    session.clone().sign_out().await.unwrap();
    let refused = Socket::connect(&session).await.unwrap_err();
    assert_eq!(refused.code(), Some("unauthenticated"));
    assert!(!refused.is_transient());
}

/// The first frame of a connection of the user's session, with the true epoch or another one, as
/// after the database was restored from a backup.
async fn hello(user: &User, restored: bool) -> News {
    let direct = Session::resume(user.origin(), user.token()).unwrap();
    let mut socket = Socket::connect(&direct).await.unwrap();
    let mut hello = socket.next().await.unwrap();
    if let (Frame::Hello { epoch, .. }, true) = (&mut hello, restored) {
        "another one".clone_into(epoch);
    }
    News::of(&hello).unwrap()
}

#[tokio::test]
async fn after_a_restored_backup_everybodys_keys_are_asked_for_again() {
    let server = TestServer::start().await;
    let proxy = Proxy::before(server.origin()).await;
    let bob = server.user("bob").await;
    let device_of_bob = device(&bob, &proxy.origin, &Arc::default()).await;
    let mut asked = Vec::new();
    for restored in [false, false, true] {
        let news = hello(&bob, restored).await;
        device_of_bob.receive(news).await.unwrap();
        device_of_bob.flush().await.unwrap();
        asked.push(proxy.posts("/keys/query").len());
    }
    // The same place in the same history tells nothing new.
    assert_eq!(asked[0], asked[1]);
    assert!(asked[1] < asked[2], "{asked:?}");
}

#[tokio::test]
async fn after_a_restored_backup_the_mailbox_is_read_from_its_new_beginning() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let side = community.channel("side").await;
    let bob = community.member("bob").await;
    let added = community.owner.add_to_channel(&side, &bob.id).await;
    added.expect_done();
    let ann = Person::of(&community.owner, &[]).await;
    let device_of_bob = device(&bob, bob.origin(), &Arc::default()).await;
    device_of_bob.set_up(PASSWORD).await.unwrap();
    let first = hello(&bob, false).await;
    device_of_bob.receive(first).await.unwrap();
    ann.writes(general, "one").await;
    let (_, mut before) = mail(&bob).await;
    for event in &mut before {
        // The places that were given after the backup was made.
        event.id += 1000;
    }
    take(&device_of_bob, &before).await;
    assert_eq!(text(newest(&device_of_bob, general).await), "one");

    ann.writes(&side, "two").await;
    let restored = hello(&bob, true).await;
    device_of_bob.receive(restored).await.unwrap();
    let (_, after) = mail(&bob).await;
    take(&device_of_bob, &after).await;
    assert_eq!(text(newest(&device_of_bob, &side).await), "two");
}

#[tokio::test]
async fn after_a_restored_backup_the_members_are_asked_for_again() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let proxy = Proxy::before(server.origin()).await;
    let ann = Person::at(&proxy.origin, &community.owner, &[]).await;
    let mut asked = Vec::new();
    for restored in [false, false, true] {
        let news = hello(&ann.user, restored).await;
        ann.device.receive(news).await.unwrap();
        ann.writes(general, "text").await;
        asked.push(proxy.gets(&format!("/channels/{general}/members")).len());
    }
    assert_eq!(asked, [1, 1, 2]);
}
