//! Channels: who sees, joins, reads and manages them.

use serde_json::{Value, json};

use crate::support::fixtures::User;
use crate::support::formats::{assert_id, assert_time};
use crate::support::server::TestServer;

async fn names_seen(user: &User, community_id: &str) -> Vec<String> {
    let answer = user.channels(community_id).await.expect_status(200);
    let names = answer.each("name");
    let mut names: Vec<String> = names
        .iter()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_new_channel_is_public_empty_and_has_its_maker_in_it() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let body = json!({"name": " alerts ", "topic": "What broke"});
    let answer = community.owner.create_channel(&community.id, &body).await;
    let channel = answer.expect_status(201);
    assert_id(&channel.body["id"]);
    assert_time(&channel.body["created_at"]);
    assert_eq!(channel.body["community_id"], json!(community.id));
    assert_eq!(channel.body["name"], "alerts");
    assert_eq!(channel.body["topic"], "What broke");
    assert_eq!(channel.body["private"], false);
    assert_eq!(channel.body["joined"], true);
    for zero in ["last_seq", "read_seq", "unread_mentions"] {
        assert_eq!(channel.body[zero], 0, "{zero}");
    }
    let read = community.owner.channel(&channel.id()).await;
    assert_eq!(read.expect_status(200).body, channel.body);
}

#[tokio::test]
async fn only_admins_make_change_and_delete_channels() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (admin, member) = (community.admin("ann").await, community.member("bob").await);
    let body = json!({"name": "alerts"});
    let answer = member.create_channel(&community.id, &body).await;
    answer.expect_refused(403);
    let answer = admin.create_channel(&community.id, &body).await;
    let id = answer.expect_status(201).id();
    let change = json!({"topic": "changed"});
    member.patch_channel(&id, &change).await.expect_refused(403);
    member.delete_channel(&id).await.expect_refused(403);
    let answer = admin.patch_channel(&id, &change).await.expect_status(200);
    assert_eq!(answer.body["topic"], "changed");
    assert_eq!(answer.body["name"], "alerts", "what is absent stays");
    admin.delete_channel(&id).await.expect_done();
}

#[tokio::test]
async fn names_and_topics_are_checked_and_every_wrong_one_is_named() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let owner = &community.owner;
    let cases = [
        (json!({}), vec!["/name"]),
        (
            json!({"name": "", "topic": 5, "private": "no"}),
            vec!["/name", "/topic", "/private"],
        ),
        (
            json!({"name": "n".repeat(65), "topic": "t".repeat(1025)}),
            vec!["/name", "/topic"],
        ),
        (
            json!({"name": "a\u{202A}b", "topic": "a\0b"}),
            vec!["/name", "/topic"],
        ),
    ];
    for (body, pointers) in &cases {
        let answer = owner.create_channel(&community.id, body).await;
        answer.expect_invalid(pointers);
    }
    let changes = [
        (json!({"name": " ", "topic": []}), vec!["/name", "/topic"]),
        (
            json!({"name": "n".repeat(65), "topic": "t".repeat(1025)}),
            vec!["/name", "/topic"],
        ),
    ];
    for (body, pointers) in &changes {
        let answer = owner.patch_channel(&community.general, body).await;
        answer.expect_invalid(pointers);
    }
    let longest = json!({"name": "é".repeat(64), "topic": "é".repeat(1024)});
    let answer = owner.create_channel(&community.id, &longest).await;
    answer.expect_status(201);
    let answer = owner.patch_channel(&community.general, &longest).await;
    assert_eq!(answer.expect_status(200).body["name"], longest["name"]);
}

