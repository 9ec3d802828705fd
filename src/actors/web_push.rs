//! The web push actor: sees to it that a mention which no client acknowledged reaches the
//! devices of its user.
//!
//! What is to be done stands in the database, and the actor holds nothing else: it writes down
//! what is owed for alerts that were handed over or whose time is over, takes up what is due
//! as far as there are places, sends it, and notes what came of it. So what a crash, a full
//! queue or a failed write leaves behind is found again, by this server or another.
//!
//! On overload alerts handed over are dropped and counted: their time runs out a little later,
//! and they are found by that. On panic another actor is started; what the first had taken up
//! is free again when its lease ends.

mod attempt;
mod handed_over;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, WrapFuture,
};
use fail::fail_point;

use self::attempt::{Attempted, check, send, send_test};
use self::handed_over::HandedOver;
pub(super) use self::slots::Slots;
use crate::domain::ids::{NotificationId, UserId};
use crate::domain::push_delivery::Verdict;
use crate::domain::time::Timestamp;
use crate::metrics::Metrics;
use crate::push::WebPush;
use crate::store::{
    ClaimedPush, PushDeviceRef, PushSettlement, Store, StoreError, StoredPushTarget,
};

/// Alerts that are written down as owed in one transaction at most.
const BATCH: usize = 500;
/// While as many pushes are due as there are places, alerts are written down as owed only each so
/// many looks: that takes longer than sending does, and what is due already goes first.
const LOOKS_WHILE_FULL: u32 = 4;
/// Pushes whose outcomes are noted in one transaction at most.
const SETTLED_TOGETHER: usize = 1000;
/// How long to wait after the database failed.
const PAUSE: Duration = Duration::from_millis(500);

/// What the web push actor works with.
#[derive(Clone, Debug)]
pub struct WebPushContext {
    /// The database.
    pub store: Store,
    /// Signs, encrypts and sends.
    pub push: Arc<WebPush>,
    /// Where things are counted.
    pub metrics: Arc<Metrics>,
    /// What the addresses in pushes begin with.
    pub public_url: String,
    /// How long an alert may go unacknowledged.
    pub ack_timeout: Duration,
    /// Days that a session may go unused.
    pub session_idle_days: u32,
}

/// See the module.
pub(super) struct WebPushActor {
    context: WebPushContext,
    slots: Arc<Slots>,
    /// Alerts that no session took, to be pushed at once.
    handed_over: HandedOver,
    /// Whether alerts whose time is over are to be looked for.
    look_for_overdue: bool,
    /// Whether something may be due.
    look_for_due: bool,
    /// Whether to look also while a push service has no place left. Whatever waits for it is read
    /// past then, which takes long when much does: so only by the clock, and for what is new.
    look_past_full: bool,
    taking_up: bool,
    /// For how many looks in a row no place was left somewhere.
    looks_while_full: u32,
    /// Pushes of which it is not noted yet what came of them.
    attempted: Vec<Attempted>,
    settling: bool,
    /// Whether the last try to note it failed.
    unsettled: bool,
}

/// Alerts that no session of their users took. Sent by the channels.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct HandOver(pub(super) Vec<(UserId, NotificationId)>);

/// A user asks whether a device is reached. Answers whether there is a place for it. Sent by
/// HTTP.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub(super) struct SendTest {
    pub(super) device: PushDeviceRef,
    pub(super) target: StoredPushTarget,
}

/// What came of a push. Sent by the task that sent it, which holds a place meanwhile.
#[derive(Message)]
#[rtype(result = "()")]
struct Done(Attempted);

impl WebPushActor {
    pub(super) fn new(context: WebPushContext, slots: Arc<Slots>) -> Self {
        Self {
            context,
            slots,
            handed_over: HandedOver::default(),
            look_for_overdue: true,
            look_for_due: true,
            look_past_full: true,
            taking_up: false,
            looks_while_full: 0,
            attempted: Vec::new(),
            settling: false,
            unsettled: false,
        }
    }

    /// How often to look for what is due: often enough that an alert is not pushed much later
    /// than it may be.
    fn look_interval(&self) -> Duration {
        let tenth = self.context.ack_timeout / 10;
        tenth.clamp(Duration::from_millis(100), Duration::from_secs(1))
    }
}

