//! Invites: who makes them, how long they work, and what they show.

use serde_json::{Value, json};

use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;

#[tokio::test]
async fn an_invite_is_unlimited_and_lasts_unless_it_says_otherwise() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let invite = community.invite(&json!({})).await;
    assert_eq!(invite.body["max_uses"], Value::Null);
    assert_eq!(invite.body["uses"], 0);
    assert_eq!(invite.body["expires_at"], Value::Null);
    assert_time(&invite.body["created_at"]);
    let code = invite.str("code");
    assert!(invite.str("url").contains(&code), "{}", invite.text);
    let own = format!("http://localhost:{}", server.port);
    assert!(invite.str("url").starts_with(&own), "{}", invite.text);

    let limited = json!({"max_uses": 5, "expires_in_seconds": 3600});
    let invite = community.invite(&limited).await;
    assert_eq!(invite.body["max_uses"], 5);
    let time = |name: &str| chrono::DateTime::parse_from_rfc3339(&invite.str(name)).unwrap();
    let lasts = time("expires_at") - time("created_at");
    assert!((3590..=3610).contains(&lasts.num_seconds()), "{lasts}");
}

#[tokio::test]
async fn admins_make_list_and_revoke_invites_and_members_do_not() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (admin, member) = (community.admin("ann").await, community.member("bob").await);
    let (id, nothing) = (&community.id, json!({}));
    member.create_invite(id, &nothing).await.expect_refused(403);
    member.invites(id).await.expect_refused(403);
    let code = admin
        .create_invite(id, &nothing)
        .await
        .expect_status(201)
        .str("code");
    let listed = admin.invites(id).await.expect_status(200);
    assert!(
        listed.each("code").contains(&json!(code)),
        "{}",
        listed.text
    );
    member.revoke_invite(&code).await.expect_refused(403);
    admin.revoke_invite(&code).await.expect_done();
    let listed = admin.invites(id).await.expect_status(200);
    assert!(
        !listed.each("code").contains(&json!(code)),
        "{}",
        listed.text
    );
    admin.revoke_invite(&code).await.expect_refused(404);
}

#[tokio::test]
async fn a_stranger_cannot_revoke_an_invite_they_hold() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let eve = community.outsider("eve").await;
    let code = community.invite(&json!({})).await.str("code");
    eve.revoke_invite(&code).await.expect_refused(404);
    eve.preview_invite(&code).await.expect_status(200);
}

#[tokio::test]
async fn an_invite_shows_where_it_leads_without_a_login_and_nothing_more() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let code = community.invite(&json!({})).await.str("code");
    let answer = server.anonymous().preview_invite(&code).await;
    let answer = answer.expect_status(200);
    let expected = json!({"community": {"id": community.id, "name": "Acme"}});
    assert_eq!(answer.body, expected);
    assert_id(&answer.body["community"]["id"]);
    for unknown in ["AAAAAAAAAAAAAAAAAAAA", "x", "%20", &"A".repeat(3000)] {
        let answer = server.anonymous().preview_invite(unknown).await;
        answer.expect_refused(404);
    }
}

#[tokio::test]
async fn accepting_makes_one_a_member_of_the_community_and_its_first_channel() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let bob = community.outsider("bob").await;
    let code = community.invite(&json!({})).await.str("code");
    server
        .anonymous()
        .accept_invite(&code)
        .await
        .expect_refused(401);
    let answer = bob.accept_invite(&code).await.expect_status(200);
    assert_eq!(answer.body["id"], json!(community.id));
    assert_eq!(answer.body["role"], "member");
    let members = bob.channel_members(&community.general).await;
    let members = members.expect_status(200);
    assert!(
        members.each("username").contains(&json!("bob")),
        "{}",
        members.text
    );
}

#[tokio::test]
async fn accepting_again_changes_nothing_and_uses_nothing_up() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let bob = community.outsider("bob").await;
    let code = community.invite(&json!({"max_uses": 2})).await.str("code");
    for _ in 0..3 {
        bob.accept_invite(&code).await.expect_status(200);
    }
    let owner = &community.owner;
    let answer = owner.accept_invite(&code).await.expect_status(200);
    assert_eq!(
        answer.body["role"], "owner",
        "accepting lowers nobody's role"
    );
    let listed = owner.invites(&community.id).await.expect_status(200);
    let listed = listed.list().iter().find(|it| it["code"] == code).cloned();
    assert_eq!(listed.unwrap()["uses"], 1);
    let members = owner.members(&community.id).await.expect_status(200);
    assert_eq!(members.list().len(), 2);
}

#[tokio::test]
async fn an_invite_works_as_often_as_it_says() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let code = community.invite(&json!({"max_uses": 2})).await.str("code");
    for name in ["bob", "cid"] {
        let user = community.outsider(name).await;
        user.preview_invite(&code).await.expect_status(200);
        user.accept_invite(&code).await.expect_status(200);
    }
    let late = community.outsider("dan").await;
    late.preview_invite(&code).await.expect_refused(404);
    late.accept_invite(&code).await.expect_refused(404);
    late.community(&community.id).await.expect_refused(404);
}

#[tokio::test]
async fn of_many_who_accept_the_last_use_at_once_one_gets_in() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let code = community.invite(&json!({"max_uses": 1})).await.str("code");
    let mut accepting = Vec::new();
    for number in 0..6 {
        let user = community.outsider(&format!("user{number}")).await;
        let code = code.clone();
        accepting.push(tokio::spawn(async move {
            user.accept_invite(&code).await.status
        }));
    }
    let mut statuses = Vec::new();
    for accepting in accepting {
        statuses.push(accepting.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404, 404, 404, 404, 404]);
}

#[tokio::test]
async fn an_expired_or_revoked_invite_is_unknown() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let bob = community.outsider("bob").await;
    let expired = community
        .invite(&json!({"expires_in_seconds": 3600}))
        .await
        .str("code");
    let database = server.database.connect().await;
    bob.preview_invite(&expired).await.expect_status(200);
    let statement = "update invites set expires_at = now() - interval '1 second' where code = $1";
    database.execute(statement, &[&expired]).await.unwrap();
    let revoked = community.invite(&json!({})).await.str("code");
    let answer = community.owner.revoke_invite(&revoked).await;
    answer.expect_done();
    for code in [expired, revoked] {
        bob.preview_invite(&code).await.expect_refused(404);
        bob.accept_invite(&code).await.expect_refused(404);
    }
    bob.community(&community.id).await.expect_refused(404);
}

#[tokio::test]
async fn every_wrong_limit_of_an_invite_is_named() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let both = ["/max_uses", "/expires_in_seconds"];
    for wrong in [
        json!(0),
        json!(-1),
        json!("5"),
        json!(1.5),
        json!(1e300),
        json!([]),
    ] {
        let body = json!({"max_uses": wrong, "expires_in_seconds": wrong});
        let answer = community.owner.create_invite(&community.id, &body).await;
        answer.expect_invalid(&both);
    }
    let absent = json!({"max_uses": null, "expires_in_seconds": null});
    let answer = community.invite(&absent).await;
    assert_eq!(answer.body["max_uses"], Value::Null);
}

#[tokio::test]
async fn an_invite_ends_with_its_community() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let bob = community.outsider("bob").await;
    let code = community.invite(&json!({})).await.str("code");
    let answer = community.owner.delete_community(&community.id).await;
    answer.expect_done();
    bob.preview_invite(&code).await.expect_refused(404);
    bob.accept_invite(&code).await.expect_refused(404);
}
