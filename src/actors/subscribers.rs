//! Everybody who watches one channel. Outlives the channel's actor.

use std::cell::LazyCell;
use std::sync::Arc;

use parking_lot::Mutex;

use super::outbox::{Frame, PushRefused};
use super::sessions::SessionDirectory;
use super::subscriber::Subscriber;
use crate::domain::ids::Seq;
use crate::store::MembersChange;

/// The subscriptions to one channel.
#[derive(Debug, Default)]
pub struct Subscribers {
    list: Mutex<Vec<Arc<Subscriber>>>,
}

impl Subscribers {
    /// Adds a subscription.
    pub fn add(&self, subscriber: Arc<Subscriber>) {
        self.list.lock().push(subscriber);
    }

    /// Ends the subscriptions that `gone` picks.
    pub fn end(&self, gone: impl Fn(&Arc<Subscriber>) -> bool) {
        self.list.lock().retain(|subscriber| {
            let ends = gone(subscriber);
            if ends {
                subscriber.end();
            }
            !ends
        });
    }

    /// Whether nobody watches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.lock().is_empty()
    }

    /// Sends a message's frame to those who follow live, and tells the others that it is there.
    /// `members` is the state that the channel's members were in; who does not know it is told
    /// first.
    pub fn fan_out(
        &self,
        members: MembersChange,
        seq: Seq,
        frame: &Frame,
        sessions: &SessionDirectory,
    ) {
        let changed = LazyCell::new(|| Frame::members_changed(members));
        self.send(sessions, |subscriber| {
            let told = subscriber.note_members(members.members_version);
            let wants = subscriber.note(seq);
            [told.then(|| changed.clone()), wants.then(|| frame.clone())]
        });
    }

    /// Tells everybody who watches of a change of the channel's members, unless they know.
    pub fn tell_members(&self, change: MembersChange, sessions: &SessionDirectory) {
        let changed = LazyCell::new(|| Frame::members_changed(change));
        self.send(sessions, |subscriber| {
            let told = subscriber.note_members(change.members_version);
            [told.then(|| changed.clone()), None]
        });
    }

    /// Sends a frame to everybody who watches and is known to be in the channel.
    pub fn publish(&self, frame: &Frame, sessions: &SessionDirectory) {
        self.send(sessions, |subscriber| {
            [subscriber.is_confirmed().then(|| frame.clone()), None]
        });
    }

    fn send(
        &self,
        sessions: &SessionDirectory,
        frames: impl Fn(&Subscriber) -> [Option<Frame>; 2],
    ) {
        // Cloned out, so that subscribing does not wait for the sending.
        let subscribers = self.list.lock().clone();
        for subscriber in &subscribers {
            for frame in frames(subscriber).into_iter().flatten() {
                if sessions.push(subscriber.session(), frame) == Err(PushRefused::Slow) {
                    self.end(|other| Arc::ptr_eq(other, subscriber));
                }
            }
        }
    }
}