impl Actor for WebPushActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.take_up(ctx);
        ctx.run_interval(self.look_interval(), |actor, ctx| {
            actor.look_for_overdue = true;
            actor.look_for_due = true;
            actor.look_past_full = true;
            actor.take_up(ctx);
        });
    }
}

impl Handler<HandOver> for WebPushActor {
    type Result = ();

    fn handle(&mut self, HandOver(alerts): HandOver, ctx: &mut Self::Context) {
        if self.handed_over.add(alerts) {
            self.take_up(ctx);
        } else {
            Metrics::count(&self.context.metrics.overloads, "web_push");
        }
    }
}

impl Handler<SendTest> for WebPushActor {
    type Result = MessageResult<SendTest>;

    fn handle(&mut self, message: SendTest, ctx: &mut Self::Context) -> Self::Result {
        let SendTest { device, target } = message;
        let Some(slot) = self.slots.try_take(&target.origin) else {
            return MessageResult(false);
        };
        let context = self.context.clone();
        self.spawn(ctx, async move {
            let (push, metrics) = (&context.push, &context.metrics);
            send_test(push, metrics, device, target, &context.public_url, slot).await
        });
        MessageResult(true)
    }
}

impl Handler<Done> for WebPushActor {
    type Result = ();

    fn handle(&mut self, Done(attempted): Done, ctx: &mut Self::Context) {
        self.attempted.push(attempted);
        self.settle(ctx);
    }
}

impl WebPushActor {
    /// Sends in a task of its own: an actor polls all its futures for each event of one.
    fn spawn(&self, ctx: &Context<Self>, attempt: impl Future<Output = Attempted> + 'static) {
        let address = ctx.address();
        actix_rt::spawn(async move {
            let attempted = attempt.await;
            #[expect(
                clippy::disallowed_methods,
                reason = "as many at most as there are places for pushes on their way"
            )]
            address.do_send(Done(attempted));
        });
    }

    /// Writes down what is owed, and takes up what is due.
    fn take_up(&mut self, ctx: &mut Context<Self>) {
        let wanted = self.look_for_due || !self.handed_over.is_empty();
        // What could not be noted must not be taken up a second time when its lease ends, and
        // what is taken up must be noted as fast: not all of it holds a place.
        let behind = self.unsettled || self.attempted.len() >= BATCH;
        if self.taking_up || !wanted || behind {
            return;
        }
        self.taking_up = true;
        let past_full = std::mem::take(&mut self.look_past_full);
        let writes_down = past_full || self.looks_while_full.is_multiple_of(LOOKS_WHILE_FULL);
        let (handed_over, overdue) = if writes_down {
            let overdue = std::mem::take(&mut self.look_for_overdue);
            (self.handed_over.take(BATCH), overdue)
        } else {
            (Vec::new(), false)
        };
        self.look_for_due = false;
        let (context, slots) = (self.context.clone(), Arc::clone(&self.slots));
        let taken =
            async move { take_up(&context, &slots, &handed_over, overdue, past_full).await };
        ctx.spawn(taken.into_actor(self).map(|taken, actor, ctx| {
            actor.taking_up = false;
            match taken {
                Ok(taken) => {
                    actor.look_for_overdue |= taken.more_overdue;
                    actor.look_for_due |= taken.more_due;
                    actor.looks_while_full = match taken.full {
                        true => actor.looks_while_full.wrapping_add(1),
                        false => 0,
                    };
                    actor.send_all(taken.claimed, ctx);
                    actor.take_up(ctx);
                }
                // The next look finds it.
                Err(error) if error.is_transient() => tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "pushes wait for the database"
                ),
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "pushes cannot be taken up"
                ),
            }
        }));
    }

    fn send_all(&mut self, claimed: Vec<ClaimedPush>, ctx: &mut Context<Self>) {
        if !claimed.is_empty() {
            fail_point!("push_claimed");
        }
        for push in claimed {
            let key = push.key;
            let ready = match check(push, &self.context.public_url) {
                Ok(ready) => ready,
                Err(end) => {
                    let end = Verdict::Ended(end);
                    self.attempted.push(Attempted::unsent(key, end));
                    continue;
                }
            };
            let Some(slot) = self.slots.try_take(&ready.origin) else {
                // A test notification took the place meanwhile.
                let again = Verdict::Again(Duration::ZERO);
                self.attempted.push(Attempted::unsent(key, again));
                continue;
            };
            let context = self.context.clone();
            self.spawn(ctx, async move {
                send(&context.push, &context.metrics, ready, slot).await
            });
        }
        self.settle(ctx);
    }

    /// Notes what came of pushes, all that are there in one transaction.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if self.settling || self.attempted.is_empty() {
            return;
        }
        self.settling = true;
        let most = self.attempted.len().min(SETTLED_TOGETHER);
        let attempted: Vec<_> = self.attempted.drain(..most).collect();
        let mut settlement = PushSettlement::default();
        for one in &attempted {
            one.add_to(&mut settlement);
        }
        let store = self.context.store.clone();
        let settle = async move {
            let settled = store.settle_pushes(&settlement).await;
            fail_point!("push_settled");
            if settled.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            (attempted, settled)
        };
        ctx.spawn(
            settle
                .into_actor(self)
                .map(|(attempted, settled), actor, ctx| {
                    actor.settling = false;
                    match settled {
                        Ok(()) => actor.on_settled(&attempted),
                        Err(error) if error.is_transient() => {
                            actor.on_unsettled(attempted, &error);
                        }
                        Err(error) => actor.on_unsettleable(&error),
                    }
                    actor.settle(ctx);
                    actor.take_up(ctx);
                }),
        );
    }

    fn on_settled(&mut self, attempted: &[Attempted]) {
        let metrics = &self.context.metrics;
        for end in attempted.iter().filter_map(Attempted::end) {
            Metrics::count(&metrics.push_deliveries, end.label());
        }
        let failed = attempted.iter().filter_map(Attempted::failure);
        // One line for all, so that a push service that is away does not fill the log.
        if let Some(outcome) = failed.clone().next() {
            tracing::info!(count = failed.count(), outcome, "pushes did not arrive");
        }
        self.unsettled = false;
        // Places are free again, and something may have waited for one.
        self.look_for_due = true;
    }

    /// What would fail for ever is dropped. It is taken up again when its leases end, each time
    /// with one attempt less; the rest goes on.
    fn on_unsettleable(&mut self, error: &StoreError) {
        let error = error as &dyn std::error::Error;
        tracing::error!(error, "what came of pushes cannot be noted");
        self.unsettled = false;
        self.look_for_due = true;
    }

    fn on_unsettled(&mut self, mut attempted: Vec<Attempted>, error: &StoreError) {
        let error = error as &dyn std::error::Error;
        tracing::warn!(error, count = attempted.len(), "pushes are not noted yet");
        attempted.append(&mut self.attempted);
        self.attempted = attempted;
        self.unsettled = true;
    }
}

