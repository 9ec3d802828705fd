//! Communities: their members, roles and ownership.

use serde_json::{Value, json};

use crate::support::fixtures::{Community, User};
use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;

async fn roles(community: &Community) -> Vec<(String, String)> {
    let answer = community.owner.members(&community.id).await;
    let answer = answer.expect_status(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut roles: Vec<_> = answer
        .list()
        .iter()
        .map(|member| (text(&member["user"]["username"]), text(&member["role"])))
        .collect();
    roles.sort();
    roles
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, role): &(&str, &str)| ((*name).to_owned(), (*role).to_owned());
    expected.iter().map(owned).collect()
}

/// The status of every call on the community that only reads it.
async fn reading(user: &User, id: &str) -> Vec<u16> {
    vec![
        user.community(id).await.status,
        user.members(id).await.status,
        user.channels(id).await.status,
    ]
}

#[tokio::test]
async fn who_makes_a_community_owns_it_and_is_in_its_first_channel() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let answer = ada.create_community(&json!({"name": " Acme "})).await;
    let answer = answer.expect_status(201);
    assert_id(&answer.body["id"]);
    assert_time(&answer.body["created_at"]);
    assert_eq!(answer.body["name"], "Acme");
    assert_eq!(answer.body["role"], "owner");
    let channels = ada.channels(&answer.id()).await.expect_status(200);
    assert_eq!(channels.each("name"), ["general"]);
    assert_eq!(channels.each("joined"), [true]);
    assert_eq!(channels.each("private"), [false]);
    let read = ada.community(&answer.id()).await.expect_status(200);
    assert_eq!(read.body, answer.body);
}

#[tokio::test]
async fn the_list_shows_the_communities_of_the_caller_only() {
    let server = TestServer::start().await;
    let first = server.community().await;
    let bob = first.member("bob").await;
    let second = Community::of(bob.clone(), "Bob's").await;
    let of_owner = first.owner.communities().await.expect_status(200);
    assert_eq!(of_owner.each("id"), [json!(first.id)]);
    let of_bob = bob.communities().await.expect_status(200);
    let mut ids = of_bob.each("id");
    let mut expected = vec![json!(first.id), json!(second.id)];
    ids.sort_by_key(ToString::to_string);
    expected.sort_by_key(ToString::to_string);
    assert_eq!(ids, expected);
    let of_eve = first.outsider("eve").await.communities().await;
    assert_eq!(of_eve.expect_status(200).list().len(), 0);
}

#[tokio::test]
async fn a_name_has_1_to_64_plain_characters() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let owner = &community.owner;
    for wrong in [
        json!(""),
        json!(" \t"),
        json!("n".repeat(65)),
        json!("a\0b"),
        json!("a\u{1b}b"),
        json!("a\u{202E}b"),
        json!("a\u{2066}b"),
        json!(5),
        json!(null),
        json!(["a"]),
    ] {
        let body = json!({ "name": wrong });
        owner
            .create_community(&body)
            .await
            .expect_invalid(&["/name"]);
        if !wrong.is_null() {
            let answer = owner.patch_community(&community.id, &body).await;
            answer.expect_invalid(&["/name"]);
        }
    }
    owner
        .create_community(&json!({}))
        .await
        .expect_invalid(&["/name"]);
    for length in [1, 63, 64] {
        let body = json!({"name": "é".repeat(length)});
        let answer = owner.create_community(&body).await.expect_status(201);
        assert_eq!(answer.body["name"], body["name"]);
        let answer = owner.patch_community(&community.id, &body).await;
        assert_eq!(answer.expect_status(200).body["name"], body["name"]);
    }
}

#[tokio::test]
async fn admins_rename_and_members_do_not() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (admin, member) = (community.admin("ann").await, community.member("bob").await);
    let body = json!({"name": "Renamed"});
    let answer = member.patch_community(&community.id, &body).await;
    answer.expect_refused(403);
    let answer = admin.patch_community(&community.id, &body).await;
    assert_eq!(answer.expect_status(200).body["name"], "Renamed");
    let answer = admin.patch_community(&community.id, &json!({})).await;
    assert_eq!(answer.expect_status(200).body["name"], "Renamed");
}

#[tokio::test]
async fn only_the_owner_deletes_a_community_and_then_it_is_gone_for_everybody() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let (admin, member) = (community.admin("ann").await, community.member("bob").await);
    webhook.says("before the end @bob").await;
    for other in [&admin, &member] {
        let answer = other.delete_community(&community.id).await;
        answer.expect_refused(403);
    }
    let answer = community.owner.delete_community(&community.id).await;
    answer.expect_done();
    for user in [&community.owner, &admin, &member] {
        assert_eq!(reading(user, &community.id).await, [404, 404, 404]);
        assert_eq!(user.communities().await.list().len(), 0);
        user.channel(&community.general).await.expect_refused(404);
        user.messages(&community.general, "")
            .await
            .expect_refused(404);
    }
    let answer = webhook.execute(&json!({"content": "too late"})).await;
    answer.expect_refused(404);
    let answer = community.owner.delete_community(&community.id).await;
    answer.expect_refused(404);
}

#[tokio::test]
async fn a_community_does_not_exist_for_who_is_not_in_it() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (id, owner_id) = (&community.id, &community.owner.id);
    let eve = community.outsider("eve").await;
    assert_eq!(reading(&eve, id).await, [404, 404, 404]);
    let name = json!({"name": "Mine"});
    eve.patch_community(id, &name).await.expect_refused(404);
    eve.delete_community(id).await.expect_refused(404);
    eve.set_role(id, owner_id, "member")
        .await
        .expect_refused(404);
    eve.set_role(id, &eve.id, "owner").await.expect_refused(404);
    eve.remove_member(id, owner_id).await.expect_refused(404);
    eve.remove_member(id, &eve.id).await.expect_refused(404);
    eve.invites(id).await.expect_refused(404);
    eve.create_invite(id, &json!({})).await.expect_refused(404);
    eve.create_channel(id, &name).await.expect_refused(404);
    assert_eq!(roles(&community).await, pairs(&[("owner", "owner")]));
}

