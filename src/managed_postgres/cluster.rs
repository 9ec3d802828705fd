//! The data directory: which PostgreSQL made it, and making it.

use std::{
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    path::Path,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    process::Signal,
};
use tokio::time::{Instant, sleep};

use super::{
    binaries::{self, Installation, SERVER_PROGRAMS},
    child_process,
    error::ManagedPostgresError,
    install_hint,
    root_directory::{RootDirectory, open_private},
    server_log,
    user::ServerUser,
};

/// `gen_random_uuid()` without an extension came with 13.
const OLDEST_MAJOR: u32 = 13;

/// An initdb whose server was killed is killed with it; this is for its last children.
const EARLIER_INITDB_PATIENCE: Duration = Duration::from_secs(30);

/// The content of `PG_VERSION`, or `None` when there is no cluster yet.
pub(super) fn existing_major(data_dir: &Path) -> Result<Option<String>, ManagedPostgresError> {
    match fs::read_to_string(data_dir.join("PG_VERSION")) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            match fs::symlink_metadata(data_dir).is_ok() {
                true => Err(ManagedPostgresError::NotACluster {
                    data_dir: data_dir.to_owned(),
                }),
                false => Ok(None),
            }
        }
        Err(error) => Err(ManagedPostgresError::io("read", data_dir)(error)),
    }
}

/// The existing cluster decides before the highest version does, so that a newer
/// PostgreSQL installed later does not break it.
pub(super) fn choose_installation(
    data_dir: &Path,
    existing: Option<&str>,
    bin_dir: Option<&Path>,
) -> Result<Installation, ManagedPostgresError> {
    let found = binaries::find(bin_dir, SERVER_PROGRAMS);
    let wanted = |installation: &&Installation| match existing {
        Some(major) => installation.major().to_string() == major,
        None => installation.major() >= OLDEST_MAJOR,
    };
    if let Some(installation) = found.iter().find(wanted) {
        return Ok(installation.clone());
    }
    Err(match existing {
        Some(major) => ManagedPostgresError::WrongMajor {
            data_dir: data_dir.to_owned(),
            wanted: major.to_owned(),
            found: binaries::describe_majors(&found),
            install: install_hint::version(major),
        },
        None => ManagedPostgresError::BinariesNotFound {
            searched: binaries::describe_search(bin_dir),
            install: install_hint::any_version(),
        },
    })
}

/// Runs initdb into `data.new` and renames it, so that `data` is never half made.
pub(super) async fn create(
    root: &RootDirectory,
    user: ServerUser,
    installation: &Installation,
) -> Result<(), ManagedPostgresError> {
    user.check_entry()?;
    let started = Instant::now();
    let log_path = root.path().join("initdb.log");
    let log = wait_for_earlier_initdb(root.path(), &log_path, user).await?;
    let unfinished = root.path().join("data.new");
    remove_if_present(&unfinished).map_err(ManagedPostgresError::io("remove", &unfinished))?;

    run_initdb(&unfinished, user, installation, &log, &log_path).await?;

    let data = root.data();
    fs::rename(&unfinished, &data).map_err(ManagedPostgresError::io("create", &data))?;
    File::open(root.path())
        .and_then(|directory| directory.sync_all())
        .map_err(ManagedPostgresError::io("sync", root.path()))?;
    tracing::info!(
        data_dir = %data.display(),
        version = installation.major(),
        duration_ms = started.elapsed().as_millis(),
        "private postgresql cluster created"
    );
    Ok(())
}

/// The log doubles as a lock: initdb and all its children inherit it as standard
/// error, so whoever still writes to `data.new` still holds it, on every platform.
async fn wait_for_earlier_initdb(
    root: &Path,
    log_path: &Path,
    user: ServerUser,
) -> Result<File, ManagedPostgresError> {
    let log = open_private(log_path, OpenOptions::new().append(true).create(true))
        .map_err(ManagedPostgresError::io("open", log_path))?;
    let deadline = Instant::now() + EARLIER_INITDB_PATIENCE;
    while let Err(error) = flock(&log, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(ManagedPostgresError::io("lock", log_path)(error.into()));
        }
        if Instant::now() > deadline {
            return Err(ManagedPostgresError::InitdbStillRuns {
                root: root.to_owned(),
            });
        }
        sleep(Duration::from_millis(50)).await;
    }
    log.set_len(0)
        .and_then(|()| user.own(&log))
        .map_err(ManagedPostgresError::io("empty", log_path))?;
    Ok(log)
}

fn remove_if_present(directory: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

async fn run_initdb(
    target: &Path,
    user: ServerUser,
    installation: &Installation,
    log: &File,
    log_path: &Path,
) -> Result<(), ManagedPostgresError> {
    let copy = || {
        log.try_clone()
            .map_err(ManagedPostgresError::io("open", log_path))
    };
    let program = installation.program("initdb");
    // Killed at once when we die: what it has made so far is thrown away.
    let mut command = child_process::command(&program, user, Signal::KILL);
    // `trust` is acceptable because there is no TCP port and the directory is 0700.
    command
        .args(["-U", "app", "-A", "trust", "-E", "UTF8"])
        .args(["--locale=C", "--data-checksums", "-D"])
        .arg(target)
        .stdout(copy()?)
        .stderr(copy()?)
        .kill_on_drop(true);
    let status = command
        .status()
        .await
        .map_err(ManagedPostgresError::io("run", program))?;
    if status.success() {
        return Ok(());
    }
    Err(ManagedPostgresError::InitdbFailed {
        data_dir: target.to_owned(),
        status,
        said: server_log::tail(log_path, 0).unwrap_or_default(),
    })
}