/// What was found in the database.
#[derive(Default)]
struct TakenUp {
    claimed: Vec<ClaimedPush>,
    more_overdue: bool,
    more_due: bool,
    /// Whether some push service, or the server as a whole, had no place left, before or after.
    full: bool,
}

async fn take_up(
    context: &WebPushContext,
    slots: &Slots,
    handed_over: &[(UserId, NotificationId)],
    overdue: bool,
    past_full: bool,
) -> Result<TakenUp, StoreError> {
    let (store, idle_days) = (&context.store, context.session_idle_days);
    let mut taken = TakenUp::default();
    let mut planned = 0;
    if !handed_over.is_empty() {
        planned += store.owe_pushes(handed_over, idle_days).await?;
    }
    if overdue {
        let until = Timestamp::now().minus(context.ack_timeout);
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let found = store.owe_overdue_pushes(until, limit, idle_days).await?;
        taken.more_overdue = found >= BATCH;
        taken.more_due = taken.more_overdue;
        planned += found;
    }
    if planned > 0 {
        fail_point!("push_planned");
    }
    let room = slots.room();
    taken.full = room.free == 0 || room.is_full_somewhere();
    // What was just written down may be for another push service.
    let looks = past_full || planned > 0 || !room.is_full_somewhere();
    if room.free > 0 && looks {
        taken.claimed = store.claim_pushes(&room, idle_days).await?;
        taken.more_due |= !taken.claimed.is_empty();
        taken.full |= room.is_filled_by(&taken.claimed);
    }
    Ok(taken)
}
