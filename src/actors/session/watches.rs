//! What one session watches, and how far it has sent each channel. Knows no socket and no
//! database: it is told what happened, and tells what to send and what to read.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::actors::subscriber::Subscriber;
use crate::domain::ids::{ChannelId, MembersVersion, Seq};
use crate::protocol::ServerFrame;
use crate::store::{MembersChange, WatchedChannel};

/// A channel that the session watches.
struct Watch {
    subscriber: Arc<Subscriber>,
    /// The place up to which everything was sent.
    sent: Seq,
    /// The state of the channel's members that the client was told of, or could read.
    members: MembersVersion,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Whether the user is in the channel is being read.
    Checking,
    /// What is missing up to a place is being read, page by page.
    Reading {
        until: Seq,
        /// A message changed while a page was being read, so that the page is old.
        stale: bool,
    },
    /// Frames arrive as they are posted.
    Live,
}

/// Where a client wants a channel to begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// The last place it has; without one it begins at the head.
    pub(super) after: Option<Seq>,
    /// Whether that place belongs to this history of the database.
    pub(super) same_history: bool,
    /// Missed messages that are replayed at most.
    pub(super) replay_messages: i64,
}

/// A page to read.
#[derive(Debug)]
pub(super) struct PageToRead {
    pub(super) channel_id: ChannelId,
    pub(super) subscriber: Arc<Subscriber>,
    pub(super) after: Seq,
    pub(super) until: Seq,
}

/// Every channel of a session.
#[derive(Default)]
pub(super) struct Watches {
    by_channel: HashMap<ChannelId, Watch>,
    /// Channels with something to read, each once, in turn.
    to_read: VecDeque<ChannelId>,
}

impl Watches {
    /// How many channels are watched. Those whose subscription ended are forgotten first.
    pub(super) fn count(&mut self) -> usize {
        self.by_channel
            .retain(|_, watch| !watch.subscriber.has_ended());
        self.by_channel.len()
    }

    pub(super) fn contains(&self, channel: ChannelId) -> bool {
        self.by_channel
            .get(&channel)
            .is_some_and(|watch| !watch.subscriber.has_ended())
    }

    /// Begins to watch a channel; returns the subscription that this one replaces.
    pub(super) fn add(
        &mut self,
        channel: ChannelId,
        subscriber: Arc<Subscriber>,
    ) -> Option<Arc<Subscriber>> {
        let watch = Watch {
            subscriber,
            sent: Seq(0),
            members: MembersVersion(0),
            phase: Phase::Checking,
        };
        self.by_channel
            .insert(channel, watch)
            .map(|replaced| replaced.subscriber)
    }

    /// Stops watching a channel.
    pub(super) fn remove(&mut self, channel: ChannelId) -> Option<Arc<Subscriber>> {
        self.by_channel
            .remove(&channel)
            .map(|watch| watch.subscriber)
    }

    /// Whether a subscription was ended from outside, and not replaced or given up by the client.
    pub(super) fn was_ended(&self, channel: ChannelId, subscriber: &Arc<Subscriber>) -> bool {
        let watch = self.by_channel.get(&channel);
        watch.is_some_and(|watch| Arc::ptr_eq(&watch.subscriber, subscriber))
            && subscriber.has_ended()
    }

    /// Stops watching a channel by a subscription, unless another one replaced it.
    pub(super) fn forget(&mut self, channel: ChannelId, subscriber: &Arc<Subscriber>) {
        if self
            .by_channel
            .get(&channel)
            .is_some_and(|watch| Arc::ptr_eq(&watch.subscriber, subscriber))
        {
            self.by_channel.remove(&channel);
        }
    }

    /// Stops watching everything.
    pub(super) fn drain(&mut self) -> Vec<(ChannelId, Arc<Subscriber>)> {
        self.by_channel
            .drain()
            .map(|(channel, watch)| (channel, watch.subscriber))
            .collect()
    }

