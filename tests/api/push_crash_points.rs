//! A server is killed, or a part of it panics, at each step on the way of an alert to a
//! device. No alert is forgotten: each one is pushed to every device, and what is pushed twice
//! has one id.

use std::time::{Duration, Instant};

use crate::support::fixtures::User;
use crate::support::history::id_of;
use crate::support::load::{Posted, client, try_post};
use crate::support::push_device::Device;
use crate::support::push_process::PushProcess;
use crate::support::push_scene::PushScene;
use crate::support::push_service::Received;
use crate::support::socket::DEADLINE;

/// What the log must keep quiet about is looked for in the whole log.
const SETTINGS: [(&str, &str); 2] = [
    ("CHATALOT_NOTIFICATIONS__ACK_TIMEOUT_MS", "1000"),
    ("CHATALOT_LOG__LEVEL", "trace"),
];

/// The post that the trouble is about.
const FIRST: &str = "@bob @eve one";

/// Bob with two devices and eve with one, at a server in which something goes wrong.
struct Troubled {
    scene: PushScene<PushProcess>,
    eve: User,
    /// Bob's other device, and eve's.
    others: [Device; 2],
}

async fn troubled(failures: &str) -> Troubled {
    let scene = PushScene::launch_failing(&SETTINGS, failures).await;
    let (second, _) = scene.service.subscribe(&scene.bob).await;
    let eve = scene.community.member("eve").await;
    let (eves, _) = scene.service.subscribe(&eve).await;
    Troubled {
        scene,
        eve,
        others: [second, eves],
    }
}

impl Troubled {
    /// Posts something that mentions bob and eve; `None` when nobody answers.
    async fn post(&self, content: &str) -> Option<Posted> {
        try_post(&client(), &self.scene.webhook, content).await
    }

    fn devices(&self) -> [&Device; 3] {
        [&self.scene.device, &self.others[0], &self.others[1]]
    }

    /// The `number`th post alerted both, and was pushed to every device. Gives all pushes of
    /// these alerts.
    async fn expect_pushed(&self, number: i64) -> Vec<Received> {
        let (books, service) = (&self.scene.books, &self.scene.service);
        let alert_of = async |user: &User| {
            let inbox = user.whole_inbox().await;
            let about = inbox.iter().find(|alert| alert["seq"] == number);
            id_of(about.expect("an alert"))
        };
        let (bobs, eves) = (alert_of(&self.scene.bob).await, alert_of(&self.eve).await);
        for alert in [&bobs, &eves] {
            books.wait_for_state(alert, "pushed").await;
        }
        books.wait_until_nothing_is_owed().await;
        let [first, second, third] = self.devices();
        for (device, alert) in [(first, &bobs), (second, &bobs), (third, &eves)] {
            service.wait_for_attempt(device, alert, 1).await;
        }
        let of_these = |it: &Received| it.payload["id"] == bobs || it.payload["id"] == eves;
        service.requests().into_iter().filter(of_these).collect()
    }

    /// The next post, which is the `number`th, goes its way; every earlier one is there once.
    async fn expect_all_is_well(&self, number: i64) {
        let posted = self.post("@bob @eve two").await.expect("an answer");
        assert_eq!(posted.status, 201, "{}", posted.body);
        let pushes = self.expect_pushed(number).await;
        assert_eq!(pushes.len(), 3, "each device once");
        for user in [&self.scene.bob, &self.eve] {
            let alerts = user.whole_inbox().await;
            assert_eq!(alerts.len(), usize::try_from(number).unwrap());
        }
        let [second, eves] = &self.others;
        self.scene.expect_secrets_untold(&[second, eves]);
    }
}

