//! The directory of channels: who watches them, and the actors that write to them.
//!
//! An entry exists while the channel has a subscriber or an actor. It outlives the actor, so
//! an actor that panicked or went idle silences nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::dev::SendError;
use actix::{Addr, Handler, Message};
use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use super::arbiters::{Arbiters, start_with_mailbox};
use super::channel::{ChannelActor, ChannelContext, FanOut, PostMessage, Publish, TellMembers};
use super::message_changes::ChangeTurns;
use super::outbox::Frame;
use super::posting::{Admission, PendingPost, PostError};
use super::sessions::SessionHandle;
use super::subscriber::Subscriber;
use super::subscribers::Subscribers;
use crate::domain::ids::{ChannelId, UserId};
use crate::domain::post::{Post, Posted};
use crate::metrics::Metrics;
use crate::protocol::ServerFrame;
use crate::store::{CommittedPost, MembersChange, WriteError};

/// A channel in use.
#[derive(Debug, Default)]
struct ChannelEntry {
    subscribers: Arc<Subscribers>,
    actor: Mutex<Option<Addr<ChannelActor>>>,
}

impl ChannelEntry {
    fn is_unused(&self) -> bool {
        let has_actor = self.actor.lock().as_ref().is_some_and(Addr::connected);
        !has_actor && self.subscribers.is_empty()
    }
}

/// Every channel in use on this node.
pub struct ChannelDirectory {
    entries: DashMap<ChannelId, ChannelEntry>,
    context: ChannelContext,
    arbiters: Arc<Arbiters>,
    /// One permit for each post on its way, and more for a large one.
    admission: Arc<Semaphore>,
    pending_posts: usize,
    max_entries: usize,
    /// When unused entries were last thrown away because there was no room.
    forgot: Mutex<Option<Instant>>,
    /// Whose turn it is to change messages.
    pub(super) changes: ChangeTurns,
}

