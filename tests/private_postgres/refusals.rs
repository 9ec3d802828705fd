//! What cannot work is refused with a sentence that says what to do, and nothing is changed.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
};

use chatalot::managed_postgres::{ManagedPostgres, ManagedPostgresError, PrivatePostgresSettings};

use crate::support::{Holder, Place, connect, is_root, server_uid};

/// A uid that no user database has.
const NAMELESS: u32 = 64_321;

fn assert_says(error: &ManagedPostgresError, parts: &[&str]) {
    let sentence = error.to_string();
    for part in parts {
        assert!(sentence.contains(part), "{part:?} is not in: {sentence}");
    }
}

#[tokio::test]
async fn a_data_directory_that_is_no_cluster_is_not_touched() {
    let place = Place::new();
    fs::create_dir_all(place.data()).unwrap();
    fs::write(place.data().join("precious"), "x").unwrap();
    let error = place.refusal().await;
    assert!(matches!(error, ManagedPostgresError::NotACluster { .. }));
    assert_says(&error, &["PG_VERSION", place.data().to_str().unwrap()]);
    assert_eq!(
        fs::read_to_string(place.data().join("precious")).unwrap(),
        "x"
    );
}

#[tokio::test]
async fn data_of_another_major_version_names_the_package() {
    let place = Place::new();
    fs::create_dir_all(place.data()).unwrap();
    fs::write(place.data().join("PG_VERSION"), "99\n").unwrap();
    let error = place.refusal().await;
    assert!(matches!(error, ManagedPostgresError::WrongMajor { .. }));
    assert_says(&error, &["PostgreSQL 99", "postgresql", "99`", "untouched"]);
}

#[tokio::test]
async fn without_postgresql_the_two_ways_out_are_named() {
    let place = Place::new();
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    // The only place searched, although PostgreSQL is installed.
    let settings = PrivatePostgresSettings {
        bin_dir: Some(empty.clone()),
        ..place.settings()
    };
    let error = ManagedPostgres::start(settings).await.unwrap_err();
    assert!(matches!(
        error,
        ManagedPostgresError::BinariesNotFound { .. }
    ));
    assert_says(
        &error,
        &["not installed", empty.to_str().unwrap(), "DATABASE_URL"],
    );
    if fs::read_to_string("/etc/os-release").is_ok_and(|text| text.contains("ID=debian")) {
        assert_says(&error, &["sudo apt-get install postgresql"]);
    }
}

#[tokio::test]
async fn a_parent_that_keeps_postgresql_out_is_named() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let closed = place.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let settings = PrivatePostgresSettings {
        root: closed.join("deeper/postgres"),
        bin_dir: None,
    };
    let error = ManagedPostgres::start(settings).await.unwrap_err();
    let ManagedPostgresError::DirectoryClosed { directory, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(directory, &closed.canonicalize().unwrap());
    assert_says(&error, &["chmod o+x", "/var/lib/chatalot"]);
    assert!(!closed.join("deeper/postgres/data.new").exists());
}

#[tokio::test]
async fn the_directories_made_on_the_way_can_be_passed() {
    let place = Place::new();
    let settings = PrivatePostgresSettings {
        root: place.path().join("a/b/postgres"),
        bin_dir: None,
    };
    let postgres = ManagedPostgres::start(settings).await.unwrap();
    connect(&postgres).await;
    postgres.stop().await;
}

#[tokio::test]
async fn a_user_without_a_name_is_told_so_before_initdb() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.give_to(NAMELESS);
    let holder = Holder::spawn(&place, Some(NAMELESS));
    let sentence = holder.outcome().await.unwrap_err();
    assert!(
        sentence.contains("user id 64321 has no entry"),
        "{sentence}"
    );
    assert!(sentence.contains("/etc/passwd"), "{sentence}");
    assert!(sentence.contains("DATABASE_URL"), "{sentence}");
    holder.release();
}

#[tokio::test]
async fn a_user_without_a_name_can_run_a_cluster_that_exists() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.start().await.stop().await;
    let status = std::process::Command::new("chown")
        .args(["-R", &format!("{NAMELESS}:{NAMELESS}")])
        .arg(place.path())
        .status();
    assert!(status.unwrap().success());
    let holder = Holder::spawn(&place, Some(NAMELESS));
    holder.outcome().await.unwrap();
    holder.release();
}

#[tokio::test]
async fn a_cluster_of_another_owner_is_refused_with_the_remedy() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.start().await.stop().await;
    // As after a copy made by root.
    chown(place.data(), Some(0), Some(0)).unwrap();
    chown(place.data().join("PG_VERSION"), Some(0), Some(0)).unwrap();
    let error = place.refusal().await;
    assert!(matches!(error, ManagedPostgresError::WrongOwner { .. }));
    assert_says(&error, &[&format!("chown -R {}", server_uid())]);
}

#[tokio::test]
async fn somebody_elses_directory_is_refused() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.start().await.stop().await;
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let holder = Holder::spawn(&place, Some(NAMELESS));
    let sentence = holder.outcome().await.unwrap_err();
    assert!(sentence.contains("or as root"), "{sentence}");
    holder.release();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_refused_before_anything_is_made() {
    let place = Place::new();
    let settings = PrivatePostgresSettings {
        root: place.path().join("x".repeat(90)),
        bin_dir: None,
    };
    let error = ManagedPostgres::start(settings.clone()).await.unwrap_err();
    assert!(matches!(error, ManagedPostgresError::PathTooLong { .. }));
    assert_says(&error, &["too long", "data_dir"]);
    assert!(!settings.root.exists());
}

#[tokio::test]
async fn settings_that_lose_messages_are_refused() {
    let place = Place::new();
    place.start().await.stop().await;
    let file = place.data().join("postgresql.auto.conf");
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        fs::write(&file, format!("{setting} = off\n")).unwrap();
        let error = place.refusal().await;
        assert_says(&error, &[&format!("{setting}=off"), "postgresql.conf"]);
    }
    fs::write(&file, "").unwrap();

    // Also when only our role has it.
    let postgres = place.start().await;
    connect(&postgres)
        .await
        .batch_execute("alter role app set synchronous_commit = off")
        .await
        .unwrap();
    postgres.stop().await;
    assert_says(
        &place.refusal().await,
        &["synchronous_commit=off", "ALTER ROLE"],
    );
}

#[tokio::test]
async fn a_postmaster_that_ends_at_once_is_quoted() {
    let place = Place::new();
    place.start().await.stop().await;
    let file = place.data().join("postgresql.auto.conf");
    fs::write(&file, "no_such_setting = 1\n").unwrap();
    let error = place.refusal().await;
    assert!(matches!(error, ManagedPostgresError::Exited { .. }));
    assert_says(&error, &["no_such_setting", "postgres.log"]);
}
