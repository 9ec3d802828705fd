//! What clients send: the frames that are answered, those that are refused, and those that
//! end the socket. Nothing that a client sends ends the server.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::fixtures::User;
use crate::support::raw_socket::RawSocket;
use crate::support::server::TestServer;

const FINAL_TEXT: u8 = 0x81;

#[tokio::test]
async fn a_ping_is_answered_with_its_reference() {
    let server = TestServer::start().await;
    let mut socket = server.user("ann").await.socket().await;
    for reference in ["", "a", "\u{1f980} \" \\"] {
        socket
            .send_json(json!({"type": "ping", "ref": reference}))
            .await;
        let pong = socket.next_frame().await;
        assert_eq!(pong["type"], "pong", "{pong}");
        assert_eq!(pong["ref"], reference, "{pong}");
    }
    socket.send_json(json!({"type": "ping"})).await;
    let pong = socket.next_frame().await;
    assert_eq!(pong["type"], "pong", "{pong}");
    assert!(pong["ref"].is_null(), "{pong}");
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut socket = community.owner.socket().await;
    socket
        .send_json(json!({
            "type": "subscribe", "since": "yesterday", "nested": {"a": [1, 2]},
            "channels": [{"id": community.general, "after_seq": 0, "colour": "green"}],
        }))
        .await;
    socket.expect_frame("subscribed").await;
    webhook.says("hello").await;
    socket.expect_frame("message").await;
    socket
        .send_json(json!({"type": "ping", "ref": "x", "more": true}))
        .await;
    socket.expect_frame("pong").await;
}

