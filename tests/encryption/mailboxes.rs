//! Messages to devices that get lost on the way, or come twice.

use std::sync::Arc;

use chatalot_client::{Decryption, Device, Frame, News, Session, Socket, ToDeviceEvent};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::fixtures::{PASSWORD, User};
use crate::support::people::{DEADLINE, Person, device, history};
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

/// Opens a socket of the user's session and waits for messages to its device.
pub(crate) async fn mail(user: &User) -> (Socket, Vec<ToDeviceEvent>) {
    let session = Session::resume(user.origin(), user.token()).unwrap();
    let mut socket = Socket::connect(&session).await.unwrap();
    loop {
        let frame = timeout(DEADLINE, socket.next())
            .await
            .expect("mail in time");
        if let Frame::ToDevice(events) = frame.unwrap() {
            return (socket, events);
        }
    }
}

fn ids(events: &[ToDeviceEvent]) -> Vec<i64> {
    events.iter().map(|event| event.id).collect()
}

/// Gives a device messages to it. Up to where they may be acknowledged.
pub(crate) async fn take(device: &Device, events: &[ToDeviceEvent]) -> Option<i64> {
    let news = News::of(&Frame::ToDevice(events.to_vec())).unwrap();
    device.receive(news).await.unwrap().acknowledge
}

/// What the newest message of the channel says to `device`.
pub(crate) async fn newest(device: &Device, channel: &str) -> Decryption {
    let messages = history(device, channel).await;
    let newest = messages.last().expect("a message");
    device.decrypt(newest).await.unwrap()
}

pub(crate) fn text(decryption: Decryption) -> String {
    match decryption {
        Decryption::Clear(plaintext) => plaintext.body,
        other => panic!("a readable message, not {other:?}"),
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_and_a_repeat_does_no_harm() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let side = community.channel("side").await;
    let bob = community.member("bob").await;
    let added = community.owner.add_to_channel(&side, &bob.id).await;
    added.expect_done();
    let ann = Person::of(&community.owner, &[]).await;
    let store = Arc::default();
    let device_of_bob = device(&bob, bob.origin(), &store).await;
    device_of_bob.set_up(PASSWORD).await.unwrap();
    ann.writes(general, "one").await;

    // The connection is lost before the device has looked at what came.
    let (socket, first) = mail(&bob).await;
    drop(socket);
    assert_eq!(newest(&device_of_bob, general).await, Decryption::Waiting);

    // It is lost again, after the device has taken it and before it has said so.
    let (socket, again) = mail(&bob).await;
    assert_eq!(ids(&again), ids(&first));
    assert_eq!(
        take(&device_of_bob, &again).await,
        ids(&first).last().copied()
    );
    drop(socket);
    assert_eq!(text(newest(&device_of_bob, general).await), "one");

    let (mut socket, repeated) = mail(&bob).await;
    assert_eq!(ids(&repeated), ids(&first));
    let up_to = take(&device_of_bob, &repeated).await.unwrap();
    socket.acknowledge(up_to).await.unwrap();
    assert_eq!(text(newest(&device_of_bob, general).await), "one");

    // What was acknowledged is gone: what comes next is new.
    ann.writes(&side, "two").await;
    let (_socket, new) = mail(&bob).await;
    assert!(ids(&new).iter().all(|id| *id > up_to), "{new:?}");

    // A program that was started anew does not know what it took. The keys are in its store, and
    // the repeat, which the library refuses, leaves its sessions whole.
    drop(device_of_bob);
    let restarted = device(&bob, bob.origin(), &store).await;
    take(&restarted, &first).await;
    assert_eq!(text(newest(&restarted, general).await), "one");
    take(&restarted, &new).await;
    assert_eq!(text(newest(&restarted, &side).await), "two");
}

#[tokio::test]
async fn when_a_mailbox_was_full_there_is_a_new_key_with_the_next_message_and_not_with_each() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let bob = Person::of(&bob, &[]).await;
    let (name, device_id) = (
        bob.device.machine().user_id().to_string(),
        bob.device.id().to_owned(),
    );
    let proxy = Proxy::rewriting(server.origin(), move |path, mut answer| {
        if path.contains("/to_device/") {
            answer["undelivered"] = json!({&name: [&device_id]});
        }
        answer
    })
    .await;
    let ann = Person::at(&proxy.origin, &community.owner, &[]).await;
    let mut keys = Vec::new();
    for _ in 0..4 {
        ann.writes(general, "text").await;
        let last = history(&ann.device, general).await.pop().unwrap();
        let envelope: Value = serde_json::from_str(last.envelope.get()).unwrap();
        keys.push(envelope["session_id"].clone());
    }
    assert_ne!(keys[0], keys[1]);
    // It was full again. The one after may be tried in an hour.
    assert_eq!(
        keys[1..],
        [keys[1].clone(), keys[1].clone(), keys[1].clone()]
    );
}