    /// The user is in the channel, which was found as `found`. Returns what to send.
    /// Nothing for a subscription that was replaced or ended meanwhile.
    pub(super) fn confirmed(
        &mut self,
        channel: ChannelId,
        subscriber: &Arc<Subscriber>,
        found: &WatchedChannel,
        start: Start,
    ) -> Vec<ServerFrame<'static>> {
        let Some(watch) = self.current(channel, subscriber) else {
            return Vec::new();
        };
        let head = found.last_seq;
        let mut frames = vec![ServerFrame::Subscribed {
            channel_id: channel,
            last_seq: head,
        }];
        watch.members = found.members_version;
        if let Some(members_version) = watch.subscriber.confirm(found.members_version) {
            watch.members = members_version;
            frames.push(ServerFrame::MembersChanged {
                channel_id: channel,
                members_version,
            });
        }
        watch.sent = head;
        if let Some(after) = start.after {
            let missed = head.0.saturating_sub(after.0);
            if start.same_history && (0..=start.replay_messages).contains(&missed) {
                watch.sent = after;
            } else {
                frames.push(ServerFrame::Resync {
                    channel_id: channel,
                    last_seq: head,
                });
            }
        }
        if watch.sent < head {
            watch.phase = Phase::Reading {
                until: head,
                stale: false,
            };
            self.to_read.push_back(channel);
        } else {
            self.follow(channel);
        }
        frames
    }

    /// A message's frame arrived. Returns whether to send it now.
    pub(super) fn on_message(&mut self, channel: ChannelId, seq: Seq) -> bool {
        let Some(watch) = self.by_channel.get_mut(&channel) else {
            return false;
        };
        if watch.subscriber.has_ended() || watch.phase != Phase::Live || seq <= watch.sent {
            // What is being read comes from the database, and what was sent is not repeated.
            return false;
        }
        if seq == watch.sent.next() {
            watch.sent = seq;
            return true;
        }
        // Frames were lost with an actor that panicked.
        watch.subscriber.stop_live();
        watch.phase = Phase::Reading {
            until: seq,
            stale: false,
        };
        self.to_read.push_back(channel);
        false
    }

    /// A state of a channel's members was heard of. Returns whether to tell the client.
    pub(super) fn on_members(&mut self, change: MembersChange) -> bool {
        let Some(watch) = self.by_channel.get_mut(&change.channel_id) else {
            return false;
        };
        if watch.subscriber.has_ended() || watch.phase == Phase::Checking {
            return false;
        }
        let is_news = change.members_version > watch.members;
        watch.members = watch.members.max(change.members_version);
        is_news
    }

    /// The message at a place was changed. Returns whether to tell the client, who has it.
    pub(super) fn on_change(&mut self, channel: ChannelId, seq: Seq) -> bool {
        let Some(watch) = self.by_channel.get_mut(&channel) else {
            return false;
        };
        if watch.subscriber.has_ended() || watch.phase == Phase::Checking {
            return false;
        }
        match &mut watch.phase {
            Phase::Reading { stale, .. } => *stale = true,
            Phase::Live if seq > watch.sent => {
                // The message's own frame is still to come, as it was before the change.
                watch.subscriber.stop_live();
                watch.phase = Phase::Reading {
                    until: seq,
                    stale: false,
                };
                self.to_read.push_back(channel);
                return false;
            }
            Phase::Live | Phase::Checking => {}
        }
        seq <= watch.sent
    }

    /// What to read next, if anything.
    pub(super) fn next_page(&mut self) -> Option<PageToRead> {
        while let Some(channel) = self.to_read.pop_front() {
            let Some(watch) = self.by_channel.get_mut(&channel) else {
                continue;
            };
            if let Phase::Reading { until, stale } = &mut watch.phase {
                *stale = false;
                return Some(PageToRead {
                    channel_id: channel,
                    subscriber: Arc::clone(&watch.subscriber),
                    after: watch.sent,
                    until: *until,
                });
            }
        }
        None
    }

    /// A page was read. Returns whether to send a frame at `seq` of it.
    pub(super) fn on_replayed(&mut self, page: &PageToRead, seq: Seq) -> bool {
        match self.current(page.channel_id, &page.subscriber) {
            Some(watch)
                if matches!(watch.phase, Phase::Reading { stale: false, .. })
                    && seq == watch.sent.next() =>
            {
                watch.sent = seq;
                true
            }
            _ => false,
        }
    }

    /// A page was sent, or could not be read: goes on with the channel.
    pub(super) fn after_page(&mut self, page: &PageToRead) {
        let Some(watch) = self.current(page.channel_id, &page.subscriber) else {
            return;
        };
        if let Phase::Reading { until, .. } = watch.phase {
            if watch.sent < until {
                self.to_read.push_back(page.channel_id);
            } else {
                self.follow(page.channel_id);
            }
        }
    }

    /// A page held nothing to go on with, although there should be: its messages cannot be
    /// replayed. Goes on after them, and returns how to say so.
    pub(super) fn give_up(&mut self, page: &PageToRead) -> Option<ServerFrame<'static>> {
        let watch = self.current(page.channel_id, &page.subscriber)?;
        watch.sent = page.until;
        watch.phase = Phase::Reading {
            until: page.until,
            stale: false,
        };
        Some(ServerFrame::Resync {
            channel_id: page.channel_id,
            last_seq: page.until,
        })
    }

    /// Whether a page is old, because a message changed while it was being read.
    pub(super) fn is_stale(&self, page: &PageToRead) -> bool {
        self.by_channel
            .get(&page.channel_id)
            .is_some_and(|watch| matches!(watch.phase, Phase::Reading { stale: true, .. }))
    }

    /// Goes live, or reads on when something was posted since.
    fn follow(&mut self, channel: ChannelId) {
        let Some(watch) = self.by_channel.get_mut(&channel) else {
            return;
        };
        match watch.subscriber.go_live(watch.sent) {
            Ok(()) => watch.phase = Phase::Live,
            Err(newest) => {
                watch.phase = Phase::Reading {
                    until: newest,
                    stale: false,
                };
                self.to_read.push_back(channel);
            }
        }
    }

    fn current(&mut self, channel: ChannelId, subscriber: &Arc<Subscriber>) -> Option<&mut Watch> {
        let watch = self.by_channel.get_mut(&channel)?;
        (Arc::ptr_eq(&watch.subscriber, subscriber) && !subscriber.has_ended()).then_some(watch)
    }
}
