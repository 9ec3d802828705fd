//! Losing access: what a user may no longer see stops at once on open sockets, in every
//! order in which it can race with asking for it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::fixtures::{Community, PASSWORD, User};
use crate::support::server::TestServer;
use crate::support::socket::WsClient;

#[tokio::test]
async fn a_kicked_member_hears_nothing_more_and_keeps_the_socket() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let elsewhere = Community::of(ann.clone(), "Elsewhere").await;
    let own_webhook = elsewhere.webhook(&elsewhere.general).await;
    let mut socket = ann.socket().await;
    socket.subscribe(&community.general, None).await;
    socket.subscribe(&elsewhere.general, None).await;
    webhook.says("heard").await;
    socket.expect_frame("message").await;
    kick(&community, &ann).await;
    webhook.says("unheard @ann").await;
    own_webhook.says("still here").await;
    let frames = frames_until_content(&mut socket, "still here").await;
    assert_removed(&frames, &community.general);
    let news = |frame: &Value| frame["type"] == "membership_changed";
    assert!(frames.iter().any(news), "{frames:?}");
    // And asking again is of no use.
    expect_not_a_member(&mut socket, &community.general).await;
}

#[tokio::test]
async fn leaving_ends_the_subscription_on_every_device() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let channel = community.channel("other").await;
    let other_webhook = community.webhook(&channel).await;
    ann.add_to_channel(&channel, &ann.id).await.expect_done();
    let mut sockets = [ann.socket().await, ann.socket().await];
    for socket in &mut sockets {
        socket.subscribe(&channel, None).await;
        socket.subscribe(&community.general, None).await;
    }
    let left = ann.remove_from_channel(&channel, &ann.id).await;
    left.expect_done();
    other_webhook.says("unheard").await;
    webhook.says("still here").await;
    for socket in &mut sockets {
        let frames = frames_until_content(socket, "still here").await;
        assert_removed(&frames, &channel);
    }
}

#[tokio::test]
async fn a_removed_member_of_a_private_channel_hears_nothing_more() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let private = community.private_channel("private").await;
    let private_webhook = community.webhook(&private).await;
    let added = community.owner.add_to_channel(&private, &ann.id).await;
    added.expect_done();
    let mut socket = ann.socket().await;
    socket.subscribe(&private, None).await;
    socket.subscribe(&community.general, None).await;
    let removed = community.owner.remove_from_channel(&private, &ann.id);
    removed.await.expect_done();
    private_webhook.says("unheard").await;
    webhook.says("still here").await;
    let frames = frames_until_content(&mut socket, "still here").await;
    assert_removed(&frames, &private);
    expect_not_a_member(&mut socket, &private).await;
}

#[tokio::test]
async fn a_deleted_channel_is_gone_for_everybody() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    socket.subscribe(&community.general, None).await;
    let deleted = community.owner.delete_channel(&community.general).await;
    deleted.expect_done();
    let frame = socket.expect_frame("channel_removed").await;
    assert_eq!(frame["channel_id"], community.general.as_str());
    expect_not_a_member(&mut socket, &community.general).await;
}

#[tokio::test]
async fn a_deleted_community_is_gone_for_everybody() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    socket.subscribe(&community.general, None).await;
    let deleted = community.owner.delete_community(&community.id).await;
    deleted.expect_done();
    socket.expect_frame("channel_removed").await;
    expect_not_a_member(&mut socket, &community.general).await;
}

#[tokio::test]
async fn a_kick_during_a_replay_ends_the_replay() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.fill(600).await;
    let ann = community.member("ann").await;
    let handshake = ann.handshake().receive_buffer(4096);
    let (mut socket, _) = handshake.connect_and_greet().await;
    socket.subscribe(&community.general, Some(0)).await;
    socket.stop_reading();
    kick(&community, &ann).await;
    webhook.says("unheard").await;
    socket.read_on();
    socket
        .send_json(json!({"type": "ping", "ref": "end"}))
        .await;
    let mut removed = false;
    loop {
        let frame = socket.next_frame().await;
        match frame["type"].as_str() {
            Some("channel_removed") => removed = true,
            Some("message") => {
                assert!(!removed, "after the end of the channel: {frame}");
                assert_ne!(frame["message"]["content"], "unheard");
            }
            Some("pong") => break,
            _ => {}
        }
    }
    if !removed {
        socket.expect_frame("channel_removed").await;
    }
    socket.expect_nothing_for(200).await;
}

