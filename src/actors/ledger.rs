//! The ledger: turns the posts of many channels into one transaction.
//!
//! Each lane has one transaction in flight. What arrives meanwhile is the next one, so batches
//! grow with the load by themselves and a single post never waits for a timer. A channel
//! always uses the same lane.
//!
//! On overload: the admission bound of posts lies before this, so a lane's queue is bounded by
//! it. On panic: the lane's actor is started again at the next batch; a transaction in flight
//! goes on, because it does not belong to the actor.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use actix::dev::SendError;
use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, WrapFuture,
};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::arbiters::{Arbiters, slot_of, start_with_mailbox};
use super::posting::{WriteBatch, Written};
use crate::domain::ids::ChannelId;
use crate::domain::post::Post;
use crate::metrics::Metrics;
use crate::store::{CommittedPost, LedgerStore, PostOutcome, StoreError, WriteError};

/// One lane: collects batches while a transaction is in flight.
struct LedgerActor {
    store: LedgerStore,
    metrics: Arc<Metrics>,
    /// Posts in one transaction at most.
    batch_posts: usize,
    waiting: VecDeque<WriteBatch>,
    writing: bool,
}

impl Actor for LedgerActor {
    type Context = Context<Self>;
}

impl Handler<WriteBatch> for LedgerActor {
    type Result = ();

    fn handle(&mut self, batch: WriteBatch, ctx: &mut Self::Context) {
        self.waiting.push_back(batch);
        self.write_next(ctx);
    }
}

impl LedgerActor {
    fn write_next(&mut self, ctx: &mut Context<Self>) {
        if self.writing || self.waiting.is_empty() {
            return;
        }
        let batches = self.take_batches();
        self.writing = true;
        let (done, is_done) = oneshot::channel::<()>();
        let (store, metrics) = (self.store.clone(), Arc::clone(&self.metrics));
        // Not a future of the actor: it must reach its end whatever happens to the actor.
        actix_rt::spawn(async move {
            write(&store, &metrics, batches).await;
            drop(done);
        });
        ctx.spawn(is_done.into_actor(self).map(|_, actor, ctx| {
            actor.writing = false;
            actor.write_next(ctx);
        }));
    }

    fn take_batches(&mut self) -> Vec<WriteBatch> {
        let mut posts = 0;
        let mut batches = Vec::new();
        while let Some(batch) = self.waiting.pop_front() {
            posts += batch.posts.len();
            if posts > self.batch_posts && !batches.is_empty() {
                self.waiting.push_front(batch);
                break;
            }
            batches.push(batch);
        }
        batches
    }
}

/// Writes batches in one transaction and sends each back to its channel.
async fn write(store: &LedgerStore, metrics: &Metrics, batches: Vec<WriteBatch>) {
    let started = Instant::now();
    let posts: Vec<Arc<Post>> = batches
        .iter()
        .flat_map(|batch| batch.posts.iter().map(|pending| Arc::clone(&pending.post)))
        .collect();
    let result = store.write(&posts).await;
    metrics.ledger_batches.inc();
    metrics.ledger_batch_posts.observe(posts.len() as f64);
    metrics
        .ledger_batch_seconds
        .observe(started.elapsed().as_secs_f64());
    let mut outcomes: Box<dyn Iterator<Item = Result<PostOutcome, Arc<WriteError>>>> = match result
    {
        Ok(outcomes) => Box::new(outcomes.into_iter().map(Ok)),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                posts = posts.len(),
                "posts were not written"
            );
            let error = Arc::new(error);
            Box::new(std::iter::repeat_with(move || Err(Arc::clone(&error))))
        }
    };
    for batch in batches {
        let written = Written {
            posts: batch.posts.into_iter().zip(&mut outcomes).collect(),
        };
        if let Err(written) = batch.written.send(written) {
            // The channel's actor is gone; the posts are told of all the same.
            for post in written.answer(metrics) {
                batch.audience.tell(&post);
            }
        }
    }
}

struct Lane {
    actor: Mutex<Addr<LedgerActor>>,
    store: LedgerStore,
    arbiter: ArbiterHandle,
}

/// The lanes of this node, and the way to them.
pub struct Ledger {
    lanes: Vec<Lane>,
    metrics: Arc<Metrics>,
    batch_posts: usize,
    mailbox: usize,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("lanes", &self.lanes.len())
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Starts a lane for each of `stores`. `admitted_posts` is how many posts may be on their
    /// way at most.
    #[must_use]
    pub fn start(
        stores: Vec<LedgerStore>,
        batch_posts: usize,
        admitted_posts: usize,
        arbiters: &Arbiters,
        metrics: &Arc<Metrics>,
    ) -> Arc<Self> {
        let mut ledger = Self {
            lanes: Vec::new(),
            metrics: Arc::clone(metrics),
            batch_posts,
            mailbox: admitted_posts,
        };
        let lanes = stores.into_iter().enumerate().map(|(number, store)| {
            let arbiter = arbiters.pick(number);
            let actor = Mutex::new(ledger.start_actor(&store, &arbiter));
            Lane {
                actor,
                store,
                arbiter,
            }
        });
        ledger.lanes = lanes.collect();
        Arc::new(ledger)
    }

    /// Hands posts of one channel to its lane.
    pub fn submit(&self, channel: ChannelId, batch: WriteBatch) {
        let Some(lane) = self.lane(channel) else {
            return;
        };
        let mut actor = lane.actor.lock();
        if !actor.connected() {
            *actor = self.start_actor(&lane.store, &lane.arbiter);
        }
        if let Err(SendError::Full(batch) | SendError::Closed(batch)) = actor.try_send(batch) {
            drop(actor);
            let error = WriteError::NotWritten(StoreError::Unavailable(
                "the ledger did not take the posts".into(),
            ));
            if let Err(written) = batch.written.send(Written::failed(batch.posts, error)) {
                written.answer(&self.metrics);
            }
        }
    }

    /// Finds a post whose answer was lost with an actor.
    ///
    /// # Errors
    /// When it is not in the database, or that cannot be known.
    pub async fn find(&self, post: &Arc<Post>) -> Result<CommittedPost, WriteError> {
        let Some(lane) = self.lane(post.channel_id) else {
            let source = StoreError::Unavailable("there is no lane".into());
            return Err(WriteError::NotWritten(source));
        };
        lane.store.find(post).await
    }

    fn lane(&self, channel: ChannelId) -> Option<&Lane> {
        self.lanes.get(slot_of(channel, self.lanes.len()))
    }

    fn start_actor(&self, store: &LedgerStore, arbiter: &ArbiterHandle) -> Addr<LedgerActor> {
        let actor = LedgerActor {
            store: store.clone(),
            metrics: Arc::clone(&self.metrics),
            batch_posts: self.batch_posts,
            waiting: VecDeque::new(),
            writing: false,
        };
        // Every batch holds at least one admitted post, so this many never fill it.
        start_with_mailbox(arbiter, self.mailbox, actor)
    }
}
