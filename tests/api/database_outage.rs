//! The database goes away and comes back: posts are refused honestly, sockets stay, and
//! afterwards nothing is lost and nothing is there twice.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::database::TestDatabase;
use crate::support::fixtures::{Community, Webhook};
use crate::support::follower::Follower;
use crate::support::load::{Load, Posted, audit, client, try_post};
use crate::support::process::{Launch, ServerProcess};
use crate::support::proxy::{DatabaseProxy, NextCommit};
use crate::support::socket::DEADLINE;

struct Proxied {
    server: ServerProcess,
    proxy: DatabaseProxy,
    community: Community,
    webhook: Webhook,
    _database: TestDatabase,
}

/// A server whose database is behind a proxy, with time-outs that suit a test.
async fn proxied() -> Proxied {
    let database = TestDatabase::create().await;
    let (proxy, url) = DatabaseProxy::before(&database).await;
    let server = Launch::new()
        .set("CHATALOT_DATABASE__URL", url)
        .set("CHATALOT_DATABASE__POOL_WAIT_MS", "1000")
        .set("CHATALOT_DATABASE__STATEMENT_TIMEOUT_MS", "2000")
        .start()
        .await;
    let community = server.community().await;
    let webhook = community.webhook(&community.general).await;
    Proxied {
        server,
        proxy,
        community,
        webhook,
        _database: database,
    }
}

impl Proxied {
    /// The status of a health check.
    async fn health(&self, check: &str) -> u16 {
        let path = format!("/health/{check}");
        self.server.anonymous().get(path).send().await.status
    }

