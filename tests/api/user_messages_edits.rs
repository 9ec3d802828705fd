//! Editing and deleting encrypted messages.

use serde_json::{Value, json};

use crate::support::formats::assert_time;
use crate::support::process::Launch;
use crate::support::server::TestServer;
use crate::support::writer::{Writer, ciphertext_of};

#[tokio::test]
async fn an_edit_puts_another_envelope_in_the_place_of_the_message() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let mut socket = community.owner.socket().await;
    socket.subscribe(channel, None).await;
    let sent = ann.writes(channel, "before").await;
    let id = sent.str("message_id");
    ann.writes(channel, "next").await;
    let edited = ann.edit(channel, &id, "after").await.expect_status(200);
    assert_time(&edited.body["edited_at"]);
    let expected = json!({
        "id": id,
        "channel_id": channel,
        "seq": 1,
        "kind": "user",
        "author": {
            "user_id": ann.user.id,
            "username": "ann",
            "display_name": "ann",
            "device_id": ann.device_id,
        },
        "encrypted": true,
        "envelope": ann.envelope("after"),
        "edited_at": edited.body["edited_at"],
        "created_at": sent.body["created_at"],
    });
    assert_eq!(edited.body, expected);
    for seq in [1, 2] {
        assert_eq!(socket.expect_frame("message").await["seq"], seq);
    }
    let frame = socket.next_frame().await;
    let announced = json!({
        "type": "message_edited", "channel_id": channel, "seq": 1, "message": expected,
    });
    assert_eq!(frame, announced);
    let history = community.owner.history_after(channel, 0).await;
    assert_eq!(history.len(), 2);
    assert_eq!(history[0], expected);
    let mut replayed = community.owner.socket().await;
    replayed.subscribe(channel, Some(0)).await;
    assert_eq!(replayed.expect_frame("message").await["message"], expected);
}

#[tokio::test]
async fn an_author_edits_on_another_device() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let laptop = Writer::of(&community.owner).await;
    let phone = laptop.on_another_device().await;
    let id = laptop.writes(channel, "before").await.str("message_id");
    let edited = phone.edit(channel, &id, "after").await.expect_status(200);
    assert_eq!(edited.body["author"]["device_id"], phone.device_id);
    assert_eq!(edited.body["envelope"], phone.envelope("after"));
}

#[tokio::test]
async fn only_the_author_edits() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let bob = Writer::of(&community.member("bob").await).await;
    let owner = Writer::of(&community.owner).await;
    let version = owner.members_version(channel).await;
    let own = ann.writes(channel, "AwgA").await.str("message_id");
    let posted = webhook.says("from a webhook").await;
    for (writer, id) in [
        (&bob, &own),
        (&owner, &own),
        (&ann, &posted),
        (&owner, &posted),
    ] {
        writer.edit(channel, id, "other").await.expect_refused(403);
    }
    let outsider = Writer::of(&community.outsider("eve").await).await;
    let body = outsider.body(version, "other");
    let edited = outsider.user.edit_message(channel, &own, &body).await;
    edited.expect_refused(404);
    let unknown = uuid::Uuid::now_v7().to_string();
    ann.edit(channel, &unknown, "x").await.expect_refused(404);
    let side = community.channel("side").await;
    owner.edit(&side, &own, "x").await.expect_refused(404);
    // Who left does not change what they said.
    let left = ann.user.remove_from_channel(channel, &ann.user.id).await;
    left.expect_done();
    ann.edit(channel, &own, "other").await.expect_refused(403);
    let history = community.owner.history_after(channel, 0).await;
    assert_eq!(ciphertext_of(&history[0]), "AwgA");
    assert!(history[0].get("edited_at").is_none(), "{}", history[0]);
    assert_eq!(history[1]["content"], "from a webhook");
}

