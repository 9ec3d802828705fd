//! Messages and who is in the channel: what was encrypted for other members than there are is
//! refused, and everybody hears of a change before any message that was encrypted after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::fixtures::User;
use crate::support::history::seq_of;
use crate::support::server::TestServer;
use crate::support::socket::WsClient;
use crate::support::writer::{Writer, ciphertext_of, fresh_txn_id};

#[tokio::test]
async fn the_members_version_grows_with_every_join_and_leave_and_nothing_else() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let owner = Writer::of(&community.owner).await;
    let (general, side) = (&community.general, community.channel("side").await);
    let versions = async || {
        (
            owner.members_version(general).await,
            owner.members_version(&side).await,
        )
    };
    let start = versions().await;
    let ann = community.member("ann").await;
    assert_eq!(versions().await, (start.0 + 1, start.1), "joined by invite");
    ann.add_to_channel(&side, &ann.id).await.expect_done();
    assert_eq!(versions().await, (start.0 + 1, start.1 + 1), "joined");
    ann.add_to_channel(&side, &ann.id).await.expect_done();
    ann.sign_in().await;
    webhook.says("x").await;
    let name = json!({"name": "renamed"});
    let renamed = community.owner.patch_channel(&side, &name).await;
    renamed.expect_status(200);
    community.channel("another").await;
    assert_eq!(versions().await, (start.0 + 1, start.1 + 1), "no change");
    ann.remove_from_channel(&side, &ann.id).await.expect_done();
    assert_eq!(versions().await, (start.0 + 1, start.1 + 2), "left");
    let owner_adds = community.owner.add_to_channel(&side, &ann.id).await;
    owner_adds.expect_done();
    assert_eq!(versions().await, (start.0 + 1, start.1 + 3), "added");
    let kicked = community.owner.remove_member(&community.id, &ann.id).await;
    kicked.expect_done();
    assert_eq!(versions().await, (start.0 + 2, start.1 + 4), "removed");
    let listed = community.owner.channels(&community.id).await;
    let listed = listed.expect_status(200).each("members_version");
    assert_eq!(listed[0], start.0 + 2);
}

#[tokio::test]
async fn what_was_encrypted_for_other_members_is_refused_with_the_present_version() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = &community.general;
    let ann = Writer::of(&community.member("ann").await).await;
    let version = ann.members_version(channel).await;
    let message_id = ann.writes(channel, "one").await.str("message_id");
    for wrong in [version - 1, version + 1, 0, -1, i64::MAX, i64::MIN] {
        let sent = ann.send(channel, &fresh_txn_id(), wrong, "AwgA").await;
        let body = ann.body(wrong, "AwgA");
        let edited = ann.user.edit_message(channel, &message_id, &body).await;
        for refused in [sent, edited] {
            let refused = refused.expect_problem(409, "members_changed");
            assert_eq!(refused.body["members_version"], version, "{}", refused.text);
        }
    }
    let history = ann.user.history_after(channel, 0).await;
    assert_eq!(history.len(), 1);
    assert_eq!(ciphertext_of(&history[0]), "one");
}

/// The next `members_changed` is of that version and comes before anything else of the channel.
async fn expect_members(socket: &mut WsClient, channel: &str, version: i64) {
    let about = |frame: &Value| {
        let kinds = ["members_changed", "message", "message_edited"];
        frame["channel_id"] == channel && kinds.iter().any(|kind| frame["type"] == *kind)
    };
    let frame = socket.expect_frame_where("members_changed", about).await;
    let expected = json!({
        "type": "members_changed", "channel_id": channel, "members_version": version,
    });
    assert_eq!(frame, expected);
}

#[tokio::test]
async fn every_join_and_leave_is_told_to_those_who_watch() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let owner = Writer::of(&community.owner).await;
    let channel = &community.general;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    socket.subscribe(channel, None).await;
    let version = owner.members_version(channel).await;
    let bob = community.member("bob").await;
    expect_members(&mut socket, channel, version + 1).await;
    bob.remove_from_channel(channel, &bob.id)
        .await
        .expect_done();
    expect_members(&mut socket, channel, version + 2).await;
    bob.add_to_channel(channel, &bob.id).await.expect_done();
    expect_members(&mut socket, channel, version + 3).await;
    let kicked = community.owner.remove_from_channel(channel, &bob.id).await;
    kicked.expect_done();
    expect_members(&mut socket, channel, version + 4).await;
    let added = community.owner.add_to_channel(channel, &bob.id).await;
    added.expect_done();
    expect_members(&mut socket, channel, version + 5).await;
    let kicked = community.owner.remove_member(&community.id, &bob.id).await;
    kicked.expect_done();
    expect_members(&mut socket, channel, version + 6).await;
    owner.writes(channel, "AwgA").await;
    let message = socket.expect_frame("message").await;
    assert_eq!(message["seq"], 1);
}

