//! Changing messages in turn: edits and deletions of a channel are announced in the order in which
//! they were made, so that nobody is left with a message that was edited again or deleted.

use std::time::Duration;

use actix::MailboxError;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::arbiters::slot_of;
use super::channel::Publish;
use super::channels::ChannelDirectory;
use super::outbox::{About, Frame};
use super::posting::PostError;
use crate::domain::ids::{ChannelId, MembersVersion, MessageId, Seq};
use crate::domain::message::Message;
use crate::protocol::ServerFrame;
use crate::store::MembersChange;

/// Messages that are changed at the same time, at most; of one channel it is one.
const AT_ONCE: usize = 64;
/// How many actors of a channel are tried to announce a change, when they end.
const TRIES: usize = 3;
/// How long a change waits for its turn, and for being announced.
const PATIENCE: Duration = Duration::from_secs(5);

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

    /// Sends a frame to the subscribers of a channel, behind the messages that were posted before;
    /// waits until the channel's actor had room for it and sent it.
    async fn publish_in_turn(&self, channel: ChannelId, frame: &Frame) -> Result<(), MailboxError> {
        let mut ended = Ok(());
        for _ in 0..TRIES {
            if !self.is_watched(channel) {
                return Ok(());
            }
            let actor = self.running_actor(channel).ok_or(MailboxError::Closed)?;
            ended = actor.send(Publish(frame.clone())).await;
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
    pub async fn announce_edit(self, message: &Message, members_version: MembersVersion) {
        self.channels.announce_members(MembersChange {
            channel_id: self.channel_id,
            members_version,
        });
        let frame = ServerFrame::MessageEdited {
            channel_id: self.channel_id,
            seq: message.seq,
            message,
        };
        self.publish(message.seq, &frame).await;
    }

    /// Nothing tells of a change again, so it waits for its place while the channel's actor is busy.
    async fn publish(&self, seq: Seq, frame: &ServerFrame<'_>) {
        let frame = Frame {
            about: About::MessageChange(self.channel_id, seq),
            text: frame.encode(),
        };
        let published = self.channels.publish_in_turn(self.channel_id, &frame);
        if !matches!(timeout(PATIENCE, published).await, Ok(Ok(()))) {
            self.channels.count_unpublished();
        }
    }
}