impl std::fmt::Debug for ChannelDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelDirectory")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl ChannelDirectory {
    /// An empty directory with room for `max_entries` channels and `pending_posts` posts on
    /// their way.
    #[must_use]
    pub fn new(
        context: ChannelContext,
        arbiters: Arc<Arbiters>,
        pending_posts: usize,
        max_entries: usize,
    ) -> Arc<Self> {
        let admission = Arc::new(Semaphore::new(pending_posts));
        Arc::new(Self {
            entries: DashMap::new(),
            context,
            arbiters,
            admission,
            pending_posts,
            max_entries,
            forgot: Mutex::new(None),
            changes: ChangeTurns::new(),
        })
    }

    /// Writes a post and waits for its end, however long the database takes.
    ///
    /// # Errors
    /// Says what became of it instead.
    pub async fn post(&self, post: Post) -> Result<Posted, PostError> {
        const TRIES: usize = 3;
        let post = Arc::new(post);
        for _ in 0..TRIES {
            let weight = post
                .weight()
                .min(u32::try_from(self.pending_posts).unwrap_or(u32::MAX));
            let permit = Arc::clone(&self.admission).try_acquire_many_owned(weight);
            let permit = permit.map_err(|_full| PostError::Overloaded("the server"))?;
            let admission = Admission::new(permit, Arc::clone(&self.context.metrics));
            let (reply, answer) = oneshot::channel();
            let message = PostMessage(PendingPost {
                post: Arc::clone(&post),
                reply,
                admission,
            });
            self.send(post.channel_id, message)
                .map_err(|_full| PostError::Overloaded("the channel"))?;
            if let Ok(answer) = answer.await {
                return answer;
            }
            // The actor ended with the post in its hands. Perhaps it was written before.
            match self.context.ledger.find(&post).await {
                Ok(committed) => return Ok(self.answer_late(committed)),
                Err(WriteError::OutcomeUnknown(error)) => {
                    return Err(PostError::OutcomeUnknown(error.to_string()));
                }
                Err(WriteError::NotWritten(_)) => {}
            }
        }
        Err(PostError::Unavailable(
            "the channel's actor failed repeatedly".to_owned(),
        ))
    }

    /// Waits until no post is on its way.
    pub async fn drained(&self) {
        let all = u32::try_from(self.pending_posts).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        drop(self.admission.acquire_many(all).await);
    }

    /// Answers a post that was found in the database, and tells the subscribers of it.
    fn answer_late(&self, committed: CommittedPost) -> Posted {
        self.context.metrics.posts.inc();
        let posted = committed.posted();
        let _ = self.send(posted.channel_id, FanOut(vec![committed]));
        posted
    }

    /// Tells the subscribers of a channel that its members changed, behind the messages that were
    /// posted before.
    pub fn announce_members(&self, change: MembersChange) {
        if self.is_watched(change.channel_id)
            && self.send(change.channel_id, TellMembers(change)).is_err()
        {
            // The next message tells them.
            self.count_unpublished();
        }
    }

    /// Tells the subscribers of a channel that what they know of it is out of date.
    pub fn announce_change(&self, channel: ChannelId) {
        self.publish(
            channel,
            Frame::other(
                ServerFrame::ChannelChanged {
                    channel_id: channel,
                }
                .encode(),
            ),
        );
    }

    /// Sends a frame to the subscribers of a channel, behind the messages that were posted before.
    pub(super) fn publish(&self, channel: ChannelId, frame: Frame) {
        if self.is_watched(channel) && self.send(channel, Publish(frame)).is_err() {
            self.count_unpublished();
        }
    }

    /// A frame was not sent to anybody, because there was no room for it.
    pub(super) fn count_unpublished(&self) {
        Metrics::count(&self.context.metrics.overloads, "publish");
    }

    /// Without subscribers there is nobody to tell.
    pub(super) fn is_watched(&self, channel: ChannelId) -> bool {
        let entry = self.entries.get(&channel);
        entry.is_some_and(|entry| !entry.subscribers.is_empty())
    }

    /// Adds a subscription. From now on nothing of the channel is missed. `None`: the
    /// directory is full.
    #[must_use]
    pub fn subscribe(
        &self,
        channel: ChannelId,
        session: &Arc<SessionHandle>,
    ) -> Option<Arc<Subscriber>> {
        if !self.has_room_for(channel) {
            return None;
        }
        let subscriber = Arc::new(Subscriber::new(
            Arc::clone(session),
            Arc::clone(&self.context.metrics),
        ));
        // Under the entry's lock, so that it cannot be thrown away as unused in between.
        let entry = self.entries.entry(channel).or_default();
        entry.subscribers.add(Arc::clone(&subscriber));
        Some(subscriber)
    }

    /// Ends one subscription.
    pub fn unsubscribe(&self, channel: ChannelId, subscription: &Arc<Subscriber>) {
        self.end_subscriptions(channel, |subscriber| Arc::ptr_eq(subscriber, subscription));
    }

    /// Ends every subscription of a user to a channel, because they are not in it any more.
    pub fn drop_user(&self, channel: ChannelId, user: UserId) {
        self.end_subscriptions(channel, |subscriber| subscriber.user_id() == user);
    }

    /// Ends every subscription to a channel, because it is gone, and tells who had one.
    pub fn drop_channel(&self, channel: ChannelId) {
        let text = ServerFrame::ChannelRemoved {
            channel_id: channel,
        }
        .encode();
        self.publish_now(channel, &Frame::other(text));
        self.end_subscriptions(channel, |_| true);
    }

    fn publish_now(&self, channel: ChannelId, frame: &Frame) {
        let watched = self
            .entries
            .get(&channel)
            .map(|entry| Arc::clone(&entry.subscribers));
        if let Some(subscribers) = watched {
            subscribers.publish(frame, &self.context.sessions);
        }
    }

    fn end_subscriptions(&self, channel: ChannelId, gone: impl Fn(&Arc<Subscriber>) -> bool) {
        let watched = self
            .entries
            .get(&channel)
            .map(|entry| Arc::clone(&entry.subscribers));
        if let Some(subscribers) = watched {
            subscribers.end(gone);
        }
        self.forget_if_unused(channel);
    }

    /// Throws away the entry of a channel that nobody watches, unless its actor runs.
    fn forget_if_unused(&self, channel: ChannelId) {
        self.entries
            .remove_if(&channel, |_, entry| entry.is_unused());
    }

    /// Throws away every entry that is not in use. Called now and then: an actor that panicked
    /// cannot do it itself.
    pub fn forget_unused(&self) {
        self.entries.retain(|_, entry| !entry.is_unused());
    }

    /// How many channels are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no channel is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether there is an entry for a channel or room for one. A full directory throws away
    /// what is not in use, at most once a second: that looks at every entry.
    fn has_room_for(&self, channel: ChannelId) -> bool {
        const PAUSE: Duration = Duration::from_secs(1);
        let fits = || self.entries.contains_key(&channel) || self.entries.len() < self.max_entries;
        if fits() {
            return true;
        }
        let mut forgot = self.forgot.lock();
        if forgot.is_none_or(|then| then.elapsed() >= PAUSE) {
            *forgot = Some(Instant::now());
            self.forget_unused();
        }
        fits()
    }

    /// Sends a message to the actor of a channel, starting it when needed.
    fn send<M>(&self, channel: ChannelId, message: M) -> Result<(), M>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        ChannelActor: Handler<M>,
    {
        if !self.has_room_for(channel) {
            return Err(message);
        }
        let entry = self.entries.entry(channel).or_default();
        let mut actor = entry.actor.lock();
        let address = match actor.as_ref() {
            Some(address) if address.connected() => address,
            _ => actor.insert(self.start_actor(channel, &entry.subscribers)),
        };
        match address.try_send(message) {
            Ok(()) => Ok(()),
            Err(SendError::Full(message)) => Err(message),
            // It stopped this moment.
            Err(SendError::Closed(message)) => {
                let address = actor.insert(self.start_actor(channel, &entry.subscribers));
                address.try_send(message).map_err(SendError::into_inner)
            }
        }
    }

    /// The actor of a channel, started when needed. `None`: the directory is full.
    pub(super) fn running_actor(&self, channel: ChannelId) -> Option<Addr<ChannelActor>> {
        if !self.has_room_for(channel) {
            return None;
        }
        let entry = self.entries.entry(channel).or_default();
        let mut actor = entry.actor.lock();
        let running = actor.take_if(|address| address.connected());
        let address = running.unwrap_or_else(|| self.start_actor(channel, &entry.subscribers));
        Some(actor.insert(address).clone())
    }

    fn start_actor(
        &self,
        channel: ChannelId,
        subscribers: &Arc<Subscribers>,
    ) -> Addr<ChannelActor> {
        let actor = ChannelActor::new(channel, Arc::clone(subscribers), self.context.clone());
        start_with_mailbox(&self.arbiters.pick(channel), actor.mailbox(), actor)
    }
}
