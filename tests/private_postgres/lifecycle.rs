//! Starting, stopping and what holds in between.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chatalot::managed_postgres::{ManagedPostgres, ManagedPostgresError};

use crate::support::{
    Holder, Place, connect, connect_at, count, eventually, gone, is_root, server_uid, setting,
};

#[tokio::test]
async fn the_data_is_there_after_a_stop_and_a_start() {
    let place = Place::new();
    let postgres = place.start().await;
    let pid = postgres.server_pid().unwrap();
    connect(&postgres)
        .await
        .batch_execute("create table kept (); insert into kept default values")
        .await
        .unwrap();
    postgres.stop().await;
    assert!(
        !crate::support::runs(pid),
        "stop returns when PostgreSQL has ended"
    );

    let postgres = place.start().await;
    assert_eq!(count(&connect(&postgres).await, "kept").await, 1);
    assert_eq!(postgres.restarts(), 0);
    postgres.stop().await;
}

#[tokio::test]
async fn it_is_private_durable_and_not_run_by_root() {
    let place = Place::new();
    let postgres = place.start().await;
    let client = connect(&postgres).await;
    for (name, expected) in [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("log_min_error_statement", "panic"),
    ] {
        assert_eq!(setting(&client, name).await, expected, "{name}");
    }
    let process = fs::metadata(format!("/proc/{}", postgres.server_pid().unwrap())).unwrap();
    assert_eq!(process.uid(), server_uid());
    assert_ne!(process.uid(), 0);
    for directory in [place.root(), place.data(), place.root().join("s")] {
        let metadata = fs::metadata(&directory).unwrap();
        assert_eq!(
            metadata.permissions().mode() & 0o777,
            0o700,
            "{directory:?}"
        );
        assert_eq!(metadata.uid(), server_uid(), "{directory:?}");
    }
    postgres.stop().await;
}

#[tokio::test]
async fn an_ordinary_user_runs_it_as_itself_and_root_takes_it_over() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.give_to(server_uid());
    let holder = Holder::spawn(&place, Some(server_uid()));
    let pid = holder.outcome().await.unwrap();
    let process = fs::metadata(format!("/proc/{pid}")).unwrap();
    assert_eq!(process.uid(), server_uid());
    let client = connect_at(&place).await;
    client.batch_execute("create table kept ()").await.unwrap();
    drop(client);
    holder.release();

    // Root finds the cluster's owner and switches to it.
    let postgres = place.start().await;
    assert_eq!(count(&connect(&postgres).await, "kept").await, 0);
    postgres.stop().await;

    // And the user can have it back: root left nothing behind that it cannot open.
    fs::remove_file(place.path().join("report")).unwrap();
    let holder = Holder::spawn(&place, Some(server_uid()));
    holder.outcome().await.unwrap();
    holder.release();
}

#[tokio::test]
async fn a_second_server_is_refused_and_told_who_is_there() {
    let place = Place::new();
    let (holder, _) = Holder::start(&place).await;
    let refusal = place.refusal().await;
    assert!(matches!(
        refusal,
        ManagedPostgresError::AlreadyRunning { .. }
    ));
    let sentence = refusal.to_string();
    assert!(
        sentence.contains(&format!("process {}", holder.pid())),
        "{sentence}"
    );
    assert!(
        sentence.contains(place.root().to_str().unwrap()),
        "{sentence}"
    );
    holder.release();
}

/// The death signal is tied to the spawning thread: a pool thread that ends when idle
/// must not be that thread.
#[test]
fn it_outlives_the_thread_that_asked_for_it() {
    struct Ended(Arc<AtomicBool>);
    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    thread_local! {
        static MARK: std::cell::RefCell<Option<Ended>> = const { std::cell::RefCell::new(None) };
    }
    let place = Place::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_keep_alive(Duration::from_millis(10))
        .build()
        .unwrap();
    runtime.block_on(async {
        let ended = Arc::new(AtomicBool::new(false));
        let mark = Ended(Arc::clone(&ended));
        let settings = place.settings();
        let handle = tokio::runtime::Handle::current();
        let postgres = tokio::task::spawn_blocking(move || {
            MARK.set(Some(mark));
            handle.block_on(ManagedPostgres::start(settings))
        })
        .await
        .unwrap()
        .unwrap();
        let pid = postgres.server_pid();
        eventually("the end of the pool thread", async || {
            ended.load(Ordering::SeqCst).then_some(())
        })
        .await;
        let client = connect(&postgres).await;
        // Long enough for a shutdown by signal to have shown itself.
        client.batch_execute("select pg_sleep(1)").await.unwrap();
        assert_eq!(postgres.server_pid(), pid);
        assert_eq!(postgres.restarts(), 0);
        postgres.stop().await;
    });
}

#[tokio::test]
async fn dropping_the_handle_stops_it() {
    let place = Place::new();
    let postgres = place.start().await;
    let pid = postgres.server_pid().unwrap();
    drop(postgres);
    gone(pid).await;
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_the_directory_usable() {
    let place = Place::new();
    place.start().await.stop().await;
    let start = ManagedPostgres::start(place.settings());
    let pid_file = place.data().join("postmaster.pid");
    tokio::select! {
        biased;
        () = eventually("a postmaster", async || pid_file.exists().then_some(())) => {}
        _ = start => {}
    }
    // Stopping takes a moment, and until then the lock is held.
    let postgres = eventually("the lock", async || {
        ManagedPostgres::start(place.settings()).await.ok()
    })
    .await;
    connect(&postgres).await;
    postgres.stop().await;
}

#[tokio::test]
async fn what_statements_carry_stays_out_of_the_log() {
    let place = Place::new();
    let postgres = place.start().await;
    let client = connect(&postgres).await;
    client
        .batch_execute("create table secrets (word text unique)")
        .await
        .unwrap();
    for _ in 0..2 {
        // The second violates the constraint.
        client
            .execute("insert into secrets values ($1)", &[&"xyzzy-parameter"])
            .await
            .ok();
    }
    client
        .batch_execute("select 'xyzzy-text' from no_such_table")
        .await
        .unwrap_err();
    postgres.stop().await;
    let log = fs::read_to_string(place.root().join("postgres.log")).unwrap();
    assert!(log.contains("duplicate key value"), "{log}");
    assert!(log.contains("no_such_table"), "{log}");
    assert!(!log.contains("xyzzy"), "{log}");
}
