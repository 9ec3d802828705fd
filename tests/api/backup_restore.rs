//! `chatalot backup` and `chatalot restore`, with the server running and stopped.

use std::process::Output;

use serde_json::json;

use crate::support::database::TestDatabase;
use crate::support::encrypting_device::{EncryptingDevice, SIGNED};
use crate::support::fixtures::{Community, Webhook};
use crate::support::process::Launch;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

async fn succeeds(launch: &Launch, arguments: &[&str]) {
    let output = launch.run(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
}

async fn contents(community: &Community) -> Vec<String> {
    let history = community.owner.history_after(&community.general, 0).await;
    let content = |message: &serde_json::Value| message["content"].as_str().unwrap().to_owned();
    history.iter().map(content).collect()
}

/// What every restore must give, whatever database it is and whether or not a server runs.
async fn saves_and_brings_back(launch: Launch) {
    let file = format!("{}/saved.chatalot", launch.data_dir());
    let mut server = launch.start().await;
    let community = server.community().await;
    let webhook: Webhook = community.webhook(&community.general).await;
    webhook.says("saved 1").await;
    webhook.says("saved 2").await;
    let (mut socket, hello) = community.owner.handshake().connect_and_greet().await;
    socket.subscribe(&community.general, Some(0)).await;
    socket
        .expect_frame_where("message", |frame| frame["seq"] == 2)
        .await;

    succeeds(&launch, &["backup", &file]).await;
    let again = launch.run(&["backup", &file]).await;
    assert!(
        !again.status.success() && text(&again).contains("--force"),
        "{}",
        text(&again)
    );
    webhook.says("lost 3").await;
    socket
        .expect_frame_where("message", |frame| frame["seq"] == 3)
        .await;

    succeeds(&launch, &["restore", &file]).await;
    // Positions belong to another history now: everybody begins anew.
    socket.expect_close(4004).await;
    assert_eq!(contents(&community).await, ["saved 1", "saved 2"]);
    webhook.says("after 3").await;
    assert_eq!(
        contents(&community).await,
        ["saved 1", "saved 2", "after 3"]
    );
    let (mut socket, second) = community.owner.handshake().connect_and_greet().await;
    assert_ne!(hello["epoch"], second["epoch"]);
    // A client that comes with its old place is told to read again, not given a part.
    let frame = serde_json::json!({
        "type": "subscribe",
        "epoch": hello["epoch"],
        "channels": [{"id": community.general, "after_seq": 1}],
    });
    socket.send_json(frame).await;
    assert_eq!(socket.expect_frame("resync").await["last_seq"], 3);

    server.sigterm();
    assert!(server.wait().await.success());
    succeeds(&launch, &["restore", &file]).await;
    let stopped_file = format!("{file}.2");
    succeeds(&launch, &["backup", &stopped_file]).await;
    let _server = launch.start().await;
    assert_eq!(contents(&community).await, ["saved 1", "saved 2"]);
    webhook.says("works").await;
}

#[tokio::test]
async fn the_private_database_is_saved_and_brought_back_running_and_stopped() {
    saves_and_brings_back(Launch::new()).await;
}

#[tokio::test]
async fn an_external_database_is_saved_and_brought_back_running_and_stopped() {
    let database = TestDatabase::create().await;
    saves_and_brings_back(Launch::new().set("CHATALOT_DATABASE__URL", database.url())).await;
}

#[tokio::test]
async fn no_one_time_key_is_handed_out_a_second_time_after_a_restore() {
    let launch = Launch::new();
    let file = format!("{}/saved.chatalot", launch.data_dir());
    let server = launch.start().await;
    let community = server.community().await;
    let ann = EncryptingDevice::of(&community.owner).await;
    let bob = EncryptingDevice::of(&community.member("bob").await).await;
    let bob = bob.with_one_time_keys(2).await;
    succeeds(&launch, &["backup", &file]).await;
    ann.claim(&bob).await.expect("a key");
    succeeds(&launch, &["restore", &file]).await;
    assert_eq!(ann.claim(&bob).await, None);
    // The device learns that it has none left, and brings others.
    let mut socket = bob.socket().await;
    let none = socket.expect_frame("one_time_keys").await;
    assert_eq!(none["counts"], json!({SIGNED: 0}));
    let body = json!({"one_time_keys": bob.one_time_keys(2..3)});
    bob.upload(&body).await.expect_status(200);
    ann.claim(&bob).await.expect("the new key");
}

#[tokio::test]
async fn a_file_that_is_no_backup_changes_nothing_and_says_so() {
    let launch = Launch::new();
    let server = launch.start().await;
    let community = server.community().await;
    let webhook = community.webhook(&community.general).await;
    webhook.says("stays").await;
    let file = format!("{}/notes.txt", launch.data_dir());
    std::fs::write(&file, "not a backup").unwrap();
    let output = launch.run(&["restore", &file]).await;
    assert!(!output.status.success());
    assert!(
        text(&output).contains("not a Chatalot backup"),
        "{}",
        text(&output)
    );
    assert_eq!(contents(&community).await, ["stays"]);
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_refused_with_a_sentence() {
    let launch = Launch::new();
    let _server = launch.start().await;
    let second = launch
        .clone()
        .set("CHATALOT_LISTEN", "127.0.0.1:0")
        .run(&["serve"])
        .await;
    assert!(!second.status.success());
    assert!(text(&second).contains("already uses"), "{}", text(&second));
}
