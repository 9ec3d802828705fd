//! The database goes away while alerts are being pushed, and comes back: no alert is
//! forgotten, and pushes go on by themselves.

use std::time::Duration;

use crate::crash::assert_alerts_are_there;
use crate::support::database::TestDatabase;
use crate::support::history::id_of;
use crate::support::load::{Load, audit};
use crate::support::proxy::{DatabaseProxy, NextCommit};
use crate::support::push_process::PushProcess;
use crate::support::push_scene::PushScene;

/// A server whose database is behind a proxy, with time-outs that suit a test.
async fn proxied() -> (PushScene<PushProcess>, DatabaseProxy) {
    let database = TestDatabase::create().await;
    let (proxy, url) = DatabaseProxy::before(&database).await;
    let settings = [
        ("CHATALOT_DATABASE__POOL_WAIT_MS", "1000"),
        ("CHATALOT_DATABASE__STATEMENT_TIMEOUT_MS", "2000"),
        ("CHATALOT_NOTIFICATIONS__ACK_TIMEOUT_MS", "1000"),
    ];
    let scene = PushScene::launch_on(database, &url, &settings, "").await;
    (scene, proxy)
}

impl PushScene<PushProcess> {
    /// The push of `alert`, which a push service has taken, was noted or sent again.
    async fn expect_sent_for_certain(&self, alert: &str) {
        self.books.hurry_until_nothing_is_owed().await;
        self.books.wait_for_state(alert, "pushed").await;
        for request in self.service.requests() {
            assert_eq!(request.payload["id"], alert, "one id, however often");
        }
        self.expect_secrets_untold(&[]);
    }

    /// Another mention goes its way.
    async fn expect_all_is_well(&self) {
        let alert = self.mention("well").await;
        self.wait_for_end(&alert, "pushed").await;
        self.books.wait_for_state(&alert, "pushed").await;
    }
}

#[tokio::test]
async fn a_push_that_arrives_while_the_database_is_away_is_noted_later() {
    let (it, proxy) = proxied().await;
    it.service.hold();
    let alert = it.mention("one").await;
    it.service.wait_for_requests(1).await;
    proxy.break_networking();
    it.service.release();
    let away = Duration::from_millis(1500);
    tokio::time::sleep(away).await;
    proxy.restore();
    // Its lease is long: nobody else sends it, and what came of it is not forgotten.
    it.wait_for_end(&alert, "pushed").await;
    assert_eq!(it.service.requests().len(), 1);
    it.expect_sent_for_certain(&alert).await;
    it.expect_all_is_well().await;
}

#[tokio::test]
async fn a_push_that_arrives_while_the_database_does_not_answer_is_noted_later() {
    let (it, proxy) = proxied().await;
    it.service.hold();
    let alert = it.mention("one").await;
    it.service.wait_for_requests(1).await;
    proxy.stall();
    it.service.release();
    tokio::time::sleep(Duration::from_millis(4000)).await;
    proxy.restore();
    it.wait_for_end(&alert, "pushed").await;
    it.expect_sent_for_certain(&alert).await;
    it.expect_all_is_well().await;
}

#[tokio::test]
async fn a_push_that_is_due_waits_for_the_database() {
    let (it, proxy) = proxied().await;
    let alert = it.mention_in_vain().await;
    proxy.break_networking();
    it.books.make_due().await;
    // Longer than it takes to look for what is due.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(it.service.requests().len(), 1);
    proxy.restore();
    it.wait_for_end(&alert, "pushed").await;
    assert_eq!(it.service.requests().len(), 2);
    it.expect_sent_for_certain(&alert).await;
    it.expect_all_is_well().await;
}

#[tokio::test]
async fn an_alert_whose_time_ends_while_the_database_is_away_is_pushed_after_it() {
    let (mut it, proxy) = proxied().await;
    let mut socket = it.bob.socket().await;
    let alert = it.mention("offered").await;
    assert_eq!(id_of(&socket.next_alert().await), alert);
    proxy.break_networking();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    proxy.restore();
    assert_eq!(id_of(&it.device.next_push().await), alert);
    it.expect_sent_for_certain(&alert).await;
    it.expect_all_is_well().await;
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    Cut,
    Stall,
    LostCommit,
    UnansweredCommit,
}

/// Lets `troubles` happen while bob is mentioned again and again: he is pushed everything
/// that was accepted.
async fn push_through(troubles: &[Trouble]) {
    let (it, proxy) = proxied().await;
    let load = Load::start(std::slice::from_ref(&it.webhook), 3, " for @bob");
    for trouble in troubles {
        load.wait_for_more(15).await;
        match trouble {
            Trouble::Cut => proxy.break_networking(),
            Trouble::Stall => proxy.stall(),
            Trouble::LostCommit => proxy.next_commit(NextCommit::IsLost),
            Trouble::UnansweredCommit => proxy.next_commit(NextCommit::IsDoneUnanswered),
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.restore();
    }
    load.wait_for_more(15).await;
    let records = load.stop().await;
    let channel = it.community.general.as_str();
    audit(&it.community.owner, &[channel], &records).await;
    assert_alerts_are_there(&it.bob, &records).await;
    it.books.hurry_until_nothing_is_owed().await;
    let requests = it.service.requests();
    for (alert, state) in it.books.states_of(&it.bob.id).await {
        assert_eq!(state, "pushed", "{alert}");
        let sent = requests.iter().any(|it| it.payload["id"] == alert.as_str());
        assert!(sent, "{alert} is pushed, and was not sent");
    }
    it.expect_secrets_untold(&[]);
    it.expect_all_is_well().await;
}

#[tokio::test]
async fn cuts_under_load_lose_no_push() {
    push_through(&[Trouble::Cut; 4]).await;
}

#[tokio::test]
async fn stalls_under_load_lose_no_push() {
    push_through(&[Trouble::Stall; 3]).await;
}

#[tokio::test]
async fn lost_commits_under_load_lose_no_push() {
    let troubles = [Trouble::LostCommit, Trouble::UnansweredCommit];
    push_through(&troubles.repeat(5)).await;
}
