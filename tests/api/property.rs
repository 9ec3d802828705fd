//! The property that everything else serves: whatever happens, every post that was answered
//! 201 is there once, a channel's seq has no gap, and what a client sees of a channel while
//! it is subscribed has no gap and no repeat.
//!
//! Random posters, clients and failures, from a seed that is printed and can be set with
//! CHATALOT_TEST_SEED.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::crash::assert_alerts_are_there;
use crate::support::database::TestDatabase;
use crate::support::fixtures::{Community, User};
use crate::support::follower::Follower;
use crate::support::load::{Load, Record, audit, client, post};
use crate::support::process::Launch;

const POSTS: usize = 10_000;
const CHANNELS: usize = 4;
const POSTERS: usize = 24;
const WATCHERS: u64 = 6;

const FAILURES: &str = "channel_post=0.1%panic;channel_fan_out=0.3%panic;\
     session_deliver=0.02%panic;ledger_before_commit=0.2%panic;ledger_after_commit=0.2%panic";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_no_message_is_lost_doubled_or_out_of_order() {
    let seed = seed();
    let database = TestDatabase::create().await;
    let server = Launch::new()
        .set("CHATALOT_DATABASE__URL", database.url())
        .set("FAILPOINTS", FAILURES)
        .set("CHATALOT_LIMITS__CHANNEL_IDLE_MS", "25")
        .set("CHATALOT_SOCKETS__BUDGET_BYTES", "65536")
        .set("CHATALOT_SOCKETS__SEND_BUFFER_BYTES", "8192")
        .set("CHATALOT_SOCKETS__USER_TIMEOUT_MS", "1500")
        .set("CHATALOT_SOCKETS__FRAMES_PER_SECOND", "0")
        .set("CHATALOT_SOCKETS__REPLAY_MESSAGES", "200")
        .start()
        .await;
    let community = Arc::new(server.community().await);
    let pat = community.member("pat").await;
    let mut channels = vec![community.general.clone()];
    for number in 1..CHANNELS {
        channels.push(community.channel(&format!("channel {number}")).await);
    }
    let mut webhooks = Vec::new();
    for channel in &channels {
        webhooks.push(community.webhook(channel).await);
        pat.add_to_channel(channel, &pat.id).await.expect_done();
    }
    let finished = Arc::new(AtomicBool::new(false));
    let mut watchers = Vec::new();
    for number in 0..WATCHERS {
        let user = community.member(&format!("watcher{number}")).await;
        let watcher = Watcher {
            random: StdRng::seed_from_u64(seed.wrapping_add(number)),
            community: community.clone(),
            channels: channels.clone(),
            follower: Follower::new(&user).with_receive_buffer(4096),
            user,
        };
        watchers.push(tokio::spawn(watcher.run(finished.clone())));
    }
    let start = Instant::now();
    let load = Load::start(&webhooks, POSTERS, &format!(" for @pat{}", " ".repeat(400)));
    while load.accepted() < POSTS {
        assert!(start.elapsed() < Duration::from_secs(240), "seed {seed}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut records = load.stop().await;
    // Posts after which nothing more is to come, in every channel: they reveal a gap.
    let (http, mut record) = (client(), Record::default());
    for number in 0..5 {
        for webhook in &webhooks {
            let content = format!("end {number} of {} @pat", webhook.channel_id);
            post(&http, webhook, content, &mut record).await;
        }
    }
    records.push(record);
    finished.store(true, Ordering::SeqCst);
    let names: Vec<&str> = channels.iter().map(String::as_str).collect();
    let history = audit(&community.owner, &names, &records).await;
    for watcher in watchers {
        let mut watcher = watcher.await.expect("the watcher saw nothing wrong");
        watcher.rejoin_all().await;
        watcher.follower.saw_all(&history).await;
    }
    assert_alerts_are_there(&pat, &records).await;
    let stderr = server.stderr();
    assert!(stderr.contains("panic"), "failures did happen");
}

#[expect(
    clippy::print_stderr,
    reason = "the seed is wanted when the test fails, and the harness shows it only then"
)]
fn seed() -> u64 {
    let seed = match std::env::var("CHATALOT_TEST_SEED") {
        Ok(seed) => seed.parse().expect("CHATALOT_TEST_SEED is a number"),
        Err(_) => rand::random(),
    };
    eprintln!("CHATALOT_TEST_SEED={seed}");
    seed
}

/// A client to which everything happens that happens to clients.
struct Watcher {
    random: StdRng,
    community: Arc<Community>,
    channels: Vec<String>,
    follower: Follower,
    user: User,
}

impl Watcher {
    async fn run(mut self, finished: Arc<AtomicBool>) -> Self {
        self.rejoin_all().await;
        while !finished.load(Ordering::SeqCst) {
            let steps = self.random.random_range(1..60);
            for _ in 0..steps {
                self.follower.next(Duration::from_millis(20)).await;
            }
            let channel = self.channels[self.random.random_range(0..self.channels.len())].clone();
            match self.random.random_range(0..10) {
                0 | 1 => self.follower.hang_up(),
                2 | 3 => self.turn_off_and_on(&channel).await,
                4 | 5 => self.lose_and_regain(&channel).await,
                6 => self.stall().await,
                // Asking for what one has: from one's place on, without a repeat.
                7 => self.follower.subscribe(&channel).await,
                _ => {}
            }
        }
        self
    }

    async fn turn_off_and_on(&mut self, channel: &str) {
        self.follower.unsubscribe(channel).await;
        for _ in 0..self.random.random_range(0..20) {
            self.follower.next(Duration::from_millis(10)).await;
        }
        self.follower.subscribe(channel).await;
    }

    async fn lose_and_regain(&mut self, channel: &str) {
        // What becomes of a subscribe that a kick overtakes has a test of its own.
        self.follower.settle().await;
        let owner = &self.community.owner;
        let removed = owner.remove_from_channel(channel, &self.user.id).await;
        removed.expect_done();
        self.follower.until_off(channel).await;
        for _ in 0..self.random.random_range(0..20) {
            self.follower.next(Duration::from_millis(10)).await;
        }
        self.join(channel).await;
    }

    async fn join(&mut self, channel: &str) {
        let joined = self.user.add_to_channel(channel, &self.user.id).await;
        joined.expect_done();
        self.follower.subscribe(channel).await;
    }

    async fn stall(&mut self) {
        self.follower.set_reading(false);
        let length = Duration::from_millis(self.random.random_range(50..2500));
        tokio::time::sleep(length).await;
        self.follower.set_reading(true);
    }

    /// Is subscribed to every channel again.
    async fn rejoin_all(&mut self) {
        for channel in self.channels.clone() {
            if !self.follower.is_on(&channel) {
                self.join(&channel).await;
            }
        }
        self.follower.settle().await;
    }
}
