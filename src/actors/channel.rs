//! The channel actor: puts the posts of one channel in order.
//!
//! It collects posts while a batch of its own is with the ledger, answers each when it comes
//! back committed, and then fans it out: the message to every subscriber, an alert to every
//! session of each mentioned member, or to web push where there is no session. It holds nothing that cannot be rebuilt from PostgreSQL:
//! subscriptions live in the directory.
//!
//! On overload a post is refused before anything is written. On panic the posts that wait are
//! looked up by whoever waits for them, and the next post starts another actor. It stops by
//! itself when nothing happened for a while.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture,
};
use fail::fail_point;
use tokio::sync::oneshot;

use super::fan_out::Audience;
use super::ledger::Ledger;
use super::outbox::Frame;
use super::posting::{PendingPost, PostError, WriteBatch, Written};
use super::pushes::Pushes;
use super::sessions::SessionDirectory;
use super::subscribers::Subscribers;
use crate::domain::ids::ChannelId;
use crate::metrics::Metrics;
use crate::store::{CommittedPost, MembersChange};

/// What every channel actor works with.
#[derive(Clone, Debug)]
pub struct ChannelContext {
    /// Where posts are written.
    pub ledger: Arc<Ledger>,
    /// Where alerts are offered.
    pub sessions: Arc<SessionDirectory>,
    /// Where alerts go that no session took.
    pub pushes: Arc<Pushes>,
    /// Where things are counted.
    pub metrics: Arc<Metrics>,
    /// Posts that may wait in one channel.
    pub pending_posts: usize,
    /// Posts in one batch at most.
    pub batch_posts: usize,
    /// After how long without work an actor ends.
    pub idle: Duration,
}

/// See the module.
pub struct ChannelActor {
    id: ChannelId,
    audience: Audience,
    context: ChannelContext,
    pending: VecDeque<PendingPost>,
    writing: bool,
    last_work: Instant,
}

impl ChannelActor {
    /// The actor of the channel `id`, that `subscribers` watch.
    #[must_use]
    pub fn new(id: ChannelId, subscribers: Arc<Subscribers>, context: ChannelContext) -> Self {
        context.metrics.channel_actors.inc();
        let audience = Audience {
            channel_id: id,
            subscribers,
            sessions: Arc::clone(&context.sessions),
            pushes: Arc::clone(&context.pushes),
            metrics: Arc::clone(&context.metrics),
        };
        Self {
            id,
            audience,
            context,
            pending: VecDeque::new(),
            writing: false,
            last_work: Instant::now(),
        }
    }
}

impl ChannelActor {
    /// How many messages may wait: as many posts as may, and some frames to publish.
    #[must_use]
    pub fn mailbox(&self) -> usize {
        self.context.pending_posts + 64
    }
}

impl Drop for ChannelActor {
    fn drop(&mut self) {
        self.context.metrics.channel_actors.dec();
    }
}

/// A post that arrived. Sent by the directory.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PostMessage(pub PendingPost);

/// Posts found in the database after the actor that wrote them was lost: they are fanned out
/// late. Sessions that have them drop them. Sent by the directory.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct FanOut(pub Vec<CommittedPost>);

/// A frame for every subscriber, behind the messages that were posted before. Sent by the
/// directory.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Publish(pub Frame);

/// The members of the channel changed: tells every subscriber, behind the messages that were posted
/// before. Sent by the directory.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct TellMembers(pub MembersChange);

impl Actor for ChannelActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.context.idle, |actor, ctx| {
            let idle = actor.last_work.elapsed() >= actor.context.idle;
            if idle && !actor.writing && actor.pending.is_empty() {
                ctx.stop();
            }
        });
    }
}

impl Handler<PostMessage> for ChannelActor {
    type Result = ();

    fn handle(&mut self, PostMessage(pending): PostMessage, ctx: &mut Self::Context) {
        fail_point!("channel_post");
        self.last_work = Instant::now();
        if self.pending.len() >= self.context.pending_posts {
            let _ = pending
                .reply
                .send(Err(PostError::Overloaded("the channel")));
            return;
        }
        self.pending.push_back(pending);
        self.write_next(ctx);
    }
}

impl Handler<FanOut> for ChannelActor {
    type Result = ();

    fn handle(&mut self, FanOut(posts): FanOut, _: &mut Self::Context) {
        self.last_work = Instant::now();
        for post in &posts {
            self.audience.tell(post);
        }
    }
}

impl Handler<Publish> for ChannelActor {
    type Result = ();

    fn handle(&mut self, Publish(frame): Publish, _: &mut Self::Context) {
        self.last_work = Instant::now();
        self.audience
            .subscribers
            .publish(&frame, &self.context.sessions);
    }
}

impl Handler<TellMembers> for ChannelActor {
    type Result = ();

    fn handle(&mut self, TellMembers(change): TellMembers, _: &mut Self::Context) {
        self.last_work = Instant::now();
        self.audience
            .subscribers
            .tell_members(change, &self.context.sessions);
    }
}

impl ChannelActor {
    fn write_next(&mut self, ctx: &mut Context<Self>) {
        if self.writing || self.pending.is_empty() {
            return;
        }
        let count = self.pending.len().min(self.context.batch_posts);
        let posts = self.pending.drain(..count).collect();
        let (written, comes_back) = oneshot::channel();
        self.writing = true;
        self.context.ledger.submit(
            self.id,
            WriteBatch {
                posts,
                written,
                audience: self.audience.clone(),
            },
        );
        ctx.spawn(comes_back.into_actor(self).map(|written, actor, ctx| {
            actor.writing = false;
            actor.last_work = Instant::now();
            // Without an answer the ledger panicked; whoever waits looks their post up.
            if let Ok(written) = written {
                actor.on_written(written);
            }
            actor.write_next(ctx);
        }));
    }

    fn on_written(&self, written: Written) {
        fail_point!("channel_fan_out");
        for post in written.answer(&self.context.metrics) {
            self.audience.tell(&post);
        }
    }
}