#[tokio::test]
async fn a_message_after_a_change_that_nobody_announced_announces_it() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let owner = Writer::of(&community.owner).await;
    let channel = &community.general;
    let mut socket = community.owner.socket().await;
    socket.subscribe(channel, None).await;
    // As if the one who was to announce it had died.
    let database = server.database.connect().await;
    let grow = "update channels set members_version = members_version + 1";
    database.execute(grow, &[]).await.unwrap();
    let version = owner.members_version(channel).await;
    webhook.says("one").await;
    expect_members(&mut socket, channel, version).await;
    socket.expect_frame("message").await;
    database.execute(grow, &[]).await.unwrap();
    let mut replayed = community.owner.socket().await;
    replayed.subscribe(channel, Some(0)).await;
    replayed.expect_frame("message").await;
    let id = owner.writes(channel, "two").await.str("message_id");
    expect_members(&mut socket, channel, version + 1).await;
    socket.expect_frame("message").await;
    replayed.expect_frame("message").await;
    database.execute(grow, &[]).await.unwrap();
    owner.edit(channel, &id, "three").await.expect_status(200);
    for socket in [&mut socket, &mut replayed] {
        expect_members(socket, channel, version + 2).await;
        socket.expect_frame("message_edited").await;
        socket.expect_nothing_for(50).await;
    }
}

/// Takes frames to the message that says `last`, and holds each message against the newest version
/// that was told before it.
async fn hold_to_versions(socket: &mut WsClient, mut told: i64, last: &str) {
    loop {
        let frame = socket.next_frame().await;
        match frame["type"].as_str().unwrap() {
            "members_changed" => {
                let version = frame["members_version"].as_i64().unwrap();
                assert!(version > told, "{version} after {told}");
                told = version;
            }
            "message" => {
                let said = ciphertext_of(&frame["message"]);
                if said == last {
                    return;
                }
                let version: i64 = said.trim_start_matches('v').parse().unwrap();
                assert!(version <= told, "{version}, and told was {told}");
            }
            _ => {}
        }
    }
}

/// Sends messages that name the version that they were encrypted for, until told to stop or put
/// out. Returns what was accepted: the version of each, and its place.
async fn chatter(writer: Writer, channel: String, stop: Arc<AtomicBool>) -> Vec<(i64, i64)> {
    let mut accepted = Vec::new();
    let mut version = writer.members_version(&channel).await;
    while !stop.load(Ordering::SeqCst) {
        let sent = writer
            .send(&channel, &fresh_txn_id(), version, &format!("v{version}"))
            .await;
        match sent.status {
            201 => accepted.push((version, seq_of(&sent.body))),
            409 => version = sent.body["members_version"].as_i64().unwrap(),
            403 => return accepted,
            status => panic!("answered {status}: {}", sent.text),
        }
    }
    accepted
}

#[tokio::test]
async fn after_a_kick_was_answered_nothing_is_accepted_from_the_kicked_or_for_them() {
    let server = TestServer::with(|settings| {
        settings.limits.message_per_second = 0;
    })
    .await;
    let community = server.community().await;
    let channel = &community.general;
    let owner = Writer::of(&community.owner).await;
    let start = owner.members_version(channel).await;
    let mut kicked = Vec::new();
    for number in 0..6 {
        kicked.push(community.member(&format!("kicked{number}")).await);
    }
    let joined = owner.members_version(channel).await;
    assert_eq!(joined, start + 6);
    let mut watching = Vec::new();
    for live in [true, false] {
        let mut socket = community.owner.socket().await;
        socket.subscribe(channel, live.then_some(0)).await;
        watching.push(socket);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let begin = |user: &User| {
        let (user, channel, stop) = (user.clone(), channel.clone(), stop.clone());
        tokio::spawn(async move { chatter(Writer::of(&user).await, channel, stop).await })
    };
    let staying = [begin(&community.owner), begin(&community.owner)];
    let leaving: Vec<_> = kicked.iter().map(begin).collect();
    let mut bounds = Vec::new();
    for (person, chatting) in kicked.iter().zip(leaving) {
        let before = last_seq(&community.owner, channel).await;
        while last_seq(&community.owner, channel).await < before + 20 {}
        let kick = community.owner.remove_from_channel(channel, &person.id);
        kick.await.expect_done();
        let version = owner.members_version(channel).await;
        let last = last_seq(&community.owner, channel).await;
        bounds.push((version, last, chatting.await.unwrap()));
    }
    let before = last_seq(&community.owner, channel).await;
    while last_seq(&community.owner, channel).await < before + 20 {}
    stop.store(true, Ordering::SeqCst);
    for chatting in staying {
        chatting.await.unwrap();
    }
    owner.writes(channel, "end").await;
    let history = community.owner.history_after(channel, 0).await;
    for (version, last, accepted) in bounds {
        assert!(
            accepted.iter().all(|(_, seq)| *seq <= last),
            "after the kick"
        );
        for message in history.iter().filter(|message| seq_of(message) > last) {
            let said = ciphertext_of(message);
            let of: i64 = said.trim_start_matches('v').parse().unwrap_or(i64::MAX);
            assert!(of >= version, "{said} at {} after {last}", seq_of(message));
        }
    }
    let versions = history
        .iter()
        .map(ciphertext_of)
        .filter(|said| *said != "end");
    assert!(versions.is_sorted_by_key(|said| said[1..].parse::<i64>().unwrap()));
    for socket in &mut watching {
        hold_to_versions(socket, joined, "end").await;
    }
    let mut replayed = community.owner.socket().await;
    replayed.subscribe(channel, Some(0)).await;
    hold_to_versions(&mut replayed, i64::MAX, "end").await;
}

async fn last_seq(user: &User, channel: &str) -> i64 {
    let channel = user.channel(channel).await.expect_status(200);
    channel.body["last_seq"].as_i64().unwrap()
}
