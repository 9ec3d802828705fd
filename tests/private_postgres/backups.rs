//! Backup and restore, on running and stopped servers, with whole and broken files.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command, time::Duration};

use chatalot::backup::{BackupError, BackupTarget, ExistingFile, backup, restore};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use crate::support::{Place, connect, count, eventually};

/// The one table that must be there, and one of each kind of object that a schema can have.
pub(crate) const SCHEMA: &str = "
    create table instance (epoch uuid not null);
    insert into instance values (gen_random_uuid());
    create type mood as enum ('calm', 'loud');
    create domain nick as text check (value <> '');
    create table message (
        id bigint generated always as identity primary key,
        mood mood not null default 'calm',
        author nick not null default 'bob',
        body text not null
    );
    create sequence spare;
    create table part (at date) partition by range (at);
    create table part_1 partition of part for values from ('2026-01-01') to ('2027-01-01');
    create view loud as select * from message where mood = 'loud';
    create materialized view bodies as select body from message;
    create function twice(n int) returns int language sql as 'select n * 2';
    insert into message (body) select 'message ' || n || repeat(md5(n::text), 5) from generate_series(1, 3000) n";

fn private(place: &Place) -> BackupTarget {
    BackupTarget::Private(place.settings())
}

async fn epoch(client: &Client) -> String {
    let row = client.query_one("select epoch::text from instance", &[]);
    row.await.unwrap().get(0)
}

pub(crate) async fn save(place: &Place) -> PathBuf {
    let file = place.path().join("chat.backup");
    backup(private(place), &file, ExistingFile::Refuse)
        .await
        .unwrap();
    file
}

/// What happens between a backup and its restore.
const LATER: &str = "
    delete from message where id > 10;
    insert into message (body) values ('later');
    create table newer (id int references message);
    alter table message add column extra text";

#[tokio::test]
async fn a_round_trip_under_a_running_server_brings_everything_back() {
    let place = Place::new();
    let postgres = place.start().await;
    let client = connect(&postgres).await;
    client.batch_execute(SCHEMA).await.unwrap();
    let before = epoch(&client).await;
    let file = save(&place).await;
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    client.batch_execute(LATER).await.unwrap();

    restore(private(&place), &file).await.unwrap();
    assert_eq!(count(&client, "message").await, 3000);
    assert_eq!(count(&client, "bodies").await, 3000);
    client
        .query("select twice(2), nextval('spare')", &[])
        .await
        .unwrap();
    client.query("select * from newer", &[]).await.unwrap_err();
    assert_ne!(epoch(&client).await, before, "running servers must notice");
    let next: i64 = client
        .query_one("insert into message (body) values ('x') returning id", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(next, 3001);

    // And once more, onto what a restore made.
    restore(private(&place), &file).await.unwrap();
    assert_eq!(count(&client, "message").await, 3000);
    postgres.stop().await;
}

#[tokio::test]
async fn a_stopped_server_is_saved_and_another_machine_gets_its_data() {
    let place = Place::new();
    let postgres = place.start().await;
    connect(&postgres)
        .await
        .batch_execute(SCHEMA)
        .await
        .unwrap();
    postgres.stop().await;
    let file = save(&place).await;
    assert!(
        !place.data().join("postmaster.pid").exists(),
        "stopped again"
    );

    let other = Place::new();
    restore(private(&other), &file).await.unwrap();
    assert!(
        !other.data().join("postmaster.pid").exists(),
        "stopped again"
    );
    let postgres = other.start().await;
    assert_eq!(count(&connect(&postgres).await, "message").await, 3000);
    postgres.stop().await;
}

#[tokio::test]
async fn an_external_database_is_reached_by_its_url() {
    let place = Place::new();
    let postgres = place.start().await;
    let client = connect(&postgres).await;
    client.batch_execute(SCHEMA).await.unwrap();
    let sockets = place.root().join("s");
    let host = sockets.to_str().unwrap().replace('/', "%2F");
    let target = BackupTarget::External {
        url: format!("postgres://app:unused@{host}:5432/chatalot?sslmode=disable"),
        bin_dir: None,
    };
    let file = place.path().join("external.backup");
    backup(target.clone(), &file, ExistingFile::Refuse)
        .await
        .unwrap();
    client.batch_execute(LATER).await.unwrap();
    restore(target, &file).await.unwrap();
    assert_eq!(count(&client, "message").await, 3000);
    postgres.stop().await;
}

/// Gives a changed archive a checksum that fits, so that only PostgreSQL notices.
fn seal_again(archive: &[u8]) -> Vec<u8> {
    let checksum: String = Sha256::digest(archive)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut sealed = archive.to_vec();
    sealed.extend(format!("\nchatalot-backup-1 postgresql=015 sha256={checksum}\n").bytes());
    sealed
}

#[tokio::test]
async fn a_broken_file_leaves_the_data_as_it_was() {
    let place = Place::new();
    let postgres = place.start().await;
    let client = connect(&postgres).await;
    client.batch_execute(SCHEMA).await.unwrap();
    let file = save(&place).await;
    client.batch_execute(LATER).await.unwrap();
    let before = epoch(&client).await;
    let whole = fs::read(&file).unwrap();
    let archive = &whole[..whole.len() - seal_again(b"").len()];

    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let truncated = whole[..whole.len() * 2 / 3].to_vec();
    // Whole by its checksum: pg_restore fails after psql has got the first rows.
    let short_inside = seal_again(&archive[..archive.len() * 2 / 3]);
    let no_archive = seal_again(b"PGDMP but nothing else");
    for (name, content) in [
        ("flipped", flipped),
        ("truncated", truncated),
        ("short inside", short_inside),
        ("no archive", no_archive),
        ("foreign", b"SQLite format 3\0".to_vec()),
        ("empty", Vec::new()),
    ] {
        let broken = place.path().join("broken");
        fs::write(&broken, content).unwrap();
        let error = restore(private(&place), &broken).await.unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.to_lowercase().contains("nothing was changed"),
            "{name}: {sentence}"
        );
        assert_eq!(count(&client, "message").await, 11, "{name}");
        assert_eq!(count(&client, "newer").await, 0, "{name}");
        assert_eq!(epoch(&client).await, before, "{name}");
    }
    postgres.stop().await;
}

