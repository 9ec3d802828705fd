//! Mentions of members who have no socket open are pushed at once: to each of their devices,
//! with what their inbox says and where to open it.

use chatalot::config::Secret;
use serde_json::{Value, json};

use crate::support::formats::assert_time;
use crate::support::history::id_of;
use crate::support::push_scene::{FOR_EVER_MS, PushScene};
use crate::support::push_service::PushService;
use crate::support::server::TestServer;

/// Seconds for which a push service keeps an alert.
const DAY: u64 = 86_400;

/// The push for `alert`: the alert, and where it is opened below `origin`.
fn push_of(alert: &Value, origin: &str) -> Value {
    let mut push = alert.clone();
    let channel = alert["channel_id"].as_str().unwrap();
    let url = format!("{origin}/c/{channel}/{}", alert["seq"]);
    push["url"] = url.into();
    push
}

#[tokio::test]
async fn a_member_without_a_socket_is_pushed_at_once_what_the_inbox_says() {
    let mut it = PushScene::start().await;
    let body = json!({
        "content": "disk full, @bob!",
        "username": "Watchdog",
        "avatar_url": "https://example.com/w.png",
    });
    let posted = it.webhook.execute(&body).await.expect_status(201);
    let push = it.device.next_push().await;
    let inbox = it.bob.whole_inbox().await;
    assert_eq!(inbox.len(), 1);
    let origin = format!("http://localhost:{}", it.server.port);
    assert_eq!(push, push_of(&inbox[0], &origin));
    assert_eq!(push["message_id"], posted.body["message_id"]);
    assert_eq!(push["preview"], "disk full, @bob!");
    let alert = id_of(&push);
    it.books.wait_for_state(&alert, "pushed").await;
    let sent = it.books.wait_for_end(&alert, &it.device_id, "pushed").await;
    assert_eq!(sent.attempts, 1);
    let healthy = it.bob.wait_for_healthy(&it.device_id).await;
    assert_time(&healthy["last_success_at"]);
    assert_eq!(it.service.requests().len(), 1);
    let inbox = it.bob.whole_inbox().await;
    assert_eq!(inbox[0]["read_at"], Value::Null, "pushed is not read");
}

#[tokio::test]
async fn a_push_is_urgent_kept_for_a_day_and_replaces_only_itself() {
    let mut it = PushScene::start().await;
    it.mention("one").await;
    let first = it.device.next_received().await;
    it.mention("two").await;
    let second = it.device.next_received().await;
    for received in [&first, &second] {
        assert_eq!(received.header("urgency"), "high");
        let ttl: u64 = received.header("ttl").parse().unwrap();
        assert!((DAY - 60..=DAY).contains(&ttl), "a day and not {ttl} s");
        assert!(received.path.ends_with(it.device.token()));
        assert_eq!(received.claims["aud"], it.service.origin());
    }
    assert_ne!(first.header("topic"), second.header("topic"));
    assert_ne!(first.payload["id"], second.payload["id"]);
}

#[tokio::test]
async fn the_address_is_below_the_one_that_the_operator_set() {
    let mut it = PushScene::with(|settings| {
        settings.notifications.ack_timeout_ms = FOR_EVER_MS;
        settings.public_url = "http://chat.example.org:8443".to_owned();
    })
    .await;
    it.mention("one").await;
    let inbox = it.bob.whole_inbox().await;
    let push = it.device.next_push().await;
    assert_eq!(push, push_of(&inbox[0], "http://chat.example.org:8443"));
}

#[tokio::test]
async fn every_device_of_a_member_gets_the_same_alert_once() {
    let it = PushScene::start().await;
    let elsewhere = PushService::start().await;
    let mut devices = vec![it.service.subscribe(&it.bob).await];
    for _ in 0..2 {
        devices.push(elsewhere.subscribe(&it.bob).await);
    }
    let alert = it.mention("one").await;
    devices.push((it.device, it.device_id));
    for (device, id) in &mut devices {
        assert_eq!(id_of(&device.next_push().await), alert);
        it.books.wait_for_end(&alert, id, "pushed").await;
        it.bob.wait_for_healthy(id).await;
    }
    assert_eq!(it.books.deliveries(&alert).await.len(), devices.len());
    assert_eq!(it.service.requests().len(), 2);
    assert_eq!(elsewhere.requests().len(), 2);
    it.books.wait_for_state(&alert, "pushed").await;
}

#[tokio::test]
async fn a_member_is_reached_on_as_many_devices_as_there_may_be() {
    let it = PushScene::start().await;
    for _ in 1..20 {
        it.service.subscribe(&it.bob).await;
    }
    let alert = it.mention("one").await;
    let requests = it.service.wait_for_requests(20).await;
    it.books.wait_until_nothing_is_owed().await;
    let mut paths: Vec<String> = requests.into_iter().map(|it| it.path).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 20, "each once");
    assert_eq!(it.books.deliveries(&alert).await.len(), 20);
    assert_eq!(it.service.requests().len(), 20);
}

