//! Sessions: what a sign-in hands out, how it is listed, and how it ends.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::client::ApiClient;
use crate::support::fixtures::PASSWORD;
use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;

async fn sign_in(anonymous: &ApiClient, username: &str) -> ApiClient {
    let body = json!({"username": username, "password": PASSWORD, "session": "token"});
    let answer = anonymous.login(&body).await.expect_status(200);
    anonymous.with_token(&answer.str("token"))
}

/// The name, the value and the attributes of the one cookie that `answer` sets.
fn cookie_of(answer: &Answer) -> (String, String, Vec<String>) {
    let all: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(all.len(), 1, "{}: {all:?}", answer.call);
    let mut parts = all[0].to_str().unwrap().split(';');
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    let attributes = parts.map(|part| part.trim().to_lowercase()).collect();
    (name.to_owned(), value.to_owned(), attributes)
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let server = TestServer::start().await;
    let body = json!({"username": "ada", "password": PASSWORD});
    let registered = server.anonymous().register(&body).await.expect_status(201);
    let mut explicit = body.clone();
    explicit["session"] = json!("cookie");
    let signed_in = server.anonymous().login(&explicit).await.expect_status(200);
    for answer in [registered, signed_in] {
        let (name, value, attributes) = cookie_of(&answer);
        assert_eq!(name, "chatalot_session");
        for expected in ["httponly", "samesite=lax", "path=/"] {
            assert!(attributes.iter().any(|it| it == expected), "{attributes:?}");
        }
        assert!(
            !attributes.iter().any(|it| it == "secure"),
            "{attributes:?}"
        );
        assert!(answer.body.get("token").is_none(), "{}", answer.text);
        assert!(
            !answer.text.contains(&value),
            "the token is only in the cookie"
        );
        let session = server.anonymous().get("/api/auth/session");
        let session = session.header("cookie", format!("{name}={value}")).send();
        session.await.expect_status(200);
    }
}

#[tokio::test]
async fn behind_https_the_cookie_is_secure_and_bound_to_the_host() {
    let server =
        TestServer::with(|settings| settings.public_url = "https://chat.example.com".to_owned())
            .await;
    let body = json!({"username": "ada", "password": PASSWORD});
    let answer = server.anonymous().register(&body).await.expect_status(201);
    let (name, value, attributes) = cookie_of(&answer);
    assert_eq!(name, "__Host-chatalot_session");
    for expected in ["httponly", "samesite=lax", "path=/", "secure"] {
        assert!(attributes.iter().any(|it| it == expected), "{attributes:?}");
    }
    let has_domain = attributes.iter().any(|it| it.starts_with("domain"));
    assert!(!has_domain, "__Host- forbids a domain: {attributes:?}");
    let session = |name: &str| {
        let call = server.anonymous().get("/api/auth/session");
        call.header("cookie", format!("{name}={value}")).send()
    };
    session("__Host-chatalot_session").await.expect_status(200);
    session("chatalot_session").await.expect_refused(401);
}

#[tokio::test]
async fn a_token_answer_sets_no_cookie() {
    let server = TestServer::start().await;
    let body = json!({"username": "ada", "password": PASSWORD, "session": "token"});
    let registered = server.anonymous().register(&body).await.expect_status(201);
    let signed_in = server.anonymous().login(&body).await.expect_status(200);
    for answer in [registered, signed_in] {
        assert!(
            answer.headers.get("set-cookie").is_none(),
            "{}",
            answer.call
        );
        let token = answer.str("token");
        assert_eq!(token.len(), 43);
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric()), "{token}");
    }
}

