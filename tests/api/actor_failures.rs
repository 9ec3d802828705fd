//! A part of the server panics: that costs at most the request or the connection at hand.
//! The next post works, and every subscriber still sees every message once.
//!
//! The failures are switched on for a whole process, so each test has one of its own.

use std::time::Duration;

use crate::support::database::TestDatabase;
use crate::support::fixtures::{Community, Webhook};
use crate::support::follower::Follower;
use crate::support::load::{Load, Record, audit, client, post};
use crate::support::process::{Launch, ServerProcess};

struct Failing {
    server: ServerProcess,
    community: Community,
    webhook: Webhook,
    _database: TestDatabase,
}

/// A server in which `failures` happen, in the notation of the crate `fail`.
async fn failing(failures: &str) -> Failing {
    furnish(Launch::new().set("FAILPOINTS", failures)).await
}

async fn furnish(launch: Launch) -> Failing {
    let database = TestDatabase::create().await;
    let launch = launch.set("CHATALOT_DATABASE__URL", database.url());
    let server = launch.start().await;
    let community = server.community().await;
    let webhook = community.webhook(&community.general).await;
    Failing {
        server,
        community,
        webhook,
        _database: database,
    }
}

impl Failing {
    /// Posts eight times, one of which fails; the last one must be accepted.
    async fn post_through_the_failure(&self) -> Record {
        let (http, mut record) = (client(), Record::default());
        for number in 1..=8 {
            let content = format!("number {number}");
            let accepted = post(&http, &self.webhook, content, &mut record).await;
            assert!(
                accepted || number < 8,
                "works again: {}",
                self.server.stderr()
            );
        }
        let failed = record.unknown.len() + record.refused.len();
        assert!(
            failed <= 1,
            "one failure costs one post: {:?}",
            record.refused
        );
        record
    }

    async fn assert_it_did_panic(&self) {
        let stderr = self.server.stderr();
        assert!(stderr.contains("panic"), "the failure happened: {stderr}");
    }
}

/// Posts through one panic at `point`; a follower sees everything that is there, on the
/// connection it had.
async fn one_panic_at(point: &str) -> Failing {
    let it = failing(&format!("{point}=3*off->1*panic->off")).await;
    let channel = it.community.general.as_str();
    let mut follower = Follower::of(&it.community.owner, &[channel]).await;
    let record = it.post_through_the_failure().await;
    let history = audit(&it.community.owner, &[channel], &[record]).await;
    follower.saw_all(&history).await;
    assert_eq!(follower.connects, 1, "its socket was never closed");
    it.assert_it_did_panic().await;
    it
}

#[tokio::test]
async fn a_panic_while_a_post_arrives_costs_at_most_that_post() {
    one_panic_at("channel_post").await;
}

#[tokio::test]
async fn a_panic_after_the_commit_is_made_good_by_the_next_post() {
    one_panic_at("channel_fan_out").await;
}

#[tokio::test]
async fn a_panic_before_the_commit_costs_at_most_that_batch() {
    one_panic_at("ledger_before_commit").await;
}

#[tokio::test]
async fn a_panic_in_the_ledger_after_the_commit_is_made_good() {
    one_panic_at("ledger_after_commit").await;
}

#[tokio::test]
async fn alerts_of_a_post_whose_fan_out_failed_are_not_lost() {
    let it = failing("channel_fan_out=1*panic->off").await;
    let ann = it.community.member("ann").await;
    let (http, mut record) = (client(), Record::default());
    post(&http, &it.webhook, "@ann one".to_owned(), &mut record).await;
    it.assert_it_did_panic().await;
    let history = it
        .community
        .owner
        .history_after(&it.community.general, 0)
        .await;
    assert_eq!(history.len(), 1, "it had been committed");
    assert_eq!(ann.whole_inbox().await.len(), 1);
    let mut socket = ann.socket().await;
    let alert = socket.expect_frame("mention").await;
    assert_eq!(alert["notification"]["message_id"], history[0]["id"]);
}

