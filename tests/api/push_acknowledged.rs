//! Who is reached live is not pushed, and reached is only who says so: an alert that no client
//! acknowledges in time is pushed, whatever became of the sockets that it was offered to.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::history::id_of;
use crate::support::push_scene::PushScene;
use crate::support::socket::WsClient;

/// How long a client may take to acknowledge.
const PATIENCE: Duration = Duration::from_millis(1500);

async fn scene() -> PushScene {
    PushScene::with(|settings| {
        settings.notifications.ack_timeout_ms = PATIENCE.as_millis().try_into().unwrap();
    })
    .await
}

impl PushScene {
    /// Mentions bob once more, who does not say that it reached him. The push of that comes
    /// after any push of what was said before, so there was none.
    async fn expect_only_the_next_is_pushed(&mut self) {
        let next = self.mention("the next").await;
        assert_eq!(id_of(&self.device.next_push().await), next);
        self.books.wait_until_nothing_is_owed().await;
        self.device.expect_no_more();
    }

    /// Mentions bob, who has `socket` open and says that it reached him.
    async fn mention_acknowledged(&self, socket: &mut WsClient) -> String {
        let alert = self.mention("reached").await;
        let offered = socket.next_alert().await;
        assert_eq!(id_of(&offered), alert);
        socket.acknowledge(&[&offered]).await;
        self.books.wait_for_state(&alert, "delivered").await;
        alert
    }
}

#[tokio::test]
async fn an_alert_that_is_acknowledged_in_time_is_not_pushed() {
    let mut it = scene().await;
    let mut socket = it.bob.socket().await;
    let alert = it.mention_acknowledged(&mut socket).await;
    it.expect_only_the_next_is_pushed().await;
    assert_eq!(it.books.state(&alert).await, "delivered");
    let owed = it.books.deliveries(&alert).await;
    assert!(owed.is_empty(), "nothing was planned: {owed:?}");
}

#[tokio::test]
async fn one_of_two_clients_is_enough_to_acknowledge() {
    let mut it = scene().await;
    let mut silent = it.bob.socket().await;
    let mut socket = it.bob.socket().await;
    let alert = it.mention_acknowledged(&mut socket).await;
    assert_eq!(id_of(&silent.next_alert().await), alert, "both are offered");
    it.expect_only_the_next_is_pushed().await;
    assert_eq!(it.books.state(&alert).await, "delivered");
}

