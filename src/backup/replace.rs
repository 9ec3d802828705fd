//! Replacing the data by a backup, in one transaction.
//!
//! `pg_restore` turns the archive into SQL, `psql` runs it between our own `begin` and
//! `commit`. Not psql's `--single-transaction`: it commits at the end of its input, also
//! when that came early because `pg_restore` had failed.

use std::{fs::File, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    process::Child,
    task::JoinHandle,
};

use super::{
    client_tools::{ClientTools, quote},
    error::BackupError,
};

const BEGIN: &str = include_str!("../../sql/restore/begin.sql");
const COMMIT: &str = include_str!("../../sql/restore/commit.sql");

/// More output of a failing program than this is not read.
const STDERR_BYTES: u64 = 64 * 1024;

/// Feeds the archive to the database. On an error the old data is untouched.
pub(super) async fn run(tools: &ClientTools, archive: File) -> Result<(), BackupError> {
    let mut pg_restore = tools
        .command("pg_restore")
        .args(["--format=custom", "--file=-", "--schema=public"])
        .args(["--no-owner", "--no-privileges"])
        .stdin(Stdio::from(archive))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(BackupError::io("run", tools.path("pg_restore")))?;
    let mut psql = tools
        .psql()
        .args(["--file=-"])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(BackupError::io("run", tools.path("psql")))?;
    let restore_said = collect_stderr(&mut pg_restore);
    let psql_said = collect_stderr(&mut psql);

    let fed = feed(&mut pg_restore, &mut psql).await;
    if fed.is_err() {
        // Before its input ends, so that psql cannot take the end for the end of the data.
        // It may have ended by itself, which is what broke the feed.
        drop(psql.start_kill());
        drop(pg_restore.start_kill());
    }
    drop(psql.stdin.take());
    let psql_succeeded = psql.wait().await.is_ok_and(|status| status.success());
    if fed.is_ok() && psql_succeeded {
        return Ok(());
    }
    drop(pg_restore.wait().await);
    Err(blame(said(psql_said).await, said(restore_said).await))
}

/// Sends everything up to and including the commit, the latter only when
/// `pg_restore` has reported success.
async fn feed(pg_restore: &mut Child, psql: &mut Child) -> std::io::Result<()> {
    let broken = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let input = psql.stdin.as_mut().ok_or_else(broken)?;
    let output = pg_restore.stdout.take().ok_or_else(broken)?;
    input.write_all(BEGIN.as_bytes()).await?;
    copy_sql(&mut BufReader::with_capacity(64 * 1024, output), input).await?;
    if !pg_restore.wait().await?.success() {
        return Err(broken());
    }
    input.write_all(COMMIT.as_bytes()).await?;
    input.flush().await
}

/// Copies the SQL but for a setting that servers before 17 do not know and that
/// `pg_restore` of 17 writes all the same. It can only stand before the first data.
async fn copy_sql(
    from: &mut (impl AsyncBufReadExt + AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).await? > 0 {
        if !line.starts_with(b"SET transaction_timeout ") {
            to.write_all(&line).await?;
        }
        if line.starts_with(b"SELECT pg_catalog.set_config(") {
            break;
        }
        line.clear();
    }
    tokio::io::copy_buf(from, to).await.map(drop)
}

/// Read all along, or a program with much to say would block.
fn collect_stderr(child: &mut Child) -> JoinHandle<Vec<u8>> {
    let stderr = child.stderr.take();
    tokio::spawn(async move {
        let mut bytes = Vec::new();
        if let Some(mut stderr) = stderr {
            let mut start = (&mut stderr).take(STDERR_BYTES);
            // What could be read is quoted; an error here has nobody to go to.
            drop(start.read_to_end(&mut bytes).await);
            drop(tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await);
        }
        bytes
    })
}

async fn said(stderr: JoinHandle<Vec<u8>>) -> Vec<u8> {
    stderr.await.unwrap_or_default()
}

/// psql's complaint is the cause when there is one; else it only noticed the end of pg_restore.
fn blame(psql: Vec<u8>, pg_restore: Vec<u8>) -> BackupError {
    let (tool, stderr) = match psql.is_empty() {
        true => ("pg_restore", pg_restore),
        false => ("psql", psql),
    };
    BackupError::RolledBack {
        tool,
        said: quote(&stderr),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_setting_of_newer_servers_is_left_out_of_the_beginning_only() {
        let sql = "SET lock_timeout = 0;\nSET transaction_timeout = 0;\n\
                   SELECT pg_catalog.set_config('search_path', '', false);\n\
                   COPY public.message (body) FROM stdin;\nSET transaction_timeout = 0;\n\\.\n";
        let mut copied = Vec::new();
        copy_sql(&mut BufReader::new(sql.as_bytes()), &mut copied)
            .await
            .unwrap();
        let expected = sql.replacen("SET transaction_timeout = 0;\n", "", 1);
        assert_eq!(String::from_utf8(copied).unwrap(), expected);
    }
}
