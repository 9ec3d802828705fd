//! What a device may subscribe with: endpoints that lead to a push service and nowhere else,
//! and keys that a push can be encrypted to.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::client::ApiClient;
use crate::support::push_crypto::{DeviceKeys, base64url};
use crate::support::server::TestServer;

/// Texts that must not be taken for an endpoint.
const REFUSED: &[&str] = &[
    // No absolute https URL.
    "",
    " ",
    "/rel",
    "//fcm.googleapis.com/x",
    "fcm.googleapis.com/fcm/send/x",
    "mailto:x@fcm.googleapis.com",
    "data:,x",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "http://fcm.googleapis.com/x",
    "ftp://fcm.googleapis.com/x",
    "wss://fcm.googleapis.com/x",
    "https:///x",
    "https://",
    "https://fcm.google apis.com/x",
    // Credentials.
    "https://user@fcm.googleapis.com/x",
    "https://user:secret@fcm.googleapis.com/x",
    "https://:secret@fcm.googleapis.com/x",
    "https://fcm.googleapis.com@evil.example/x",
    "https://fcm.googleapis.com:secret@evil.example/x",
    // Ports.
    "https://fcm.googleapis.com:8443/x",
    "https://fcm.googleapis.com:80/x",
    "https://fcm.googleapis.com:0/x",
    "https://fcm.googleapis.com:65536/x",
    // Fragments.
    "https://fcm.googleapis.com/x#y",
    "https://fcm.googleapis.com/x#",
    // Addresses, in all the forms that a parser understands.
    "https://127.0.0.1/x",
    "https://1.1.1.1/x",
    "https://1.1.1.1./x",
    "https://10.0.0.1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://0x7f.1/x",
    "https://0177.0.0.1/x",
    "https://127.1/x",
    "https://%31%32%37.0.0.1/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://[2606:4700:4700::1111]/x",
    "https://[fe80::1]/x",
    // Names without a domain, and names with a dot at the end.
    "https://localhost/x",
    "https://intranet/x",
    "https://fcm.googleapis.com./x",
    "https://FCM.GOOGLEAPIS.COM./x",
    "https://wns2-par02p.notify.windows.com./x",
    // Names that look like those of a push service.
    "https://evil.example/x",
    "https://evil.example/fcm.googleapis.com",
    "https://evil.example/?https://fcm.googleapis.com/x",
    "https://evil.example\\@fcm.googleapis.com/x",
    "https://googleapis.com/x",
    "https://storage.googleapis.com/x",
    "https://evil.fcm.googleapis.com/x",
    "https://evilfcm.googleapis.com/x",
    "https://fcm.googleapis.com.evil.example/x",
    "https://fcm.googleapis.com.evil/x",
    "https://xn--fcm-gogleapis-9vh.com/x",
    "https://fcm.go\u{3bf}gleapis.com/x",
    "https://push.services.mozilla.com/x",
    "https://web.push.apple.com.evil.example/x",
    // A wildcard stands for whole labels, and for at least one.
    "https://notify.windows.com/x",
    "https://.notify.windows.com/x",
    "https://..notify.windows.com/x",
    "https://x..notify.windows.com/x",
    "https://evilnotify.windows.com/x",
    "https://evil-notify.windows.com/x",
    "https://wns.notify.windows.com.evil.example/x",
    // The switch for tests is off.
    "http://127.0.0.1:9000/x",
    "http://localhost:9000/x",
    "http://[::1]:9000/x",
];

/// Endpoints as the known push services hand them out.
const ACCEPTED: &[&str] = &[
    "https://fcm.googleapis.com/fcm/send/cF2b:APA91b-_x",
    "https://FCM.GoogleAPIs.com/wp/x",
    "https://jmt17.google.com/fcm/send/x",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAAAB-_x",
    "https://web.push.apple.com/QGuQyavXutnMH_x",
    "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAB%2fx%2b",
    "https://db5p.notify.windows.com/w/?token=x",
];

fn subscription(endpoint: &str) -> Value {
    DeviceKeys::new().subscription(endpoint)
}

/// An endpoint of so many characters at a known host.
fn of_length(length: usize) -> String {
    let start = "https://fcm.googleapis.com/fcm/send/";
    format!("{start}{}", "a".repeat(length - start.len()))
}