#[tokio::test]
async fn an_alert_that_nobody_acknowledges_is_pushed_when_its_time_is_over() {
    let mut it = scene().await;
    let (mut other, _) = it.service.subscribe(&it.bob).await;
    let mut sockets = [it.bob.socket().await, it.bob.socket().await];
    let begin = Instant::now();
    let alert = it.mention("seen by nobody").await;
    for socket in &mut sockets {
        assert_eq!(id_of(&socket.next_alert().await), alert);
    }
    let push = it.device.next_push().await;
    let waited = begin.elapsed();
    assert_eq!(push, other.next_push().await, "it goes to each device");
    assert_eq!(id_of(&push), alert);
    // Two clocks are compared here.
    let early = PATIENCE - Duration::from_millis(20);
    assert!(waited >= early, "the client had only {waited:?}");
    let late = PATIENCE + Duration::from_secs(5);
    assert!(waited < late, "it took {waited:?}");
    it.books.wait_for_state(&alert, "pushed").await;
    assert_eq!(it.service.requests().len(), 2);
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_no_push_up() {
    let mut it = scene().await;
    let socket = it.bob.socket().await;
    socket.stop_reading();
    let alert = it.mention("to a laptop that is closed").await;
    assert_eq!(id_of(&it.device.next_push().await), alert);
    it.books.wait_for_state(&alert, "pushed").await;
    // Opened again, it shows what was pushed meanwhile.
    let mut socket = socket;
    socket.read_on();
    let offered = socket.next_alert().await;
    assert_eq!(id_of(&offered), alert);
    socket.acknowledge(&[&offered]).await;
    it.books.wait_for_state(&alert, "delivered").await;
}

#[tokio::test]
async fn a_client_that_hangs_up_before_it_acknowledges_is_pushed() {
    let mut it = scene().await;
    let mut socket = it.bob.socket().await;
    let alert = it.mention("into a tunnel").await;
    socket.next_alert().await;
    drop(socket);
    assert_eq!(id_of(&it.device.next_push().await), alert);
    it.books.wait_for_state(&alert, "pushed").await;
}

#[tokio::test]
async fn an_acknowledgement_of_somebody_else_stops_no_push() {
    let mut it = scene().await;
    let eve = it.community.member("eve").await;
    let mut eves = eve.socket().await;
    let mut bobs = it.bob.socket().await;
    let alert = it.mention("not for eve").await;
    let offered = bobs.next_alert().await;
    eves.acknowledge(&[&offered]).await;
    assert_eq!(id_of(&it.device.next_push().await), alert);
    it.books.wait_for_state(&alert, "pushed").await;
}

#[tokio::test]
async fn an_alert_that_is_read_instead_is_not_pushed() {
    let mut it = scene().await;
    let mut socket = it.bob.socket().await;
    let mut read = Vec::new();
    for seq in 1..=3 {
        let alert = it.mention("read").await;
        assert_eq!(id_of(&socket.next_alert().await), alert);
        let answer = match seq {
            1 => it.bob.read_notifications(&json!({"ids": [alert]})).await,
            2 => it.bob.read_notifications(&json!({"all": true})).await,
            _ => it.bob.read_channel(&it.community.general, seq).await,
        };
        answer.expect_done();
        read.push(alert);
    }
    it.expect_only_the_next_is_pushed().await;
    for alert in read {
        assert_eq!(it.books.state(&alert).await, "read");
    }
}

#[tokio::test]
async fn without_a_device_an_unacknowledged_alert_stays_in_the_inbox() {
    let it = scene().await;
    let eve = it.community.member("eve").await;
    let mut socket = eve.socket().await;
    let message = it.webhook.says("@eve").await;
    let alert = eve.alert_of(&message).await;
    assert_eq!(socket.next_alert().await, alert);
    it.books.wait_for_state(&id_of(&alert), "inbox").await;
    socket.acknowledge(&[&alert]).await;
    it.books.wait_for_state(&id_of(&alert), "delivered").await;
    assert!(it.service.requests().is_empty());
}

#[tokio::test]
async fn a_pushed_alert_is_offered_to_whoever_connects_and_can_be_acknowledged() {
    let mut it = PushScene::start().await;
    let alert = it.mention("while away").await;
    it.device.next_push().await;
    it.books.wait_for_state(&alert, "pushed").await;
    let mut socket = it.bob.socket().await;
    let offered = socket.next_alert().await;
    assert_eq!(id_of(&offered), alert, "with the id that was pushed");
    socket.acknowledge(&[&offered]).await;
    it.books.wait_for_state(&alert, "delivered").await;
    it.bob
        .read_channel(&it.community.general, 1)
        .await
        .expect_done();
    assert_eq!(it.books.state(&alert).await, "read");
    // An acknowledgement that comes late does not make it unread. The next one shows that it
    // was written.
    socket.acknowledge(&[&offered]).await;
    let next = it.mention("next").await;
    let offered = socket.next_alert().await;
    socket.acknowledge(&[&offered]).await;
    it.books.wait_for_state(&next, "delivered").await;
    assert_eq!(it.books.state(&alert).await, "read");
}

#[tokio::test]
async fn what_was_acknowledged_or_read_during_its_push_stays_so() {
    for (act, state) in [("acknowledge", "delivered"), ("read", "read")] {
        let mut it = PushScene::start().await;
        it.service.hold();
        let alert = it.mention("both at once").await;
        it.service.wait_for_requests(1).await;
        let mut socket = it.bob.socket().await;
        let offered = socket.next_alert().await;
        match act {
            "acknowledge" => socket.acknowledge(&[&offered]).await,
            _ => {
                let read = it.bob.read_notifications(&json!({"ids": [alert]})).await;
                read.expect_done();
            }
        }
        it.books.wait_for_state(&alert, state).await;
        it.service.release();
        it.device.next_push().await;
        it.bob.wait_for_healthy(&it.device_id).await;
        it.books.wait_until_nothing_is_owed().await;
        assert_eq!(it.books.state(&alert).await, state, "not pushed again");
        assert_eq!(it.service.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_alert_is_offered_and_not_pushed_again_after_it_was_pushed() {
    let mut it = scene().await;
    let alert = it.mention("once").await;
    it.device.next_push().await;
    it.books.wait_for_state(&alert, "pushed").await;
    // Whoever comes back and stays silent was pushed already.
    let mut socket = it.bob.socket().await;
    assert_eq!(id_of(&socket.next_alert().await), alert);
    it.expect_only_the_next_is_pushed().await;
    assert_eq!(it.service.requests().len(), 2);
}