#[tokio::test]
async fn a_public_channel_is_seen_by_members_and_joined_at_will() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let bob = community.member("bob").await;
    let channel = community.channel("alerts").await;
    let seen = bob.channel(&channel).await.expect_status(200);
    assert_eq!(seen.body["joined"], false);
    assert_eq!(seen.body["joined_at"], json!(null));
    bob.messages(&channel, "").await.expect_refused(403);
    bob.add_to_channel(&channel, &bob.id).await.expect_done();
    let joined = bob.channel(&channel).await.expect_status(200);
    assert!(
        joined.body["joined_at"].as_str() > joined.body["created_at"].as_str(),
        "{}",
        joined.text
    );
    bob.add_to_channel(&channel, &bob.id).await.expect_done();
    let again = bob.channel(&channel).await.expect_status(200);
    assert_eq!(again.body["joined_at"], joined.body["joined_at"]);
    bob.messages(&channel, "").await.expect_status(200);
    let members = bob.channel_members(&channel).await.expect_status(200);
    assert_eq!(members.list().len(), 2, "{}", members.text);
    bob.remove_from_channel(&channel, &bob.id)
        .await
        .expect_done();
    bob.messages(&channel, "").await.expect_refused(403);
    let seen = bob.channel(&channel).await.expect_status(200);
    assert_eq!(seen.body["joined"], false);
}

#[tokio::test]
async fn a_private_channel_does_not_exist_for_a_member_outside_it() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let bob = community.member("bob").await;
    let channel = community.private_channel("secret").await;
    assert_eq!(names_seen(&bob, &community.id).await, ["general"]);
    bob.channel(&channel).await.expect_refused(404);
    bob.channel_members(&channel).await.expect_refused(404);
    bob.messages(&channel, "").await.expect_refused(404);
    bob.read_channel(&channel, 0).await.expect_refused(404);
    bob.add_to_channel(&channel, &bob.id)
        .await
        .expect_refused(404);
    bob.remove_from_channel(&channel, &bob.id)
        .await
        .expect_refused(404);
    bob.patch_channel(&channel, &json!({"name": "x"}))
        .await
        .expect_refused(404);
    bob.delete_channel(&channel).await.expect_refused(404);
    bob.webhooks(&channel).await.expect_refused(404);

    let answer = community.owner.add_to_channel(&channel, &bob.id).await;
    answer.expect_done();
    assert_eq!(names_seen(&bob, &community.id).await, ["general", "secret"]);
    bob.messages(&channel, "").await.expect_status(200);
    bob.remove_from_channel(&channel, &bob.id)
        .await
        .expect_done();
    bob.channel(&channel).await.expect_refused(404);
}

#[tokio::test]
async fn an_admin_sees_a_private_channel_and_reads_it_only_after_joining() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = community.private_channel("secret").await;
    let admin = community.admin("ann").await;
    let seen = admin.channel(&channel).await.expect_status(200);
    assert_eq!(seen.body["joined"], false);
    admin.channel_members(&channel).await.expect_status(200);
    let change = json!({"topic": "metadata"});
    admin
        .patch_channel(&channel, &change)
        .await
        .expect_status(200);
    admin.webhooks(&channel).await.expect_status(200);
    admin.messages(&channel, "").await.expect_refused(403);
    admin.read_channel(&channel, 0).await.expect_refused(403);
    admin
        .add_to_channel(&channel, &admin.id)
        .await
        .expect_done();
    admin.messages(&channel, "").await.expect_status(200);
}

#[tokio::test]
async fn the_list_holds_public_channels_and_the_private_ones_the_caller_is_in() {
    let server = TestServer::start().await;
    let community = server.community().await;
    community.channel("open").await;
    community.private_channel("secret").await;
    let bob = community.member("bob").await;
    let all = ["general", "open", "secret"];
    assert_eq!(names_seen(&community.owner, &community.id).await, all);
    assert_eq!(names_seen(&bob, &community.id).await, ["general", "open"]);
}

#[tokio::test]
async fn only_admins_add_and_remove_others() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let (bob, cid) = (community.member("bob").await, community.member("cid").await);
    let admin = community.admin("ann").await;
    let channel = community.channel("alerts").await;
    bob.add_to_channel(&channel, &cid.id)
        .await
        .expect_refused(403);
    admin.add_to_channel(&channel, &cid.id).await.expect_done();
    bob.remove_from_channel(&channel, &cid.id)
        .await
        .expect_refused(403);
    admin
        .remove_from_channel(&channel, &cid.id)
        .await
        .expect_done();
    let eve = community.outsider("eve").await;
    // Whoever is not in the community cannot be put into one of its channels.
    let answer = admin.add_to_channel(&channel, &eve.id).await;
    assert!([404, 409].contains(&answer.status), "{}", answer.text);
    eve.add_to_channel(&channel, &eve.id)
        .await
        .expect_refused(404);
    let members = admin.channel_members(&channel).await.expect_status(200);
    assert_eq!(members.each("username"), ["owner"]);
}