#[tokio::test]
async fn each_of_many_mentioned_members_gets_an_alert_of_their_own() {
    let mut it = PushScene::start().await;
    let eve = it.community.member("eve").await;
    let (mut eves, _) = it.service.subscribe(&eve).await;
    let unnamed = it.community.member("unnamed").await;
    it.service.subscribe(&unnamed).await;
    it.service.subscribe(&it.community.owner).await;
    let message = it.webhook.says("@bob and @eve, and @bob again").await;
    let (bobs, eves) = (it.device.next_push().await, eves.next_push().await);
    for (user, push) in [(&it.bob, &bobs), (&eve, &eves)] {
        let alert = user.alert_of(&message).await;
        assert_eq!(push["id"], alert["id"]);
        it.books.wait_for_state(&id_of(&alert), "pushed").await;
    }
    assert_ne!(bobs["id"], eves["id"]);
    assert_eq!(it.service.requests().len(), 2, "and nobody else got any");
}

#[tokio::test]
async fn many_mentions_at_once_all_arrive_once() {
    const MENTIONS: usize = 40;
    let it = PushScene::start().await;
    let contents: Vec<String> = (0..MENTIONS).map(|it| format!("@bob {it}")).collect();
    let posts = contents.iter().map(|content| it.webhook.says(content));
    futures_util::future::join_all(posts).await;
    let requests = it.service.wait_for_requests(MENTIONS).await;
    it.books.wait_until_nothing_is_owed().await;
    let ids = |alerts: &[Value]| {
        let mut ids: Vec<String> = alerts.iter().map(id_of).collect();
        ids.sort();
        ids
    };
    let pushed: Vec<Value> = requests.into_iter().map(|it| it.payload).collect();
    assert_eq!(ids(&pushed), ids(&it.bob.whole_inbox().await));
    assert_eq!(it.service.requests().len(), MENTIONS);
}

#[tokio::test]
async fn two_servers_of_one_database_push_each_alert_once() {
    const MENTIONS: usize = 30;
    let it = PushScene::start().await;
    let url = it.database().url();
    let _other = TestServer::with(|settings| {
        settings.database.url = Secret::new(url);
        settings.push.allow_loopback_http = true;
        settings.notifications.ack_timeout_ms = 1000;
    })
    .await;
    let mut socket = it.bob.socket().await;
    for number in 0..MENTIONS {
        // Half of them are planned by one as nobody is there, half by the other in its time.
        if number == MENTIONS / 2 {
            drop(socket);
            socket = it.community.owner.socket().await;
        }
        it.mention(&number.to_string()).await;
    }
    it.service.wait_for_requests(MENTIONS).await;
    it.books.wait_until_nothing_is_owed().await;
    let mut ids: Vec<String> = it.bob.whole_inbox().await.iter().map(id_of).collect();
    let mut sent: Vec<String> = it
        .service
        .requests()
        .iter()
        .map(|it| id_of(&it.payload))
        .collect();
    ids.sort();
    sent.sort();
    assert_eq!(sent, ids);
}

#[tokio::test]
async fn without_a_device_an_alert_stays_in_the_inbox() {
    let it = PushScene::start().await;
    let eve = it.community.member("eve").await;
    let message = it.webhook.says("@eve one").await;
    let first = eve.alert_of(&message).await;
    it.books.wait_for_state(&id_of(&first), "inbox").await;
    assert!(it.books.deliveries(&id_of(&first)).await.is_empty());
    // A device that comes later gets what comes later.
    let (mut device, _) = it.service.subscribe(&eve).await;
    let message = it.webhook.says("@eve two").await;
    assert_eq!(device.next_push().await["message_id"], message.as_str());
    device.expect_no_more();
    // What waits in the inbox is offered to whoever connects.
    let mut socket = eve.socket().await;
    let offered = socket.expect_frame("mention").await;
    assert_eq!(offered["notification"], first);
}

#[tokio::test]
async fn only_members_of_the_channel_are_pushed_anything() {
    let mut it = PushScene::start().await;
    let outsider = it.community.outsider("zoe").await;
    it.service.subscribe(&outsider).await;
    let member = it.community.member("eve").await;
    it.service.subscribe(&member).await;
    let private = it.community.private_channel("private").await;
    let added = it.community.owner.add_to_channel(&private, &it.bob.id);
    added.await.expect_done();
    let webhook = it.community.webhook(&private).await;
    let message = webhook.says("@zoe, @eve and @bob").await;
    let push = it.device.next_push().await;
    assert_eq!(push["message_id"], message.as_str());
    assert_eq!(push["channel_id"], private.as_str());
    it.books.wait_until_nothing_is_owed().await;
    assert_eq!(it.service.requests().len(), 1);
}

