//! A channel with more members and devices than the server takes or tells in one call.

use crate::support::crowd::Crowd;
use crate::support::people::Person;
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

/// More people than one call may name, 500, with more devices than one call takes keys of, 1,000.
/// Half of them have more devices than one call tells, 5,000.
const CROWD: Crowd = Crowd {
    people: 510,
    devices: 2,
    keyless: 21,
};

#[tokio::test]
async fn a_message_reaches_every_device_of_a_very_large_channel() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let bob = community.member("bob").await;
    let mut bob = Person::of(&bob, &[general]).await;
    CROWD.join(&server, &community).await;
    let proxy = Proxy::before(server.origin()).await;
    let ann = Person::at(&proxy.origin, &community.owner, &[]).await;
    ann.writes(general, "to all of you").await;
    assert_eq!(bob.reads().await, "to all of you");

    let client = server.database.connect().await;
    let count = "select count(distinct session_id) from to_device_messages \
         where event_type = 'm.room.encrypted' and session_id::text <> $1";
    let reached = client.query_one(count, &[&bob.device.id()]).await;
    let reached: i64 = reached.unwrap().get(0);
    let crowd = i64::try_from(CROWD.people * CROWD.devices).unwrap();
    assert_eq!(reached, crowd);
    let sends = proxy.puts("/to_device/m.room.encrypted/");
    assert!(sends.iter().all(|send| send.status == 200));
    ann.writes(general, "and again").await;
    assert_eq!(bob.reads().await, "and again");
    assert_eq!(proxy.puts("/to_device/").len(), sends.len());
}
