//! The way to the web push actor, which always runs: it has work to find by itself.

use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Arbiter};
use parking_lot::Mutex;
use tokio::time::{sleep, timeout};

use super::arbiters::start_with_mailbox;
use super::web_push::{HandOver, SendTest, Slots, WebPushActor, WebPushContext};
use crate::domain::ids::{NotificationId, UserId};
use crate::metrics::Metrics;
use crate::store::{PushDeviceRef, StoredPushTarget};

/// Messages that wait for the actor at most; each is of one post.
const MAILBOX: usize = 4096;
/// How soon an actor that panicked is followed by another.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// How long pushes on their way may take to arrive while the server stops. What is not done by
/// then is sent again by the next server, at the latest when its lease ends.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// How many pushes may be on their way.
#[derive(Clone, Copy, Debug)]
pub struct PushLimits {
    /// In all.
    pub in_flight: usize,
    /// To one push service.
    pub in_flight_per_host: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Pushes {
    actor: Mutex<Addr<WebPushActor>>,
    /// A thread for it alone: encrypting must not keep channels waiting.
    arbiter: Arbiter,
    context: WebPushContext,
    slots: Arc<Slots>,
}

impl Pushes {
    /// Starts the actor, and another one whenever it panics.
    #[must_use]
    pub fn start(context: WebPushContext, limits: PushLimits) -> Arc<Self> {
        let arbiter = Arbiter::new();
        let slots = Slots::new(
            limits.in_flight,
            limits.in_flight_per_host,
            Arc::clone(&context.metrics),
        );
        let actor = start_actor(&arbiter, &context, &slots);
        let pushes = Arc::new(Self {
            actor: Mutex::new(actor),
            arbiter,
            context,
            slots,
        });
        pushes.keep_running();
        pushes
    }

    fn keep_running(self: &Arc<Self>) {
        let pushes = Arc::downgrade(self);
        self.arbiter.spawn(async move {
            loop {
                sleep(RESTART_PAUSE).await;
                let Some(pushes) = pushes.upgrade() else {
                    return;
                };
                let mut actor = pushes.actor.lock();
                if !actor.connected() {
                    tracing::error!("the web push actor ended and is started again");
                    *actor = start_actor(&pushes.arbiter, &pushes.context, &pushes.slots);
                }
            }
        });
    }

    /// Takes alerts that no session of their users took, to be pushed at once. What cannot be
    /// taken is found in the database when its time is over.
    pub fn hand_over(&self, alerts: Vec<(UserId, NotificationId)>) {
        if !alerts.is_empty() && self.actor.lock().try_send(HandOver(alerts)).is_err() {
            Metrics::count(&self.context.metrics.overloads, "web_push");
        }
    }

    /// Sends a test notification to a device. Returns whether there is a place for it; what
    /// comes of it is seen in the list of devices.
    pub async fn send_test(&self, device: PushDeviceRef, target: StoredPushTarget) -> bool {
        let address = self.actor.lock().clone();
        let taken = address.send(SendTest { device, target }).await;
        let taken = taken.unwrap_or(false);
        if !taken {
            Metrics::count(&self.context.metrics.overloads, "web_push");
        }
        taken
    }

    /// Takes up nothing more, and waits a little for what is on its way.
    pub async fn stop(&self) {
        if timeout(STOP_PATIENCE, self.slots.drained()).await.is_err() {
            tracing::info!("some pushes are left to the next start");
        }
        self.context.store.close();
        self.arbiter.stop();
    }
}

fn start_actor(
    arbiter: &Arbiter,
    context: &WebPushContext,
    slots: &Arc<Slots>,
) -> Addr<WebPushActor> {
    let actor = WebPushActor::new(context.clone(), Arc::clone(slots));
    start_with_mailbox(&arbiter.handle(), MAILBOX, actor)
}
