//! The directory of the private PostgreSQL and the lock that makes it ours.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::{error::ManagedPostgresError, user::ServerUser};

/// Room for the path in `sockaddr_un`, without the final NUL.
const SOCKET_PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// What follows the root directory in the path of the socket.
const SOCKET_BELOW_ROOT: &str = "/s/.s.PGSQL.5432";

/// The locked directory. The lock is held until this is dropped; the kernel
/// releases it when the process dies, so `kill -9` leaves nothing behind.
#[derive(Debug)]
pub(super) struct RootDirectory {
    path: PathBuf,
    lock: File,
}

impl RootDirectory {
    /// Creates the directory if it is missing and takes the lock, or says who has it.
    pub(super) fn open(root: &Path) -> Result<Self, ManagedPostgresError> {
        // Before anything is made, and again for the real path below.
        let absolute = std::path::absolute(root).map_err(ManagedPostgresError::io("find", root))?;
        check_length(&absolute)?;
        create_with_parents(&absolute)
            .map_err(|(path, source)| ManagedPostgresError::io("create", path)(source))?;
        let path = root
            .canonicalize()
            .map_err(ManagedPostgresError::io("find", root))?;
        check_length(&path)?;
        let lock = take_lock(&path)?;
        Ok(Self { path, lock })
    }

    /// The canonical path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The cluster.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Where the socket is. One letter: its path is short of room.
    pub(super) fn sockets(&self) -> PathBuf {
        socket_directory(&self.path)
    }

    /// Closes the directory to everybody but PostgreSQL's user (and root).
    pub(super) fn give_to(&self, user: ServerUser) -> Result<(), ManagedPostgresError> {
        // The lock file too, so that the same directory also works when the
        // server is later started as that user instead of as root.
        user.own(&self.lock)
            .map_err(ManagedPostgresError::io("change the owner of", &self.path))?;
        secure(&self.path, user)?;
        let sockets = self.sockets();
        match DirBuilder::new().mode(0o700).create(&sockets) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(ManagedPostgresError::io("create", sockets)(error));
            }
            _ => {}
        }
        secure(&sockets, user)
    }
}

impl Drop for RootDirectory {
    fn drop(&mut self) {
        // Closing would not be enough: a child that another thread forked a moment
        // ago holds a copy of the descriptor until it executes its program.
        if let Err(error) = flock(&self.lock, FlockOperation::Unlock) {
            tracing::debug!(%error, "lock not released");
        }
    }
}

/// The socket directory below a root directory.
pub(super) fn socket_directory(root: &Path) -> PathBuf {
    root.join("s")
}

fn secure(directory: &Path, user: ServerUser) -> Result<(), ManagedPostgresError> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(no_follow() | OFlags::DIRECTORY.bits().cast_signed())
        .open(directory)
        .map_err(|error| refused_or(error, "open", directory))?;
    user.own(&opened)
        .map_err(ManagedPostgresError::io("change the owner of", directory))?;
    opened
        .set_permissions(Permissions::from_mode(0o700))
        .map_err(ManagedPostgresError::io("change the mode of", directory))
}

/// As root, the directories we make on the way can be passed by PostgreSQL's user.
fn create_with_parents(directory: &Path) -> Result<(), (PathBuf, io::Error)> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        create_with_parents(parent)?;
    }
    let mode = match rustix::process::geteuid().is_root() {
        true => 0o711,
        false => 0o700,
    };
    // The mode of `DirBuilder` is reduced by the umask, which may be 077.
    DirBuilder::new()
        .create(directory)
        .and_then(|()| fs::set_permissions(directory, Permissions::from_mode(mode)))
        .map_err(|error| (directory.to_owned(), error))
}

fn check_length(root: &Path) -> Result<(), ManagedPostgresError> {
    let limit = SOCKET_PATH_BYTES - SOCKET_BELOW_ROOT.len();
    let length = root.as_os_str().as_bytes().len();
    if length <= limit {
        return Ok(());
    }
    Err(ManagedPostgresError::PathTooLong {
        root: root.to_owned(),
        length,
        limit,
    })
}

fn take_lock(root: &Path) -> Result<File, ManagedPostgresError> {
    let path = root.join("lock");
    let mut lock = open_private(
        &path,
        OpenOptions::new().read(true).write(true).create(true),
    )
    .map_err(|error| refused_or(error, "open", &path))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(ManagedPostgresError::AlreadyRunning {
                root: root.to_owned(),
                holder: read_holder(&mut lock),
            });
        }
        Err(error) => return Err(ManagedPostgresError::io("lock", path)(error.into())),
    }
    // Only a courtesy to the operator: what counts is the lock.
    lock.set_len(0)
        .and_then(|()| writeln!(lock, "{}", std::process::id()))
        .map_err(ManagedPostgresError::io("write", path))?;
    Ok(lock)
}

fn read_holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn refused_or(error: io::Error, action: &'static str, path: &Path) -> ManagedPostgresError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ManagedPostgresError::NotOurs {
            path: path.to_owned(),
        },
        _ => ManagedPostgresError::io(action, path)(error),
    }
}

/// Opens a file that only its owner reads, and never through a symbolic link:
/// as root we write into a directory that belongs to somebody else.
pub(super) fn open_private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.mode(0o600).custom_flags(no_follow()).open(path)
}

fn no_follow() -> i32 {
    OFlags::NOFOLLOW.bits().cast_signed()
}
