//! The server is killed at random moments under load. After each restart every post that was
//! answered 201 is there once and in order, with its alerts, and clients are caught up.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng};

use crate::support::database::TestDatabase;
use crate::support::fixtures::{User, Webhook};
use crate::support::follower::Follower;
use crate::support::history::id_of;
use crate::support::load::{Load, Record, audit, client, try_post};
use crate::support::process::Launch;
use crate::support::socket::DEADLINE;

#[tokio::test]
async fn kills_lose_nothing_with_the_private_postgresql() {
    kill_again_and_again(Launch::new(), 4).await;
}

#[tokio::test]
async fn kills_lose_nothing_with_an_external_database() {
    let database = TestDatabase::create().await;
    let launch = Launch::new().set("CHATALOT_DATABASE__URL", database.url());
    kill_again_and_again(launch, 6).await;
}

async fn kill_again_and_again(launch: Launch, rounds: usize) {
    let seed: u64 = rand::random();
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut server = launch.start().await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let other = community.channel("other").await;
    ann.add_to_channel(&other, &ann.id).await.expect_done();
    let webhooks = [
        community.webhook(&community.general).await,
        community.webhook(&other).await,
    ];
    let channels = [community.general.as_str(), other.as_str()];
    let followers = [
        Following::start(Follower::of(&community.owner, &channels).await),
        Following::start(Follower::of(&ann, &channels).await),
    ];
    let load = Load::start(&webhooks, 6, " for @ann");
    for _ in 0..rounds {
        load.wait_for_more(random.random_range(10..60)).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..40))).await;
        server.sigkill().await;
        server = launch.start().await;
    }
    load.wait_for_more(30).await;
    let records = load.stop().await;
    let history = audit(&community.owner, &channels, &records).await;
    for following in followers {
        let mut follower = following.stop().await;
        follower.saw_all(&history).await;
        assert!(follower.connects > 1, "it had to come back");
    }
    assert_alerts_are_there(&ann, &records).await;
    server.sigkill().await;
}

/// A follower at work beside the test.
pub(crate) struct Following {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Follower>,
}

impl Following {
    pub(crate) fn start(mut follower: Follower) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            follower.run_until(&stopped).await;
            follower
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) -> Follower {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("the follower saw nothing wrong")
    }
}

/// Every post that was answered 201 alerted `user`, once.
pub(crate) async fn assert_alerts_are_there(user: &User, records: &[Record]) {
    let inbox = user.whole_inbox().await;
    let alerted: Vec<&str> = inbox
        .iter()
        .map(|alert| alert["message_id"].as_str().expect("an id"))
        .collect();
    let once: HashSet<&str> = alerted.iter().copied().collect();
    assert_eq!(once.len(), alerted.len(), "one alert for each message");
    for (_, id) in records.iter().flat_map(|record| &record.accepted) {
        assert!(once.contains(id.as_str()), "no alert for {id}");
    }
}

/// The moment that matters most: the post is committed, and nobody knows.
#[tokio::test]
async fn a_kill_between_commit_and_answer_keeps_the_message_and_its_alert() {
    for point in ["ledger_after_commit", "channel_fan_out"] {
        let database = TestDatabase::create().await;
        let launch = Launch::new().set("CHATALOT_DATABASE__URL", database.url());
        let held = launch.clone();
        let server = held
            .set("FAILPOINTS", format!("{point}=2*off->sleep(600000)"))
            .start()
            .await;
        let community = server.community().await;
        let ann = community.member("ann").await;
        let channel = community.general.as_str();
        let webhook = community.webhook(channel).await;
        let mut follower = Follower::of(&ann, &[channel]).await;
        webhook.says("one").await;
        webhook.says("two").await;
        follower.follow_to(channel, 2).await;
        let (posted, ()) = tokio::join!(post_unanswered(&webhook), async {
            wait_for_messages(&database, 3).await;
            server.sigkill().await;
        });
        assert!(!posted, "nobody was told");
        let _server = launch.start().await;
        let history = community.owner.history_after(channel, 0).await;
        assert_eq!(history.len(), 3, "at {point}");
        follower.follow_to(channel, 3).await;
        let inbox = ann.whole_inbox().await;
        assert_eq!(inbox.len(), 1, "at {point}");
        assert_eq!(inbox[0]["message_id"], history[2]["id"]);
        let mut socket = ann.socket().await;
        let alert = socket.expect_frame("mention").await;
        assert_eq!(id_of(&alert["notification"]), id_of(&inbox[0]));
        webhook.says("four").await;
        follower.follow_to(channel, 4).await;
    }
}

/// The opposite: nothing is committed, so nothing may be there.
#[tokio::test]
async fn a_kill_before_the_commit_leaves_no_trace() {
    let database = TestDatabase::create().await;
    let launch = Launch::new().set("CHATALOT_DATABASE__URL", database.url());
    let held = launch.clone();
    let server = held
        .set("FAILPOINTS", "ledger_before_commit=1*off->sleep(600000)")
        .start()
        .await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let channel = community.general.as_str();
    let webhook = community.webhook(channel).await;
    webhook.says("one").await;
    let (posted, ()) = tokio::join!(post_unanswered(&webhook), async {
        wait_for_open_transaction(&database).await;
        server.sigkill().await;
    });
    assert!(!posted, "nobody was told");
    let _server = launch.start().await;
    webhook.says("two").await;
    let history = community.owner.history_after(channel, 0).await;
    let contents: Vec<_> = history.iter().map(|message| &message["content"]).collect();
    assert_eq!(contents, ["one", "two"], "without a gap");
    assert_eq!(ann.whole_inbox().await.len(), 0);
}

async fn post_unanswered(webhook: &Webhook) -> bool {
    let posted = try_post(&client(), webhook, "three, @ann").await;
    posted.is_some()
}

pub(crate) async fn wait_for_messages(database: &TestDatabase, count: i64) {
    wait_for(database, "select count(*) from messages", count).await;
}

async fn wait_for_open_transaction(database: &TestDatabase) {
    let statement = "select count(*) from pg_locks, pg_class, pg_database \
         where relation = pg_class.oid and relname = 'channels' \
         and mode = 'RowShareLock' and pg_locks.database = pg_database.oid \
         and datname = current_database()";
    wait_for(database, statement, 1).await;
}

async fn wait_for(database: &TestDatabase, statement: &str, at_least: i64) {
    let database = database.connect().await;
    let reached = async {
        loop {
            let row = database.query_one(statement, &[]).await.expect("a count");
            if row.get::<_, i64>(0) >= at_least {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let reached = tokio::time::timeout(DEADLINE, reached).await;
    assert!(reached.is_ok(), "{statement} should reach {at_least}");
}