    /// Waits until the server says that it is ready, or that it is not.
    async fn wait_for_readiness(&self, status: u16) {
        let reached = async {
            while self.health("ready").await != status {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(30), reached).await;
        assert!(reached.is_ok(), "readiness should become {status}");
    }

    async fn post(&self, content: &str) -> Posted {
        let posted = try_post(&client(), &self.webhook, content).await;
        posted.expect("an answer, whatever it is")
    }
}

fn assert_unavailable(posted: &Posted) {
    assert_eq!(posted.status, 503, "{}", posted.body);
    assert!(posted.has_retry_after, "{}", posted.body);
    assert_eq!(posted.body["status"], 503, "a problem: {}", posted.body);
}

#[tokio::test]
async fn without_its_database_the_server_refuses_posts_and_keeps_its_sockets() {
    let it = proxied().await;
    let channel = it.community.general.as_str();
    let mut follower = Follower::of(&it.community.owner, &[channel]).await;
    it.webhook.says("before").await;
    it.proxy.break_networking();
    for number in 0..3 {
        assert_unavailable(&it.post(&format!("refused {number}")).await);
    }
    it.wait_for_readiness(503).await;
    assert_eq!(it.health("live").await, 200, "the process itself is well");
    let answer = it.community.owner.channel(channel).await;
    answer.expect_refused(503);
    it.proxy.restore();
    it.wait_for_readiness(200).await;
    // Everything works again by itself, and soon.
    let start = Instant::now();
    while it.post("after").await.status != 201 {
        assert!(start.elapsed() < DEADLINE, "posting should recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let history = it.community.owner.history_after(channel, 0).await;
    let contents: Vec<&str> = history
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(contents, ["before", "after"]);
    follower.follow_to(channel, 2).await;
    assert_eq!(follower.connects, 1, "its socket was never closed");
}

#[tokio::test]
async fn a_database_that_answers_nothing_is_given_up_on() {
    let it = proxied().await;
    let channel = it.community.general.as_str();
    let mut follower = Follower::of(&it.community.owner, &[channel]).await;
    it.webhook.says("before").await;
    it.proxy.stall();
    let start = Instant::now();
    let posted = it.post("lost in the stall").await;
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "an answer in time"
    );
    match posted.status {
        503 => assert_unavailable(&posted),
        status => assert_eq!(status, 500, "{}", posted.body),
    }
    it.wait_for_readiness(503).await;
    it.proxy.restore();
    it.wait_for_readiness(200).await;
    let start = Instant::now();
    while it.post("after").await.status != 201 {
        assert!(start.elapsed() < DEADLINE, "posting should recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let history = it.community.owner.history_after(channel, 0).await;
    let lost = |message: &&serde_json::Value| message["content"] == "lost in the stall";
    let count = history.iter().filter(lost).count();
    assert!(count == 0 || (count == 1 && posted.status == 500));
    follower.follow_to(channel, history.len()).await;
    assert_eq!(follower.connects, 1, "its socket was never closed");
}

#[tokio::test]
async fn cuts_under_load_lose_nothing_and_write_nothing_twice() {
    let it = proxied().await;
    let other = it.community.channel("other").await;
    let webhooks = [it.webhook.clone(), it.community.webhook(&other).await];
    let channels = [it.community.general.as_str(), other.as_str()];
    let mut follower = Follower::of(&it.community.owner, &channels).await;
    let load = Load::start(&webhooks, 6, "");
    for _ in 0..4 {
        load.wait_for_more(25).await;
        it.proxy.break_networking();
        tokio::time::sleep(Duration::from_millis(300)).await;
        it.proxy.restore();
    }
    load.wait_for_more(25).await;
    let records = load.stop().await;
    let history = audit(&it.community.owner, &channels, &records).await;
    follower.saw_all(&history).await;
    assert_eq!(follower.connects, 1, "its socket was never closed");
}

#[tokio::test]
async fn stalls_under_load_lose_nothing_and_write_nothing_twice() {
    let it = proxied().await;
    let channel = it.community.general.as_str();
    let mut follower = Follower::of(&it.community.owner, &[channel]).await;
    let load = Load::start(std::slice::from_ref(&it.webhook), 4, "");
    for length in [200, 2500] {
        load.wait_for_more(25).await;
        it.proxy.stall();
        tokio::time::sleep(Duration::from_millis(length)).await;
        it.proxy.restore();
    }
    load.wait_for_more(25).await;
    let records = load.stop().await;
    let history = audit(&it.community.owner, &[channel], &records).await;
    follower.saw_all(&history).await;
}

/// A commit whose answer is lost was done: the server looks it up and says so.
#[tokio::test]
async fn a_commit_that_was_done_unanswered_is_found_and_told() {
    let it = proxied().await;
    let channel = it.community.general.as_str();
    let mut follower = Follower::of(&it.community.owner, &[channel]).await;
    it.webhook.says("before").await;
    for round in 0..3 {
        it.proxy.next_commit(NextCommit::IsDoneUnanswered);
        let content = format!("done unanswered {round}");
        let posted = it.post(&content).await;
        assert!(it.proxy.commit_was_cut(), "the cut should have happened");
        assert_eq!(posted.status, 201, "{}", posted.body);
    }
    it.webhook.says("after").await;
    let history = it.community.owner.history_after(channel, 0).await;
    assert_eq!(history.len(), 5, "each post once: {history:?}");
    follower.follow_to(channel, 5).await;
}

/// A commit that never arrived was not done: the server may try again or refuse, but what
/// it answers is what there is.
#[tokio::test]
async fn a_commit_that_was_lost_is_not_claimed() {
    let it = proxied().await;
    let channel = it.community.general.as_str();
    let mut follower = Follower::of(&it.community.owner, &[channel]).await;
    let mut expected = Vec::new();
    for round in 0..3 {
        it.proxy.next_commit(NextCommit::IsLost);
        let content = format!("lost {round}");
        let posted = it.post(&content).await;
        assert!(it.proxy.commit_was_cut(), "the cut should have happened");
        match posted.status {
            201 => expected.push(content),
            _ => assert_unavailable(&posted),
        }
        let next = format!("next {round}");
        it.webhook.says(&next).await;
        expected.push(next);
    }
    let history = it.community.owner.history_after(channel, 0).await;
    let contents: Vec<&str> = history
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(contents, expected);
    follower.follow_to(channel, expected.len()).await;
}

#[tokio::test]
async fn lost_commits_under_load_keep_the_books_straight() {
    let it = proxied().await;
    let other = it.community.channel("other").await;
    let webhooks = [it.webhook.clone(), it.community.webhook(&other).await];
    let channels = [it.community.general.as_str(), other.as_str()];
    let mut follower = Follower::of(&it.community.owner, &channels).await;
    let load = Load::start(&webhooks, 6, "");
    for round in 0..10 {
        load.wait_for_more(10).await;
        it.proxy.next_commit(match round % 2 {
            0 => NextCommit::IsLost,
            _ => NextCommit::IsDoneUnanswered,
        });
    }
    load.wait_for_more(20).await;
    let records = load.stop().await;
    let history = audit(&it.community.owner, &channels, &records).await;
    follower.saw_all(&history).await;
}

#[tokio::test]
async fn a_commit_that_cannot_be_looked_up_has_an_unknown_outcome() {
    let it = proxied().await;
    let channel = it.community.general.as_str();
    it.webhook.says("before").await;
    it.proxy.next_commit(NextCommit::IsDoneUnanswered);
    // From the cut on nothing gets through, so the server cannot find out.
    it.proxy.refuse_after_the_cut();
    let posted = it.post("perhaps").await;
    assert_eq!(posted.status, 500, "{}", posted.body);
    assert_eq!(posted.body["code"], "outcome_unknown", "{}", posted.body);
    assert!(!posted.has_retry_after, "a retry could write it twice");
    it.proxy.restore();
    it.wait_for_readiness(200).await;
    it.webhook.says("after").await;
    let history = it.community.owner.history_after(channel, 0).await;
    assert_eq!(history.len(), 3, "this time it had been done: {history:?}");
}

#[tokio::test]
async fn signing_in_and_connecting_fail_honestly_without_a_database() {
    let it = proxied().await;
    let owner = &it.community.owner;
    it.proxy.break_networking();
    it.wait_for_readiness(503).await;
    let status = owner.sessions().await.status;
    assert_eq!(status, 503, "not 401: the session is not known to be over");
    it.proxy.restore();
    it.wait_for_readiness(200).await;
    owner.socket().await.round_trip().await;
}

/// The private PostgreSQL is the server's own to bring back.
#[tokio::test]
async fn a_private_postgresql_that_dies_is_started_again() {
    let launch = Launch::new();
    let server = launch.start().await;
    let community = server.community().await;
    let webhook = community.webhook(&community.general).await;
    let channel = community.general.as_str();
    let mut follower = Follower::of(&community.owner, &[channel]).await;
    let load = Load::start(std::slice::from_ref(&webhook), 4, "");
    load.wait_for_more(30).await;
    let data = std::path::Path::new(launch.data_dir()).join("postgres/data");
    let pid = std::fs::read_to_string(data.join("postmaster.pid")).expect("a running PostgreSQL");
    let pid = pid.lines().next().and_then(|line| line.parse().ok());
    let pid = pid.and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("a running PostgreSQL");
    load.wait_for_more(60).await;
    let records = load.stop().await;
    let history = audit(&community.owner, &[channel], &records).await;
    follower.saw_all(&history).await;
    assert_eq!(follower.connects, 1, "its socket was never closed");
}
