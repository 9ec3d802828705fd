//! The thread that owns the postmaster.
//!
//! It is a thread of its own, with its own little runtime, because the kernel ties
//! the death signal of a child to the thread that spawned it: a pool thread that
//! ends when idle would take the database with it. Everything here may block.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    PrivatePostgresSettings, cluster,
    error::ManagedPostgresError,
    passage,
    postmaster::{Launch, Postmaster},
    root_directory::RootDirectory,
    user::ServerUser,
};

/// How often the size of PostgreSQL's log is looked at.
const LOG_CHECK: Duration = Duration::from_secs(60);

/// A postmaster that ran this long is restarted at once when it dies.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// What the handle can read without asking the thread.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// Postmasters started after the first.
    pub(super) restarts: AtomicU64,
    /// The postmaster, or 0 while there is none.
    pub(super) pid: AtomicU32,
}

/// Asks for the end; answered when PostgreSQL has ended and the lock is free.
#[derive(Debug)]
pub(super) struct Stop {
    /// Told when it is done.
    pub(super) done: oneshot::Sender<()>,
}

/// Told once: the canonical root directory, or why there is no database.
pub(super) type Report = oneshot::Sender<Result<std::path::PathBuf, ManagedPostgresError>>;

/// The whole life of the thread.
pub(super) fn run(
    settings: &PrivatePostgresSettings,
    stops: mpsc::Receiver<Stop>,
    status: Arc<Status>,
    report: Report,
) {
    let mut report = Some(report);
    let lived = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ManagedPostgresError::io(
            "start a runtime for",
            &settings.root,
        ))
        .and_then(|runtime| runtime.block_on(live(settings, stops, status, &mut report)));
    // Only now is the lock free, so that whoever hears of the end can start again.
    match lived {
        Ok(Some(Stop { done })) => {
            if done.send(()).is_err() {
                tracing::debug!("nobody waits for the end of the private postgresql");
            }
        }
        Ok(None) => {}
        Err(error) => send(report, Err(error)),
    }
}

/// From the lock to the request to stop, which is returned to be answered.
async fn live(
    settings: &PrivatePostgresSettings,
    stops: mpsc::Receiver<Stop>,
    status: Arc<Status>,
    report: &mut Option<Report>,
) -> Result<Option<Stop>, ManagedPostgresError> {
    let mut supervisor = Supervisor {
        launch: prepare(settings).await?,
        postmaster: None,
        stops,
        status,
        delay: Duration::ZERO,
    };
    let started = supervisor.start().await;
    if started.is_ok() {
        let root = supervisor.launch.root.path().to_owned();
        send(report.take(), Ok(root));
    }
    let stop = match started {
        Ok(()) => Ok(supervisor.supervise().await),
        Err(error) => Err(error),
    };
    supervisor.stop_postmaster().await;
    stop
}

fn send(report: Option<Report>, outcome: Result<std::path::PathBuf, ManagedPostgresError>) {
    if let Some(Err(Err(error))) = report.map(|report| report.send(outcome)) {
        tracing::warn!(%error, "private postgresql not started, and nobody waits for it");
    }
}

/// Everything up to the point where a postmaster can be started.
async fn prepare(settings: &PrivatePostgresSettings) -> Result<Launch, ManagedPostgresError> {
    let root = RootDirectory::open(&settings.root)?;
    let data = root.data();
    let existing = cluster::existing_major(&data)?;
    let installation =
        cluster::choose_installation(&data, existing.as_deref(), settings.bin_dir.as_deref())?;
    let user = ServerUser::choose(&data)?;
    root.give_to(user)?;
    passage::check(root.path(), user, &installation)?;
    let launch = Launch {
        root,
        user,
        installation,
    };
    rotate_log(&launch);
    match existing {
        Some(_) => user.check_owner(&data)?,
        None => cluster::create(&launch.root, user, &launch.installation).await?,
    }
    Ok(launch)
}

fn rotate_log(launch: &Launch) {
    if let Err(error) = launch.log().rotate_when_large(launch.user) {
        tracing::warn!(%error, "postgres.log not rotated");
    }
}

struct Supervisor {
    launch: Launch,
    postmaster: Option<Postmaster>,
    stops: mpsc::Receiver<Stop>,
    status: Arc<Status>,
    delay: Duration,
}

impl Supervisor {
    /// The first start. Failed or given up, it may leave a postmaster to be stopped.
    async fn start(&mut self) -> Result<(), ManagedPostgresError> {
        tokio::select! {
            up = self.launch.bring_up(&mut self.postmaster) => up?,
            // There is no handle yet, so this is its future being dropped.
            _ = self.stops.recv() => return Err(ManagedPostgresError::GivenUp),
        }
        self.note_pid();
        tracing::info!(
            data_dir = %self.launch.root.data().display(),
            version = self.launch.installation.major(),
            uid = self.launch.user.uid(),
            pid = self.status.pid.load(Ordering::Relaxed),
            "private postgresql started"
        );
        Ok(())
    }

    /// Keeps it running until asked to stop, or until the handle is dropped.
    async fn supervise(&mut self) -> Option<Stop> {
        let mut log_check = interval(LOG_CHECK);
        log_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut up_since = Instant::now();
        loop {
            tokio::select! {
                stop = self.stops.recv() => return stop,
                _ = log_check.tick() => rotate_log(&self.launch),
                () = ended(&mut self.postmaster) => {
                    if up_since.elapsed() > HEALTHY_AFTER {
                        self.delay = Duration::ZERO;
                    }
                    if let Err(stop) = self.restart().await {
                        return stop;
                    }
                    up_since = Instant::now();
                }
            }
        }
    }

    /// Tries until it is up again. `Err` is a request to stop instead.
    async fn restart(&mut self) -> Result<(), Option<Stop>> {
        self.stop_postmaster().await;
        loop {
            let delay = self.next_delay();
            let attempt = async {
                sleep(delay).await;
                self.launch.bring_up(&mut self.postmaster).await
            };
            let up = tokio::select! {
                up = attempt => up,
                stop = self.stops.recv() => return Err(stop),
            };
            match up {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(%error, "private postgresql not restarted, trying again");
                    self.stop_postmaster().await;
                }
            }
        }
        self.status.restarts.fetch_add(1, Ordering::Relaxed);
        self.note_pid();
        tracing::info!(
            pid = self.status.pid.load(Ordering::Relaxed),
            "private postgresql restarted"
        );
        Ok(())
    }

    /// Nothing, 250 ms, twice that and so on, at most ten seconds.
    fn next_delay(&mut self) -> Duration {
        let delay = self.delay;
        self.delay = (delay * 2).clamp(FIRST_DELAY, LONGEST_DELAY);
        delay
    }

    async fn stop_postmaster(&mut self) {
        self.status.pid.store(0, Ordering::Relaxed);
        if let Some(postmaster) = self.postmaster.take() {
            postmaster.stop().await;
        }
    }

    fn note_pid(&self) {
        let pid = self.postmaster.as_ref().and_then(Postmaster::pid);
        self.status.pid.store(pid.unwrap_or(0), Ordering::Relaxed);
    }
}

async fn ended(postmaster: &mut Option<Postmaster>) {
    if let Some(postmaster) = postmaster {
        let status = postmaster.exited().await;
        let status = status.map(|status| status.to_string()).unwrap_or_default();
        tracing::error!(status, "private postgresql ended, starting it again");
    }
}
