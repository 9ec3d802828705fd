//! Writing the backup file: beside its place first, then moved there whole.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::{
    ExistingFile, archive,
    client_tools::{ClientTools, quote},
    error::BackupError,
};

/// Refuses early, before a database is started for nothing.
pub(super) fn check_free(file: &Path, existing: ExistingFile) -> Result<(), BackupError> {
    match existing {
        ExistingFile::Refuse if fs::symlink_metadata(file).is_ok() => {
            Err(BackupError::FileExists {
                file: file.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Dumps the database into `file` and returns the size of the file.
pub(super) async fn write(
    tools: &ClientTools,
    file: &Path,
    existing: ExistingFile,
) -> Result<u64, BackupError> {
    let partial = partial_path(file);
    let opened = open_partial(&partial)?;
    run_pg_dump(tools, &opened, &partial).await?;

    let major = tools.major();
    let sealed = tokio::task::spawn_blocking(move || {
        let mut opened = opened;
        archive::seal(&mut opened, major)?;
        Ok(opened.metadata()?.len())
    });
    let size_bytes = sealed
        .await
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(BackupError::io("write", &partial))?;

    check_free(file, existing)?;
    fs::rename(&partial, file).map_err(BackupError::io("create", file))?;
    sync_directory_of(file)?;
    Ok(size_bytes)
}

async fn run_pg_dump(
    tools: &ClientTools,
    opened: &File,
    partial: &Path,
) -> Result<(), BackupError> {
    let stdout = opened
        .try_clone()
        .map_err(BackupError::io("write", partial))?;
    let output = tools
        .command("pg_dump")
        .args(["--format=custom", "--no-password"])
        // Roles and rights belong to the server, not to the data.
        .args(["--no-owner", "--no-privileges"])
        .stdout(Stdio::from(stdout))
        .spawn()
        .map_err(BackupError::io("run", tools.path("pg_dump")))?
        .wait_with_output()
        .await
        .map_err(BackupError::io("run", tools.path("pg_dump")))?;
    if output.status.success() {
        return Ok(());
    }
    remove_partial(partial);
    Err(BackupError::ToolFailed {
        tool: "pg_dump",
        said: quote(&output.stderr),
    })
}

/// Opens `FILE.partial`, which may be left from a backup that was killed. The lock tells
/// that from one that still runs; pg_dump inherits it.
fn open_partial(partial: &Path) -> Result<File, BackupError> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(partial)
        .map_err(BackupError::io("create", partial))?;
    match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(BackupError::AnotherBackup {
                partial: partial.to_owned(),
            });
        }
        Err(error) => return Err(BackupError::io("lock", partial)(error.into())),
    }
    opened
        .set_len(0)
        .and_then(|()| opened.set_permissions(Permissions::from_mode(0o600)))
        .map_err(BackupError::io("write", partial))?;
    Ok(opened)
}

fn partial_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn remove_partial(partial: &Path) {
    if let Err(error) = fs::remove_file(partial) {
        tracing::warn!(%error, file = %partial.display(), "unfinished backup not removed");
    }
}

/// Without this a crash may forget the new name.
fn sync_directory_of(file: &Path) -> Result<(), BackupError> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(BackupError::io("sync", directory))
}
