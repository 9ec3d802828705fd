//! What the disk and PostgreSQL can do by themselves: `pg_test_fsync` and `pgbench`, so that the
//! figures of different minutes and machines can be compared.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::database::{Database, ROLE};
use crate::failure::{Doing, Failure, Outcome};
use crate::row::Row;
use crate::stage::Stage;

const CLIENTS: &str = "32";

/// How fast the disk syncs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncSpeed {
    /// Syncs of one 8 KB write in a second.
    pub(crate) per_second: f64,
    /// Microseconds of one.
    pub(crate) microseconds: f64,
}

impl SyncSpeed {
    /// Asks `pg_test_fsync` about the disk of `directory`; `None` when it is not installed or
    /// says something else.
    pub(crate) async fn measure(directory: &Path) -> Option<Self> {
        let program = find("pg_test_fsync")?;
        let file = directory.join(format!("loadtest-fsync-{}", std::process::id()));
        let mut child = Command::new(program)
            .args(["-s", "1", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(child.stdout.take()?).lines();
        let mut found = None;
        // The rest compares methods that a server on Linux does not use.
        while let (None, Ok(Some(line))) = (found, lines.next_line().await) {
            found = parse_sync(&line);
        }
        drop(child.kill().await);
        drop(std::fs::remove_file(&file));
        found
    }

    /// For programs.
    pub(crate) fn to_json(self) -> Value {
        json!({"fdatasync_per_second": self.per_second, "fdatasync_us": self.microseconds})
    }
}

/// Reads `fdatasync      1234.567 ops/sec     810 usecs/op`.
fn parse_sync(line: &str) -> Option<SyncSpeed> {
    let mut words = line.trim().strip_prefix("fdatasync")?.split_whitespace();
    let per_second = words.next()?.parse().ok()?;
    let microseconds = words.nth(1)?.parse().ok()?;
    Some(SyncSpeed {
        per_second,
        microseconds,
    })
}

/// Runs single-row inserts by `pgbench` in the cluster of the server, with full durability.
/// `None`, with a sentence on stderr, when that is not possible.
pub(crate) async fn pgbench(stage: &Stage, seconds: u64) -> Outcome<Option<Row>> {
    let Some(facts) = &stage.facts else {
        stage
            .progress
            .scene("pgbench is left out: the server was not started by this driver");
        return Ok(None);
    };
    let Some(program) = find("pgbench") else {
        stage
            .progress
            .scene("pgbench is left out: it is not installed");
        return Ok(None);
    };
    stage.progress.scene("pgbench: single-row inserts");
    let socket = facts.postgres_socket();
    let script = facts.postgres.with_file_name("pgbench.sql");
    let sql = "insert into loadtest_scratch (channel, content) values (:client_id, \
               'deploy of web-42 finished in 3.2 s, 14 checks passed, none failed, all is well');\n";
    std::fs::write(&script, sql).doing("write the script of pgbench")?;
    let database = Database::connect(&socket).await?;
    database
        .run(
            "create table if not exists loadtest_scratch (id bigint generated always as identity \
             primary key, channel bigint not null, content text not null, \
             created_at timestamptz not null default now())",
        )
        .await?;
    let meter = stage.meter().start();
    let output = Command::new(program)
        .arg("-h")
        .arg(&socket)
        .args(["-p", "5432", "-U", ROLE, "-n", "-M", "prepared"])
        .args([
            "-c",
            CLIENTS,
            "-j",
            "2",
            "-T",
            &seconds.max(1).to_string(),
            "-f",
        ])
        .arg(&script)
        .arg("chatalot")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .doing("run pgbench")?;
    let usage = meter.stop();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some(transactions) = parse_transactions(&said) else {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Said(format!("pgbench failed: {said}{errors}")));
    };
    database.run("drop table loadtest_scratch").await?;
    let mut row = Row::new("pgbench", format!("one row a commit, {CLIENTS} clients"));
    row.posts = Some((transactions, seconds.max(1) as f64));
    row.usage = Some(usage);
    Ok(Some(row))
}

/// Reads `number of transactions actually processed: 1234`.
fn parse_transactions(said: &str) -> Option<u64> {
    let mut lines = said.lines();
    let line =
        lines.find_map(|line| line.strip_prefix("number of transactions actually processed:"));
    line?.split('/').next()?.trim().parse().ok()
}

/// Debian keeps the programs out of PATH.
fn find(name: &str) -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    // The newest first.
    places.sort();
    places.reverse();
    if let Some(path) = std::env::var_os("PATH") {
        places.extend(std::env::split_paths(&path));
    }
    places
        .into_iter()
        .map(|place| place.join(name))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_of_the_disk_is_read() {
        let line = "        fdatasync                          1234.567 ops/sec     810 usecs/op";
        let speed = parse_sync(line).unwrap();
        assert_eq!((speed.per_second, speed.microseconds), (1234.567, 810.0));
        assert!(parse_sync("        open_datasync   1.0 ops/sec  1 usecs/op").is_none());
    }

    #[test]
    fn the_number_of_transactions_is_read() {
        let said = "x\nnumber of transactions actually processed: 8121\ntps = 1\n";
        assert_eq!(parse_transactions(said), Some(8121));
    }
}