#[tokio::test]
async fn a_device_gets_only_what_is_for_its_present_user() {
    let mut it = PushScene::start().await;
    let eve = it.community.member("eve").await;
    eve.subscribe_device(&it.device).await;
    let alert = it.mention("for whom the browser was before").await;
    it.books.wait_for_state(&alert, "inbox").await;
    let message = it.webhook.says("@eve for whom it is now").await;
    let push = it.device.next_push().await;
    assert_eq!(push["message_id"], message.as_str());
    assert_eq!(it.service.requests().len(), 1);
}

#[tokio::test]
async fn a_device_that_subscribed_again_is_reached_with_its_new_keys() {
    let mut it = PushScene::start().await;
    let key = it.bob.push_public_key().await;
    it.device = it.service.device_at(it.device.token(), &key);
    assert_eq!(it.bob.subscribe_device(&it.device).await, it.device_id);
    let alert = it.mention("one").await;
    assert_eq!(id_of(&it.device.next_push().await), alert);
}

#[tokio::test]
async fn a_device_of_a_session_that_went_unused_is_not_reached() {
    let mut it = PushScene::start().await;
    let laptop = it.bob.sign_in().await;
    let (mut current, _) = it.service.subscribe(&laptop).await;
    let client = it.database().connect().await;
    let statement = "update sessions set last_seen_at = now() - interval '31 days' \
         where id = (select session_id from push_subscriptions where id = $1::text::uuid)";
    let changed = client.execute(statement, &[&it.device_id]).await;
    assert_eq!(changed.unwrap(), 1);
    let message = it.webhook.says("@bob one").await;
    assert_eq!(current.next_push().await["message_id"], message.as_str());
    it.books.wait_until_nothing_is_owed().await;
    it.device.expect_no_more();
}

/// Texts that take more room than they have characters, or that JSON writes at length.
const PARTS: [&str; 7] = ["é", "日", "🦀", "👩\u{200d}🚀", "\"", "\\", "<&>"];

/// A URL of the greatest length.
fn long_url() -> String {
    let start = "https://example.com/";
    format!("{start}{}", "a".repeat(2048 - start.len()))
}

/// A push fits whatever it says: it may go without the picture and end its text sooner.
fn assert_is_part_of(push: &Value, alert: &Value) {
    let fields = alert.as_object().unwrap();
    for (name, value) in fields {
        match name.as_str() {
            "author" => {
                assert_eq!(push["author"]["name"], value["name"]);
                let avatar = &push["author"]["avatar_url"];
                assert!(avatar.is_null() || *avatar == value["avatar_url"], "{push}");
            }
            "preview" => {
                let (whole, part) = (value.as_str().unwrap(), push["preview"].as_str());
                let part = part.expect("a preview");
                assert!(whole.starts_with(part) && !part.is_empty(), "{push}");
            }
            name => assert_eq!(&push[name], value, "{name}"),
        }
    }
    assert_eq!(push.as_object().unwrap().len(), fields.len() + 1, "{push}");
}

#[tokio::test]
async fn a_push_fits_whatever_was_said_by_whom_and_where() {
    let mut it = PushScene::start().await;
    for part in PARTS {
        let text = part.repeat(200);
        let name: String = text.chars().take(64).collect();
        let channel = json!({ "name": name });
        let owner = &it.community.owner;
        let renamed = owner.patch_channel(&it.community.general, &channel).await;
        renamed.expect_status(200);
        for avatar in [None, Some(long_url())] {
            let body = json!({
                "content": format!("@bob {text}"),
                "username": name,
                "avatar_url": avatar,
            });
            let posted = it.webhook.execute(&body).await.expect_status(201);
            let push = it.device.next_push().await;
            let message = posted.str("message_id");
            assert_is_part_of(&push, &it.bob.alert_of(&message).await);
        }
    }
}

#[tokio::test]
async fn a_push_of_usual_size_is_complete() {
    let mut it = PushScene::start().await;
    let contents = [
        "@bob".to_owned(),
        format!("@bob {}", "é".repeat(200)),
        format!("@bob {}", "日".repeat(200)),
        "@bob **bold** `code`\n\n> quote\n\n```\nblock\n```".to_owned(),
        "@bob \"quoted\" \\ and\ttabs\r\nand lines".to_owned(),
        format!("@bob {}", "\u{1}\u{2028}".repeat(100)),
    ];
    let origin = format!("http://localhost:{}", it.server.port);
    for content in contents {
        let message = it.webhook.says(&content).await;
        let push = it.device.next_push().await;
        assert_eq!(push, push_of(&it.bob.alert_of(&message).await, &origin));
    }
}
