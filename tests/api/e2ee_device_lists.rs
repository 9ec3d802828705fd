//! Whose devices changed: told live before later messages, and asked for after an absence.

use serde_json::{Value, json};

use crate::support::encrypting_device::{EncryptingDevice, public_key};
use crate::support::fixtures::{Community, User};
use crate::support::process::Launch;
use crate::support::server::TestServer;
use crate::support::socket::WsClient;

async fn next_changed(socket: &mut WsClient) -> Value {
    socket.expect_frame("device_lists").await["changed"].clone()
}

/// Opens a socket; the place that its hello tells.
async fn connect(user: &User) -> (WsClient, Value) {
    let (socket, hello) = user.handshake().connect_and_greet().await;
    (socket, hello["device_lists_position"].clone())
}

#[tokio::test]
async fn everybody_who_shares_a_channel_is_told_of_a_change_and_nobody_else() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (ann, bob) = (community.member("ann").await, community.member("bob").await);
    let eve = community.outsider("eve").await;
    let (mut of_ann, mut of_bob) = (ann.socket().await, bob.socket().await);
    let mut of_eve = eve.socket().await;
    let phone = bob.sign_in().await;
    let device = EncryptingDevice::of(&phone).await;
    let changed = json!([device.user_id]);
    for socket in [&mut of_ann, &mut of_bob] {
        let frame = socket.expect_frame("device_lists").await;
        let expected = json!({"type": "device_lists", "changed": changed, "left": []});
        assert_eq!(frame, expected);
    }
    // Uploading the same again is no change, one-time keys are none, other keys are.
    let same = json!({"device_keys": device.device_keys});
    device.upload(&same).await.expect_status(200);
    let device = device.with_one_time_keys(1).await;
    device.cross_sign().await;
    assert_eq!(next_changed(&mut of_ann).await, changed);
    phone.logout().await.expect_done();
    assert_eq!(next_changed(&mut of_ann).await, changed);
    of_eve.round_trip().await;
    of_eve.expect_nothing_for(50).await;
    of_ann.round_trip().await;
    of_ann.expect_nothing_for(50).await;
}

#[tokio::test]
async fn a_change_is_told_before_any_message_that_is_posted_after_it_was_answered() {
    let server = TestServer::with(|it| it.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let bob = community.member("bob").await;
    let mut sockets = Vec::new();
    for user in [&ann, &bob, &community.owner] {
        let mut socket = user.socket().await;
        socket.subscribe(&community.general, None).await;
        sockets.push(socket);
    }
    let (community, webhook) = (&community, &webhook);
    // Messages of others are on their way all the time.
    let noise = async {
        for number in 0..60 {
            webhook.says(&format!("noise {number}")).await;
        }
    };
    let changes = async {
        for number in 0..15 {
            let device = EncryptingDevice::of(&bob.sign_in().await).await;
            webhook.says(&format!("after {number}")).await;
            device.logout().await.expect_done();
            webhook.says(&format!("removed {number}")).await;
        }
        webhook.says("end").await;
    };
    tokio::join!(noise, changes);
    let bob = format!("@{}:localhost", bob.id);
    assert_eq!(community.general, webhook.channel_id);
    for mut socket in sockets {
        let (mut told, mut expected) = (0, 0);
        loop {
            let frame = socket.next_frame().await;
            if frame["type"] == "device_lists" && frame["changed"] == json!([bob]) {
                told += 1;
            }
            let content = frame["message"]["content"].as_str().unwrap_or_default();
            if content.starts_with("after") || content.starts_with("removed") {
                expected += 1;
                assert!(told >= expected, "{content} came before its change");
            }
            if content == "end" {
                break;
            }
        }
        assert_eq!((told, expected), (30, 30));
    }
}

#[tokio::test]
async fn after_an_absence_a_client_asks_from_the_place_of_its_last_hello() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    let cat = EncryptingDevice::of(&community.member("cat").await).await;
    let (socket, before) = connect(&ann).await;
    drop(socket);
    assert_eq!(ann.changes_since(&before).await, Vec::<String>::new());
    let laptop = bob.another().await;
    let (_, between) = connect(&ann).await;
    cat.cross_sign().await;
    assert_eq!(ann.changes_since(&between).await, [cat.user_id.as_str()]);
    let mut both = [bob.user_id.clone(), cat.user_id.clone()];
    both.sort();
    assert_eq!(ann.changes_since(&before).await, both);
    // The end is as in Matrix, and what is later is told all the same.
    let path = format!("/api/e2ee/keys/changes?from={before}&to={between}");
    let answer = ann.get(path).send().await.expect_status(200);
    assert_eq!(answer.body["left"], json!([]));
    assert_eq!(answer.body["changed"].as_array().unwrap().len(), 2);
    // A device that is gone changes the list too.
    let (_, now) = connect(&ann).await;
    laptop.logout().await.expect_done();
    assert_eq!(ann.changes_since(&now).await, [bob.user_id.as_str()]);
    // A place of another history counts as none.
    let all = ann.changes_since(&json!(0)).await;
    assert_eq!(ann.changes_since(&json!(1_000_000)).await, all);
    assert_eq!(all.len(), 4, "the owner too: {all:?}");
}

