//! Devices that subscribe to pushes: whose they are, how long, how many, and the key they
//! subscribe with.

use chatalot::config::Secret;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::client::ApiClient;
use crate::support::formats::{assert_id, assert_time};
use crate::support::push_crypto::{DeviceKeys, base64url, from_base64url};
use crate::support::server::TestServer;

/// The greatest number of devices of one user.
const MOST_DEVICES: usize = 20;

/// Where the device `name` would be reached if it existed.
fn endpoint(name: &str) -> String {
    format!("https://fcm.googleapis.com/fcm/send/{name}")
}

/// What a browser at that endpoint sends, with keys of its own.
fn browser(name: &str) -> Value {
    DeviceKeys::new().subscription(&endpoint(name))
}

/// Subscribes a browser, which must be accepted, and tells the device's id.
async fn subscribe(client: &ApiClient, name: &str) -> String {
    let answer = client.subscribe_push(&browser(name)).await;
    answer.expect_status(201).id()
}

/// The session that `client` is signed in with.
async fn own_session(client: &ApiClient) -> String {
    let sessions = client.sessions().await.expect_status(200);
    let own = sessions.list().iter().find(|it| it["current"] == true);
    own.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Makes it 31 days since `session` was used, which ends it.
async fn leave_unused(server: &TestServer, session: &str) {
    let client = server.database.connect().await;
    let statement = "update sessions set last_seen_at = now() - interval '31 days' \
         where id = $1::text::uuid";
    let changed = client.execute(statement, &[&session]).await.unwrap();
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn the_key_is_an_uncompressed_point_that_needs_no_login() {
    let server = TestServer::start().await;
    let key = server.anonymous().push_public_key().await;
    let point = from_base64url(&key).unwrap();
    assert_eq!((point.len(), point[0]), (65, 4), "{key}");
    p256::PublicKey::from_sec1_bytes(&point).expect("a point of the curve");
    let ada = server.user("ada").await;
    assert_eq!(ada.push_public_key().await, key);
    let other = TestServer::start().await;
    let others = other.anonymous().push_public_key().await;
    assert_ne!(others, key, "each instance makes its own");
}

#[tokio::test]
async fn the_key_survives_restarts_and_is_one_for_all_servers_of_a_database() {
    let mut first = TestServer::start().await;
    let url = first.database.url();
    let on_the_same = || TestServer::with(|it| it.database.url = Secret::new(url.as_str()));
    let key = first.anonymous().push_public_key().await;
    let second = on_the_same().await;
    assert_eq!(second.anonymous().push_public_key().await, key);
    first.stop();
    drop(second);
    let restarted = on_the_same().await;
    assert_eq!(restarted.anonymous().push_public_key().await, key);
}

#[tokio::test]
async fn an_operator_may_bring_the_key() {
    let private = [7; 32];
    let public = p256::SecretKey::from_slice(&private).unwrap().public_key();
    let server = TestServer::with(|settings| {
        settings.push.vapid_private_key = Secret::new(base64url(&private));
    })
    .await;
    let key = server.anonymous().push_public_key().await;
    let point = from_base64url(&key).unwrap();
    assert_eq!(p256::PublicKey::from_sec1_bytes(&point), Ok(public));
}

#[tokio::test]
async fn servers_that_first_start_together_agree_on_one_key() {
    // Held while the others start: its database is theirs.
    let holder = TestServer::start().await;
    let client = holder.database.connect().await;
    let url = holder.database.url();
    client
        .batch_execute("truncate vapid_keys")
        .await
        .expect("the table of the keys");
    let start = || TestServer::with(|it| it.database.url = Secret::new(url.as_str()));
    let servers = join_all((0..3).map(|_| start())).await;
    let keys = join_all(servers.iter().map(|server| async {
        let anonymous = server.anonymous();
        anonymous.push_public_key().await
    }));
    let keys = keys.await;
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn a_new_device_is_answered_without_its_endpoint_and_keys() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let answer = ada.subscribe_push(&browser("phone")).await;
    let answer = answer.expect_status(201);
    assert_id(&answer.body["id"]);
    assert_time(&answer.body["created_at"]);
    let members: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
    let expected = ["created_at", "failing_since", "id", "last_success_at"];
    assert_eq!(members, expected, "{}", answer.text);
    assert_eq!(answer.body["last_success_at"], Value::Null);
    assert_eq!(answer.body["failing_since"], Value::Null);
    assert_eq!(ada.devices().await, [answer.body]);
}

#[tokio::test]
async fn what_a_browser_adds_to_a_subscription_is_taken() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let mut expiring = browser("expiring");
    expiring["expirationTime"] = json!(1_893_456_000_000.0);
    let mut bare = browser("bare");
    bare.as_object_mut().unwrap().remove("expirationTime");
    let mut newer = browser("newer");
    newer["options"] = json!({"userVisibleOnly": true});
    newer["keys"]["p521"] = json!("x");
    for body in [expiring, bare, newer] {
        ada.subscribe_push(&body).await.expect_status(201);
    }
}

#[tokio::test]
async fn the_same_endpoint_again_is_the_same_device() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let first = ada.subscribe_push(&browser("phone")).await;
    let first = first.expect_status(201);
    // The host is the same in capitals, and the keys may be new.
    let mut again = browser("phone");
    again["endpoint"] = json!("https://FCM.GoogleAPIs.com/fcm/send/phone");
    for body in [browser("phone"), again] {
        let answer = ada.subscribe_push(&body).await.expect_status(201);
        assert_eq!(answer.body, first.body);
    }
    let other = subscribe(&ada, "PHONE").await;
    assert_eq!(ada.device_ids().await, [first.id(), other]);
}

