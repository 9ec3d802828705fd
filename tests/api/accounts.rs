//! Making an account and signing in.

use std::time::{Duration, Instant};

use chatalot::config::Registration;
use serde_json::{Value, json};

use crate::support::client::ApiClient;
use crate::support::fixtures::PASSWORD;
use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;

fn account(username: &str) -> Value {
    json!({"username": username, "password": PASSWORD, "session": "token"})
}

#[tokio::test]
async fn the_first_account_owns_the_instance_and_the_next_is_a_member() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let first = anonymous.register(&account("ada")).await.expect_status(201);
    let second = anonymous.register(&account("bob")).await.expect_status(201);
    let user = &first.body["user"];
    assert_eq!(user["username"], "ada");
    assert_eq!(user["instance_role"], "owner");
    assert_id(&user["id"]);
    assert_time(&user["created_at"]);
    assert_eq!(second.body["user"]["instance_role"], "member");
}

#[tokio::test]
async fn the_first_account_can_be_made_in_every_registration_mode() {
    for mode in [Registration::Invite, Registration::Closed] {
        let server = TestServer::with(|settings| settings.registration = mode).await;
        let answer = server.anonymous().register(&account("ada")).await;
        let answer = answer.expect_status(201);
        assert_eq!(answer.body["user"]["instance_role"], "owner");
    }
}

/// Registers, again and again while the server says that it will do later.
async fn register_in_the_end(anonymous: &ApiClient, username: &str) -> String {
    loop {
        let answer = anonymous.register(&account(username)).await;
        if answer.status == 503 {
            answer.header("retry-after");
            continue;
        }
        let answer = answer.expect_status(201);
        return answer.body["user"]["instance_role"]
            .as_str()
            .unwrap()
            .to_owned();
    }
}

#[tokio::test]
async fn of_two_first_accounts_made_at_once_exactly_one_owns_the_instance() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let (ada, bob) = tokio::join!(
        register_in_the_end(&anonymous, "ada"),
        register_in_the_end(&anonymous, "bob")
    );
    let mut roles = [ada, bob];
    roles.sort();
    assert_eq!(roles, ["member", "owner"]);
}

#[tokio::test]
async fn without_an_invite_nobody_joins_an_instance_that_asks_for_one() {
    let server = TestServer::with(|settings| settings.registration = Registration::Invite).await;
    let community = server.community().await;
    let anonymous = server.anonymous();
    let answer = anonymous.register(&account("bob")).await;
    answer.expect_problem(403, "invite_required");
    let mut unknown = account("bob");
    unknown["invite"] = json!("AAAAAAAAAAAAAAAAAAAA");
    let answer = anonymous.register(&unknown).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);

    let code = community.invite(&json!({})).await.str("code");
    let mut invited = account("bob");
    invited["invite"] = json!(code);
    let answer = anonymous.register(&invited).await.expect_status(201);
    let bob = anonymous.with_token(&answer.str("token"));
    let communities = bob.communities().await.expect_status(200);
    assert_eq!(communities.each("id"), [json!(community.id)]);
    assert_eq!(communities.each("role"), ["member"]);
    let channels = bob.channels(&community.id).await.expect_status(200);
    assert_eq!(channels.each("joined"), [true], "general is joined at once");
}

#[tokio::test]
async fn an_invite_that_is_used_up_or_revoked_registers_nobody() {
    let server = TestServer::with(|settings| settings.registration = Registration::Invite).await;
    let community = server.community().await;
    let anonymous = server.anonymous();
    let with_code = |name: &str, code: &str| {
        let mut body = account(name);
        body["invite"] = json!(code);
        body
    };
    let single = community.invite(&json!({"max_uses": 1})).await.str("code");
    let answer = anonymous.register(&with_code("bob", &single)).await;
    answer.expect_status(201);
    let answer = anonymous.register(&with_code("eve", &single)).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    let revoked = community.invite(&json!({})).await.str("code");
    let answer = community.owner.revoke_invite(&revoked).await;
    answer.expect_done();
    let answer = anonymous.register(&with_code("eve", &revoked)).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    let answer = anonymous.login(&account("eve")).await;
    answer.expect_problem(401, "bad_credentials");
}

#[tokio::test]
async fn a_failed_registration_does_not_use_up_its_invite() {
    let server = TestServer::with(|settings| settings.registration = Registration::Invite).await;
    let community = server.community().await;
    let code = community.invite(&json!({"max_uses": 1})).await.str("code");
    let mut body = account("owner");
    body["invite"] = json!(code);
    let anonymous = server.anonymous();
    let answer = anonymous.register(&body).await;
    answer.expect_problem(409, "username_taken");
    body["username"] = json!("bob");
    anonymous.register(&body).await.expect_status(201);
}

#[tokio::test]
async fn a_closed_instance_registers_nobody_even_with_an_invite() {
    let server = TestServer::with(|settings| settings.registration = Registration::Closed).await;
    let community = server.community().await;
    let anonymous = server.anonymous();
    let answer = anonymous.register(&account("bob")).await;
    answer.expect_problem(403, "registration_closed");
    let mut invited = account("bob");
    invited["invite"] = community.invite(&json!({})).await.body["code"].clone();
    let answer = anonymous.register(&invited).await;
    answer.expect_problem(403, "registration_closed");
}

#[tokio::test]
async fn an_open_instance_also_takes_invites() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let mut invited = account("bob");
    invited["invite"] = community.invite(&json!({})).await.body["code"].clone();
    let answer = server.anonymous().register(&invited).await;
    let bob = server
        .anonymous()
        .with_token(&answer.expect_status(201).str("token"));
    bob.community(&community.id).await.expect_status(200);
}

