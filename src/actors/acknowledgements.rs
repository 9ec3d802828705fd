//! Writes down which alerts reached a client, many at a time.
//!
//! Nobody waits for it, so a few milliseconds' worth are written together, and the write is not
//! flushed to the disk on its own: what a stop or a power cut takes
//! is offered, or pushed, once more. On
//! overload the client is told, and its alert is offered again later; while the database is
//! away what was accepted waits.

use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message, WrapFuture,
};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::arbiters::{Arbiters, start_with_mailbox};
use crate::domain::ids::{NotificationId, UserId};
use crate::metrics::Metrics;
use crate::store::{Acknowledgement, Store};

/// Acknowledgements in one statement at most.
const BATCH: usize = 1000;
/// For how long acknowledgements are gathered before they are written. Far less than the time
/// after which an alert is pushed; a transaction for each few would cost the database more than
/// the posts do.
const GATHER: Duration = Duration::from_millis(20);
/// How long to wait after a failed write.
const PAUSE: Duration = Duration::from_millis(500);

/// Acknowledgements of one session that may wait at most, so that one client cannot use up the
/// room of all.
const PER_SESSION: usize = 1000;

/// Alerts that reached a client of a user. Sent by [`Acknowledgements::accept`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Acknowledge {
    user_id: UserId,
    notifications: Vec<NotificationId>,
    permits: Permits,
}

/// The room that acknowledgements take, of all and of their session, until they are written.
#[derive(Debug)]
struct Permits {
    _of_all: OwnedSemaphorePermit,
    _of_session: OwnedSemaphorePermit,
}

/// One session's share of the room.
#[derive(Clone, Debug)]
pub struct Share(Arc<Semaphore>);

impl Default for Share {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PER_SESSION)))
    }
}

/// The way to the writer.
#[derive(Debug)]
pub struct Acknowledgements {
    writer: Mutex<Addr<AcknowledgementActor>>,
    arbiter: ArbiterHandle,
    store: Store,
    room: Arc<Semaphore>,
    pending: usize,
    metrics: Arc<Metrics>,
}

impl Acknowledgements {
    /// Starts the writer; at most `pending` acknowledgements wait for it.
    #[must_use]
    pub fn start(
        store: Store,
        pending: usize,
        arbiters: &Arbiters,
        metrics: &Arc<Metrics>,
    ) -> Arc<Self> {
        let arbiter = arbiters.pick("acknowledgements");
        let writer = start_writer(&store, pending, &arbiter, metrics);
        let room = Arc::new(Semaphore::new(pending));
        let (writer, metrics) = (Mutex::new(writer), Arc::clone(metrics));
        Arc::new(Self {
            writer,
            arbiter,
            store,
            room,
            pending,
            metrics,
        })
    }

    /// Takes acknowledgements of a session. Returns whether there was room for them.
    #[must_use]
    pub fn accept(
        &self,
        user_id: UserId,
        notifications: Vec<NotificationId>,
        share: &Share,
    ) -> bool {
        if notifications.is_empty() {
            return true;
        }
        let accepted = self.try_accept(user_id, notifications, share).is_some();
        if !accepted {
            Metrics::count(&self.metrics.overloads, "acknowledgements");
        }
        self.metrics
            .acknowledgements_pending
            .set(as_gauge(self.pending - self.room.available_permits()));
        accepted
    }

    fn try_accept(
        &self,
        user_id: UserId,
        notifications: Vec<NotificationId>,
        share: &Share,
    ) -> Option<()> {
        let count = u32::try_from(notifications.len()).ok()?;
        let permits = Permits {
            _of_session: Arc::clone(&share.0).try_acquire_many_owned(count).ok()?,
            _of_all: Arc::clone(&self.room).try_acquire_many_owned(count).ok()?,
        };
        let mut writer = self.writer.lock();
        if !writer.connected() {
            *writer = start_writer(&self.store, self.pending, &self.arbiter, &self.metrics);
        }
        writer
            .try_send(Acknowledge {
                user_id,
                notifications,
                permits,
            })
            .ok()
    }
}

fn start_writer(
    store: &Store,
    pending: usize,
    arbiter: &ArbiterHandle,
    metrics: &Arc<Metrics>,
) -> Addr<AcknowledgementActor> {
    let actor = AcknowledgementActor {
        store: store.clone(),
        metrics: Arc::clone(metrics),
        waiting: Vec::new(),
        writing: false,
    };
    // Every message holds at least one permit, so this many never fill it.
    start_with_mailbox(arbiter, pending, actor)
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

struct AcknowledgementActor {
    store: Store,
    metrics: Arc<Metrics>,
    waiting: Vec<(Acknowledgement, Arc<Permits>)>,
    /// Whether a write is under way, or will be when enough was gathered.
    writing: bool,
}

impl Actor for AcknowledgementActor {
    type Context = Context<Self>;
}

impl Handler<Acknowledge> for AcknowledgementActor {
    type Result = ();

    fn handle(&mut self, message: Acknowledge, ctx: &mut Self::Context) {
        let (user_id, permits) = (message.user_id, Arc::new(message.permits));
        let acknowledgements =
            message
                .notifications
                .into_iter()
                .map(|notification_id| Acknowledgement {
                    user_id,
                    notification_id,
                });
        self.waiting.extend(
            acknowledgements.map(|acknowledgement| (acknowledgement, Arc::clone(&permits))),
        );
        self.write_soon(ctx);
    }
}

impl AcknowledgementActor {
    fn write_soon(&mut self, ctx: &mut Context<Self>) {
        if self.writing || self.waiting.is_empty() {
            return;
        }
        self.writing = true;
        ctx.run_later(GATHER, |actor, ctx| {
            actor.writing = false;
            actor.write_next(ctx);
        });
    }

    fn write_next(&mut self, ctx: &mut Context<Self>) {
        if self.writing || self.waiting.is_empty() {
            return;
        }
        let mut batch: Vec<_> = self
            .waiting
            .drain(..self.waiting.len().min(BATCH))
            .collect();
        // In key order, so that two writers do not wait for each other's rows.
        batch.sort_unstable_by_key(|(acknowledgement, _)| *acknowledgement);
        self.writing = true;
        let store = self.store.clone();
        let write = async move {
            let rows: Vec<Acknowledgement> = batch
                .iter()
                .map(|(acknowledgement, _)| *acknowledgement)
                .collect();
            let written = store.acknowledge(&rows).await;
            if written.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            (batch, written)
        };
        ctx.spawn(write.into_actor(self).map(|(batch, written), actor, ctx| {
            actor.writing = false;
            match written {
                Ok(rows) => {
                    actor.metrics.alerts_acknowledged.inc_by(rows);
                }
                Err(error) if error.is_transient() => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "acknowledgements wait"
                    );
                    actor.waiting.extend(batch);
                }
                Err(error) => {
                    // They would fail for ever. Their alerts are offered again.
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "acknowledgements were refused"
                    );
                }
            }
            actor.write_soon(ctx);
        }));
    }
}
