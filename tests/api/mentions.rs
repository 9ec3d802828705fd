//! Whom a webhook's post mentions, seen from outside: in the message and in the inboxes.

use serde_json::{Value, json};

use crate::support::fixtures::{Community, User, Webhook};
use crate::support::server::TestServer;

/// The ids of the members whom a post of `content` mentions, by the message itself.
async fn mentioned(webhook: &Webhook, content: &str) -> Vec<String> {
    let id = webhook.says(content).await;
    let answer = webhook
        .owner
        .messages(&webhook.channel_id, "?limit=1")
        .await;
    let message = answer.expect_status(200).body["messages"][0].clone();
    assert_eq!(message["id"], id);
    let ids = message["mentions"].as_array().unwrap();
    ids.iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect()
}

/// The messages that the inbox of `user` holds, newest first.
async fn messages_in_inbox(user: &User) -> Vec<Value> {
    let inbox = user.inbox().await;
    inbox.iter().map(|it| it["message_id"].clone()).collect()
}

struct Cast {
    server: TestServer,
    community: Community,
    webhook: Webhook,
    alice: User,
    bob: User,
}

async fn cast() -> Cast {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let alice = community.member("alice").await;
    let bob = community.member("bob").await;
    Cast {
        server,
        community,
        webhook,
        alice,
        bob,
    }
}

#[tokio::test]
async fn the_grammar_of_mentions_holds_in_posts() {
    let cast = cast().await;
    let under_score = cast.community.member("under_score_").await;
    let dotted = cast.community.member("dot.ted-name").await;
    let dot = cast.community.member("dot").await;
    let names = [
        ("alice", &cast.alice),
        ("bob", &cast.bob),
        ("under_score_", &under_score),
        ("dot.ted-name", &dotted),
        ("dot", &dot),
    ];
    let table = [
        ("@bob", "bob"),
        ("hello @bob!", "bob"),
        ("hello @bob.", "bob"),
        ("(@bob)", "bob"),
        ("@bob,@alice", "bob alice"),
        ("@alice @bob @alice", "alice bob"),
        ("@Bob @BOB", ""),
        ("@bobby @bo", ""),
        ("@bob-smith", "bob"),
        ("@under_score_", "under_score_"),
        ("@dot.ted-name", "dot"),
        ("@@bob", "bob"),
        ("@nobody @", ""),
        ("mail alice@bob", ""),
        ("é@bob 日@bob _@bob", ""),
        (r"\@bob", ""),
        ("**@bob** *@alice*", "bob alice"),
        ("@everyone @here @channel", ""),
        ("`@bob` @alice", "alice"),
        ("```\n@bob\n```\n@alice", "alice"),
        ("~~~\n@bob", ""),
        ("    @bob", "bob"),
        ("`@bob", "bob"),
        ("https://example.com/@bob @alice", "alice"),
        ("[@alice](https://example.com/@bob)", "alice"),
        ("<b>@bob</b>", "bob"),
    ];
    for (content, expected) in table {
        let found = mentioned(&cast.webhook, content).await;
        let found: Vec<&str> = found
            .iter()
            .map(|id| names.iter().find(|(_, user)| user.id == *id).unwrap().0)
            .collect();
        assert_eq!(found.join(" "), expected, "{content:?}");
    }
}

#[tokio::test]
async fn a_mention_reaches_the_inbox_of_who_is_mentioned_and_of_nobody_else() {
    let cast = cast().await;
    mentioned(&cast.webhook, "nobody in particular").await;
    let found = mentioned(&cast.webhook, "look here, @bob").await;
    assert_eq!(found, [cast.bob.id.as_str()]);
    assert_eq!(messages_in_inbox(&cast.bob).await.len(), 1);
    assert_eq!(messages_in_inbox(&cast.alice).await.len(), 0);
    assert_eq!(messages_in_inbox(&cast.community.owner).await.len(), 0);
}

#[tokio::test]
async fn only_members_of_the_channel_are_mentioned() {
    let cast = cast().await;
    let community = &cast.community;
    community.outsider("eve").await;
    let channel = community.channel("alerts").await;
    let webhook = community.webhook(&channel).await;
    assert!(mentioned(&webhook, "@bob @alice @eve @owner").await == [community.owner.id.as_str()]);
    cast.bob
        .add_to_channel(&channel, &cast.bob.id)
        .await
        .expect_done();
    assert_eq!(
        mentioned(&webhook, "@bob @alice @eve").await,
        [cast.bob.id.as_str()]
    );
    cast.bob
        .remove_from_channel(&channel, &cast.bob.id)
        .await
        .expect_done();
    assert!(mentioned(&webhook, "@bob @alice @eve").await.is_empty());
    assert_eq!(messages_in_inbox(&cast.alice).await.len(), 0);
}

#[tokio::test]
async fn a_private_channel_mentions_only_those_inside() {
    let cast = cast().await;
    let community = &cast.community;
    let admin = community.admin("ann").await;
    let channel = community.private_channel("secret").await;
    let webhook = community.webhook(&channel).await;
    let answer = community.owner.add_to_channel(&channel, &cast.bob.id).await;
    answer.expect_done();
    let found = mentioned(&webhook, "@alice @ann @bob").await;
    assert_eq!(found, [cast.bob.id.as_str()]);
    assert_eq!(messages_in_inbox(&admin).await.len(), 0);
    assert_eq!(messages_in_inbox(&cast.alice).await.len(), 0);
}

