//! `kill -9` of everything that can be killed, and what is left behind.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    process::Signal,
};

use crate::support::{
    Holder, Place, as_server_user, connect, connect_at, count, eventually, gone, runs, signal,
};

const ONE_ROW: &str = "create table kept (); insert into kept default values";

async fn assert_recovered(place: &Place) {
    let postgres = place.start().await;
    assert_eq!(count(&connect(&postgres).await, "kept").await, 1);
    postgres.stop().await;
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn when_the_server_is_killed_postgresql_ends_with_it() {
    let place = Place::new();
    let (holder, postmaster) = Holder::start(&place).await;
    connect_at(&place)
        .await
        .batch_execute(ONE_ROW)
        .await
        .unwrap();
    holder.kill();
    gone(postmaster).await;
    assert_recovered(&place).await;
}

#[tokio::test]
async fn a_start_right_after_the_server_was_killed_works() {
    let place = Place::new();
    let (holder, _) = Holder::start(&place).await;
    connect_at(&place)
        .await
        .batch_execute(ONE_ROW)
        .await
        .unwrap();
    holder.kill();
    assert_recovered(&place).await;
}

#[tokio::test]
async fn when_both_are_killed_the_next_start_recovers() {
    let place = Place::new();
    let (holder, postmaster) = Holder::start(&place).await;
    connect_at(&place)
        .await
        .batch_execute(ONE_ROW)
        .await
        .unwrap();
    // The holder first and stopped, so that it cannot start another one.
    signal(holder.pid(), Signal::STOP);
    signal(postmaster, Signal::KILL);
    holder.kill();
    assert_recovered(&place).await;
}

#[tokio::test]
async fn a_postmaster_that_dies_is_started_again() {
    let place = Place::new();
    let postgres = place.start().await;
    connect(&postgres)
        .await
        .batch_execute(ONE_ROW)
        .await
        .unwrap();
    for round in 1..=2 {
        let before = postgres.server_pid().unwrap();
        signal(before, Signal::KILL);
        eventually("another postmaster", async || {
            postgres.server_pid().filter(|pid| *pid != before)
        })
        .await;
        assert_eq!(postgres.restarts(), round);
        assert_eq!(count(&connect(&postgres).await, "kept").await, 1);
    }
    postgres.stop().await;
}

#[tokio::test]
async fn the_restart_waits_for_backends_that_survive_their_postmaster() {
    let place = Place::new();
    let postgres = place.start().await;
    let client = connect(&postgres).await;
    client.batch_execute(ONE_ROW).await.unwrap();
    let row = client.query_one("select pg_backend_pid()", &[]).await;
    let backend: i32 = row.unwrap().get(0);
    let backend = backend.try_into().unwrap();
    let before = postgres.server_pid().unwrap();

    // A stopped backend cannot notice that its postmaster is gone.
    signal(backend, Signal::STOP);
    signal(before, Signal::KILL);
    let log = place.root().join("postgres.log");
    eventually("a refusal because of shared memory", async || {
        fs::read_to_string(&log)
            .unwrap()
            .contains("is still in use")
            .then_some(())
    })
    .await;
    assert_eq!(postgres.restarts(), 0);
    signal(backend, Signal::CONT);
    eventually("another postmaster", async || {
        postgres.server_pid().filter(|pid| *pid != before)
    })
    .await;
    assert_eq!(count(&connect(&postgres).await, "kept").await, 1);
    postgres.stop().await;
}

#[tokio::test]
async fn stopping_works_while_the_postmaster_is_being_restarted() {
    let place = Place::new();
    let postgres = place.start().await;
    connect(&postgres)
        .await
        .batch_execute(ONE_ROW)
        .await
        .unwrap();
    signal(postgres.server_pid().unwrap(), Signal::KILL);
    postgres.stop().await;
    assert_recovered(&place).await;
}

#[tokio::test]
async fn a_postmaster_that_does_not_react_is_killed_in_time() {
    let place = Place::new();
    let postgres = place.start().await;
    connect(&postgres)
        .await
        .batch_execute(ONE_ROW)
        .await
        .unwrap();
    signal(postgres.server_pid().unwrap(), Signal::STOP);
    let started = Instant::now();
    postgres.stop().await;
    // The whole server has 25 s for its end.
    assert!(started.elapsed() < Duration::from_secs(18));
    assert_recovered(&place).await;
}

#[tokio::test]
async fn a_kill_during_initdb_leaves_nothing_in_the_way() {
    let place = Place::new();
    let holder = Holder::spawn(&place, None);
    let unfinished = place.root().join("data.new");
    eventually("an unfinished cluster", async || {
        unfinished.join("PG_VERSION").exists().then_some(())
    })
    .await;
    holder.kill();
    assert!(unfinished.exists());
    assert!(!place.data().exists());

    let postgres = place.start().await;
    connect(&postgres).await;
    assert!(!unfinished.exists());
    postgres.stop().await;
}

/// What an initdb looks like whose server was killed and which nothing has ended yet.
#[tokio::test]
async fn an_initdb_that_still_runs_is_waited_for() {
    let place = Place::new();
    let unfinished = place.root().join("data.new");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("being-written"), "x").unwrap();
    let its_output = fs::File::create(place.root().join("initdb.log")).unwrap();
    flock(&its_output, FlockOperation::LockExclusive).unwrap();

    let mut start = std::pin::pin!(place.start());
    let early = tokio::time::timeout(Duration::from_millis(300), &mut start).await;
    assert!(early.is_err());
    assert!(unfinished.join("being-written").exists());
    drop(its_output);
    start.await.stop().await;
    assert!(!unfinished.exists());
}