#[tokio::test]
async fn one_endpoint_subscribed_many_times_at_once_is_one_device() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let body = browser("phone");
    let calls = (0..12).map(|at| {
        let user = if at % 2 == 0 { &ada } else { &bob };
        user.subscribe_push(&body)
    });
    for answer in join_all(calls).await {
        answer.expect_status(201);
    }
    let both = ada.devices().await.len() + bob.devices().await.len();
    assert_eq!(both, 1, "the device of one of them");
}

#[tokio::test]
async fn a_device_moves_to_the_session_that_subscribes_it_again() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let (old, new) = (ada.sign_in().await, ada.sign_in().await);
    let id = subscribe(&old, "phone").await;
    assert_eq!(subscribe(&new, "phone").await, id);
    old.logout().await.expect_done();
    assert_eq!(ada.device_ids().await, [id]);
    new.logout().await.expect_done();
    assert_eq!(ada.devices().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_device_moves_to_another_user_who_subscribes_it() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let of_ada = subscribe(&ada, "shared").await;
    let kept = subscribe(&ada, "own").await;
    let of_bob = subscribe(&bob, "shared").await;
    assert_eq!(ada.device_ids().await, [kept]);
    assert_eq!(bob.device_ids().await, [of_bob.as_str()]);
    ada.delete_push_subscription(&of_ada)
        .await
        .expect_refused(404);
    ada.test_push(&of_ada).await.expect_refused(404);
    ada.logout().await.expect_done();
    assert_eq!(bob.device_ids().await, [of_bob]);
}

#[tokio::test]
async fn a_device_ends_with_its_session_however_that_ends() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let (out, revoked) = (ada.sign_in().await, ada.sign_in().await);
    let (unused, kept) = (ada.sign_in().await, subscribe(&ada, "kept").await);
    subscribe(&out, "out").await;
    subscribe(&revoked, "revoked").await;
    let unused_device = subscribe(&unused, "unused").await;
    assert_eq!(ada.devices().await.len(), 4);
    out.logout().await.expect_done();
    assert_eq!(ada.devices().await.len(), 3);
    let session = own_session(&revoked).await;
    ada.revoke_session(&session).await.expect_done();
    assert_eq!(ada.devices().await.len(), 2);
    let session = own_session(&unused).await;
    leave_unused(&server, &session).await;
    assert_eq!(ada.device_ids().await, [kept]);
    ada.test_push(&unused_device).await.expect_refused(404);
}