#[tokio::test]
async fn whoever_comes_into_a_channel_is_new_to_those_in_it_and_they_are_to_them() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let eve = EncryptingDevice::of(&community.outsider("eve").await).await;
    let (mut of_ann, ann_knows) = connect(&ann).await;
    let (mut of_eve, eve_knows) = connect(&eve).await;
    community.let_in(&eve).await;
    assert_eq!(next_changed(&mut of_ann).await, json!([eve.user_id]));
    // The newcomer is told to ask: there may be thousands.
    let frame = of_eve.expect_frame("device_lists").await;
    assert_eq!(frame["limited"], true);
    assert_eq!(ann.changes_since(&ann_knows).await, [eve.user_id.as_str()]);
    let owner = format!("@{}:localhost", community.owner.id);
    let mut others = [ann.user_id.clone(), owner];
    others.sort();
    assert_eq!(eve.changes_since(&eve_knows).await, others);

    // Away, changed meanwhile, and back: who stayed learns it although they were away too.
    let (community, of_ann) = (&community, &mut of_ann);
    community
        .owner
        .remove_member(&community.id, &eve.id)
        .await
        .expect_done();
    let left = of_ann
        .expect_frame_where("left", |frame| {
            frame["left"] != json!([]) && frame["type"] == "device_lists"
        })
        .await;
    assert_eq!(left["left"], json!([eve.user_id]));
    let told = of_eve
        .expect_frame_where("left", |frame| {
            frame["left"] != json!([]) && frame["type"] == "device_lists"
        })
        .await;
    let mut parted: Vec<String> = serde_json::from_value(told["left"].clone()).unwrap();
    parted.sort();
    // Only those who are connected are spoken of.
    assert_eq!(parted, [ann.user_id.as_str()]);
    eve.cross_sign().await;
    let (_, ann_knows) = connect(&ann).await;
    assert_eq!(ann.changes_since(&ann_knows).await, Vec::<String>::new());
    community.let_in(&eve).await;
    assert_eq!(ann.changes_since(&ann_knows).await, [eve.user_id.as_str()]);
}

#[tokio::test]
async fn leaving_one_of_two_shared_channels_parts_nobody() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let second = community.channel("second").await;
    let joined = ann.add_to_channel(&second, &ann.id).await;
    joined.expect_done();
    let mut socket = community.owner.socket().await;
    ann.remove_from_channel(&second, &ann.id)
        .await
        .expect_done();
    ann.remove_from_channel(&community.general, &ann.id)
        .await
        .expect_done();
    let frames = [socket.expect_frame("device_lists").await];
    assert_eq!(frames[0]["left"], json!([format!("@{}:localhost", ann.id)]));
    socket.round_trip().await;
    let more = socket
        .next_within(std::time::Duration::from_millis(50))
        .await;
    let kind = more.and_then(Result::ok).map(|it| it["type"].clone());
    assert_ne!(kind, Some(json!("device_lists")), "once");
}

