//! Writes down which alerts reached a client, many at a time.
//!
//! What arrives while a write is in flight is the next write. On overload the client is told,
//! and its alert is offered again later; while the database is away what was accepted waits.

use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, WrapFuture,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::arbiters::Arbiters;
use crate::domain::ids::{NotificationId, UserId};
use crate::metrics::Metrics;
use crate::store::{Acknowledgement, Store};

/// Acknowledgements in one statement at most.
const BATCH: usize = 1000;
/// How long to wait after a failed write.
const PAUSE: Duration = Duration::from_millis(500);

/// Alerts that reached a client of a user. Sent by [`Acknowledgements::accept`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Acknowledge {
    user_id: UserId,
    notifications: Vec<NotificationId>,
    permit: OwnedSemaphorePermit,
}

/// The way to the writer.
#[derive(Debug)]
pub struct Acknowledgements {
    writer: Recipient<Acknowledge>,
    room: Arc<Semaphore>,
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
        let actor = AcknowledgementActor {
            store,
            metrics: Arc::clone(metrics),
            waiting: Vec::new(),
            writing: false,
            pending,
        };
        let writer =
            AcknowledgementActor::start_in_arbiter(&arbiters.pick("acknowledgements"), move |_| {
                actor
            });
        let room = Arc::new(Semaphore::new(pending));
        Arc::new(Self {
            writer: writer.recipient(),
            room,
            metrics: Arc::clone(metrics),
        })
    }

    /// Takes acknowledgements. Returns whether there was room for them.
    #[must_use]
    pub fn accept(&self, user_id: UserId, notifications: Vec<NotificationId>) -> bool {
        if notifications.is_empty() {
            return true;
        }
        let count = u32::try_from(notifications.len()).unwrap_or(u32::MAX);
        let accepted = Arc::clone(&self.room)
            .try_acquire_many_owned(count)
            .is_ok_and(|permit| {
                self.writer
                    .try_send(Acknowledge {
                        user_id,
                        notifications,
                        permit,
                    })
                    .is_ok()
            });
        if accepted {
            self.metrics
                .acknowledgements_pending
                .inc_by(i64::from(count));
        } else {
            Metrics::count(&self.metrics.overloads, "acknowledgements");
        }
        accepted
    }
}

struct AcknowledgementActor {
    store: Store,
    metrics: Arc<Metrics>,
    waiting: Vec<(Acknowledgement, Arc<OwnedSemaphorePermit>)>,
    writing: bool,
    pending: usize,
}

impl Actor for AcknowledgementActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Every message holds at least one permit, so this many never fill it.
        ctx.set_mailbox_capacity(self.pending);
    }
}

impl Handler<Acknowledge> for AcknowledgementActor {
    type Result = ();

    fn handle(&mut self, message: Acknowledge, ctx: &mut Self::Context) {
        let (user_id, permit) = (message.user_id, Arc::new(message.permit));
        let acknowledgements =
            message
                .notifications
                .into_iter()
                .map(|notification_id| Acknowledgement {
                    user_id,
                    notification_id,
                });
        self.waiting
            .extend(acknowledgements.map(|acknowledgement| (acknowledgement, Arc::clone(&permit))));
        self.write_next(ctx);
    }
}

impl AcknowledgementActor {
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
                    actor
                        .metrics
                        .acknowledgements_pending
                        .dec_by(batch.len() as i64);
                    actor.metrics.alerts_acknowledged.inc_by(rows);
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "acknowledgements wait"
                    );
                    actor.waiting.extend(batch);
                }
            }
            actor.write_next(ctx);
        }));
    }
}
