//! The server is killed with sends in flight: what was answered is there once, and what was not is
//! repeated and gets the answer that it would have got.

use std::time::Duration;

use rand::RngExt;

use crate::crash::{Following, wait_for_messages};
use crate::support::database::TestDatabase;
use crate::support::follower::Follower;
use crate::support::load::audit;
use crate::support::process::Launch;
use crate::support::proxy::{DatabaseProxy, NextCommit};
use crate::support::senders::Senders;
use crate::support::writer::{Writer, fresh_txn_id};

#[tokio::test]
async fn kills_lose_and_double_nothing_for_those_who_repeat() {
    let database = TestDatabase::create().await;
    let launch = Launch::new()
        .set("CHATALOT_DATABASE__URL", database.url())
        .set("CHATALOT_LIMITS__MESSAGE_PER_SECOND", "0");
    let mut server = launch.start().await;
    let community = server.community().await;
    let channel = community.general.clone();
    let mut writers = Vec::new();
    for number in 0..6 {
        let user = community.member(&format!("writer{number}")).await;
        writers.push(Writer::of(&user).await);
    }
    let following = Following::start(Follower::of(&community.owner, &[&channel]).await);
    let senders = Senders::start(&writers, std::slice::from_ref(&channel));
    for _ in 0..6 {
        let count = rand::rng().random_range(10..60);
        senders.wait_for_more(count).await;
        let pause = rand::rng().random_range(0..40);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server.sigkill().await;
        server = launch.start().await;
    }
    senders.wait_for_more(30).await;
    let repeated = senders.repeated();
    let records = senders.stop().await;
    let history = audit(&community.owner, &[&channel], &records).await;
    following.stop().await.saw_all(&history).await;
    let accepted: usize = records.iter().map(|record| record.accepted.len()).sum();
    assert_eq!(
        history[&channel].len(),
        accepted,
        "nothing that nobody was told of"
    );
    assert!(repeated > 0, "kills did happen");
    server.sigkill().await;
}

/// The moment that matters most: the message is committed, and nobody knows.
#[tokio::test]
async fn a_repeat_after_a_kill_between_commit_and_answer_gets_the_answer() {
    for point in ["ledger_after_commit", "channel_fan_out"] {
        let database = TestDatabase::create().await;
        let launch = Launch::new().set("CHATALOT_DATABASE__URL", database.url());
        let held = launch.clone();
        let server = held
            .set("FAILPOINTS", format!("{point}=1*off->sleep(600000)"))
            .start()
            .await;
        let community = server.community().await;
        let channel = community.general.as_str();
        let ann = Writer::of(&community.member("ann").await).await;
        let version = ann.members_version(channel).await;
        let one = ann.writes(channel, "one").await;
        let sending = {
            let (ann, channel) = (ann.clone(), channel.to_owned());
            tokio::spawn(async move { ann.send(&channel, "m2", version, "two").await })
        };
        wait_for_messages(&database, 2).await;
        server.sigkill().await;
        assert!(sending.await.is_err(), "nobody was told");
        let _server = launch.start().await;
        let answer = ann.send(channel, "m2", version, "two").await;
        let answer = answer.expect_status(201);
        assert_eq!(answer.body["seq"], 2, "at {point}");
        let again = ann.send(channel, "m2", version, "two").await;
        assert_eq!(again.expect_status(201).body, answer.body);
        let history = community.owner.history_after(channel, 0).await;
        let ids: Vec<_> = history.iter().map(|message| &message["id"]).collect();
        let expected = [&one.body["message_id"], &answer.body["message_id"]];
        assert_eq!(ids, expected, "at {point}");
    }
}

/// The connection to the database is lost with the commit on its way, or its answer.
#[tokio::test]
async fn a_send_whose_commit_is_in_doubt_is_answered_by_the_truth() {
    for (fate, kicked) in [
        (NextCommit::IsLost, false),
        (NextCommit::IsDoneUnanswered, false),
        (NextCommit::IsDoneUnanswered, true),
    ] {
        let database = TestDatabase::create().await;
        let (proxy, url) = DatabaseProxy::before(&database).await;
        let server = Launch::new()
            .set("CHATALOT_DATABASE__URL", url)
            .start()
            .await;
        let community = server.community().await;
        let channel = community.general.as_str();
        let ann = Writer::of(&community.member("ann").await).await;
        ann.writes(channel, "one").await;
        let version = ann.members_version(channel).await;
        let txn_id = fresh_txn_id();
        proxy.next_commit(fate);
        let mut sent = ann.send(channel, &txn_id, version, "two").await;
        assert!(proxy.commit_was_cut());
        for _ in 0..50 {
            if sent.status == 201 {
                break;
            }
            assert_eq!(sent.status, 503, "{}", sent.text);
            tokio::time::sleep(Duration::from_millis(100)).await;
            sent = ann.send(channel, &txn_id, version, "two").await;
        }
        let sent = sent.expect_status(201);
        if kicked {
            let kick = community.owner.remove_from_channel(channel, &ann.user.id);
            kick.await.expect_done();
        }
        let again = ann.send(channel, &txn_id, version, "two").await;
        assert_eq!(again.expect_status(201).body, sent.body);
        let history = community.owner.history_after(channel, 0).await;
        assert_eq!(history.len(), 2);
        assert_eq!(history[1]["id"], sent.body["message_id"]);
    }
}