#[tokio::test]
async fn logging_out_closes_the_sessions_sockets_and_no_others() {
    let server = TestServer::start().await;
    let ann = server.user("ann").await;
    let phone = another_session(&ann).await;
    let mut first = ann.socket().await;
    let mut second = ann.socket().await;
    let mut other = phone.socket().await;
    let start = Instant::now();
    ann.logout().await.expect_done();
    first.expect_close(4501).await;
    second.expect_close(4501).await;
    assert!(start.elapsed() < Duration::from_secs(2));
    other.round_trip().await;
    ann.handshake().refused(401).await;
}

#[tokio::test]
async fn revoking_a_session_from_the_list_closes_its_sockets() {
    let server = TestServer::start().await;
    let ann = server.user("ann").await;
    let phone = another_session(&ann).await;
    let mut own = ann.socket().await;
    let mut lost = phone.socket().await;
    let sessions = ann.sessions().await.expect_status(200);
    let is_other = |session: &&Value| session["current"] == false;
    let session = sessions.list().iter().find(is_other).expect("the phone");
    let id = session["id"].as_str().expect("an id");
    let start = Instant::now();
    ann.revoke_session(id).await.expect_done();
    lost.expect_close(4501).await;
    assert!(start.elapsed() < Duration::from_secs(2));
    own.round_trip().await;
}

#[tokio::test]
async fn a_socket_that_takes_nothing_is_closed_with_its_session_too() {
    let server = TestServer::with(|settings| settings.sockets.user_timeout_ms = 1500).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let handshake = ann.handshake().receive_buffer(4096);
    let (mut socket, _) = handshake.connect_and_greet().await;
    socket.subscribe(&community.general, None).await;
    socket.stop_reading();
    let content = "x".repeat(4000);
    for _ in 0..40 {
        webhook.says(&content).await;
    }
    ann.logout().await.expect_done();
    webhook.says("unheard").await;
    socket.read_on();
    let (frames, _) = socket.until_end().await;
    let unheard = |frame: &Value| frame["message"]["content"] == "unheard";
    assert!(!frames.iter().any(unheard), "after the logout");
}

#[tokio::test]
async fn no_order_of_subscribe_and_kick_leaves_a_listener() {
    let server = TestServer::with(|settings| {
        settings.limits.webhook_per_second = 0;
        settings.sockets.frames_per_second = 0;
    })
    .await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let elsewhere = Community::of(ann.clone(), "Elsewhere").await;
    let own_webhook = elsewhere.webhook(&elsewhere.general).await;
    let mut socket = ann.socket().await;
    socket.subscribe(&elsewhere.general, None).await;
    for round in 0..60_u64 {
        let subscribing = async {
            // A little earlier or later each time, to meet the kick at each of its steps.
            tokio::time::sleep(Duration::from_micros(round * 97 % 4000)).await;
            for _ in 0..3 {
                let channels = [json!({"id": community.general, "after_seq": 0})];
                let frame = json!({"type": "subscribe", "channels": channels});
                socket.send_json(frame).await;
            }
        };
        tokio::join!(subscribing, kick(&community, &ann));
        // The kick was answered, so nobody may hear this.
        let secret = format!("secret {round}");
        webhook.says(&secret).await;
        let mark = format!("mark {round}");
        own_webhook.says(&mark).await;
        let mut frames = frames_until_content(&mut socket, &mark).await;
        frames.extend(drain(&mut socket).await);
        for frame in &frames {
            // Earlier secrets may come in a replay that began while she was let in.
            assert_ne!(frame["message"]["content"], secret, "{round}: {frame}");
        }
        community.let_in(&ann).await;
        drain(&mut socket).await;
    }
}

#[tokio::test]
async fn every_subscribe_is_answered_even_when_a_kick_overtakes_it() {
    let server = TestServer::with(|settings| settings.sockets.frames_per_second = 0).await;
    let community = server.community().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    for round in 0..40_u64 {
        let subscribing = async {
            tokio::time::sleep(Duration::from_micros(round * 97 % 4000)).await;
            for _ in 0..3 {
                let channels = [json!({"id": community.general})];
                let frame = json!({"type": "subscribe", "channels": channels});
                socket.send_json(frame).await;
            }
        };
        tokio::join!(subscribing, kick(&community, &ann));
        let is_answer = |frame: &Value| frame["type"] == "subscribed" || frame["type"] == "error";
        for _ in 0..3 {
            socket.expect_frame_where("an answer", is_answer).await;
        }
        community.let_in(&ann).await;
        drain(&mut socket).await;
    }
}