#[tokio::test]
async fn the_list_shows_ones_own_sessions_and_which_one_asks() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    server.user("bob").await;
    let body = json!({"username": "ada", "password": PASSWORD, "session": "token"});
    let answer = server
        .anonymous()
        .post("/api/auth/login")
        .header("user-agent", "Phone/1.0")
        .json(&body)
        .send()
        .await
        .expect_status(200);
    let phone = server.anonymous().with_token(&answer.str("token"));

    let sessions = phone.sessions().await.expect_status(200);
    assert_eq!(sessions.list().len(), 2, "{}", sessions.text);
    for session in sessions.list() {
        assert_id(&session["id"]);
        assert_time(&session["created_at"]);
        assert_time(&session["last_seen_at"]);
        assert!(session.get("token").is_none() && session.get("token_hash").is_none());
    }
    let current: Vec<&Value> = sessions
        .list()
        .iter()
        .filter(|session| session["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["user_agent"], "Phone/1.0");
    let seen_by_ada = ada.sessions().await.expect_status(200);
    let of_ada = seen_by_ada.list().iter().find(|it| it["current"] == true);
    assert_ne!(of_ada.unwrap()["id"], current[0]["id"]);
}

#[tokio::test]
async fn revoking_a_session_ends_it_and_no_other() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let phone = sign_in(&server.anonymous(), "ada").await;
    let sessions = ada.sessions().await.expect_status(200);
    let other = sessions.list().iter().find(|it| it["current"] == false);
    let other = other.unwrap()["id"].as_str().unwrap();
    ada.revoke_session(other).await.expect_done();
    phone.session().await.expect_refused(401);
    ada.session().await.expect_status(200);
    ada.revoke_session(other).await.expect_refused(404);
}

#[tokio::test]
async fn nobody_can_revoke_the_session_of_somebody_else() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let bob = server.user("bob").await;
    let sessions = ada.sessions().await.expect_status(200);
    let id = sessions.list()[0]["id"].as_str().unwrap();
    bob.revoke_session(id).await.expect_refused(404);
    ada.session().await.expect_status(200);
}

#[tokio::test]
async fn a_session_can_revoke_itself() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let sessions = ada.sessions().await.expect_status(200);
    let id = sessions.list()[0]["id"].as_str().unwrap();
    ada.revoke_session(id).await.expect_done();
    ada.session().await.expect_refused(401);
}

#[tokio::test]
async fn signing_out_ends_the_session_that_asks() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let phone = sign_in(&server.anonymous(), "ada").await;
    phone.logout().await.expect_done();
    phone.session().await.expect_refused(401);
    phone.logout().await.expect_refused(401);
    ada.session().await.expect_status(200);
}

#[tokio::test]
async fn signing_out_takes_the_cookie_away() {
    let server = TestServer::start().await;
    let body = json!({"username": "ada", "password": PASSWORD});
    let answer = server.anonymous().register(&body).await.expect_status(201);
    let (name, value, _) = cookie_of(&answer);
    let answer = server
        .anonymous()
        .post("/api/auth/logout")
        .header("cookie", format!("{name}={value}"))
        .header("sec-fetch-site", "same-origin")
        .send()
        .await
        .expect_done();
    let (removed, empty, attributes) = cookie_of(&answer);
    assert_eq!((removed.as_str(), empty.as_str()), ("chatalot_session", ""));
    assert!(
        attributes.iter().any(|it| it == "max-age=0"),
        "{attributes:?}"
    );
}

#[tokio::test]
async fn what_is_no_valid_session_is_answered_401() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let anonymous = server.anonymous();
    anonymous.session().await.expect_refused(401);
    for wrong in ["x", "", &"A".repeat(43), &ada.token()[..42]] {
        anonymous
            .with_token(wrong)
            .session()
            .await
            .expect_refused(401);
    }
    for header in ["Basic YTpi", "Bearer", "Bearer a b", "Token abc"] {
        let call = anonymous.get("/api/auth/session");
        let answer = call.header("authorization", header).send().await;
        answer.expect_refused(401);
    }
}

#[tokio::test]
async fn a_session_unused_for_30_days_has_ended() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let bob = server.user("bob").await;
    let database = server.database.connect().await;
    let unused_for = async |user_id: &str, time: &str| {
        let statement = format!(
            "update sessions set last_seen_at = now() - interval '{time}' where user_id = '{user_id}'"
        );
        database.batch_execute(&statement).await.unwrap();
    };
    unused_for(&ada.id, "29 days 23 hours").await;
    unused_for(&bob.id, "30 days 1 hour").await;
    ada.session().await.expect_status(200);
    bob.session().await.expect_refused(401);
}

#[tokio::test]
async fn one_sign_in_more_than_allowed_ends_the_session_unused_for_longest() {
    let server = TestServer::with(|settings| settings.sessions.max_per_user = 3).await;
    let first = server.user("ada").await;
    let second = sign_in(&server.anonymous(), "ada").await;
    let third = sign_in(&server.anonymous(), "ada").await;
    first.session().await.expect_status(200);
    let fourth = sign_in(&server.anonymous(), "ada").await;
    first.session().await.expect_refused(401);
    for kept in [&second, &third, &fourth] {
        kept.session().await.expect_status(200);
    }
}
