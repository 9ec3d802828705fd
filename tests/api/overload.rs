//! More than the server can take: what is beyond a bound is refused at once and honestly,
//! and what was taken is finished.

use std::time::Duration;

use chatalot::config::Settings;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::support::fixtures::Webhook;
use crate::support::follower::Follower;
use crate::support::load::{Posted, client, try_post};
use crate::support::server::TestServer;
use crate::support::socket::DEADLINE;

async fn server_with(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::with(|settings| {
        settings.limits.webhook_per_second = 0;
        change(settings);
    })
    .await
}

/// Takes the lock of every channel, so that posts wait in the server.
async fn hold_channels(database: &mut Client) -> tokio_postgres::Transaction<'_> {
    let hold = database.transaction().await.expect("a transaction");
    hold.execute("select from channels for update", &[])
        .await
        .expect("the channels' locks");
    hold
}

fn start_posts(webhook: &Webhook, count: usize) -> Vec<JoinHandle<Posted>> {
    let post = |number: usize| {
        let webhook = webhook.clone();
        tokio::spawn(async move {
            let content = format!("{} number {number}", webhook.channel_id);
            let posted = try_post(&client(), &webhook, &content).await;
            posted.expect("an answer, whatever it is")
        })
    };
    (0..count).map(post).collect()
}

/// Waits until so many of the posts are answered, which are refusals, and no more of them.
async fn wait_for_refusals(posts: &[JoinHandle<Posted>], count: usize) {
    let answered = || posts.iter().filter(|post| post.is_finished()).count();
    let reached = async {
        while answered() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(3), reached).await;
    assert!(reached.is_ok(), "{} of {count} refused at once", answered());
}

/// How many were accepted; the others were refused as overload.
async fn count_accepted(posts: Vec<JoinHandle<Posted>>) -> usize {
    let mut accepted = 0;
    for post in posts {
        let posted = post.await.expect("a post");
        if posted.status == 201 {
            accepted += 1;
            continue;
        }
        assert_eq!(posted.status, 503, "{}", posted.body);
        assert!(posted.has_retry_after, "{}", posted.body);
    }
    accepted
}

#[tokio::test]
async fn a_channel_with_too_many_posts_waiting_refuses_more() {
    let server = server_with(|settings| settings.limits.channel_pending_posts = 4).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let channel = community.general.as_str();
    let mut follower = Follower::of(&community.owner, &[channel]).await;
    webhook.says("before").await;
    let mut database = server.database.connect().await;
    let hold = hold_channels(&mut database).await;
    let posts = start_posts(&webhook, 20);
    // Four wait, and at most four more are in the transaction that waits for the lock.
    wait_for_refusals(&posts, 12).await;
    hold.rollback().await.expect("the locks are free again");
    let accepted = count_accepted(posts).await;
    assert!((4..=8).contains(&accepted), "{accepted} accepted");
    webhook.says("after").await;
    let history = community.owner.history_after(channel, 0).await;
    assert_eq!(history.len(), accepted + 2, "what was refused is not there");
    follower.follow_to(channel, history.len()).await;
}

#[tokio::test]
async fn one_channels_flood_is_not_another_channels_refusal() {
    let server = server_with(|settings| settings.limits.channel_pending_posts = 2).await;
    let (community, flooded) = server.channel_with_webhook().await;
    let quiet = community.channel("quiet").await;
    let quiet = community.webhook(&quiet).await;
    let mut database = server.database.connect().await;
    let hold = hold_channels(&mut database).await;
    let flood = start_posts(&flooded, 12);
    wait_for_refusals(&flood, 8).await;
    let other = start_posts(&quiet, 1);
    hold.rollback().await.expect("the locks are free again");
    assert_eq!(count_accepted(other).await, 1);
    assert!(count_accepted(flood).await >= 2);
}

#[tokio::test]
async fn all_channels_together_have_a_bound_too() {
    let server = server_with(|settings| settings.limits.pending_posts = 6).await;
    let (community, first) = server.channel_with_webhook().await;
    let second = community.channel("second").await;
    let second = community.webhook(&second).await;
    let mut database = server.database.connect().await;
    let hold = hold_channels(&mut database).await;
    let mut posts = start_posts(&first, 10);
    posts.extend(start_posts(&second, 10));
    // What is in the waiting transactions may or may not count.
    wait_for_refusals(&posts, 8).await;
    hold.rollback().await.expect("the locks are free again");
    let accepted = count_accepted(posts).await;
    assert!((6..=12).contains(&accepted), "{accepted} accepted");
    first.says("after").await;
    second.says("after").await;
}

#[tokio::test]
async fn only_so_many_channels_are_in_use_at_once() {
    let server = server_with(|settings| {
        settings.limits.channels_in_use = 2;
        settings.limits.channel_idle_ms = 50;
    })
    .await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut others = Vec::new();
    for name in ["second", "third"] {
        let channel = community.channel(name).await;
        others.push(community.webhook(&channel).await);
    }
    let mut socket = community.owner.socket().await;
    socket.subscribe(&community.general, None).await;
    socket.subscribe(&others[0].channel_id, None).await;
    let posted = try_post(&client(), &others[1], "refused").await;
    let posted = posted.expect("an answer");
    assert_eq!(posted.status, 503, "{}", posted.body);
    assert!(posted.has_retry_after, "{}", posted.body);
    // The watched ones work on, and a place that becomes free is given to whoever needs it.
    webhook.says("watched").await;
    socket.expect_frame("message").await;
    socket
        .send_json(serde_json::json!({"type": "unsubscribe", "channels": [others[0].channel_id]}))
        .await;
    let free = async {
        loop {
            let posted = try_post(&client(), &others[1], "accepted").await;
            if posted.expect("an answer").status == 201 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let free = tokio::time::timeout(DEADLINE, free).await;
    assert!(free.is_ok(), "the place should become free");
    webhook.says("still watched").await;
    socket.expect_frame("message").await;
}
