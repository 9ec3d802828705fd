//! Opening a socket: who may, from which pages, and what the server says first.

use serde_json::Value;

use crate::support::handshake::Handshake;
use crate::support::raw;
use crate::support::server::TestServer;

#[tokio::test]
async fn the_hello_comes_first_and_introduces_both_sides() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let (_first, hello) = user.handshake().connect_and_greet().await;
    assert_eq!(hello["user_id"], user.id.as_str());
    assert_eq!(hello["heartbeat_interval_ms"], 25_000);
    assert_eq!(hello["unread_notifications"], 0);
    assert_eq!(hello["server_version"], env!("CARGO_PKG_VERSION"));
    for id in ["session_id", "epoch"] {
        let id = hello[id].as_str().expect("an id");
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{hello}");
    }
    let (_second, again) = user.handshake().connect_and_greet().await;
    assert_eq!(hello["epoch"], again["epoch"], "one history, one epoch");
}

#[tokio::test]
async fn the_hello_counts_unread_alerts_acknowledged_or_not() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    webhook.says("@ann one").await;
    webhook.says("@ann two").await;
    let (mut socket, hello) = ann.handshake().connect_and_greet().await;
    assert_eq!(hello["unread_notifications"], 2);
    let alert = socket.expect_frame("mention").await;
    let ids = [alert["notification"]["id"].clone()];
    socket
        .send_json(serde_json::json!({"type": "ack", "notifications": ids}))
        .await;
    socket.round_trip().await;
    let (_socket, hello) = ann.handshake().connect_and_greet().await;
    assert_eq!(hello["unread_notifications"], 2, "seen is not read");
}

#[tokio::test]
async fn without_a_valid_session_there_is_no_socket() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let own = server.origin();
    Handshake::to(&own).refused(401).await;
    Handshake::to(&own).origin(&own).refused(401).await;
    Handshake::to(&own).bearer("nonsense").refused(401).await;
    let unknown = "x".repeat(64);
    Handshake::to(&own).bearer(&unknown).refused(401).await;
    let cookie = Handshake::to(&own).cookie(&unknown);
    cookie.origin(&own).refused(401).await;
    user.logout().await.expect_done();
    user.handshake().refused(401).await;
}

#[tokio::test]
async fn a_bearer_token_opens_a_socket_whatever_the_origin() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let _plain = user.handshake().connect_and_greet().await;
    let foreign = user.handshake().origin("https://evil.example");
    let _foreign = foreign.connect_and_greet().await;
}

#[tokio::test]
async fn a_cookie_opens_a_socket_only_from_the_servers_own_pages() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let with_cookie = || Handshake::to(&server.origin()).cookie(user.token());
    let port = server.port;
    // The loopback names count as one origin when the public URL is one of them.
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let own = format!("http://{host}:{port}");
        let (_socket, hello) = with_cookie().origin(&own).connect_and_greet().await;
        assert_eq!(hello["user_id"], user.id.as_str(), "from {own}");
    }
    with_cookie().refused(403).await;
    let other_port = if port == u16::MAX { port - 1 } else { port + 1 };
    let foreign = [
        "null".to_owned(),
        String::new(),
        "https://evil.example".to_owned(),
        format!("http://evil.example:{port}"),
        format!("http://localhost.evil.example:{port}"),
        format!("http://evil-localhost:{port}"),
        format!("http://localhost:{port}.evil.example"),
        format!("http://localhost:{port}@evil.example"),
        format!("http://localhost:{other_port}"),
        format!("http://127.0.0.1:{other_port}"),
        "http://localhost".to_owned(),
        format!("https://localhost:{port}"),
        format!("ws://localhost:{port}"),
        format!("http://127.0.0.2:{port}"),
    ];
    for origin in foreign {
        with_cookie().origin(&origin).refused(403).await;
    }
}

#[tokio::test]
async fn behind_https_only_the_public_origin_and_the_host_cookie_count() {
    let server = TestServer::with(|settings| {
        settings.public_url = "https://chat.example.com".to_owned();
    })
    .await;
    let user = server.user("ann").await;
    let cookie = |name: &str| {
        let value = format!("{name}={}", user.token());
        Handshake::to(&server.origin()).header("cookie", &value)
    };
    let own = || cookie("__Host-chatalot_session");
    let (_socket, _) = own()
        .origin("https://chat.example.com")
        .connect_and_greet()
        .await;
    let foreign = [
        format!("http://localhost:{}", server.port),
        "http://chat.example.com".to_owned(),
        "https://chat.example.com:8443".to_owned(),
        "https://chat.example.com.evil.example".to_owned(),
        "https://evil-chat.example.com".to_owned(),
    ];
    for origin in foreign {
        own().origin(&origin).refused(403).await;
    }
    // Without the prefix anybody on a sibling domain could have set it.
    let plain = cookie("chatalot_session").origin("https://chat.example.com");
    plain.refused(401).await;
}

#[tokio::test]
async fn a_request_that_is_no_upgrade_is_told_so() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let request = |headers: &str| {
        let token = user.token();
        format!("GET /api/ws HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{headers}")
    };
    let plain = raw::exchange(server.port, &request(""), b"").await;
    assert!((400..500).contains(&plain.status), "{plain:?}");
    plain.check_problem();
    // `exchange` says Connection: close, which leaves these requests without an upgrade too.
    let wrong_version = "Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n";
    let answer = raw::exchange(server.port, &request(wrong_version), b"").await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    answer.check_problem();
}

#[tokio::test]
async fn one_user_may_open_only_so_many_sockets() {
    let server = TestServer::with(|settings| settings.sockets.max_per_user = 2).await;
    let user = server.user("ann").await;
    let _first = user.socket().await;
    let second = user.socket().await;
    user.handshake().refused(429).await;
    let _other = server.user("bob").await.socket().await;
    drop(second);
    open_when_there_is_room(&user.handshake()).await;
}

#[tokio::test]
async fn the_server_takes_only_so_many_sockets() {
    let server = TestServer::with(|settings| settings.sockets.max = 2).await;
    let user = server.user("ann").await;
    let _first = user.socket().await;
    let second = user.socket().await;
    let bob = server.user("bob").await;
    bob.handshake().refused(503).await;
    drop(second);
    open_when_there_is_room(&bob.handshake()).await;
}

/// The server learns of a hang-up when it reads it, which nothing tells the client.
async fn open_when_there_is_room(handshake: &Handshake) {
    let opened = async {
        loop {
            if let Ok(mut socket) = handshake.clone().try_connect().await {
                let hello: Value = socket.next_frame().await;
                assert_eq!(hello["type"], "hello");
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let opened = tokio::time::timeout(crate::support::socket::DEADLINE, opened).await;
    assert!(opened.is_ok(), "the closed socket should make room");
}
