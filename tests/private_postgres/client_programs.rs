//! Which of PostgreSQL's client programs backup and restore use, and what they are told.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use chatalot::backup::{BackupError, BackupTarget, ExistingFile, backup, restore};

use crate::{
    backups::{SCHEMA, save},
    support::{Place, connect, count},
};

/// A directory with shell scripts in place of PostgreSQL's client programs.
fn scripts(place: &Place, script_of: impl Fn(&str) -> String) -> PathBuf {
    let dir = place.path().join("bin");
    fs::create_dir(&dir).unwrap();
    for name in ["pg_dump", "pg_restore", "psql"] {
        let path = dir.join(name);
        // Written by another process, for the reason given at `Holder::spawn`.
        let script = format!("#!/bin/sh\n{}\n", script_of(name));
        let written = Command::new("sh")
            .args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &script])
            .arg(&path)
            .status();
        assert!(written.unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

fn at_socket(place: &Place, bin_dir: PathBuf) -> BackupTarget {
    let sockets = place.root().join("s");
    BackupTarget::External {
        url: format!("host={} user=app dbname=chatalot", sockets.display()),
        bin_dir: Some(bin_dir),
    }
}

#[tokio::test]
async fn programs_older_than_the_server_name_the_package() {
    let place = Place::new();
    let postgres = place.start().await;
    connect(&postgres)
        .await
        .batch_execute(SCHEMA)
        .await
        .unwrap();
    let old = scripts(&place, |name| {
        let version = format!("{name} (PostgreSQL) 9.6.1");
        format!("[ \"$1\" = --version ] && echo '{version}' && exit\nexec {name} \"$@\"")
    });
    let file = place.path().join("chat.backup");
    let target = at_socket(&place, old);
    let error = backup(target, &file, ExistingFile::Refuse)
        .await
        .unwrap_err();
    let sentence = error.to_string();
    assert!(
        matches!(error, BackupError::ToolsTooOld { .. }),
        "{sentence}"
    );
    assert!(sentence.contains("PostgreSQL 9"), "{sentence}");
    assert!(sentence.contains("postgresql"), "{sentence}");
    assert!(!file.exists());
    postgres.stop().await;
}

/// The trap of `psql --single-transaction`: it would commit what it has got.
#[tokio::test]
async fn when_pg_restore_dies_between_two_statements_nothing_is_committed() {
    let place = Place::new();
    let postgres = place.start().await;
    let client = connect(&postgres).await;
    client.batch_execute(SCHEMA).await.unwrap();
    let file = save(&place).await;
    let dying = scripts(&place, |name| match name {
        "pg_restore" => "[ \"$1\" = --version ] && exec pg_restore --version\n\
             echo 'create table public.instance (epoch uuid not null);'; kill -9 $$"
            .to_owned(),
        _ => format!("exec {name} \"$@\""),
    });
    let error = restore(at_socket(&place, dying), &file).await.unwrap_err();
    let sentence = error.to_string();
    assert!(sentence.contains("nothing was changed"), "{sentence}");
    assert_eq!(count(&client, "message").await, 3000);
    assert_eq!(count(&client, "instance").await, 1);
    postgres.stop().await;
}

#[tokio::test]
async fn the_password_is_in_no_command_line() {
    let place = Place::new();
    let seen = place.path().join("seen");
    let at = seen.display().to_string();
    let dir = scripts(&place, |name| {
        format!(
            "[ \"$1\" = --version ] && echo '{name} (PostgreSQL) 15.1' && exit\n\
             echo \"$@\" >> {at}; echo \"$PGPASSWORD\" > {at}.password; exit 1"
        )
    });
    let target = BackupTarget::External {
        url: "postgres://bob:hunter2@localhost/chat".to_owned(),
        bin_dir: Some(dir),
    };
    let file = place.path().join("chat.backup");
    let error = backup(target, &file, ExistingFile::Refuse)
        .await
        .unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
    assert!(!fs::read_to_string(&seen).unwrap().contains("hunter2"));
    let password = fs::read_to_string(place.path().join("seen.password")).unwrap();
    assert_eq!(password.trim(), "hunter2");
}