/// Both files by which PostgreSQL would take `pid` for a running postmaster.
fn leave_lock_files(place: &Place, pid: u32) {
    let data = place.data();
    let sockets = place.root().join("s");
    let data = data.to_str().unwrap();
    let text = format!(
        "{pid}\n{data}\n1700000000\n5432\n{}\n\n",
        sockets.to_str().unwrap()
    );
    for file in [
        Path::new(data).join("postmaster.pid"),
        sockets.join(".s.PGSQL.5432.lock"),
    ] {
        fs::write(&file, &text).unwrap();
    }
}

#[tokio::test]
async fn lock_files_that_name_a_foreign_process_are_removed_and_it_is_left_alone() {
    let place = Place::new();
    place.start().await.stop().await;
    // As the same user: PostgreSQL itself ends with FATAL on seeing it alive.
    let mut stranger = as_server_user("sleep").arg("600").spawn().unwrap();
    leave_lock_files(&place, stranger.id());

    let postgres = place.start().await;
    assert!(runs(stranger.id()));
    postgres.stop().await;
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_zombie_is_not_taken_for_a_running_postmaster() {
    let place = Place::new();
    place.start().await.stop().await;
    let mut zombie = as_server_user("true").spawn().unwrap();
    gone(zombie.id()).await;
    leave_lock_files(&place, zombie.id());

    place.start().await.stop().await;
    zombie.wait().unwrap();
}

/// What is left on macOS, where nothing ends PostgreSQL together with a killed server.
#[tokio::test]
async fn an_orphaned_postmaster_is_stopped_by_the_next_start() {
    let place = Place::new();
    place.start().await.stop().await;
    let pid_file = place.data().join("postmaster.pid");
    let mut orphan = as_server_user(postgres_program())
        .arg("-D")
        .arg(place.data())
        .arg("-k")
        .arg(place.root().join("s"))
        .args(["-c", "listen_addresses="])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the orphan", async || {
        let text = fs::read_to_string(&pid_file).ok()?;
        text.contains("ready").then_some(())
    })
    .await;
    connect_at(&place)
        .await
        .batch_execute(ONE_ROW)
        .await
        .unwrap();

    let started = place.start();
    let postgres = started.await;
    assert!(!runs(orphan.id()));
    assert_eq!(count(&connect(&postgres).await, "kept").await, 1);
    postgres.stop().await;
    assert!(orphan.wait().unwrap().success(), "a clean shutdown");
}

fn postgres_program() -> std::path::PathBuf {
    let output = Command::new("pg_config").arg("--bindir").output();
    let from_config = output
        .ok()
        .map(|output| String::from_utf8(output.stdout).unwrap())
        .map(|dir| Path::new(dir.trim()).join("postgres"))
        .filter(|program| program.is_file());
    from_config.unwrap_or_else(|| {
        let mut found: Vec<_> = fs::read_dir("/usr/lib/postgresql")
            .unwrap()
            .map(|entry| entry.unwrap().path().join("bin/postgres"))
            .collect();
        found.sort();
        found.pop().unwrap()
    })
}