async fn expect_all_refused(client: &ApiClient, endpoints: &[&str]) {
    let mut taken = Vec::new();
    for endpoint in endpoints {
        let answer = client.subscribe_push(&subscription(endpoint)).await;
        match answer.status {
            201 => taken.push(endpoint),
            _ => drop(answer.expect_invalid(&["/endpoint"])),
        }
    }
    assert!(taken.is_empty(), "these were taken: {taken:#?}");
    assert_eq!(client.devices().await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_endpoint_that_is_not_at_a_known_push_service_is_refused() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    assert!(REFUSED.len() >= 30);
    expect_all_refused(&ada, REFUSED).await;
}

#[tokio::test]
async fn endpoints_of_the_known_push_services_are_taken() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    for endpoint in ACCEPTED {
        let answer = ada.subscribe_push(&subscription(endpoint)).await;
        assert_eq!(answer.status, 201, "{endpoint:?}: {}", answer.text);
    }
    assert_eq!(ada.devices().await.len(), ACCEPTED.len());
}

#[tokio::test]
async fn an_endpoint_has_at_most_1024_characters() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let too_long = [
        of_length(1025),
        of_length(50_000),
        // It grows when it is written as a URL.
        format!("https://fcm.googleapis.com/{}", "é".repeat(500)),
    ];
    let too_long: Vec<&str> = too_long.iter().map(String::as_str).collect();
    expect_all_refused(&ada, &too_long).await;
    let answer = ada.subscribe_push(&subscription(&of_length(1024))).await;
    answer.expect_status(201);
}

#[tokio::test]
async fn an_operator_says_which_push_services_are_known() {
    let hosts = ["push.example.org", "*.push.example.net"].map(str::to_owned);
    let server = TestServer::with(|settings| settings.push.allowed_hosts = hosts.into()).await;
    let ada = server.user("ada").await;
    let refused = [
        "https://fcm.googleapis.com/x",
        "https://a.push.example.org/x",
        "https://push.example.net/x",
        "https://evilpush.example.net/x",
    ];
    expect_all_refused(&ada, &refused).await;
    for endpoint in [
        "https://push.example.org/x",
        "https://Push.Example.Org/y",
        "https://a.push.example.net/x",
    ] {
        let answer = ada.subscribe_push(&subscription(endpoint)).await;
        answer.expect_status(201);
    }
}

#[tokio::test]
async fn the_switch_for_tests_lets_only_loopback_addresses_through() {
    let server = TestServer::with(|settings| settings.push.allow_loopback_http = true).await;
    let ada = server.user("ada").await;
    let refused = [
        "http://10.0.0.1:9000/x",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0:9000/x",
        "http://[::ffff:10.0.0.1]:9000/x",
        "http://127.0.0.1.evil.example:9000/x",
        "http://user@127.0.0.1:9000/x",
        "http://127.0.0.1@evil.example:9000/x",
        "http://127.0.0.1:9000/x#y",
        "http://fcm.googleapis.com/x",
        "http://evil.example:9000/x",
        "https://127.0.0.1:9000/x",
        "ftp://127.0.0.1:9000/x",
        "https://fcm.googleapis.com:8443/x",
    ];
    expect_all_refused(&ada, &refused).await;
    for endpoint in ["http://127.0.0.1:9000/x", "https://fcm.googleapis.com/x"] {
        let answer = ada.subscribe_push(&subscription(endpoint)).await;
        answer.expect_status(201);
    }
}

#[test]
fn the_switch_for_tests_stops_the_start_behind_https() {
    let run = |url: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_chatalot"))
            .env_clear()
            .env("HOME", "/nonexistent")
            .env("CHATALOT_PUBLIC_URL", url)
            .env("CHATALOT_PUSH__ALLOW_LOOPBACK_HTTP", "true")
            // Whoever passes the check of the settings stops here.
            .env("CHATALOT_DATABASE__URL", "postgres://nobody@127.0.0.1:1/x")
            .output()
            .unwrap();
        assert!(!output.status.success(), "{url} was started with");
        assert!(output.stdout.is_empty(), "nothing is ready: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for url in ["https://chat.example.com", "HTTPS://chat.example.com"] {
        let shown = run(url);
        for word in ["push.allow_loopback_http", "https"] {
            assert!(shown.contains(word), "no {word:?} in: {shown}");
        }
        assert!(!shown.contains("panicked"), "{shown}");
    }
}

