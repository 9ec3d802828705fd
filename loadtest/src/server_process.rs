//! The server that the driver starts itself: its binary with a private PostgreSQL in a fresh
//! directory, its limits out of the way and its metrics open.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::failure::{Doing, Failure, Outcome};

/// A first start makes a database, which takes a while on a slow disk.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// As long as the server itself may take.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// What is set for every server under load, besides its directory and addresses.
const SETTINGS: &[(&str, &str)] = &[
    ("CHATALOT_LISTEN", "127.0.0.1:0"),
    ("CHATALOT_REGISTRATION", "open"),
    ("CHATALOT_LOG__LEVEL", "warn"),
    ("CHATALOT_LIMITS__WEBHOOK_PER_SECOND", "0"),
    ("CHATALOT_LIMITS__MESSAGE_PER_SECOND", "0"),
    ("CHATALOT_LIMITS__ADDRESS_PER_SECOND", "0"),
    ("CHATALOT_LIMITS__LOGIN_PER_MINUTE", "0"),
    ("CHATALOT_LIMITS__ENCRYPTION_PER_MINUTE", "0"),
    ("CHATALOT_SOCKETS__MAX", "100000"),
    ("CHATALOT_SOCKETS__MAX_PER_USER", "10000"),
    ("CHATALOT_SOCKETS__FRAMES_PER_SECOND", "0"),
    ("CHATALOT_PUSH__ALLOW_LOOPBACK_HTTP", "true"),
];

/// What others need to know of a running server.
#[derive(Clone, Debug)]
pub(crate) struct ServerFacts {
    /// Its process id.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) url: String,
    /// Where its metrics are.
    pub(crate) metrics: String,
    /// The directory of its private PostgreSQL.
    pub(crate) postgres: PathBuf,
}

impl ServerFacts {
    /// The directory of the socket of its PostgreSQL.
    pub(crate) fn postgres_socket(&self) -> PathBuf {
        self.postgres.join("s")
    }

    /// The process id of its postmaster.
    pub(crate) fn postmaster(&self) -> Option<u32> {
        let file = self.postgres.join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().next()?.trim().parse().ok()
    }
}

/// A running server. Dropping it kills it; its PostgreSQL ends with it.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    /// What is known of it.
    pub(crate) facts: ServerFacts,
    /// Removed with everything in it, once the server is gone.
    _directory: TempDir,
}

impl ServerProcess {
    /// Starts `binary` with its data in a fresh directory below `parent`.
    pub(crate) async fn start(
        binary: &Path,
        parent: &Path,
        settings: &[(&str, String)],
    ) -> Outcome<Self> {
        let directory = fresh_directory(parent)?;
        let log_path = directory.path().join("server.log");
        let log = std::fs::File::create(&log_path).doing("make the log of the server")?;
        let metrics = free_address()?;
        let data = directory.path().join("data");
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            // What is set for a server of the user's own must not leak into this one.
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CHATALOT_") || name == "DATABASE_URL" {
                command.env_remove(name);
            }
        }
        command
            .envs(SETTINGS.iter().copied())
            .env("CHATALOT_DATA_DIR", &data)
            .env("CHATALOT_METRICS__LISTEN", &metrics)
            .envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C is for the driver, which then stops the server in order.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .doing(format!("start {}", binary.display()))?;
        let url = match timeout(START_PATIENCE, ready_url(&mut child)).await {
            Ok(Some(url)) => url,
            Ok(None) | Err(_) => return Err(not_started(&log_path)),
        };
        let pid = child.id().ok_or_else(|| not_started(&log_path))?;
        let facts = ServerFacts {
            pid,
            url,
            metrics,
            postgres: data.join("postgres"),
        };
        Ok(Self {
            child,
            facts,
            _directory: directory,
        })
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(mut self) {
        // It may have been stopped by the self-test a moment ago.
        signal(self.facts.pid, Signal::CONT);
        signal(self.facts.pid, Signal::TERM);
        if timeout(STOP_PATIENCE, self.child.wait()).await.is_err() {
            // An error means that it is gone already.
            drop(self.child.kill().await);
        }
    }
}

/// Sends a signal to a process; one that is gone needs none.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, signal);
    }
}

fn fresh_directory(parent: &Path) -> Outcome<TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::Builder::new()
        .prefix("loadtest-")
        .tempdir_in(parent)
        .doing(format!("make a directory below {}", parent.display()))?;
    // As root, PostgreSQL runs as a user of its own, who has to get through to its data.
    let open = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(directory.path(), open).doing("open the directory")?;
    Ok(directory)
}

fn free_address() -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").doing("find a free port")?;
    let address = listener.local_addr().doing("find a free port")?;
    Ok(address.to_string())
}

/// Waits for the line that says where the server is; `None` when it ends instead.
async fn ready_url(child: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(child.stdout.take()?).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((_, url)) = line.split_once(" ready at ") {
            return Some(url.trim().to_owned());
        }
    }
    None
}

fn not_started(log: &Path) -> Failure {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    let last = lines.len().saturating_sub(10);
    let tail = lines.get(last..).unwrap_or_default().join("\n");
    Failure::Said(format!("the server did not start; it said:\n{tail}"))
}
