//! What happens by the clock: throwing away what is over, keeping the sessions of open
//! sockets, and noticing that the database was restored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};

use parking_lot::Mutex;

use super::channels::ChannelDirectory;
use super::device_lists::DeviceLists;
use super::sessions::SessionDirectory;
use crate::domain::ids::Epoch;
use crate::metrics::Metrics;
use crate::protocol::Close;
use crate::store::{Store, Swept};

/// How often the database is asked whether it is there, and which history it is.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// How often the sign-ins of open sockets are checked and kept.
const KEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How often old rows are removed, and how soon again when there were too many for one round.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
const SWEEP_AGAIN: Duration = Duration::from_millis(200);

/// How old the database's last answer may be while it still counts as answering.
const FRESH: Duration = Duration::from_secs(4);
/// How soon a housekeeper that panicked is followed by another.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// When the database last answered. Asked by health checks, which anybody may make as often as
/// they like, so that they cost the database nothing.
#[derive(Debug)]
pub struct DatabaseWatch {
    answered: Mutex<Option<Instant>>,
}

impl DatabaseWatch {
    /// A database that has just answered.
    #[must_use]
    pub fn answering() -> Arc<Self> {
        Arc::new(Self {
            answered: Mutex::new(Some(Instant::now())),
        })
    }

    /// Whether it answers.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.answered
            .lock()
            .is_some_and(|then| then.elapsed() < FRESH)
    }

    fn note(&self, answers: bool) {
        *self.answered.lock() = answers.then(Instant::now);
    }
}

/// One per node; owns nothing that anybody waits for.
#[derive(Clone)]
pub struct Housekeeper {
    /// The database.
    pub store: Store,
    /// The open sockets.
    pub sessions: Arc<SessionDirectory>,
    /// The channels.
    pub channels: Arc<ChannelDirectory>,
    /// Tells whose devices went with their sessions.
    pub device_lists: Arc<DeviceLists>,
    /// Where things are counted.
    pub metrics: Arc<Metrics>,
    /// Where the database's answers are noted.
    pub watch: Arc<DatabaseWatch>,
    /// The history that the open sockets know.
    pub epoch: Epoch,
    /// Days that the inbox keeps a notification.
    pub notification_days: u32,
    /// Days that a session may go unused.
    pub session_idle_days: u32,
}

impl Actor for Housekeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.watch_database(ctx);
        self.sweep(ctx);
        ctx.run_later(KEEP_INTERVAL, Self::keep_sessions);
    }
}

impl Housekeeper {
    /// Runs a housekeeper, and another one when it panics.
    pub fn keep_running(self) {
        actix_rt::spawn(async move {
            loop {
                let running = self.clone().start();
                while running.connected() {
                    tokio::time::sleep(RESTART_PAUSE).await;
                }
                tracing::error!("the housekeeper ended and is started again");
            }
        });
    }

    fn watch_database(&mut self, ctx: &mut Context<Self>) {
        let store = self.store.clone();
        let ask = async move { store.epoch().await };
        ctx.spawn(ask.into_actor(self).then(|epoch, actor, _| {
            actor.metrics.database_up.set(i64::from(epoch.is_ok()));
            actor.watch.note(epoch.is_ok());
            let restored =
                epoch.is_ok_and(|epoch| std::mem::replace(&mut actor.epoch, epoch) != epoch);
            let sessions = Arc::clone(&actor.sessions);
            let end = async move {
                if restored {
                    tracing::warn!("the database was restored; every socket begins anew");
                    sessions.end_all(Close::HistoryChanged).await;
                }
            };
            end.into_actor(actor).map(|(), _, ctx: &mut Context<Self>| {
                ctx.run_later(WATCH_INTERVAL, Self::watch_database);
            })
        }));
    }

    fn keep_sessions(&mut self, ctx: &mut Context<Self>) {
        self.channels.forget_unused();
        let (store, sessions) = (self.store.clone(), Arc::clone(&self.sessions));
        let keep = async move {
            let online = sessions.sessions_online();
            if online.is_empty() {
                return;
            }
            match store.keep_sessions(&online).await {
                Ok(kept) => {
                    let kept: std::collections::HashSet<_> = kept.into_iter().collect();
                    let ended: Vec<_> = online
                        .into_iter()
                        .filter(|session| !kept.contains(session))
                        .collect();
                    sessions.end_sessions(&ended, Close::SignedOut);
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "sessions were not kept"
                ),
            }
        };
        ctx.spawn(keep.into_actor(self).map(|(), _, ctx| {
            ctx.run_later(KEEP_INTERVAL, Self::keep_sessions);
        }));
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        let (store, days, idle) = (
            self.store.clone(),
            self.notification_days,
            self.session_idle_days,
        );
        let device_lists = Arc::clone(&self.device_lists);
        let sweep = async move {
            let mut swept = Swept::default();
            let done = store.sweep(days, idle, &mut swept).await;
            device_lists
                .announce_changed(&swept.device_lists_changed)
                .await;
            (done, swept)
        };
        ctx.spawn(sweep.into_actor(self).map(|(done, swept), actor, ctx| {
            let expired = swept.to_device_expired;
            Metrics::count_by(&actor.metrics.to_device_lost, "expired", expired);
            let pause = match done {
                Ok(()) if swept.more => SWEEP_AGAIN,
                Ok(()) => SWEEP_INTERVAL,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "old rows were not removed"
                    );
                    SWEEP_INTERVAL
                }
            };
            ctx.run_later(pause, Self::sweep);
        }));
    }
}