#[tokio::test]
async fn a_username_is_unique_ignoring_case() {
    let server = TestServer::start().await;
    server.user("Bob").await;
    for taken in ["Bob", "bob", "BOB"] {
        let answer = server.anonymous().register(&account(taken)).await;
        answer.expect_problem(409, "username_taken");
    }
}

#[tokio::test]
async fn a_username_has_1_to_32_plain_characters_and_is_not_reserved() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let refused = [
        String::new(),
        "a".repeat(33),
        " bob".to_owned(),
        "bo b".to_owned(),
        "bøb".to_owned(),
        "bob@home".to_owned(),
        "bob\0".to_owned(),
        "everyone".to_owned(),
        "Here".to_owned(),
        "CHANNEL".to_owned(),
    ];
    for username in refused {
        let answer = anonymous.register(&account(&username)).await;
        answer.expect_invalid(&["/username"]);
    }
    let accepted = [
        "a",
        "A_b.c-9",
        &"a".repeat(31),
        &"b".repeat(32),
        "everyone2",
    ];
    for username in accepted {
        let answer = anonymous.register(&account(username)).await;
        answer.expect_status(201);
    }
}

#[tokio::test]
async fn a_password_has_8_to_256_characters() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let body = |number: usize, password: String| json!({"username": format!("u{number}"), "password": password, "session": "token"});
    for length in [0, 7, 257, 5000] {
        let answer = anonymous.register(&body(length, "é".repeat(length))).await;
        answer.expect_invalid(&["/password"]);
    }
    for length in [8, 9, 255, 256] {
        let account = body(length, "é".repeat(length));
        anonymous.register(&account).await.expect_status(201);
        anonymous.login(&account).await.expect_status(200);
    }
}

#[tokio::test]
async fn a_display_name_is_trimmed_and_has_1_to_64_characters() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let body = |username: &str, name: &str| json!({"username": username, "password": PASSWORD, "display_name": name});
    let refused = [" ", &"n".repeat(65), "a\0b", "a\u{7}b", "a\u{202E}b"];
    for name in refused {
        let answer = anonymous.register(&body("bob", name)).await;
        answer.expect_invalid(&["/display_name"]);
    }
    for (username, name) in [("one", "é".to_owned()), ("most", "é".repeat(64))] {
        let answer = anonymous
            .register(&body(username, &format!(" {name} ")))
            .await;
        let answer = answer.expect_status(201);
        assert_eq!(answer.body["user"]["display_name"], name);
    }
}

#[tokio::test]
async fn every_wrong_field_of_a_registration_is_named() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let cases = [
        (json!({}), vec!["/username", "/password"]),
        (
            json!({"username": 5, "password": [], "display_name": {}, "session": "paper"}),
            vec!["/username", "/password", "/display_name", "/session"],
        ),
        (
            json!({"username": "b b", "password": "short"}),
            vec!["/username", "/password"],
        ),
        (
            json!({"username": null, "password": PASSWORD}),
            vec!["/username"],
        ),
    ];
    for (body, pointers) in cases {
        anonymous.register(&body).await.expect_invalid(&pointers);
    }
}

#[tokio::test]
async fn signing_in_answers_the_user_and_a_working_token() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let answer = server.anonymous().login(&account("ada")).await;
    let answer = answer.expect_status(200);
    assert_eq!(answer.body["user"]["id"], json!(ada.id));
    assert_ne!(answer.str("token"), ada.token());
    let again = server.anonymous().with_token(&answer.str("token"));
    let session = again.session().await.expect_status(200);
    assert_eq!(session.body["user"]["username"], "ada");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_answered_alike() {
    let server = TestServer::start().await;
    server.user("ada").await;
    let anonymous = server.anonymous();
    let mut answers = Vec::new();
    for username in ["ada", "nobody"] {
        let body = json!({"username": username, "password": "not the password"});
        let answer = anonymous.login(&body).await;
        let mut answer = answer.expect_problem(401, "bad_credentials");
        answer.body["request_id"] = Value::Null;
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        answers.push((answer.body, names));
    }
    for other in &answers {
        assert_eq!(other, &answers[0]);
    }
}

/// How long a sign-in that is refused takes.
async fn refused_sign_in(server: &TestServer, username: &str) -> Duration {
    let body = json!({"username": username, "password": "not the password"});
    let start = Instant::now();
    server.anonymous().login(&body).await.expect_status(401);
    start.elapsed()
}

#[tokio::test]
async fn an_unknown_user_costs_as_much_time_as_a_wrong_password() {
    let server = TestServer::start().await;
    server.user("ada").await;
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    // The shortest of several, taken in turn: the ones least disturbed by other tests.
    for _ in 0..10 {
        known = known.min(refused_sign_in(&server, "ada").await);
        unknown = unknown.min(refused_sign_in(&server, "nobody").await);
    }
    assert!(unknown > known / 2, "{unknown:?} against {known:?}");
}

#[tokio::test]
async fn beyond_the_bound_of_waiting_passwords_a_sign_in_is_refused_for_now() {
    let server = TestServer::with(|settings| {
        settings.limits.password_hashes = 1;
        settings.limits.password_queue = 1;
    })
    .await;
    server.user("ada").await;
    let mut signing_in = Vec::new();
    for _ in 0..30 {
        let anonymous = server.anonymous();
        signing_in.push(tokio::spawn(async move {
            anonymous.login(&account("ada")).await
        }));
    }
    let mut refused = 0;
    for signing_in in signing_in {
        let answer = signing_in.await.unwrap();
        if answer.status != 200 {
            let answer = answer.expect_refused(503);
            answer.header("retry-after").parse::<u64>().unwrap();
            refused += 1;
        }
    }
    assert!(refused > 0, "30 at once fit into a queue of one");
    server
        .anonymous()
        .login(&account("ada"))
        .await
        .expect_status(200);
}