#[tokio::test]
async fn an_unknown_type_is_refused_by_name_and_the_socket_stays() {
    let server = TestServer::start().await;
    let mut socket = server.user("ann").await.socket().await;
    for kind in ["frobnicate", "", "Subscribe", "message", "hello"] {
        socket.send_json(json!({"type": kind, "ref": "r1"})).await;
        let error = socket.next_frame().await;
        assert_eq!(error["type"], "error", "{kind}: {error}");
        assert_eq!(error["code"], "unknown_type", "{kind}: {error}");
        assert!(error["detail"].is_string(), "{kind}: {error}");
        assert_eq!(error["ref"], "r1", "{kind}: {error}");
    }
    socket.round_trip().await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_a_bad_frame_and_the_socket_stays() {
    let server = TestServer::start().await;
    let mut socket = server.user("ann").await.socket().await;
    let id = uuid::Uuid::now_v7();
    let deep = "[".repeat(20_000);
    let frames = [
        String::new(),
        "not JSON".to_owned(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"subscribe\"".to_owned(),
        deep,
        r#"{"type":"subscribe"}"#.to_owned(),
        r#"{"type":"subscribe","channels":{}}"#.to_owned(),
        r#"{"type":"subscribe","channels":["x"]}"#.to_owned(),
        r#"{"type":"subscribe","channels":[{"id":"not an id"}]}"#.to_owned(),
        format!(r#"{{"type":"subscribe","channels":[{{"id":"{id}","after_seq":"1"}}]}}"#),
        format!(r#"{{"type":"subscribe","channels":[{{"id":"{id}","after_seq":1.5}}]}}"#),
        r#"{"type":"unsubscribe","channels":"all"}"#.to_owned(),
        r#"{"type":"ack","notifications":[7]}"#.to_owned(),
    ];
    for frame in frames {
        let start: String = frame.chars().take(80).collect();
        socket.send_raw(Message::text(frame)).await;
        let error = socket.next_frame().await;
        assert_eq!(error["type"], "error", "{start}: {error}");
        assert_eq!(error["code"], "bad_frame", "{start}: {error}");
        assert!(error["detail"].is_string(), "{start}: {error}");
    }
    for frame in [r"{}", r#"{"type":null}"#, r#"{"type":5}"#] {
        socket.send_raw(Message::text(frame)).await;
        let error = socket.next_frame().await;
        let code = error["code"].as_str().unwrap_or_default();
        assert!(["bad_frame", "unknown_type"].contains(&code), "{error}");
    }
    socket.round_trip().await;
}

#[tokio::test]
async fn a_binary_frame_ends_the_socket_as_unsupported() {
    let server = TestServer::start().await;
    let mut socket = server.user("ann").await.socket().await;
    socket.send_raw(Message::binary(vec![1, 2, 3])).await;
    socket.expect_close(1003).await;
}

#[tokio::test]
async fn a_frame_of_64_kib_is_taken_and_one_byte_more_is_too_big() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let mut socket = user.socket().await;
    let ping = |length: usize| {
        let empty = json!({"type": "ping", "ref": "big", "x": ""}).to_string();
        let filling = "x".repeat(length - empty.len());
        let frame = json!({"type": "ping", "ref": "big", "x": filling}).to_string();
        assert_eq!(frame.len(), length);
        Message::text(frame)
    };
    socket.send_raw(ping(65_536)).await;
    let pong = socket.next_frame().await;
    assert_eq!(pong["ref"], "big", "{pong}");
    // The server may close before it has taken all of it.
    let _ = socket.try_send(ping(65_537)).await;
    socket.expect_close(1009).await;
    let mut socket = user.socket().await;
    let _ = socket.try_send(ping(4 * 1024 * 1024)).await;
    let (_, code) = socket.until_end().await;
    // What is still on its way when the server closes can make the kernel reset the
    // connection before the close frame is read.
    assert!(matches!(code, Some(1009) | None), "{code:?}");
    user.socket().await.round_trip().await;
}

#[tokio::test]
async fn a_fragmented_frame_is_refused_without_harm() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let mut socket = user.socket().await;
    let first = Frame::message(&br#"{"type":"#[..], OpCode::Data(Data::Text), false);
    let second = Frame::message(&br#""ping"}"#[..], OpCode::Data(Data::Continue), true);
    socket.send_raw(Message::Frame(first)).await;
    let _ = socket.try_send(Message::Frame(second)).await;
    match socket.next_or_end().await {
        Ok(frame) => assert_eq!(frame["type"], "error", "{frame}"),
        Err(code) => {
            let code = code.expect("a close code");
            assert!([1002, 1003, 1008, 1009].contains(&code), "{code}");
        }
    }
    user.socket().await.round_trip().await;
}

#[tokio::test]
async fn fragments_without_end_are_not_gathered() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let mut socket = RawSocket::open(&user).await;
    let fragment = vec![b'x'; 60_000];
    socket.send_frame(0x01, &fragment).await;
    for _ in 0..400 {
        socket.send_frame(0x00, &fragment).await;
    }
    // 24 MB of one message: the server has given up on it, by closing or by refusing each.
    drop(socket);
    user.socket().await.round_trip().await;
}

#[tokio::test]
async fn frames_that_break_the_protocol_end_only_their_own_socket() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let mut bystander = user.socket().await;
    let broken: [&[u8]; 6] = [
        // Not masked.
        &[FINAL_TEXT, 0x02, b'{', b'}'],
        // A reserved opcode.
        &[0x83, 0x80, 0, 0, 0, 0],
        // A control frame longer than one may be.
        &[0x89, 0xfe, 0x10, 0x00, 0, 0, 0, 0],
        // Reserved bits.
        &[0xf1, 0x80, 0, 0, 0, 0],
        // A length with its highest bit set.
        &[
            FINAL_TEXT, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ],
        // Not a WebSocket at all.
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    for bytes in broken {
        let mut socket = RawSocket::open(&user).await;
        socket.send(bytes).await;
        // Some of these the server may ignore; what counts is that nobody else notices.
        socket.is_open_for(100).await;
        bystander.round_trip().await;
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_refused() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let mut socket = user.socket().await;
    let bytes = vec![b'"', 0xff, 0xfe, b'"'];
    let frame = Frame::message(bytes, OpCode::Data(Data::Text), true);
    socket.send_raw(Message::Frame(frame)).await;
    match socket.next_or_end().await {
        Ok(frame) => assert_eq!(frame["code"], "bad_frame", "{frame}"),
        Err(code) => assert!(code.is_some(), "a close code"),
    }
    user.socket().await.round_trip().await;
}

#[tokio::test]
async fn a_client_that_says_goodbye_gets_one_back() {
    let server = TestServer::start().await;
    let mut socket = server.user("ann").await.socket().await;
    socket.send_raw(Message::Close(None)).await;
    let (frames, _) = socket.until_end().await;
    assert_eq!(frames, Vec::<Value>::new());
}

#[tokio::test]
async fn a_hundred_frames_at_once_are_fine_by_default() {
    let server = TestServer::start().await;
    let mut socket = server.user("ann").await.socket().await;
    for number in 0..100 {
        let reference = number.to_string();
        socket
            .send_json(json!({"type": "ping", "ref": reference}))
            .await;
    }
    for number in 0..100 {
        let pong = socket.next_frame().await;
        assert_eq!(pong["type"], "pong", "{pong}");
        assert_eq!(pong["ref"], number.to_string(), "{pong}");
    }
}

#[tokio::test]
async fn too_many_frames_are_refused_and_then_end_the_socket() {
    let server = TestServer::start().await;
    let mut socket = server.user("ann").await.socket().await;
    for _ in 0..1000 {
        if socket
            .try_send(Message::text(r#"{"type":"ping"}"#))
            .await
            .is_err()
        {
            break;
        }
    }
    let (frames, code) = socket.until_end().await;
    assert!(matches!(code, Some(1008) | None), "{code:?}");
    let (pongs, refusals) = count(&frames);
    assert!(pongs >= 100, "the burst is answered, not only {pongs}");
    assert!(refusals >= 1, "a refusal comes before the end");
    assert!(pongs + refusals < 1000, "the end came before the last");
}

#[tokio::test]
async fn the_socket_ends_after_a_burst_of_refusals() {
    let server = TestServer::with(|settings| {
        settings.sockets.frames_per_second = 1;
        settings.sockets.frames_burst = 5;
    })
    .await;
    let mut socket = server.user("ann").await.socket().await;
    // One at a time, so that nothing is on its way when the server closes.
    let (mut pongs, mut refusals) = (0, 0);
    let code = loop {
        let ping = Message::text(r#"{"type":"ping"}"#);
        let _ = socket.try_send(ping).await;
        match socket.next_or_end().await {
            Ok(frame) if frame["type"] == "pong" => pongs += 1,
            Ok(frame) => {
                assert_eq!(frame["code"], "rate_limited", "{frame}");
                refusals += 1;
            }
            Err(code) => break code,
        }
        assert!(pongs + refusals < 200, "{pongs} pongs, {refusals} refusals");
    };
    assert_eq!(code, Some(1008));
    assert!(pongs >= 5, "the burst is answered, not only {pongs}");
    assert!((1..=10).contains(&refusals), "{refusals} refusals");
}

#[tokio::test]
async fn a_client_that_slows_down_is_served_again() {
    let server = TestServer::with(|settings| {
        settings.sockets.frames_per_second = 5;
        settings.sockets.frames_burst = 5;
    })
    .await;
    let mut socket = server.user("ann").await.socket().await;
    for _ in 0..7 {
        socket.send_json(json!({"type": "ping"})).await;
    }
    socket
        .expect_frame_where("a refusal", |frame| frame["code"] == "rate_limited")
        .await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    socket.round_trip().await;
}

#[tokio::test]
async fn the_limit_can_be_switched_off() {
    let server = TestServer::with(|settings| settings.sockets.frames_per_second = 0).await;
    let mut socket = server.user("ann").await.socket().await;
    for _ in 0..500 {
        socket.send_json(json!({"type": "ping"})).await;
    }
    for _ in 0..500 {
        assert_eq!(socket.next_frame().await["type"], "pong");
    }
}

fn count(frames: &[Value]) -> (usize, usize) {
    let of = |member: &str, value: &str| {
        let matching = frames.iter().filter(|frame| frame[member] == value);
        matching.count()
    };
    (of("type", "pong"), of("code", "rate_limited"))
}

async fn server_with_quick_heartbeat() -> (TestServer, User) {
    let server = TestServer::with(|settings| {
        settings.sockets.heartbeat_interval_ms = 300;
        settings.sockets.heartbeat_timeout_ms = 600;
    })
    .await;
    let user = server.user("ann").await;
    (server, user)
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let (_server, user) = server_with_quick_heartbeat().await;
    let (mut socket, hello) = user.handshake().connect_and_greet().await;
    assert_eq!(hello["heartbeat_interval_ms"], 300);
    socket.expect_pings(6).await;
    socket.round_trip().await;
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_cut_off() {
    let (_server, user) = server_with_quick_heartbeat().await;
    let mut socket = RawSocket::open(&user).await;
    let lasted = socket.until_closed().await;
    assert!(lasted > Duration::from_millis(500), "only {lasted:?}");
    assert!(lasted < Duration::from_secs(5), "as long as {lasted:?}");
}

#[tokio::test]
async fn any_frame_is_a_sign_of_life() {
    let (_server, user) = server_with_quick_heartbeat().await;
    let mut socket = RawSocket::open(&user).await;
    for _ in 0..12 {
        socket
            .send_frame(FINAL_TEXT, br#"{"type":"unheard of"}"#)
            .await;
        assert!(socket.is_open_for(200).await, "a talking client stays");
    }
    socket.until_closed().await;
}