#[tokio::test]
async fn a_member_who_was_removed_is_mentioned_no_more() {
    let cast = cast().await;
    let community = &cast.community;
    let answer = community
        .owner
        .remove_member(&community.id, &cast.bob.id)
        .await;
    answer.expect_done();
    assert!(mentioned(&cast.webhook, "@bob").await.is_empty());
    assert_eq!(messages_in_inbox(&cast.bob).await.len(), 0);
}

#[tokio::test]
async fn two_names_that_differ_in_case_cannot_both_exist_and_only_the_exact_one_is_meant() {
    let cast = cast().await;
    let carol = cast.community.member("CaRoL").await;
    assert!(
        mentioned(&cast.webhook, "@carol @CAROL @Carol")
            .await
            .is_empty()
    );
    assert_eq!(
        mentioned(&cast.webhook, "@CaRoL").await,
        [carol.id.as_str()]
    );
}

#[tokio::test]
async fn one_post_notifies_each_member_once() {
    let cast = cast().await;
    let found = mentioned(&cast.webhook, &"@bob ".repeat(100)).await;
    assert_eq!(found, [cast.bob.id.as_str()]);
    assert_eq!(messages_in_inbox(&cast.bob).await.len(), 1);
    mentioned(&cast.webhook, "again, @bob").await;
    assert_eq!(messages_in_inbox(&cast.bob).await.len(), 2);
}

#[tokio::test]
async fn a_post_mentions_the_first_50_members_and_unknown_names_do_not_count() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let mut members = Vec::new();
    for number in 0..52 {
        members.push(community.member(&format!("m{number}")).await);
    }
    community.outsider("outsider").await;
    let ids = |members: &[User]| -> Vec<String> {
        members.iter().map(|member| member.id.clone()).collect()
    };
    let content_of = |count: usize| -> String {
        let each = members[..count].iter().enumerate();
        each.map(|(number, member)| format!("@unknown{number} @outsider @{} ", member.username))
            .collect()
    };
    for count in [49, 50] {
        let found = mentioned(&webhook, &content_of(count)).await;
        assert_eq!(found, ids(&members[..count]));
    }
    let found = mentioned(&webhook, &content_of(52)).await;
    assert_eq!(found, ids(&members[..50]), "in order of appearance");
    assert_eq!(messages_in_inbox(&members[49]).await.len(), 2);
    assert_eq!(messages_in_inbox(&members[51]).await.len(), 0);
}

#[tokio::test]
async fn the_message_names_no_member_twice_and_everybody_reads_the_same() {
    let cast = cast().await;
    let id = cast.webhook.says("@bob and @alice and @bob").await;
    let expected = json!([cast.bob.id, cast.alice.id]);
    for reader in [&cast.alice, &cast.bob, &cast.community.owner] {
        let answer = reader.messages(&cast.webhook.channel_id, "").await;
        let message = &answer.body["messages"][0];
        assert_eq!(
            (&message["id"], &message["mentions"]),
            (&json!(id), &expected)
        );
    }
}

#[tokio::test]
async fn neither_the_senders_name_nor_avatar_mentions_anybody() {
    let cast = cast().await;
    let post = json!({
        "content": "nothing here",
        "username": "@bob",
        "avatar_url": "https://example.com/?@bob",
    });
    cast.webhook.execute(&post).await.expect_status(201);
    assert_eq!(messages_in_inbox(&cast.bob).await.len(), 0);
}

/// Registering by the thousand is not what the interface is for. Takes the channel to a number of
/// members, as another server of the same database would.
const GROW: &str = "with made as (
    insert into users (id, username, display_name, password_hash, instance_role)
    select gen_random_uuid(), 'crowd_' || $2::bigint || '_' || number, 'crowd', '', 'member'
    from generate_series(1, $2 - (select count(*) from channel_members where channel_id = $1::text::uuid)) as number
    returning id
),
moved as (
    update channels set members_version = members_version + 1 where id = $1::text::uuid
)
insert into channel_members (channel_id, user_id) select $1::text::uuid, id from made";

#[tokio::test]
async fn names_are_found_in_channels_up_to_and_beyond_what_is_remembered() {
    let cast = cast().await;
    let general = cast.community.general.as_str();
    let database = cast.server.database.connect().await;
    for members in [1_998_i64, 1_999, 2_000, 2_001] {
        database.execute(GROW, &[&general, &members]).await.unwrap();
        let found = mentioned(&cast.webhook, "@bob @nobody").await;
        assert_eq!(found, [cast.bob.id.as_str()], "{members} members");
    }
    cast.alice
        .remove_from_channel(general, &cast.alice.id)
        .await
        .expect_done();
    let found = mentioned(&cast.webhook, "@alice @bob").await;
    assert_eq!(found, [cast.bob.id.as_str()]);
}

#[tokio::test]
async fn members_of_another_history_of_the_database_are_not_remembered() {
    let cast = cast().await;
    mentioned(&cast.webhook, "@bob").await;
    // A restored database may count its members to the same number.
    let database = cast.server.database.connect().await;
    let restore = "with restored as (update instance set epoch = gen_random_uuid())
        delete from channel_members where user_id = $1::text::uuid";
    database.execute(restore, &[&cast.bob.id]).await.unwrap();
    assert!(mentioned(&cast.webhook, "@bob").await.is_empty());
}
