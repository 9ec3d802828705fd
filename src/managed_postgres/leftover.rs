//! What an earlier start left behind: an orphaned postmaster, stale lock files.
//!
//! Called only by the holder of the lock on the root directory, who may therefore
//! treat any PostgreSQL that runs on this cluster as an orphan.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::{
    error::ManagedPostgresError,
    running_process::{RunningProcess, identify},
};

/// A fast shutdown writes a checkpoint, which takes a while on a slow disk.
const FAST_SHUTDOWN_PATIENCE: Duration = Duration::from_secs(20);

/// An immediate shutdown has nothing to write.
const IMMEDIATE_SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);

/// Makes sure that nothing of an earlier start is in the way of a postmaster.
pub(super) async fn clear(data_dir: &Path, sockets: &Path) -> Result<(), ManagedPostgresError> {
    // Links are resolved as the kernel does for /proc/PID/cwd.
    let data_dir = data_dir
        .canonicalize()
        .map_err(ManagedPostgresError::io("find", data_dir))?;
    let pid_file = data_dir.join("postmaster.pid");
    if let Some(pid) = recorded_pid(&pid_file)? {
        match identify(pid, &data_dir) {
            // PostgreSQL recycles the file of a process that is gone.
            RunningProcess::Gone => {}
            RunningProcess::PostgresOf => stop_orphan(pid, &data_dir).await?,
            // PostgreSQL would take either for a running postmaster and give up.
            found @ (RunningProcess::Zombie | RunningProcess::Foreign) => {
                tracing::warn!(pid, ?found, "stale postmaster.pid removed");
                remove(&pid_file)?;
            }
        }
    }
    clear_sockets(sockets)
}

/// The lock file of a socket names a pid as well, and misleads PostgreSQL the same way.
fn clear_sockets(sockets: &Path) -> Result<(), ManagedPostgresError> {
    let entries = fs::read_dir(sockets).map_err(ManagedPostgresError::io("read", sockets))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn recorded_pid(pid_file: &Path) -> Result<Option<u32>, ManagedPostgresError> {
    match fs::read_to_string(pid_file) {
        Ok(text) => Ok(text
            .lines()
            .next()
            .and_then(|line| line.trim().parse().ok())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ManagedPostgresError::io("read", pid_file)(error)),
    }
}

async fn stop_orphan(pid: u32, data_dir: &Path) -> Result<(), ManagedPostgresError> {
    tracing::info!(pid, "stopping the postgresql of an earlier start");
    for (signal, patience) in [
        (Signal::INT, FAST_SHUTDOWN_PATIENCE),
        (Signal::QUIT, IMMEDIATE_SHUTDOWN_PATIENCE),
    ] {
        send(pid, signal);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if identify(pid, data_dir) != RunningProcess::PostgresOf {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
    Err(ManagedPostgresError::OrphanDoesNotStop {
        data_dir: data_dir.to_owned(),
        pid,
    })
}

/// A process that has just ended needs no signal, so a failure is only noted.
pub(super) fn send(pid: u32, signal: Signal) {
    let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    if let Err(error) = kill_process(target, signal) {
        tracing::debug!(pid, %error, "signal not delivered");
    }
}

fn remove(path: &PathBuf) -> Result<(), ManagedPostgresError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(ManagedPostgresError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