/// A subscription whose keys are these.
fn with_keys(p256dh: &str, auth: &str) -> Value {
    json!({
        "endpoint": "https://fcm.googleapis.com/x",
        "keys": {"p256dh": p256dh, "auth": auth},
    })
}

#[tokio::test]
async fn a_public_key_that_nothing_can_be_encrypted_to_is_refused() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let keys = DeviceKeys::new();
    let mut off_curve = keys.point();
    off_curve[64] ^= 1;
    let mut hybrid = keys.point();
    hybrid[0] = 6 + (hybrid[64] & 1);
    let mut longer = keys.point();
    longer.push(0);
    let mut origin = vec![0; 65];
    origin[0] = 4;
    let refused = [
        String::new(),
        "\0".to_owned(),
        "not base64url".to_owned(),
        format!("{}=", keys.p256dh()),
        format!(" {}", keys.p256dh()),
        base64url(&off_curve),
        base64url(&hybrid),
        base64url(&longer),
        base64url(&keys.point()[..64]),
        base64url(&keys.point()[1..]),
        base64url(&keys.compressed_point()),
        base64url(&origin),
        base64url(&[0]),
        "A".repeat(50_000),
    ];
    for p256dh in refused {
        let answer = ada.subscribe_push(&with_keys(&p256dh, &keys.auth())).await;
        assert_eq!(answer.status, 422, "{p256dh:?}: {}", answer.text);
        let answer = answer.expect_invalid(&["/keys/p256dh"]);
        assert!(p256dh.len() < 20 || !answer.text.contains(&p256dh));
    }
    assert_eq!(ada.devices().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_secret_of_another_form_is_refused() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let keys = DeviceKeys::new();
    let refused = [
        String::new(),
        "\0".to_owned(),
        "not/base64+url".to_owned(),
        format!("{}==", keys.auth()),
        format!("{} ", keys.auth()),
        base64url(&[7; 15]),
        base64url(&[7; 17]),
        base64url(&[7; 32]),
    ];
    for auth in refused {
        let answer = ada.subscribe_push(&with_keys(&keys.p256dh(), &auth)).await;
        assert_eq!(answer.status, 422, "{auth:?}: {}", answer.text);
        answer.expect_invalid(&["/keys/auth"]);
    }
    assert_eq!(ada.devices().await, Vec::<Value>::new());
}

#[tokio::test]
async fn every_wrong_field_of_a_subscription_is_named() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let keys = DeviceKeys::new();
    let (endpoint, p256dh) = ("https://fcm.googleapis.com/x", keys.p256dh());
    let cases = [
        (json!({}), vec!["/endpoint", "/keys/p256dh", "/keys/auth"]),
        (
            json!({"endpoint": 5, "keys": 5}),
            vec!["/endpoint", "/keys"],
        ),
        (
            json!({"endpoint": endpoint, "keys": null}),
            vec!["/keys/p256dh", "/keys/auth"],
        ),
        (
            json!({"endpoint": endpoint, "keys": {}}),
            vec!["/keys/p256dh", "/keys/auth"],
        ),
        (
            json!({"endpoint": null, "keys": {"p256dh": p256dh}}),
            vec!["/endpoint", "/keys/auth"],
        ),
        (
            json!({"endpoint": "/rel", "keys": {"p256dh": "x", "auth": "x"}}),
            vec!["/endpoint", "/keys/p256dh", "/keys/auth"],
        ),
        (
            json!({"endpoint": 5, "keys": {"p256dh": [], "auth": {}}}),
            vec!["/endpoint", "/keys/p256dh", "/keys/auth"],
        ),
    ];
    for (body, pointers) in cases {
        ada.subscribe_push(&body).await.expect_invalid(&pointers);
    }
    let unread: [&[u8]; 4] = [b"", b"{", b"[]", b"null"];
    for body in unread {
        let call = ada.post("/api/push/subscriptions").bytes(body);
        let call = call.header("content-type", "application/json");
        call.send().await.expect_refused(422);
    }
}

#[tokio::test]
async fn a_subscription_that_is_not_declared_as_json_is_refused() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let body = subscription("https://fcm.googleapis.com/x").to_string();
    for media_type in [None, Some("text/plain")] {
        let mut call = ada.post("/api/push/subscriptions").bytes(body.as_str());
        if let Some(media_type) = media_type {
            call = call.header("content-type", media_type);
        }
        call.send().await.expect_refused(415);
    }
    assert_eq!(ada.devices().await, Vec::<Value>::new());
}
