//! Why the private PostgreSQL cannot be used. Every message is a sentence for
//! the operator: what is wrong, where, and what to do about it.

use std::{io, path::PathBuf, process::ExitStatus};

/// What stopped the private PostgreSQL from starting.
///
/// The program prints it and ends; nothing here is retried by the caller.
#[derive(Debug, thiserror::Error)]
pub enum ManagedPostgresError {
    /// Neither `initdb` nor `postgres` is installed where we look.
    #[error(
        "PostgreSQL is not installed (no directory with both `initdb` and `postgres` in: {searched}). \
         Install it with `{install}`, or set database.url (or DATABASE_URL) to use a server of your own."
    )]
    BinariesNotFound {
        /// Where we looked.
        searched: String,
        /// The command that installs it on this platform.
        install: String,
    },

    /// The cluster was made by a major version that is not installed.
    #[error(
        "The data in {} was made by PostgreSQL {wanted}, but only {found} is installed. \
         Install the same major version with `{install}`; the data is untouched.",
        data_dir.display()
    )]
    WrongMajor {
        /// The cluster.
        data_dir: PathBuf,
        /// Its major version.
        wanted: String,
        /// The major versions that are installed, as text.
        found: String,
        /// The command that installs the wanted one on this platform.
        install: String,
    },

    /// Another process holds the lock on the directory.
    #[error(
        "Another Chatalot{} already uses {}: stop it first, or give this one another data_dir.",
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default(),
        root.display()
    )]
    AlreadyRunning {
        /// The locked directory.
        root: PathBuf,
        /// Who holds it, when it said so.
        holder: Option<u32>,
    },

    /// The directory belongs to somebody else.
    #[error(
        "{} cannot be opened by this user: run Chatalot as the user it ran as before, or as root.",
        path.display()
    )]
    NotOurs {
        /// What could not be opened.
        path: PathBuf,
    },

    /// A Unix socket has room for about a hundred bytes of path.
    #[error(
        "{} is too long a path for PostgreSQL's Unix socket ({length} bytes, at most {limit}): \
         set data_dir to a shorter one.",
        root.display()
    )]
    PathTooLong {
        /// The directory of the private PostgreSQL.
        root: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// The longest that works.
        limit: usize,
    },

    /// Started as root, and there is nobody else to run PostgreSQL as.
    #[error(
        "PostgreSQL refuses to run as root and there is no user `{user}` to run it as: create it \
         (`useradd --system {user}`; installing PostgreSQL from a package does that too), start \
         Chatalot as an ordinary user, or set database.url (or DATABASE_URL) to use a server of your own."
    )]
    NoUnprivilegedUser {
        /// The user that was looked for.
        user: String,
    },

    /// `initdb` needs a name for the uid it runs as.
    #[error(
        "The user id {uid} has no entry in the user database and PostgreSQL's initdb needs one: \
         add an entry to /etc/passwd, run as a user that has one, or set database.url (or \
         DATABASE_URL) to use a server of your own."
    )]
    UidWithoutEntry {
        /// The uid of this process.
        uid: u32,
    },

    /// A parent directory keeps PostgreSQL's user out.
    #[error(
        "PostgreSQL runs as user id {uid} and may not pass through {} on the way to {}: \
         run `chmod o+x {}`, or set data_dir to a place it can reach, such as /var/lib/chatalot.",
        directory.display(), root.display(), directory.display()
    )]
    DirectoryClosed {
        /// The first directory that lets it no further.
        directory: PathBuf,
        /// Where it must get to.
        root: PathBuf,
        /// PostgreSQL's uid.
        uid: u32,
    },

    /// The binaries cannot be executed by PostgreSQL's user.
    #[error(
        "The PostgreSQL programs in {} cannot be run as user id {uid} ({source}): install PostgreSQL \
         where every user may run it, or set database.bin_dir to another installation.",
        dir.display()
    )]
    BinariesClosed {
        /// Where the programs are.
        dir: PathBuf,
        /// PostgreSQL's uid.
        uid: u32,
        /// What the system said.
        source: io::Error,
    },

    /// There is a `data` directory that is not a cluster. It is never deleted.
    #[error(
        "{} exists but is not a PostgreSQL data directory (it has no PG_VERSION). Nothing was \
         changed: move it away or restore what belongs there, then start again.",
        data_dir.display()
    )]
    NotACluster {
        /// The directory.
        data_dir: PathBuf,
    },

    /// PostgreSQL insists on owning its data directory.
    #[error(
        "{} belongs to user id {owner} but PostgreSQL would run as user id {uid}, which it refuses: \
         run `chown -R {uid} {}`, or start Chatalot as root or as the owner.",
        data_dir.display(), data_dir.display()
    )]
    WrongOwner {
        /// The cluster.
        data_dir: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who would have to own it.
        uid: u32,
    },

    /// `initdb` failed.
    #[error("PostgreSQL's initdb could not create {} ({status}). It said: {said}", data_dir.display())]
    InitdbFailed {
        /// What it was to create.
        data_dir: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The end of its output.
        said: String,
    },

    /// An initdb of a killed server is still writing.
    #[error(
        "An initdb of an earlier start still runs in {}: wait for it to end or stop it, then start again.",
        root.display()
    )]
    InitdbStillRuns {
        /// The directory of the private PostgreSQL.
        root: PathBuf,
    },

    /// A postmaster of a killed server does not end.
    #[error(
        "A PostgreSQL of an earlier start (process {pid}) still runs in {} and does not stop: \
         look at postgres.log beside it, end that process, then start again.",
        data_dir.display()
    )]
    OrphanDoesNotStop {
        /// The cluster.
        data_dir: PathBuf,
        /// The old postmaster.
        pid: u32,
    },

    /// The postmaster ended instead of becoming ready.
    #[error("PostgreSQL ended while it was starting ({status}). The end of {}: {said}", log.display())]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// What it wrote in this start.
        said: String,
    },

    /// The postmaster lives but does not answer.
    #[error(
        "PostgreSQL was started but did not accept a connection within {waited_s} s: look at {}.",
        log.display()
    )]
    NotReady {
        /// How long we waited.
        waited_s: u64,
        /// Its log.
        log: PathBuf,
    },

    /// A setting would let acknowledged messages vanish.
    #[error(
        "PostgreSQL runs with {setting}=off, which can lose messages that were acknowledged: remove it \
         from postgresql.conf and postgresql.auto.conf in {} (and from ALTER ROLE/DATABASE ... SET), then start again.",
        data_dir.display()
    )]
    NotDurable {
        /// Which one.
        setting: String,
        /// The cluster.
        data_dir: PathBuf,
    },

    /// PostgreSQL answered, but not to what we need at the start.
    #[error("The private PostgreSQL could not be prepared: {0}. Look at its postgres.log.")]
    Database(#[from] tokio_postgres::Error),

    /// The operating system refused something.
    #[error("Could not {action} {}: {source}.", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The thread that looks after PostgreSQL ended without a word.
    #[error(
        "The thread that looks after PostgreSQL ended unexpectedly: look at the log for a panic and report it."
    )]
    SupervisorGone,

    /// The start was given up because the handle was dropped.
    #[error("The start of PostgreSQL was given up before it was ready.")]
    GivenUp,
}

impl ManagedPostgresError {
    /// Names what was tried on which path: `.map_err(ManagedPostgresError::io("create", &path))`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