#[tokio::test]
async fn a_device_can_be_removed_and_comes_back_as_a_new_one() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let (phone, laptop) = (
        subscribe(&ada, "phone").await,
        subscribe(&ada, "laptop").await,
    );
    // From another session too: a lost phone is removed from elsewhere.
    let elsewhere = ada.sign_in().await;
    elsewhere
        .delete_push_subscription(&phone)
        .await
        .expect_done();
    assert_eq!(ada.device_ids().await, [laptop.as_str()]);
    for gone in [&phone, &uuid::Uuid::now_v7().to_string()] {
        let answer = ada.delete_push_subscription(gone).await;
        answer.expect_refused(404);
        ada.test_push(gone).await.expect_refused(404);
    }
    let again = subscribe(&ada, "phone").await;
    assert_ne!(again, phone);
    assert_eq!(ada.device_ids().await, [laptop, again]);
}

#[tokio::test]
async fn devices_of_others_are_neither_seen_nor_touched() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let id = subscribe(&ada, "phone").await;
    assert_eq!(bob.devices().await, Vec::<Value>::new());
    bob.delete_push_subscription(&id).await.expect_refused(404);
    bob.test_push(&id).await.expect_refused(404);
    assert_eq!(ada.device_ids().await, [id]);
}

#[tokio::test]
async fn a_user_has_at_most_20_devices() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut ids = Vec::new();
    for number in 0..MOST_DEVICES {
        ids.push(subscribe(&ada, &format!("device-{number}")).await);
    }
    let one_more = ada.subscribe_push(&browser("one-more")).await;
    one_more.expect_problem(409, "too_many_devices");
    assert_eq!(ada.device_ids().await, ids, "nothing gave way to it");
    // What is there already can be renewed, from another session too.
    let elsewhere = ada.sign_in().await;
    assert_eq!(subscribe(&elsewhere, "device-3").await, ids[3]);
    // That of somebody else would be one more, and stays theirs.
    let of_bob = subscribe(&bob, "of-bob").await;
    let taken = ada.subscribe_push(&browser("of-bob")).await;
    taken.expect_problem(409, "too_many_devices");
    assert_eq!(bob.device_ids().await, [of_bob]);
    ada.delete_push_subscription(&ids[0]).await.expect_done();
    subscribe(&ada, "one-more").await;
    let again = ada.subscribe_push(&browser("device-0")).await;
    again.expect_problem(409, "too_many_devices");
}

#[tokio::test]
async fn devices_of_sessions_that_ended_leave_room_for_others() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let (out, unused) = (ada.sign_in().await, ada.sign_in().await);
    for number in 0..MOST_DEVICES / 2 {
        subscribe(&out, &format!("out-{number}")).await;
        subscribe(&unused, &format!("unused-{number}")).await;
    }
    let refused = ada.subscribe_push(&browser("new")).await;
    refused.expect_problem(409, "too_many_devices");
    out.logout().await.expect_done();
    for number in 0..MOST_DEVICES / 2 {
        subscribe(&ada, &format!("new-{number}")).await;
    }
    leave_unused(&server, &own_session(&unused).await).await;
    assert_eq!(ada.devices().await.len(), MOST_DEVICES / 2);
    subscribe(&ada, "one-more").await;
}

#[tokio::test]
async fn devices_that_subscribe_at_once_do_not_exceed_the_greatest_number() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let bodies: Vec<Value> = (0..MOST_DEVICES + 10)
        .map(|number| browser(&format!("device-{number}")))
        .collect();
    let answers = join_all(bodies.iter().map(|body| ada.subscribe_push(body))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 201);
    assert_eq!((taken.len(), refused.len()), (MOST_DEVICES, 10));
    for answer in refused {
        answer.expect_problem(409, "too_many_devices");
    }
    assert_eq!(ada.devices().await.len(), MOST_DEVICES);
}

#[tokio::test]
async fn without_a_login_only_the_key_is_told() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let id = subscribe(&ada, "phone").await;
    let anonymous = server.anonymous();
    let answers = [
        anonymous.push_subscriptions().await,
        anonymous.subscribe_push(&browser("laptop")).await,
        anonymous.delete_push_subscription(&id).await,
        anonymous.test_push(&id).await,
    ];
    for answer in answers {
        answer.expect_refused(401);
    }
    assert_eq!(ada.device_ids().await, [id]);
}