#[tokio::test]
async fn an_author_deletes_and_so_does_an_admin_and_nobody_else() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let bob = community.member("bob").await;
    let mut socket = bob.socket().await;
    socket.subscribe(channel, None).await;
    let posted = webhook.says("from a webhook").await;
    for deleter in [&ann.user, &community.owner] {
        let id = ann.writes(channel, "secret").await.str("message_id");
        bob.delete_message(channel, &id).await.expect_refused(403);
        deleter.delete_message(channel, &id).await.expect_done();
        let frame = socket.expect_frame("message_deleted").await;
        assert_eq!(frame["message_id"], id.as_str());
        let read = bob.messages(channel, "").await.expect_status(200);
        assert!(!read.text.contains("secret"), "{}", read.text);
        let messages = read.body["messages"].as_array().unwrap();
        let deleted = messages.last().unwrap();
        assert_eq!(deleted["deleted"], true);
        assert_eq!(deleted["kind"], "user");
        assert_eq!(deleted["author"]["username"], "ann");
        assert!(deleted.get("envelope").is_none(), "{deleted}");
    }
    let unknown = uuid::Uuid::now_v7().to_string();
    ann.user
        .delete_message(channel, &unknown)
        .await
        .expect_refused(404);
    ann.user
        .delete_message(channel, &posted)
        .await
        .expect_refused(403);
    let database = server.database.connect().await;
    let stored = "select count(*) from messages where envelope like '%secret%'";
    let row = database.query_one(stored, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn what_was_deleted_is_not_edited() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let id = ann.writes(channel, "one").await.str("message_id");
    ann.edit(channel, &id, "two").await.expect_status(200);
    ann.user.delete_message(channel, &id).await.expect_done();
    let edited = ann.edit(channel, &id, "three").await;
    edited.expect_problem(409, "message_deleted");
    let history = ann.user.history_after(channel, 0).await;
    assert_eq!(history[0]["deleted"], true);
    assert!(history[0].get("envelope").is_none(), "{}", history[0]);
}

/// So many frames wait for the actor of the channel that there is no room for another one.
#[tokio::test]
async fn a_deletion_is_announced_although_the_channel_s_actor_is_busy_and_its_mailbox_full() {
    let launch = Launch::new()
        .set("CHATALOT_LIMITS__CHANNEL_PENDING_POSTS", "1")
        .set("FAILPOINTS", "channel_post=1*off->1*sleep(4000)->off");
    let server = launch.start().await;
    let community = server.community().await;
    let channel = community.general.clone();
    let webhook = community.webhook(&channel).await;
    let bob = community.member("bob").await;
    let mut socket = community.owner.socket().await;
    socket.subscribe(&channel, None).await;
    let id = webhook.says("to be deleted").await;
    let busy = tokio::spawn(async move { webhook.says("keeps the actor busy").await });
    // The mailbox holds the posts that may wait and 64 frames; each of these is two.
    for _ in 0..20 {
        let kicked = community.owner.remove_from_channel(&channel, &bob.id);
        kicked.await.expect_done();
        let added = community.owner.add_to_channel(&channel, &bob.id);
        added.await.expect_done();
    }
    assert!(!busy.is_finished(), "the actor is still busy");
    let deleted = community.owner.delete_message(&channel, &id).await;
    deleted.expect_done();
    let frame = socket.expect_frame("message_deleted").await;
    assert_eq!(frame["message_id"], json!(id));
    busy.await.unwrap();
}

/// What a client has that applies every frame.
fn apply(shown: &mut Value, frame: &Value) {
    match frame["type"].as_str().unwrap() {
        "message" | "message_edited" => *shown = frame["message"]["envelope"].clone(),
        "message_deleted" => *shown = json!(null),
        _ => {}
    }
}

#[tokio::test]
async fn edits_at_the_same_moment_are_announced_in_the_order_in_which_they_stand() {
    let server = TestServer::with(|settings| settings.limits.message_per_second = 0).await;
    let community = server.community().await;
    let channel = community.general.clone();
    let ann = Writer::of(&community.member("ann").await).await;
    let mut socket = community.owner.socket().await;
    socket.subscribe(&channel, None).await;
    let mut shown = json!(null);
    for round in 0..15 {
        let id = ann.writes(&channel, "first").await.str("message_id");
        let mut editing = tokio::task::JoinSet::new();
        for number in 0..6 {
            let (ann, channel, id) = (ann.clone(), channel.clone(), id.clone());
            editing.spawn(async move {
                let edited = ann.edit(&channel, &id, &format!("edit{number}")).await;
                assert!([200, 409].contains(&edited.status), "{}", edited.text);
            });
        }
        if round % 3 == 0 {
            ann.user.delete_message(&channel, &id).await.expect_done();
        }
        editing.join_all().await;
        // Behind everything that was announced before.
        ann.writes(&channel, "end").await;
        loop {
            let frame = socket.next_frame().await;
            if frame["message"]["envelope"]["ciphertext"] == "end" {
                break;
            }
            apply(&mut shown, &frame);
        }
        let history = community.owner.history_after(&channel, 2 * round).await;
        let stored = history[0].get("envelope").cloned().unwrap_or_default();
        assert_eq!(shown, stored, "round {round}");
    }
}
