//! One running postmaster: started, waited for, stopped.

use std::{path::PathBuf, process::ExitStatus, time::Duration};

use rustix::process::Signal;
use tokio::{
    process::Child,
    time::{Instant, sleep, timeout},
};

use super::{
    binaries::Installation, child_process, error::ManagedPostgresError, leftover, readiness,
    root_directory::RootDirectory, server_log::ServerLog, user::ServerUser,
};

/// The whole server must be gone 25 s after SIGTERM, and our own part comes first.
const FAST_SHUTDOWN: Duration = Duration::from_secs(10);
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(3);
const KILLED: Duration = Duration::from_secs(2);

/// Backends that survive their postmaster keep its shared memory for a moment.
const SURVIVING_BACKENDS_PATIENCE: Duration = Duration::from_secs(30);

/// Settings of ours. Nothing here weakens durability, and nothing lets a statement,
/// its parameters or a row (the DETAIL of an error) into the log: they may hold
/// message text or the hash of a token.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "max_connections=100",
    "logging_collector=off",
    "log_destination=stderr",
    "log_line_prefix=%m [%p] ",
    "log_timezone=UTC",
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
    "log_statement=none",
    "log_duration=off",
    "log_min_duration_statement=-1",
    "log_min_duration_sample=-1",
    "log_transaction_sample_rate=0",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
    "log_checkpoints=off",
];

/// Everything needed to start a postmaster, again and again.
#[derive(Debug)]
pub(super) struct Launch {
    /// The locked directory.
    pub(super) root: RootDirectory,
    /// Who it runs as.
    pub(super) user: ServerUser,
    /// Whose programs it uses.
    pub(super) installation: Installation,
}

/// A postmaster that was spawned and not yet seen to end.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
    log: ServerLog,
    log_start: u64,
}

impl Launch {
    /// PostgreSQL's log.
    pub(super) fn log(&self) -> ServerLog {
        ServerLog::below(self.root.path())
    }

    /// Clears what is in the way, starts a postmaster in `slot` and waits until the
    /// database answers. When this fails or is cancelled, what is in `slot` is to be stopped.
    pub(super) async fn bring_up(
        &self,
        slot: &mut Option<Postmaster>,
    ) -> Result<(), ManagedPostgresError> {
        let deadline = Instant::now() + SURVIVING_BACKENDS_PATIENCE;
        loop {
            leftover::clear(&self.root.data(), &self.root.sockets()).await?;
            let postmaster = slot.insert(self.spawn()?);
            match postmaster.wait_until_ready(&self.root).await {
                Err(ManagedPostgresError::Exited { said, .. })
                    if said.contains("is still in use") && Instant::now() < deadline =>
                {
                    // Never "repaired" with ipcrm: those backends may still write.
                    sleep(Duration::from_millis(100)).await;
                }
                outcome => return outcome,
            }
        }
    }

    fn spawn(&self) -> Result<Postmaster, ManagedPostgresError> {
        let log = self.log();
        let log_start = log.length();
        let program = self.installation.program("postgres");
        // SIGINT is the fast shutdown: it does not wait for clients to leave.
        let mut command = child_process::command(&program, self.user, Signal::INT);
        command
            .arg("-D")
            .arg(self.root.data())
            .arg("-k")
            .arg(self.root.sockets());
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let child = command
            .stdout(std::process::Stdio::null())
            .stderr(log.open(self.user)?)
            .spawn()
            .map_err(ManagedPostgresError::io("run", program))?;
        Ok(Postmaster {
            child,
            log,
            log_start,
        })
    }
}

impl Postmaster {
    /// Its process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for its end. Cancelling loses nothing.
    pub(super) async fn exited(&mut self) -> Option<ExitStatus> {
        self.child.wait().await.ok()
    }

    /// Reports an end at once, with what the log says, instead of waiting for the deadline.
    async fn wait_until_ready(&mut self, root: &RootDirectory) -> Result<(), ManagedPostgresError> {
        let log: PathBuf = self.log.path().to_owned();
        tokio::select! {
            ready = readiness::reach(root, &log) => ready,
            status = self.child.wait() => Err(ManagedPostgresError::Exited {
                status: status.map_err(ManagedPostgresError::io("wait for", &log))?,
                said: self.log.tail_since(self.log_start),
                log,
            }),
        }
    }

    /// Fast shutdown, then immediate shutdown, then SIGKILL.
    pub(super) async fn stop(mut self) {
        let started = Instant::now();
        for (signal, name, patience) in [
            (Signal::INT, "SIGINT", FAST_SHUTDOWN),
            (Signal::QUIT, "SIGQUIT", IMMEDIATE_SHUTDOWN),
            (Signal::KILL, "SIGKILL", KILLED),
        ] {
            let Some(pid) = self.pid() else { return };
            leftover::send(pid, signal);
            if timeout(patience, self.child.wait()).await.is_ok() {
                let duration_ms = started.elapsed().as_millis();
                tracing::info!(duration_ms, signal = name, "private postgresql stopped");
                return;
            }
            tracing::warn!(pid, signal = name, "private postgresql does not stop");
        }
    }
}
