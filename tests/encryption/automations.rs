//! The examples for automations with something to hide, as programs of their own.

use std::iter::{repeat, repeat_n};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::fixtures::{PASSWORD, User};
use crate::support::people::{DEADLINE, Person, history};
use crate::support::proxy::Proxy;
use crate::support::server::TestServer;

/// An example, which cargo builds with the tests of its own package.
fn example(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own.parent().and_then(Path::parent).unwrap();
    let example = target.join("examples").join(name);
    assert!(
        example.is_file(),
        "{} is missing: run `cargo build -p chatalot-client --examples` first, or \
         `cargo test --workspace`",
        example.display()
    );
    example
}

/// An example for `user`, at a server that is at `origin`.
fn program(name: &str, origin: &str, user: &User, recovery_key: Option<&str>) -> Command {
    let mut program = Command::new(example(name));
    program
        .env_clear()
        .env("CHATALOT_URL", origin)
        .env("CHATALOT_USERNAME", &user.username)
        .env("CHATALOT_PASSWORD", PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(key) = recovery_key {
        program.env("CHATALOT_RECOVERY_KEY", key);
    }
    program
}

/// Posts with the example for `user`, with `input` on its standard input.
async fn run(user: &User, recovery_key: Option<&str>, arguments: &[&str], input: &str) -> Output {
    run_at(user.origin(), user, recovery_key, arguments, input).await
}

/// The same at a server that is at `origin`.
async fn run_at(
    origin: &str,
    user: &User,
    recovery_key: Option<&str>,
    arguments: &[&str],
    input: &str,
) -> Output {
    let mut program = program("post_encrypted", origin, user, recovery_key);
    let mut child = program.args(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that does not read what it gets may be gone already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    child.wait_with_output().await.unwrap()
}

/// What it printed.
fn said(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .trim_end()
        .to_owned()
}

/// Why it failed.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn the_example_posts_what_members_read_also_after_it_has_signed_out() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let robot = community.member("robot").await;
    let mut ann = Person::of(&community.owner, &[general]).await;
    let recovery_key = said(&run(&robot, None, &["--set-up"], "").await);
    let key = Some(recovery_key.as_str());
    let by_argument = [general, "the **audit** failed"];
    let message_id = said(&run(&robot, key, &by_argument, "").await);
    said(&run(&robot, key, &[general], "line one\nline two\n").await);

    // Only the session of the test is left: the devices that wrote are gone.
    let sessions = robot.sessions().await.expect_status(200);
    assert_eq!(sessions.list().len(), 1, "{}", sessions.text);
    let first = ann.next_message().await;
    assert_eq!(first.id.to_string(), message_id);
    assert_eq!(first.author.to_string(), robot.id);
    assert_eq!(ann.reads_this(&first).await, "the **audit** failed");
    assert_eq!(ann.reads().await, "line one\nline two");

    // The automation's own account reads it too, on any device that has the recovery key.
    let store = std::sync::Arc::default();
    let device = crate::support::people::device(&robot, robot.origin(), &store).await;
    device.unlock(&recovery_key).await.unwrap();
    let history = history(&device, general).await;
    assert_eq!(history.len(), 2);
    for message in history {
        let decrypted = device.decrypt(&message).await.unwrap();
        let is_read = matches!(decrypted, chatalot_client::Decryption::Unproven(_));
        assert!(is_read, "{decrypted:?}");
    }
}

#[tokio::test]
async fn the_example_posts_once_when_answers_get_lost() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let robot = community.member("robot").await;
    let ann = Person::of(&community.owner, &[]).await;
    let recovery_key = said(&run(&robot, None, &["--set-up"], "").await);
    let proxy = Proxy::before(server.origin()).await;
    // More than the library tries by itself.
    proxy.lose_answers(5, "/messages/");
    let key = Some(recovery_key.as_str());
    let post = [general, "once"];
    let message_id = said(&run_at(&proxy.origin, &robot, key, &post, "").await);
    assert_eq!(proxy.puts("/messages/").len(), 6);
    let history = history(&ann.device, general).await;
    let ids: Vec<String> = history.iter().map(|it| it.id.to_string()).collect();
    assert_eq!(ids, [message_id]);
}