/// The frames up to the answer to a ping.
async fn drain(socket: &mut WsClient) -> Vec<Value> {
    let mark = uuid::Uuid::now_v7().to_string();
    socket.send_json(json!({"type": "ping", "ref": mark})).await;
    let mut frames = Vec::new();
    loop {
        let frame = socket.next_frame().await;
        if frame["ref"] == mark.as_str() {
            return frames;
        }
        frames.push(frame);
    }
}

#[tokio::test]
async fn no_order_of_connect_and_logout_leaves_a_listener() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    for round in 0..40_u64 {
        let session = another_session(&ann).await;
        let connecting = async {
            tokio::time::sleep(Duration::from_micros(round * 131 % 5000)).await;
            session.handshake().try_connect().await.ok()
        };
        let logging_out = async { session.logout().await.expect_done() };
        let (socket, _) = tokio::join!(connecting, logging_out);
        let secret = format!("@ann secret {round}");
        webhook.says(&secret).await;
        if let Some(mut socket) = socket {
            let (frames, code) = socket.until_end().await;
            assert!(matches!(code, Some(4501) | None), "{round}: {code:?}");
            let last = frames
                .iter()
                .any(|frame| frame.to_string().contains(&secret));
            assert!(!last, "{round}: after the logout was answered: {frames:?}");
        }
    }
}

#[tokio::test]
async fn kicks_under_load_cut_every_kicked_socket_and_no_other() {
    let server = TestServer::with(|settings| settings.limits.webhook_per_second = 0).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut people = Vec::new();
    for number in 0..6 {
        let person = community.member(&format!("person{number}")).await;
        let mut socket = person.socket().await;
        socket.subscribe(&community.general, Some(0)).await;
        people.push((person, socket));
    }
    let load = crate::support::load::Load::start(std::slice::from_ref(&webhook), 3, "");
    load.wait_for_more(30).await;
    for (person, _) in people.iter().skip(3) {
        kick(&community, person).await;
    }
    load.wait_for_more(30).await;
    load.stop().await;
    webhook.says("the end").await;
    let history = community.owner.history_after(&community.general, 0).await;
    for (number, (_, mut socket)) in people.into_iter().enumerate() {
        let stays = number < 3;
        let mut seq = 0;
        loop {
            let frame = socket.next_frame().await;
            if frame["type"] == "message" {
                seq += 1;
                assert_eq!(frame["seq"], seq, "person {number}: {frame}");
                if frame["message"]["content"] == "the end" {
                    assert!(stays, "person {number} was kicked long ago");
                    break;
                }
            } else if frame["type"] == "channel_removed" {
                assert!(!stays, "person {number} was not kicked");
                break;
            }
        }
        assert_eq!(usize::try_from(seq).unwrap() == history.len(), stays);
        if !stays {
            let after = drain(&mut socket).await;
            let message = after.iter().find(|frame| frame["type"] == "message");
            assert_eq!(message, None, "after the end of the channel");
        }
    }
}

async fn kick(community: &Community, person: &User) {
    let kicked = community.owner.remove_member(&community.id, &person.id);
    kicked.await.expect_done();
}

async fn another_session(user: &User) -> User {
    let body = json!({"username": user.username, "password": PASSWORD, "session": "token"});
    let answer = user.signed_out().login(&body).await.expect_status(200);
    user.in_session(&answer.str("token"))
}

/// The frames before the message with `content`.
async fn frames_until_content(socket: &mut WsClient, content: &str) -> Vec<Value> {
    let mut frames = Vec::new();
    loop {
        let frame = socket.next_frame().await;
        if frame["message"]["content"] == content {
            return frames;
        }
        frames.push(frame);
    }
}

fn assert_removed(frames: &[Value], channel: &str) {
    let unheard = |frame: &&Value| frame.to_string().contains("unheard");
    assert_eq!(
        frames.iter().find(unheard),
        None,
        "after the loss of access"
    );
    let removed =
        |frame: &Value| frame["type"] == "channel_removed" && frame["channel_id"] == channel;
    assert!(frames.iter().any(removed), "{frames:?}");
}

async fn expect_not_a_member(socket: &mut WsClient, channel: &str) {
    socket
        .send_json(json!({"type": "subscribe", "channels": [{"id": channel}]}))
        .await;
    let error = socket.expect_frame("error").await;
    assert_eq!(error["code"], "not_a_member", "{error}");
    assert_eq!(error["channel_id"], channel, "{error}");
}