#[tokio::test]
async fn a_change_of_many_at_once_reaches_each_socket_from_its_own_place() {
    let server = TestServer::start().await;
    let owner = server.user("owner").await;
    let community = Community::of(owner, "Acme").await;
    let watcher = EncryptingDevice::of(&community.member("watcher").await).await;
    let mut members = Vec::new();
    for number in 0..6 {
        members.push(community.member(&format!("member{number}")).await);
    }
    // Sockets that open while others change: what the place of the hello does not cover is told.
    let changes = async {
        for member in &members {
            EncryptingDevice::of(member).await.cross_sign().await;
        }
    };
    let watch = async {
        let mut seen = Vec::new();
        for _ in 0..10 {
            let (socket, position) = connect(&watcher).await;
            seen.push((socket, position));
            tokio::task::yield_now().await;
        }
        seen
    };
    let ((), seen) = tokio::join!(changes, watch);
    let all = watcher.changes_since(&json!(0)).await;
    for (mut socket, position) in seen {
        socket.round_trip().await;
        let mut told: Vec<String> = Vec::new();
        while let Some(Ok(frame)) = socket
            .next_within(std::time::Duration::from_millis(20))
            .await
        {
            if frame["type"] == "device_lists" {
                let users: Vec<String> = serde_json::from_value(frame["changed"].clone()).unwrap();
                told.extend(users);
            }
        }
        // What is later than the place was told on the connection.
        for user in watcher.changes_since(&position).await {
            assert!(
                told.contains(&user),
                "{user} after {position}, told {told:?}"
            );
        }
    }
    assert_eq!(
        all.len(),
        members.len() + 2,
        "and the watcher and the owner"
    );
}

#[tokio::test]
async fn a_change_is_told_although_the_database_did_not_say_at_once_to_whom() {
    // The first announcement is of ann's own coming.
    let failures = "device_list_audience=1*off->3*return->off";
    let launch = Launch::new().set("FAILPOINTS", failures);
    let server = launch.start().await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    let bob = community.member("bob").await;
    // Everybody is to ask, at once.
    let frame = socket.expect_frame("device_lists").await;
    assert_eq!(
        (&frame["limited"], &frame["changed"]),
        (&json!(true), &json!([]))
    );
    let told = next_changed(&mut socket).await;
    assert_eq!(told, json!([format!("@{}:localhost", bob.id)]));
    // And from then on at once.
    let device = EncryptingDevice::of(&bob).await;
    assert_eq!(next_changed(&mut socket).await, json!([device.user_id]));
}

#[tokio::test]
async fn changes_that_waited_are_told_in_one_frame_also_after_a_panic() {
    // The first announcement is of ann's own coming; what waits is tried twice a second.
    let failures = "device_list_audience=1*off->8*return->1*panic->off";
    let launch = Launch::new().set("FAILPOINTS", failures);
    let server = launch.start().await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    let mut newcomers = Vec::new();
    for name in ["bob", "carl", "dora"] {
        newcomers.push(community.outsider(name).await);
    }
    let code = community.invite(&json!({})).await.str("code");
    for user in &newcomers {
        user.accept_invite(&code).await.expect_status(200);
    }
    let told = socket.expect_frame_where("who came", |frame| {
        frame["type"] == "device_lists" && frame["changed"] != json!([])
    });
    let told = told.await["changed"].clone();
    let mut ids: Vec<String> = newcomers.iter().map(|user| user.id.clone()).collect();
    ids.sort();
    let expected: Vec<String> = ids.iter().map(|id| format!("@{id}:localhost")).collect();
    assert_eq!(told, json!(expected));
}

#[tokio::test]
async fn a_place_is_a_number_that_is_not_negative() {
    let server = TestServer::start().await;
    let ada = EncryptingDevice::of(&server.user("ada").await).await;
    for (query, pointers) in [
        ("", vec!["/from"]),
        ("?from=", vec!["/from"]),
        ("?from=-1", vec!["/from"]),
        ("?from=x&to=y", vec!["/from", "/to"]),
        ("?from=1&to=-1", vec!["/to"]),
    ] {
        let answer = ada.get(format!("/api/e2ee/keys/changes{query}"));
        answer.send().await.expect_invalid(&pointers);
    }
}

#[tokio::test]
async fn what_one_signs_of_others_counts_as_their_change_for_oneself() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.member("ann").await).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    let master = public_key();
    let key = bob.cross_signing_key("master", &master, &[&bob.device_id]);
    let uploaded = bob.upload_cross_signing(json!({"master_key": key})).await;
    uploaded.expect_status(200);
    let [_, _, signing] = ann.cross_sign().await;
    let (_, before) = connect(&ann).await;
    let (_, of_bob) = connect(&bob).await;
    let mut signed = key.clone();
    signed["signatures"] = ann.signed_by(&[&signing]);
    let body = json!({&bob.user_id: {&master: signed}});
    ann.upload_signatures(&body).await.expect_status(200);
    assert_eq!(ann.changes_since(&before).await, [bob.user_id.as_str()]);
    assert_eq!(bob.changes_since(&of_bob).await, Vec::<String>::new());
}