#[tokio::test]
async fn the_example_has_posted_also_when_it_cannot_sign_out() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let robot = community.member("robot").await;
    let ann = Person::of(&community.owner, &[]).await;
    let recovery_key = said(&run(&robot, None, &["--set-up"], "").await);
    let proxy = Proxy::before(server.origin()).await;
    proxy.fail("/auth/logout", repeat(500));
    let key = Some(recovery_key.as_str());
    let output = run_at(&proxy.origin, &robot, key, &[general, "once"], "").await;
    let message_id = said(&output);
    let [message] = &history(&ann.device, general).await[..] else {
        panic!("one message");
    };
    assert_eq!(message.id.to_string(), message_id);
    let warning = String::from_utf8_lossy(&output.stderr);
    assert!(warning.contains("could not be ended"), "{warning}");
    assert_eq!(proxy.posts("/auth/logout").len(), 1);
}

#[tokio::test]
async fn the_example_says_when_it_may_have_posted() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let robot = community.member("robot").await;
    let recovery_key = said(&run(&robot, None, &["--set-up"], "").await);
    let key = Some(recovery_key.as_str());
    // What is refused after attempts without an answer, within one call of the library or not.
    for unanswered in [1, 4] {
        let proxy = Proxy::before(server.origin()).await;
        proxy.fail("/messages/", repeat_n(502, unanswered).chain(repeat(403)));
        let post = [general, "text"];
        let in_doubt = run_at(&proxy.origin, &robot, key, &post, "").await;
        let in_doubt = complaint(&in_doubt);
        assert!(in_doubt.contains("posted or not"), "{in_doubt}");
        let nothing = run(
            &robot,
            key,
            &[&uuid::Uuid::now_v7().to_string(), "text"],
            "",
        )
        .await;
        let nothing = complaint(&nothing);
        assert!(!nothing.contains("or not"), "{nothing}");
    }
}

#[tokio::test]
async fn the_example_says_what_to_change_and_leaves_no_session_behind() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let robot = community.member("robot").await;
    let post = [general, "text"];
    let without_set_up = run(&robot, Some("EsTc"), &post, "").await;
    assert!(complaint(&without_set_up).contains("not set up"));
    let recovery_key = said(&run(&robot, None, &["--set-up"], "").await);
    let key = Some(recovery_key.as_str());
    for (output, expected) in [
        (run(&robot, None, &post, "").await, "CHATALOT_RECOVERY_KEY"),
        (run(&robot, Some("EsTc"), &post, "").await, "recovery key"),
        (
            run(&robot, key, &["general", "text"], "").await,
            "id of a channel",
        ),
        (run(&robot, key, &[general], " \n").await, "no text"),
        (run(&robot, key, &[], "").await, "usage"),
        // Set up already, by a device that is gone.
        (run(&robot, None, &["--set-up"], "").await, "unlock it"),
    ] {
        let complaint = complaint(&output);
        assert!(complaint.contains(expected), "{complaint}");
        for secret in [PASSWORD, recovery_key.as_str()] {
            assert!(!complaint.contains(secret), "{complaint}");
        }
    }
    let sessions = robot.sessions().await.expect_status(200);
    assert_eq!(sessions.list().len(), 1, "{}", sessions.text);
}

async fn next_line(lines: &mut Lines<impl tokio::io::AsyncBufRead + Unpin>) -> String {
    let line = timeout(DEADLINE, lines.next_line()).await;
    line.expect("a line in time").unwrap().expect("a line")
}

#[tokio::test]
async fn the_example_that_reads_prints_what_is_written_until_it_is_interrupted() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let general = community.general.as_str();
    let robot = community.member("robot").await;
    let recovery_key = said(&run(&robot, None, &["--set-up"], "").await);
    let mut program = program(
        "read_encrypted",
        robot.origin(),
        &robot,
        Some(recovery_key.as_str()),
    );
    let mut child = program.arg(general).spawn().unwrap();
    let mut complaints = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(next_line(&mut complaints).await, "read_encrypted: reading");
    let ann = Person::of(&community.owner, &[]).await;
    for text in ["status?", "and in\ntwo lines"] {
        let posted = ann.writes(general, text).await;
        let line: Value = serde_json::from_str(&next_line(&mut lines).await).unwrap();
        let expected =
            json!({"message_id": posted.message_id, "author": ann.user.id, "text": text});
        assert_eq!(line, expected);
    }
    let process = child.id().unwrap().to_string();
    let interrupt = Command::new("kill").args(["-INT", &process]).status().await;
    assert!(interrupt.unwrap().success());
    let ended = timeout(DEADLINE, child.wait()).await.expect("its end");
    assert!(ended.unwrap().success());
    // It signed out: only the session of the test is left.
    let sessions = robot.sessions().await.expect_status(200);
    assert_eq!(sessions.list().len(), 1, "{}", sessions.text);
}
