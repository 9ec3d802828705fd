//! Only so many pushes are under way at once, in all and to one push service. The others wait
//! for their turn, also while the server stops and starts again.

use std::time::{Duration, Instant};

use crate::support::fixtures::User;
use crate::support::history::id_of;
use crate::support::metrics::wait_for_gauge;
use crate::support::push_process::PushProcess;
use crate::support::push_scene::PushScene;
use crate::support::push_service::{Forced, PushService};
use crate::support::socket::DEADLINE;

type Scene = PushScene<PushProcess>;

/// From the signal to the end of the process.
const STOP_BOUND: Duration = Duration::from_secs(25);

const PATIENT: (&str, &str) = ("CHATALOT_NOTIFICATIONS__ACK_TIMEOUT_MS", "3600000");

/// A scene with at most so many pushes in all, and to one push service.
async fn bounded(in_flight: usize, per_host: usize) -> Scene {
    let (in_flight, per_host) = (in_flight.to_string(), per_host.to_string());
    PushScene::launch(&[
        PATIENT,
        ("CHATALOT_PUSH__MAX_IN_FLIGHT", &in_flight),
        ("CHATALOT_PUSH__MAX_IN_FLIGHT_PER_HOST", &per_host),
    ])
    .await
}

/// Gives `user` so many devices at `service`.
async fn subscribe(service: &PushService, user: &User, devices: usize) {
    for _ in 0..devices {
        service.subscribe(user).await;
    }
}

