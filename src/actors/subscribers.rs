//! Everybody who watches one channel. Outlives the channel's actor.

use std::sync::Arc;

use parking_lot::Mutex;

use super::outbox::{Frame, PushRefused};
use super::sessions::SessionDirectory;
use super::subscriber::Subscriber;
use crate::domain::ids::Seq;

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
    pub fn fan_out(&self, seq: Seq, frame: &Frame, sessions: &SessionDirectory) {
        self.send(frame, sessions, |subscriber| subscriber.note(seq));
    }

    /// Sends a frame to everybody who watches and is known to be in the channel.
    pub fn publish(&self, frame: &Frame, sessions: &SessionDirectory) {
        self.send(frame, sessions, Subscriber::is_confirmed);
    }

    fn send(
        &self,
        frame: &Frame,
        sessions: &SessionDirectory,
        wants: impl Fn(&Subscriber) -> bool,
    ) {
        // Cloned out, so that subscribing does not wait for the sending.
        let subscribers = self.list.lock().clone();
        for subscriber in subscribers.iter().filter(|subscriber| wants(subscriber)) {
            if sessions.push(subscriber.session(), frame.clone()) == Err(PushRefused::Slow) {
                self.end(|other| Arc::ptr_eq(other, subscriber));
            }
        }
    }
}
