//! What an operator sees of pushes: how each attempt and each delivery ended, and how many
//! are under way.

use serde_json::json;

use crate::support::metrics::{wait_for_counts, wait_for_gauge};
use crate::support::push_process::PushProcess;
use crate::support::push_scene::PushScene;
use crate::support::push_service::Forced;

const PUSHES: &str = "chatalot_pushes";
const DELIVERIES: &str = "chatalot_push_deliveries";

async fn scene() -> PushScene<PushProcess> {
    let patient = [("CHATALOT_NOTIFICATIONS__ACK_TIMEOUT_MS", "3600000")];
    PushScene::launch(&patient).await
}

impl PushScene<PushProcess> {
    async fn expect_attempts(&self, expected: &[(&str, u64)]) {
        wait_for_counts(self.server.metrics_port, PUSHES, expected).await;
    }

    async fn expect_deliveries(&self, expected: &[(&str, u64)]) {
        wait_for_counts(self.server.metrics_port, DELIVERIES, expected).await;
    }

    /// Mentions bob; what his push service answers ends the matter as `end`.
    async fn mention_answered(&self, status: u16, end: &str) {
        self.service.force(1, &Forced::status(status));
        let alert = self.mention(end).await;
        self.wait_for_end(&alert, end).await;
    }

    /// Makes the second attempt at `alert`, the newest one, needless or useless for `reason`.
    async fn spoil(&self, alert: &str, reason: &str) {
        match reason {
            "read" => {
                let read = self.bob.read_notifications(&json!({"ids": [alert]})).await;
                read.expect_done();
            }
            "message_deleted" => {
                let inbox = self.bob.inbox().await;
                let message = inbox[0]["message_id"].as_str().unwrap();
                let (owner, general) = (&self.community.owner, &self.community.general);
                owner.delete_message(general, message).await.expect_done();
            }
            "expired" => self.books.age(24 * 60 + 1).await,
            "attempts" => self.books.set_attempts(50).await,
            _ => {
                let removed = self.bob.delete_push_subscription(&self.device_id).await;
                removed.expect_done();
            }
        }
    }
}

#[tokio::test]
async fn every_attempt_and_every_end_is_counted_by_what_became_of_it() {
    let it = scene().await;
    it.mention_answered(201, "pushed").await;
    it.mention_answered(202, "pushed").await;
    it.mention_answered(403, "failed: refused").await;
    it.mention_answered(400, "failed: refused").await;
    it.mention_answered(302, "failed: unexpected").await;
    it.service.force(1, &Forced::status(413));
    it.mention_answered(413, "failed: too_large").await;
    let alert = it.mention_in_vain().await;
    it.books.make_due().await;
    it.wait_for_end(&alert, "pushed").await;
    it.mention_answered(410, "withdrawn: gone").await;
    it.expect_attempts(&[
        ("delivered", 3),
        ("misconfigured", 2),
        ("failed", 1),
        ("too_large", 2),
        ("retry_later", 1),
        ("gone", 1),
    ])
    .await;
    it.expect_deliveries(&[
        ("pushed", 3),
        ("refused", 2),
        ("unexpected", 1),
        ("too_large", 1),
        ("gone", 1),
    ])
    .await;
}

#[tokio::test]
async fn what_ended_without_another_attempt_is_counted_by_its_reason() {
    let mut it = scene().await;
    let alert = it.mention_in_vain().await;
    let mut socket = it.bob.socket().await;
    let offered = socket.next_alert().await;
    socket.acknowledge(&[&offered]).await;
    it.books.wait_for_state(&alert, "delivered").await;
    drop(socket);
    it.books.make_due().await;
    it.wait_for_end(&alert, "withdrawn: acknowledged").await;
    for (reason, end) in [
        ("read", "withdrawn: read"),
        ("message_deleted", "failed: message_deleted"),
        ("expired", "failed: expired"),
        ("attempts", "failed: attempts"),
        ("unsubscribed", "withdrawn: unsubscribed"),
    ] {
        let alert = it.mention_in_vain().await;
        it.spoil(&alert, reason).await;
        it.books.make_due().await;
        it.wait_for_end(&alert, end).await;
    }
    (it.device, it.device_id) = it.service.subscribe(&it.bob).await;
    let alert = it.mention_in_vain().await;
    let owner = &it.community.owner;
    let removed = owner.remove_member(&it.community.id, &it.bob.id).await;
    removed.expect_done();
    it.books.make_due().await;
    it.wait_for_end(&alert, "failed: not_a_member").await;
    let once = ["acknowledged", "read", "message_deleted", "expired"];
    let once = once
        .iter()
        .chain(&["attempts", "unsubscribed", "not_a_member"]);
    let once: Vec<(&str, u64)> = once.map(|reason| (*reason, 1)).collect();
    it.expect_deliveries(&once).await;
}

#[tokio::test]
async fn pushes_under_way_are_a_gauge() {
    let it = scene().await;
    let port = it.server.metrics_port;
    wait_for_gauge(port, "pushes_in_flight", 0.0).await;
    it.service.hold();
    for number in 1..=3 {
        it.mention(&number.to_string()).await;
        wait_for_gauge(port, "pushes_in_flight", f64::from(number)).await;
    }
    it.service.release();
    wait_for_gauge(port, "pushes_in_flight", 0.0).await;
    it.service.hold();
    it.bob.expect_test_push(&it.device_id).await;
    wait_for_gauge(port, "pushes_in_flight", 1.0).await;
    it.service.release();
    wait_for_gauge(port, "pushes_in_flight", 0.0).await;
}

#[tokio::test]
async fn a_test_notification_counts_as_an_attempt_and_owes_nothing() {
    let it = scene().await;
    it.bob.expect_test_push(&it.device_id).await;
    it.bob.wait_for_healthy(&it.device_id).await;
    it.expect_attempts(&[("delivered", 1)]).await;
    it.expect_deliveries(&[]).await;
}