#[tokio::test]
async fn members_are_listed_with_role_and_time() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let member = community.member("bob").await;
    community.admin("ann").await;
    let answer = member.members(&community.id).await.expect_status(200);
    for member in answer.list() {
        assert_id(&member["user"]["id"]);
        assert_time(&member["joined_at"]);
    }
    let expected = pairs(&[("ann", "admin"), ("bob", "member"), ("owner", "owner")]);
    assert_eq!(roles(&community).await, expected);
}

#[tokio::test]
async fn only_the_owner_changes_roles() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (admin, member) = (community.admin("ann").await, community.member("bob").await);
    for (caller, target) in [(&admin, &member), (&admin, &admin), (&member, &member)] {
        for role in ["member", "admin", "owner"] {
            let answer = caller.set_role(&community.id, &target.id, role).await;
            answer.expect_refused(403);
        }
    }
    let owner = &community.owner;
    let answer = owner.set_role(&community.id, &admin.id, "member").await;
    assert_eq!(answer.expect_status(200).body["role"], "member");
    let answer = owner.set_role(&community.id, &member.id, "admin").await;
    assert_eq!(answer.expect_status(200).body["role"], "admin");
    let expected = pairs(&[("ann", "member"), ("bob", "admin"), ("owner", "owner")]);
    assert_eq!(roles(&community).await, expected);
    let eve = community.outsider("eve").await;
    let answer = owner.set_role(&community.id, &eve.id, "admin").await;
    answer.expect_refused(404);
    let answer = owner.set_role(&community.id, &member.id, "king").await;
    answer.expect_invalid(&["/role"]);
}

#[tokio::test]
async fn ownership_is_handed_over_whole() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (owner, bob) = (&community.owner, community.member("bob").await);
    let answer = owner.set_role(&community.id, &bob.id, "owner").await;
    answer.expect_status(200);
    let seen_by_bob = bob.community(&community.id).await.expect_status(200);
    assert_eq!(seen_by_bob.body["role"], "owner");
    let members = bob.members(&community.id).await.expect_status(200);
    let owners = members
        .each("role")
        .into_iter()
        .filter(|role| role == "owner");
    assert_eq!(owners.count(), 1, "{}", members.text);
    owner
        .delete_community(&community.id)
        .await
        .expect_refused(403);
    let answer = owner.set_role(&community.id, &owner.id, "owner").await;
    answer.expect_refused(403);
    bob.remove_member(&community.id, &owner.id)
        .await
        .expect_done();
}

#[tokio::test]
async fn the_owner_cannot_step_down_or_leave_without_an_heir() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let owner = &community.owner;
    community.admin("ann").await;
    let answer = owner.remove_member(&community.id, &owner.id).await;
    answer.expect_refused(409);
    let answer = owner.set_role(&community.id, &owner.id, "member").await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    let expected = pairs(&[("ann", "admin"), ("owner", "owner")]);
    assert_eq!(roles(&community).await, expected);
}

#[tokio::test]
async fn a_member_leaves_and_may_come_back() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let bob = community.member("bob").await;
    bob.remove_member(&community.id, &bob.id)
        .await
        .expect_done();
    assert_eq!(reading(&bob, &community.id).await, [404, 404, 404]);
    bob.messages(&community.general, "")
        .await
        .expect_refused(404);
    let answer = bob.remove_member(&community.id, &bob.id).await;
    answer.expect_refused(404);
    community.let_in(&bob).await;
    assert_eq!(reading(&bob, &community.id).await, [200, 200, 200]);
    bob.messages(&community.general, "")
        .await
        .expect_status(200);
}

#[tokio::test]
async fn who_may_remove_whom_follows_the_ranks() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (id, owner) = (&community.id, &community.owner);
    let (ann, abe) = (community.admin("ann").await, community.admin("abe").await);
    let (bob, cid) = (community.member("bob").await, community.member("cid").await);
    for (caller, target) in [
        (&bob, &cid),
        (&bob, &ann),
        (&bob, owner),
        (&ann, &abe),
        (&ann, owner),
    ] {
        let answer = caller.remove_member(id, &target.id).await;
        answer.expect_refused(403);
    }
    ann.remove_member(id, &bob.id).await.expect_done();
    owner.remove_member(id, &cid.id).await.expect_done();
    owner.remove_member(id, &abe.id).await.expect_done();
    assert_eq!(
        roles(&community).await,
        pairs(&[("ann", "admin"), ("owner", "owner")])
    );
    assert_eq!(reading(&bob, id).await, [404, 404, 404]);
    ann.remove_member(id, &bob.id).await.expect_refused(404);
}

#[tokio::test]
async fn leaving_also_leaves_every_channel() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let bob = community.member("bob").await;
    let channel = community.private_channel("secret").await;
    let answer = community.owner.add_to_channel(&channel, &bob.id).await;
    answer.expect_done();
    bob.remove_member(&community.id, &bob.id)
        .await
        .expect_done();
    community.let_in(&bob).await;
    bob.channel(&channel).await.expect_refused(404);
    let channels = bob.channels(&community.id).await.expect_status(200);
    assert_eq!(channels.each("name"), ["general"]);
}