/// Waits until the services got so many requests together.
async fn wait_for_requests(services: &[&PushService], count: usize) {
    let begin = Instant::now();
    let sum = || {
        let counts = services.iter().map(|it| it.requests().len());
        counts.sum::<usize>()
    };
    while sum() < count {
        assert!(begin.elapsed() < DEADLINE, "{} of {count} requests", sum());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn no_more_than_may_be_are_sent_to_one_push_service_at_once() {
    let it = bounded(100, 2).await;
    subscribe(&it.service, &it.bob, 5).await;
    let elsewhere = PushService::start().await;
    let eve = it.community.member("eve").await;
    let (mut eves, _) = elsewhere.subscribe(&eve).await;
    it.service.hold();
    it.mention("to six devices").await;
    it.service.wait_for_requests(2).await;
    // Two rounds for somebody else, in which what is due was looked at.
    for _ in 0..2 {
        let message = it.webhook.says("@eve").await;
        assert_eq!(eves.next_push().await["message_id"], message.as_str());
    }
    assert_eq!(it.service.requests().len(), 2, "the others wait");
    it.service.release();
    it.books.wait_until_nothing_is_owed().await;
    assert_eq!(it.service.requests().len(), 6, "each once");
    assert_eq!(it.service.most_at_once(), 2);
}

#[tokio::test]
async fn no_more_than_may_be_are_sent_in_all_at_once() {
    let it = bounded(3, 2).await;
    let port = it.server.metrics_port;
    let other = PushService::start().await;
    subscribe(&it.service, &it.bob, 3).await;
    subscribe(&other, &it.bob, 4).await;
    it.service.hold();
    other.hold();
    it.mention("to eight devices").await;
    let services = [&it.service, &other];
    wait_for_requests(&services, 3).await;
    wait_for_gauge(port, "pushes_in_flight", 3.0).await;
    // A test notification needs a place as well, wherever it goes.
    let third = PushService::start().await;
    let (mut device, id) = third.subscribe(&it.bob).await;
    let refused = it.bob.test_push(&id).await;
    let refused = refused.expect_problem(503, "overloaded");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    let sent = services.map(|it| it.requests().len());
    assert_eq!(sent.iter().sum::<usize>(), 3, "the others wait");
    it.service.release();
    other.release();
    it.books.wait_until_nothing_is_owed().await;
    let sent = services.map(|it| it.requests().len());
    assert_eq!(sent, [4, 4], "each once");
    assert!(services.iter().all(|it| it.most_at_once() <= 2));
    wait_for_gauge(port, "pushes_in_flight", 0.0).await;
    it.bob.expect_test_push(&id).await;
    device.next_push().await;
}

#[tokio::test]
async fn what_failed_together_is_tried_again_within_the_bound() {
    const MENTIONS: usize = 12;
    let it = bounded(3, 3).await;
    it.service.force_always(Forced::status(503));
    for number in 0..MENTIONS {
        it.mention(&number.to_string()).await;
    }
    it.service.wait_for_requests(MENTIONS).await;
    it.service.recover();
    it.service.hold();
    let before = it.service.requests().len();
    it.books.make_due().await;
    it.service.wait_for_requests(before + 3).await;
    it.service.release();
    it.books.make_due().await;
    it.books.wait_until_nothing_is_owed().await;
    assert!(it.service.most_at_once() <= 3);
}

#[tokio::test]
async fn a_push_service_that_hangs_does_not_hold_up_another() {
    let it = bounded(4, 2).await;
    subscribe(&it.service, &it.bob, 3).await;
    let elsewhere = PushService::start().await;
    let eve = it.community.member("eve").await;
    let (mut eves, _) = elsewhere.subscribe(&eve).await;
    it.service.force_always(Forced::Hang);
    let begin = Instant::now();
    it.mention("into the void").await;
    it.service.wait_for_requests(2).await;
    for _ in 0..5 {
        let message = it.webhook.says("@bob and @eve").await;
        assert_eq!(eves.next_push().await["message_id"], message.as_str());
    }
    // It is given up on after ten seconds; that was not waited for.
    assert!(
        begin.elapsed() < Duration::from_secs(9),
        "after {:?}",
        begin.elapsed()
    );
    it.service.recover();
    it.books.wait_until_nothing_is_owed().await;
    let states = it.books.states_of(&it.bob.id).await;
    assert_eq!(states.len(), 6);
    assert!(states.values().all(|state| state == "pushed"), "{states:?}");
}

#[tokio::test]
async fn a_server_that_stops_leaves_its_pushes_to_the_next_start() {
    let mut it = bounded(2, 2).await;
    it.service.hold();
    let mut alerts = Vec::new();
    for number in 0..4 {
        alerts.push(it.mention(&number.to_string()).await);
    }
    it.service.wait_for_requests(2).await;
    let begin = Instant::now();
    it.server.stop().await;
    assert!(begin.elapsed() < STOP_BOUND, "after {:?}", begin.elapsed());
    it.service.release();
    // What was in hand is free again when its lease ends.
    it.books.make_due().await;
    it.server.start_again().await;
    it.books.wait_until_nothing_is_owed().await;
    for alert in &alerts {
        it.books.wait_for_state(alert, "pushed").await;
        it.service.wait_for_attempt(&it.device, alert, 1).await;
    }
    it.expect_secrets_untold(&[]);
}

#[tokio::test]
async fn a_push_that_is_answered_while_the_server_stops_is_noted() {
    let mut it = bounded(10, 10).await;
    it.service.hold();
    let alert = it.mention("one").await;
    it.service.wait_for_requests(1).await;
    let (service, server) = (&it.service, &mut it.server);
    tokio::join!(server.stop(), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        service.release();
    });
    it.wait_for_end(&alert, "pushed").await;
    it.server.start_again().await;
    it.books.wait_for_state(&alert, "pushed").await;
    assert_eq!(it.service.requests().len(), 1);
}

#[tokio::test]
async fn what_waits_for_another_attempt_survives_a_kill() {
    let mut it = bounded(10, 10).await;
    let alert = it.mention_in_vain().await;
    it.server.kill().await;
    it.books.make_due().await;
    it.server.start_again().await;
    it.wait_for_end(&alert, "pushed").await;
    it.books.wait_for_state(&alert, "pushed").await;
    assert_eq!(id_of(&it.device.next_push().await), alert);
    assert_eq!(it.service.requests().len(), 2);
}

#[tokio::test]
async fn an_alert_that_was_offered_before_a_kill_is_pushed_after_it() {
    let short = [("CHATALOT_NOTIFICATIONS__ACK_TIMEOUT_MS", "3000")];
    let mut it = PushScene::launch(&short).await;
    let mut socket = it.bob.socket().await;
    let alert = it.mention("offered").await;
    assert_eq!(id_of(&socket.next_alert().await), alert);
    it.server.kill().await;
    drop(socket);
    assert!(it.service.requests().is_empty(), "its time was not over");
    it.server.start_again().await;
    assert_eq!(id_of(&it.device.next_push().await), alert);
    it.books.wait_for_state(&alert, "pushed").await;
}
