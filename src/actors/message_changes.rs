//! Changing messages in turn: edits and deletions of a channel are announced in the order in which
//! they were made, so that nobody is left with a message that was edited again or deleted.

use std::time::Duration;

use actix::{Handler, MailboxError, Message};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::arbiters::slot_of;
use super::channel::{ChannelActor, Publish, TellMembers};
use super::channels::ChannelDirectory;
use super::outbox::{About, Frame};
use super::posting::PostError;
use crate::domain::ids::{ChannelId, MembersVersion, MessageId, Seq};
use crate::domain::message as domain;
use crate::protocol::ServerFrame;
use crate::store::MembersChange;

/// Messages that are changed at the same time, at most; of one channel it is one.
const AT_ONCE: usize = 64;
/// How many actors of a channel are tried to announce a change, when they end.
const TRIES: usize = 3;
/// How long a change waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a turn is held for what announces a change. Shorter, so that a channel whose actor is busy
/// does not use up the patience of those who share its slot.
const ANNOUNCING: Duration = Duration::from_secs(1);

/// Whose turn it is. A turn is for all channels that share a slot, so that there is a fixed number.
#[derive(Debug)]
pub(super) struct ChangeTurns(Vec<Mutex<()>>);

impl ChangeTurns {
    pub(super) fn new() -> Self {
        Self((0..AT_ONCE).map(|_| Mutex::default()).collect())
    }
}

/// The right to change a message of a channel. Held until the change was made and announced.
#[derive(Debug)]
pub struct ChangeTurn<'a> {
    channels: &'a ChannelDirectory,
    channel_id: ChannelId,
    _turn: MutexGuard<'a, ()>,
}

impl ChannelDirectory {
    /// Waits for the turn to change a message of a channel.
    ///
    /// # Errors
    /// When those before take too long.
    pub async fn turn_to_change(&self, channel_id: ChannelId) -> Result<ChangeTurn<'_>, PostError> {
        let busy = || PostError::Overloaded("changes of messages");
        let turns = &self.changes.0;
        let turn = turns.get(slot_of(channel_id, turns.len()));
        let turn = timeout(PATIENCE, turn.ok_or_else(busy)?.lock()).await;
        Ok(ChangeTurn {
            channels: self,
            channel_id,
            _turn: turn.map_err(|_elapsed| busy())?,
        })
    }

    /// Sends something to the actor of a channel, behind the posts that it has, and waits until it is
    /// done. It is queued although the mailbox may be full, because a fresh address has a place of its
    /// own, and stays so when nobody waits any more. The turn, which is held meanwhile, bounds how many
    /// there are.
    async fn tell_surely<M>(&self, channel: ChannelId, message: &M) -> Result<(), MailboxError>
    where
        M: Message<Result = ()> + Clone + Send + 'static,
        ChannelActor: Handler<M>,
    {
        let mut ended = Ok(());
        for _ in 0..TRIES {
            if !self.is_watched(channel) {
                return Ok(());
            }
            let actor = self.running_actor(channel).ok_or(MailboxError::Closed)?;
            // A task of its own: an actor passes over what nobody waits for any more.
            let told = actix_rt::spawn(actor.send(message.clone()));
            ended = told.await.unwrap_or(Err(MailboxError::Closed));
            if ended.is_ok() {
                break;
            }
        }
        ended
    }
}

impl ChangeTurn<'_> {
    /// Tells the subscribers that a message lost its content, behind the message itself.
    pub async fn announce_deletion(self, seq: Seq, message_id: MessageId) {
        let frame = ServerFrame::MessageDeleted {
            channel_id: self.channel_id,
            seq,
            message_id,
        };
        self.publish(seq, &frame).await;
    }

    /// Tells the subscribers that its author put another envelope in the place of a message, behind
    /// the message itself and behind the state of the channel's members that it was encrypted for.
    pub async fn announce_edit(self, message: &domain::Message, members_version: MembersVersion) {
        self.tell(&TellMembers(MembersChange {
            channel_id: self.channel_id,
            members_version,
        }))
        .await;
        let frame = ServerFrame::MessageEdited {
            channel_id: self.channel_id,
            seq: message.seq,
            message,
        };
        self.publish(message.seq, &frame).await;
    }

    async fn publish(&self, seq: Seq, frame: &ServerFrame<'_>) {
        let frame = Frame {
            about: About::MessageChange(self.channel_id, seq),
            text: frame.encode(),
        };
        self.tell(&Publish(frame)).await;
    }

    /// Nothing tells of a change again, so it has its place also while the channel's actor is busy.
    async fn tell<M>(&self, message: &M)
    where
        M: Message<Result = ()> + Clone + Send + 'static,
        ChannelActor: Handler<M>,
    {
        let told = self.channels.tell_surely(self.channel_id, message);
        // An actor that takes longer does it all the same; the others need not wait for that.
        if let Ok(Err(_ended)) = timeout(ANNOUNCING, told).await {
            self.channels.count_unpublished();
        }
    }
}