#[tokio::test]
async fn a_panic_in_one_session_ends_that_session_alone() {
    let it = failing("session_deliver=5*off->1*panic->off").await;
    let channel = it.community.general.as_str();
    let mut first = Follower::of(&it.community.owner, &[channel]).await;
    let mut second = Follower::of(&it.community.owner, &[channel]).await;
    let record = it.post_through_the_failure().await;
    assert_eq!(record.accepted.len(), 8, "no poster notices");
    let history = audit(&it.community.owner, &[channel], &[record]).await;
    first.saw_all(&history).await;
    second.saw_all(&history).await;
    it.assert_it_did_panic().await;
    assert_eq!(first.connects + second.connects, 3, "one came back once");
}

#[tokio::test]
async fn panics_here_and_there_under_load_keep_the_books_straight() {
    let it = failing(
        "channel_post=2%panic;channel_fan_out=2%panic;session_deliver=0.5%panic;\
         ledger_before_commit=2%panic;ledger_after_commit=2%panic",
    )
    .await;
    let other = it.community.channel("other").await;
    let webhooks = [it.webhook.clone(), it.community.webhook(&other).await];
    let channels = [it.community.general.as_str(), other.as_str()];
    let mut first = Follower::of(&it.community.owner, &channels).await;
    let mut second = Follower::of(&it.community.owner, &channels).await;
    let load = Load::start(&webhooks, 6, "");
    load.wait_for_more(400).await;
    let mut records = load.stop().await;
    // A fan-out that failed is made good by the next post; this is the next.
    records.push(quiet_end(&webhooks).await);
    let history = audit(&it.community.owner, &channels, &records).await;
    first.saw_all(&history).await;
    second.saw_all(&history).await;
    it.assert_it_did_panic().await;
}

/// Some posts to each channel with pauses, so that the last ones are likely to go well.
async fn quiet_end(webhooks: &[Webhook]) -> Record {
    let (http, mut record) = (client(), Record::default());
    for number in 0..5 {
        for webhook in webhooks {
            let content = format!("end {number} of {}", webhook.channel_id);
            post(&http, webhook, content, &mut record).await;
        }
    }
    record
}

#[tokio::test]
async fn an_idle_channels_actor_ends_and_its_subscribers_stay() {
    let it = furnish(Launch::new().set("CHATALOT_LIMITS__CHANNEL_IDLE_MS", "40")).await;
    let channel = it.community.general.as_str();
    let mut follower = Follower::of(&it.community.owner, &[channel]).await;
    for round in 1..=25_u64 {
        it.webhook.says(&format!("number {round}")).await;
        // Around the moment at which the actor ends, to meet it on either side.
        tokio::time::sleep(Duration::from_millis(25 + round * 3)).await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    it.webhook.says("after a long pause").await;
    follower.follow_to(channel, 26).await;
    assert_eq!(follower.connects, 1, "its socket was never closed");
    assert_eq!(follower.resyncs, 0, "and it never had to read over HTTP");
}

#[tokio::test]
async fn posting_while_actors_come_and_go_keeps_the_books_straight() {
    let it = furnish(Launch::new().set("CHATALOT_LIMITS__CHANNEL_IDLE_MS", "1")).await;
    let other = it.community.channel("other").await;
    let webhooks = [it.webhook.clone(), it.community.webhook(&other).await];
    let channels = [it.community.general.as_str(), other.as_str()];
    let mut follower = Follower::of(&it.community.owner, &channels).await;
    let load = Load::start(&webhooks, 3, "");
    load.wait_for_more(300).await;
    let records = load.stop().await;
    let refused: usize = records.iter().map(|record| record.refused.len()).sum();
    assert_eq!(refused, 0, "an actor that ended is no reason to refuse");
    let history = audit(&it.community.owner, &channels, &records).await;
    follower.saw_all(&history).await;
    assert_eq!(follower.connects, 1, "its socket was never closed");
}