/// What can be seen when a point was reached, or is in a few steps.
enum Sign {
    /// Some row that this counts.
    Row(&'static str),
    /// A request at the push service.
    Request,
}

/// Kills the server while it stands still at `point`. Gives all pushes that came of the post
/// before and after that.
async fn kill_at(point: &str, sign: Sign) -> Vec<Received> {
    let mut it = troubled(&format!("{point}=sleep(600000)")).await;
    let webhook = it.scene.webhook.clone();
    let posted = tokio::spawn(async move { try_post(&client(), &webhook, FIRST).await });
    match sign {
        Sign::Row(statement) => it.scene.books.wait_for_count(statement, 1).await,
        Sign::Request => drop(it.scene.service.wait_for_requests(1).await),
    }
    // Nothing tells that the few steps from there were taken; it is also right to die earlier.
    tokio::time::sleep(Duration::from_millis(300)).await;
    it.scene.server.kill().await;
    let posted = posted.await.expect("a post that ended");
    assert!(
        posted.is_none_or(|posted| posted.status == 201),
        "at {point}"
    );
    it.scene.books.make_due().await;
    it.scene.server.start_again().await;
    let pushes = it.expect_pushed(1).await;
    it.expect_all_is_well(2).await;
    pushes
}

const MESSAGES: &str = "select count(*) from messages";
const OWED: &str = "select count(*) from push_deliveries";
const TAKEN_UP: &str = "select count(*) from push_deliveries where attempts > 0";
const PUSHED: &str = "select count(*) from push_deliveries where state = 'pushed'";

#[tokio::test]
async fn a_kill_before_an_alert_is_handed_over_costs_nothing() {
    for point in ["ledger_after_commit", "channel_fan_out", "push_hand_over"] {
        let pushes = kill_at(point, Sign::Row(MESSAGES)).await;
        assert_eq!(pushes.len(), 3, "each device once, at {point}");
    }
}

#[tokio::test]
async fn a_kill_before_anything_is_sent_costs_nothing() {
    let pushes = kill_at("push_planned", Sign::Row(OWED)).await;
    assert_eq!(pushes.len(), 3, "each device once");
    let pushes = kill_at("push_claimed", Sign::Row(TAKEN_UP)).await;
    assert_eq!(pushes.len(), 3, "each device once");
}

#[tokio::test]
async fn a_kill_before_a_push_is_noted_sends_the_same_again() {
    let pushes = kill_at("push_sent", Sign::Request).await;
    assert!(pushes.len() > 3, "what was not noted is sent again");
    for push in &pushes {
        let same = |other: &&Received| other.path == push.path;
        for other in pushes.iter().filter(same) {
            assert_eq!(push.payload, other.payload);
            assert_eq!(push.header("topic"), other.header("topic"));
        }
    }
}

#[tokio::test]
async fn a_kill_after_a_push_is_noted_sends_nothing_again() {
    let mut it = troubled("push_settled=sleep(600000)").await;
    it.post(FIRST).await.expect("an answer");
    it.scene.books.wait_for_count(PUSHED, 1).await;
    it.scene.server.kill().await;
    let noted = it.scene.books.count(PUSHED).await;
    it.scene.books.make_due().await;
    it.scene.server.start_again().await;
    let pushes = it.expect_pushed(1).await;
    let to = |device: &Device| {
        let to_it = |it: &&Received| it.path.ends_with(device.token());
        pushes.iter().filter(to_it).count()
    };
    let once = it.devices().iter().filter(|it| to(it) == 1).count();
    assert!(once >= usize::try_from(noted).unwrap(), "{pushes:#?}");
    it.expect_all_is_well(2).await;
}

/// Panics once at `point`; the same process makes up for it.
async fn panic_at(point: &str) {
    let it = troubled(&format!("{point}=1*panic")).await;
    // Whether it is answered is decided before or after the panic.
    let _ = it.post(FIRST).await;
    let begin = Instant::now();
    while !it.scene.server.log().contains("panic") {
        assert!(begin.elapsed() < DEADLINE, "a panic at {point} in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    it.scene.books.make_due().await;
    it.expect_pushed(1).await;
    it.expect_all_is_well(2).await;
}

#[tokio::test]
async fn a_panic_before_an_alert_is_handed_over_costs_nothing() {
    for point in ["ledger_after_commit", "channel_fan_out", "push_hand_over"] {
        panic_at(point).await;
    }
}

#[tokio::test]
async fn a_panic_where_pushes_are_planned_and_taken_up_costs_nothing() {
    for point in ["push_planned", "push_claimed"] {
        panic_at(point).await;
    }
}

#[tokio::test]
async fn a_panic_after_a_push_was_sent_costs_nothing() {
    for point in ["push_sent", "push_settled"] {
        panic_at(point).await;
    }
}