#[tokio::test]
async fn a_channel_does_not_exist_outside_its_community() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let eve = community.outsider("eve").await;
    let channel = &community.general;
    eve.channel(channel).await.expect_refused(404);
    eve.channel_members(channel).await.expect_refused(404);
    eve.messages(channel, "").await.expect_refused(404);
    eve.read_channel(channel, 0).await.expect_refused(404);
    eve.patch_channel(channel, &json!({"name": "x"}))
        .await
        .expect_refused(404);
    eve.delete_channel(channel).await.expect_refused(404);
    let owner_id = &community.owner.id;
    eve.remove_from_channel(channel, owner_id)
        .await
        .expect_refused(404);
}

#[tokio::test]
async fn a_deleted_channel_is_gone_with_its_messages_and_webhooks() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = community.channel("alerts").await;
    let webhook = community.webhook(&channel).await;
    webhook.says("last words").await;
    let owner = &community.owner;
    owner.delete_channel(&channel).await.expect_done();
    owner.channel(&channel).await.expect_refused(404);
    owner.messages(&channel, "").await.expect_refused(404);
    owner.webhooks(&channel).await.expect_refused(404);
    let answer = owner
        .patch_webhook(&webhook.id, &json!({"name": "x"}))
        .await;
    answer.expect_refused(404);
    let answer = webhook.execute(&json!({"content": "too late"})).await;
    answer.expect_refused(404);
    owner.delete_channel(&channel).await.expect_refused(404);
    assert_eq!(names_seen(owner, &community.id).await, ["general"]);
}

#[tokio::test]
async fn a_channel_counts_what_was_said_read_and_meant_for_the_caller() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let bob = community.member("bob").await;
    for content in ["@bob one", "two", "@bob three"] {
        webhook.says(content).await;
    }
    let counts = async |user: &User| -> [Value; 3] {
        let answer = user.channel(&community.general).await.expect_status(200);
        ["last_seq", "read_seq", "unread_mentions"].map(|name| answer.body[name].clone())
    };
    assert_eq!(counts(&bob).await, [json!(3), json!(0), json!(2)]);
    bob.read_channel(&community.general, 1).await.expect_done();
    assert_eq!(counts(&bob).await, [json!(3), json!(1), json!(1)]);
    bob.read_channel(&community.general, 3).await.expect_done();
    assert_eq!(counts(&bob).await, [json!(3), json!(3), json!(0)]);
    // Another device that read less takes nothing back.
    bob.read_channel(&community.general, 2).await.expect_done();
    assert_eq!(counts(&bob).await, [json!(3), json!(3), json!(0)]);
    assert_eq!(
        counts(&community.owner).await,
        [json!(3), json!(0), json!(0)]
    );
}

#[tokio::test]
async fn a_place_to_have_read_up_to_is_a_number_that_exists() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    webhook.says("one").await;
    let owner = &community.owner;
    let path = format!("/api/channels/{}/read", community.general);
    for wrong in [json!("1"), json!(-1), json!(1.5), json!(null), json!(1e30)] {
        let call = owner.post(path.clone()).json(&json!({ "seq": wrong }));
        call.send().await.expect_invalid(&["/seq"]);
    }
    // A place nobody wrote to yet must not mark later messages as read.
    let answer = owner.read_channel(&community.general, 1_000_000).await;
    assert!(
        answer.status == 204 || answer.status == 422,
        "{}",
        answer.text
    );
    let read = owner.channel(&community.general).await.body["read_seq"].clone();
    assert!(read.as_i64().unwrap() <= 1, "read up to {read} of 1");
}
