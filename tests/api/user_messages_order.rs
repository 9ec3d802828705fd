//! Encrypted messages and webhook posts together, under failures and while people come and go: each
//! that was accepted is there once, a channel's seq has no gap, and clients see it as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::crash::Following;
use crate::support::database::TestDatabase;
use crate::support::follower::Follower;
use crate::support::load::{Load, audit};
use crate::support::process::Launch;
use crate::support::senders::Senders;
use crate::support::writer::Writer;

const MESSAGES: usize = 1500;
const POSTS: usize = 1500;

const FAILURES: &str = "channel_post=0.2%panic;channel_fan_out=0.5%panic;\
     ledger_before_commit=0.5%panic;ledger_after_commit=0.5%panic";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_messages_and_posts_are_there_once_and_in_one_order() {
    let database = TestDatabase::create().await;
    let server = Launch::new()
        .set("CHATALOT_DATABASE__URL", database.url())
        .set("FAILPOINTS", FAILURES)
        .set("CHATALOT_LIMITS__CHANNEL_IDLE_MS", "25")
        .set("CHATALOT_LIMITS__MESSAGE_PER_SECOND", "0")
        .start()
        .await;
    let community = Arc::new(server.community().await);
    let channels = vec![community.general.clone(), community.channel("other").await];
    let mut webhooks = Vec::new();
    for channel in &channels {
        webhooks.push(community.webhook(channel).await);
    }
    let mut writers = Vec::new();
    for number in 0..6 {
        let user = community.member(&format!("writer{number}")).await;
        user.add_to_channel(&channels[1], &user.id)
            .await
            .expect_done();
        writers.push(Writer::of(&user).await);
    }
    let names: Vec<&str> = channels.iter().map(String::as_str).collect();
    let following = [
        Following::start(Follower::of(&community.owner, &names).await),
        Following::start(Follower::of(&writers[0].user, &names).await),
    ];
    let finished = Arc::new(AtomicBool::new(false));
    let passing = {
        let (community, finished) = (community.clone(), finished.clone());
        let visitor = community.member("visitor").await;
        tokio::spawn(async move {
            while !finished.load(Ordering::SeqCst) {
                let general = &community.general;
                visitor
                    .remove_from_channel(general, &visitor.id)
                    .await
                    .expect_done();
                visitor
                    .add_to_channel(general, &visitor.id)
                    .await
                    .expect_done();
                tokio::time::sleep(std::time::Duration::from_millis(40)).await;
            }
        })
    };
    let senders = Senders::start(&writers, &channels);
    let load = Load::start(&webhooks, 6, "");
    while senders.accepted() < MESSAGES || load.accepted() < POSTS {
        senders.wait_for_more(1).await;
        load.wait_for_more(1).await;
    }
    let repeated = senders.repeated();
    let mut records = senders.stop().await;
    records.extend(load.stop().await);
    finished.store(true, Ordering::SeqCst);
    passing.await.unwrap();
    // What reveals a gap that a failure left behind.
    for (webhook, channel) in webhooks.iter().zip(&channels) {
        for number in 0..3 {
            let mut record = crate::support::load::Record::default();
            let content = format!("end {number} of {channel}");
            crate::support::load::post(
                &crate::support::load::client(),
                webhook,
                content,
                &mut record,
            )
            .await;
            records.push(record);
        }
    }
    let history = audit(&community.owner, &names, &records).await;
    for following in following {
        following.stop().await.saw_all(&history).await;
    }
    assert!(server.stderr().contains("panic"), "failures did happen");
    assert!(repeated < MESSAGES, "most were sent once: {repeated}");
}
