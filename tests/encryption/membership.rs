//! Who joins reads what comes after, and who leaves nothing more: also in the middle of a send.

use chatalot_client::{Decryption, Draft};

use crate::support::people::{Person, history, id};
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

#[tokio::test]
async fn two_people_read_each_other() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let mut bob = Person::of(&bob, &[general]).await;
    ann.writes(general, "hello **bob**").await;
    assert_eq!(bob.reads().await, "hello **bob**");
    bob.writes(general, "hello ann").await;
    for text in ["hello **bob**", "hello ann"] {
        assert_eq!(ann.reads().await, text);
    }
}

#[tokio::test]
async fn an_edit_is_read_in_its_place_and_nowhere_else() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let ann = Person::of(&community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[general]).await;
    let posted = ann.writes(general, "frist").await;
    let original = bob.next_message().await;
    assert_eq!(bob.reads_this(&original).await, "frist");
    let first = Draft::of("first");
    let edited = ann.device.edit(id(general), posted.message_id, &first);
    edited.await.unwrap();
    let edited = &history(&bob.device, general).await[0];
    assert_eq!(bob.reads_this(edited).await, "first");
    let mut elsewhere = edited.clone();
    elsewhere.edited_at = None;
    let refused = Decryption::Refused(chatalot_client::Refusal::OtherPlace);
    assert_eq!(bob.tries(&elsewhere).await, refused);
}

#[tokio::test]
async fn a_newcomer_reads_what_comes_after_and_not_what_was_before() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let ann = Person::of(&community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[general]).await;
    ann.writes(general, "among us").await;
    assert_eq!(bob.reads().await, "among us");

    let carol = community.member("carol").await;
    let mut carol = Person::of(&carol, &[general]).await;
    ann.writes(general, "welcome").await;
    assert_eq!(bob.reads().await, "welcome");
    let before = carol.next_message().await;
    assert_eq!(carol.reads().await, "welcome");
    // The newcomer has every key by now that was sent before this one.
    assert_eq!(carol.tries(&before).await, Decryption::Waiting);
}

#[tokio::test]
async fn who_leaves_in_the_middle_of_a_send_cannot_read_it() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let side = community.channel("side").await;
    let (bob, carol) = (
        community.member("bob").await,
        community.member("carol").await,
    );
    let added = community.owner.add_to_channel(&side, &carol.id).await;
    added.expect_done();
    let mut proxy = Proxy::before(server.origin()).await;
    let ann = Person::at(&proxy.origin, &community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[general]).await;
    let mut carol = Person::of(&carol, &[general, &side]).await;
    ann.writes(general, "to all").await;
    assert_eq!(bob.reads().await, "to all");
    assert_eq!(carol.reads().await, "to all");

    proxy.hold_the_next("/messages/");
    let device = ann.device.clone();
    let channel = id(general);
    let sending =
        tokio::spawn(async move { device.send(channel, &Draft::of("not for carol")).await });
    let held = proxy.held().await;
    let left = carol.user.remove_from_channel(general, &carol.user.id);
    left.await.expect_done();
    held.go_on();
    sending.await.unwrap().unwrap();

    let sends = proxy.puts(&format!("{general}/messages/"));
    let statuses: Vec<u16> = sends.iter().map(|send| send.status).collect();
    assert_eq!(statuses, [201, 409, 201]);
    let session = |send: usize| sends[send].body["envelope"]["session_id"].clone();
    assert_eq!(session(0), session(1), "encrypted before she left");
    assert_ne!(session(1), session(2), "encrypted anew with a new key");
    let message = bob.next_message().await;
    assert_eq!(bob.reads_this(&message).await, "not for carol");

    // Carol has everything that was sent to her before this, and does not have the key. The server
    // would not give her the message either.
    ann.writes(&side, "only to carol").await;
    assert_eq!(carol.reads().await, "only to carol");
    assert_eq!(carol.tries(&message).await, Decryption::Waiting);
}

#[tokio::test]
async fn who_joins_in_the_middle_of_a_send_reads_it() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let side = community.channel("side").await;
    let bob = community.member("bob").await;
    let mut proxy = Proxy::before(server.origin()).await;
    let ann = Person::at(&proxy.origin, &community.owner, &[]).await;
    let mut bob = Person::of(&bob, &[]).await;
    proxy.hold_the_next("/messages/");
    let (device, channel) = (ann.device.clone(), id(&side));
    let sending = tokio::spawn(async move { device.send(channel, &Draft::of("for both")).await });
    let held = proxy.held().await;
    let joined = bob.user.add_to_channel(&side, &bob.user.id);
    joined.await.expect_done();
    held.go_on();
    sending.await.unwrap().unwrap();
    let history = history(&bob.device, &side).await;
    let [message] = &history[..] else {
        panic!("one message, not {history:?}");
    };
    assert_eq!(bob.reads_this(message).await, "for both");
}
