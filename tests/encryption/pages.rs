//! A history that comes in pages.

use chatalot_client::Message;

use crate::support::people::{Person, history, id};
use crate::support::server::TestServer;

/// How many messages there are, and how long each is: too much for one page together.
const MESSAGES: usize = 25;
const LENGTH: usize = 45_000;

#[tokio::test]
async fn a_page_says_whether_there_is_more_and_its_length_does_not() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let ann = Person::of(&community.owner, &[]).await;
    for _ in 0..MESSAGES {
        ann.writes(general, &"x".repeat(LENGTH)).await;
    }
    let page = ann.device.messages_after(id(general), 0).await.unwrap();
    assert!(page.messages.len() < MESSAGES);
    assert!(page.has_more);
    assert_eq!(history(&ann.device, general).await.len(), MESSAGES);

    let newest = ann.device.messages_before(id(general), None).await.unwrap();
    assert!(newest.has_more);
    let first_of_newest = newest.messages.first().map(Message::seq);
    let before = ann.device.messages_before(id(general), first_of_newest);
    let before = before.await.unwrap();
    assert!(!before.has_more);
    let pages = before.messages.iter().chain(&newest.messages);
    let seqs: Vec<i64> = pages.map(Message::seq).collect();
    assert_eq!(seqs, (1..=25).collect::<Vec<i64>>());
}