#[tokio::test]
async fn a_restore_waits_for_a_transaction_that_is_under_way() {
    let place = Place::new();
    let postgres = place.start().await;
    let client = connect(&postgres).await;
    client.batch_execute(SCHEMA).await.unwrap();
    let file = save(&place).await;

    let writer = connect(&postgres).await;
    writer
        .batch_execute("begin; insert into message (body) values ('under way')")
        .await
        .unwrap();
    let target = private(&place);
    let restoring = tokio::spawn(async move { restore(target, &file).await });
    eventually("a restore that waits for the lock", async || {
        let waiting = "select 1 from pg_locks where not granted and mode = 'AccessExclusiveLock'";
        client.query_opt(waiting, &[]).await.unwrap()
    })
    .await;
    writer.batch_execute("commit").await.unwrap();
    restoring.await.unwrap().unwrap();
    assert_eq!(count(&client, "message").await, 3000);
    postgres.stop().await;
}

#[tokio::test]
async fn a_deadlock_with_a_running_server_costs_the_restore_a_retry() {
    let place = Place::new();
    let postgres = place.start().await;
    let client = connect(&postgres).await;
    client.batch_execute(SCHEMA).await.unwrap();
    let file = save(&place).await;

    // The restore locks by name: `instance` first, then `message`.
    let writer = connect(&postgres).await;
    writer
        .batch_execute("begin; insert into message (body) values ('under way')")
        .await
        .unwrap();
    let target = private(&place);
    let restoring = tokio::spawn(async move { restore(target, &file).await });
    eventually("a restore that waits for the lock", async || {
        let waiting = "select 1 from pg_locks where not granted and mode = 'AccessExclusiveLock'";
        client.query_opt(waiting, &[]).await.unwrap()
    })
    .await;
    // Whoever is chosen to give way, the restore succeeds.
    tokio::time::timeout(
        Duration::from_secs(30),
        writer.batch_execute("update instance set epoch = epoch; commit"),
    )
    .await
    .unwrap()
    .ok();
    writer.batch_execute("rollback").await.unwrap();
    restoring.await.unwrap().unwrap();
    postgres.stop().await;
}

#[tokio::test]
async fn an_existing_file_is_only_replaced_on_request() {
    let place = Place::new();
    let postgres = place.start().await;
    connect(&postgres)
        .await
        .batch_execute(SCHEMA)
        .await
        .unwrap();
    let file = place.path().join("chat.backup");
    fs::write(&file, "precious").unwrap();
    // Left by a backup that was killed.
    fs::write(
        place.path().join("chat.backup.partial"),
        "x".repeat(1 << 20),
    )
    .unwrap();

    let error = backup(private(&place), &file, ExistingFile::Refuse).await;
    assert!(matches!(error, Err(BackupError::FileExists { .. })));
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");

    let size = backup(private(&place), &file, ExistingFile::Replace)
        .await
        .unwrap();
    assert_eq!(file.metadata().unwrap().len(), size);
    assert!(!place.path().join("chat.backup.partial").exists());
    restore(private(&place), &file).await.unwrap();
    postgres.stop().await;
}

#[tokio::test]
async fn the_file_can_be_read_without_chatalot() {
    let place = Place::new();
    let postgres = place.start().await;
    connect(&postgres)
        .await
        .batch_execute(SCHEMA)
        .await
        .unwrap();
    let file = save(&place).await;
    postgres.stop().await;
    let output = Command::new("pg_restore").arg("--list").arg(file).output();
    let list = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(list.contains("TABLE public message"), "{list}");
}

#[tokio::test]
async fn where_there_is_nothing_there_is_no_backup() {
    let place = Place::new();
    let file = place.path().join("chat.backup");
    let error = backup(private(&place), &file, ExistingFile::Refuse).await;
    assert!(matches!(error, Err(BackupError::NoDatabase { .. })));
    assert!(!place.root().exists(), "and no cluster is made for it");

    place.start().await.stop().await;
    let error = backup(private(&place), &file, ExistingFile::Refuse).await;
    assert!(matches!(error, Err(BackupError::NothingToBackUp)));
    assert!(!file.exists());
}

#[tokio::test]
async fn a_failed_restore_stops_the_database_it_started() {
    let place = Place::new();
    let broken = place.path().join("broken");
    fs::write(&broken, seal_again(b"PGDMP but nothing else")).unwrap();
    restore(private(&place), &broken).await.unwrap_err();
    assert!(place.data().exists());
    assert!(!place.data().join("postmaster.pid").exists());
}
