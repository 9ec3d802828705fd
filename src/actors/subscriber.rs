//! One socket's subscription to one channel, as the channel and the session share it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::sessions::SessionHandle;
use crate::domain::ids::{MembersVersion, Seq, UserId};
use crate::metrics::Metrics;

/// A subscription. The channel notes every new place in it; it pushes frames only while the
/// session follows live. So a session that is still reading what it missed from the database
/// has nothing piling up, however long that takes.
#[derive(Debug)]
pub struct Subscriber {
    session: Arc<SessionHandle>,
    confirmed: AtomicBool,
    live: AtomicBool,
    newest: AtomicI64,
    /// The newest state of the channel's members that was noted.
    members: AtomicI64,
    ended: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.metrics.subscriptions.dec();
    }
}

impl Subscriber {
    /// A subscription that does not follow live yet.
    #[must_use]
    pub fn new(session: Arc<SessionHandle>, metrics: Arc<Metrics>) -> Self {
        metrics.subscriptions.inc();
        Self {
            session,
            confirmed: AtomicBool::new(false),
            live: AtomicBool::new(false),
            newest: AtomicI64::new(0),
            members: AtomicI64::new(i64::MIN),
            ended: AtomicBool::new(false),
            metrics,
        }
    }

    /// The socket.
    #[must_use]
    pub fn session(&self) -> &SessionHandle {
        &self.session
    }

    /// Whose socket.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.session.user_id
    }

    /// The user is in the channel, whose members are in the state `known`. Before that nothing of
    /// it is told. Returns a newer state that was noted meanwhile.
    #[must_use]
    pub fn confirm(&self, known: MembersVersion) -> Option<MembersVersion> {
        // In this order: whoever notes a state between the two either finds this confirmed, or is
        // found here.
        self.confirmed.store(true, Ordering::SeqCst);
        let noted = MembersVersion(self.members.fetch_max(known.0, Ordering::SeqCst));
        (noted > known).then_some(noted)
    }

    /// Notes a state of the channel's members. Returns whether the session is to be told.
    #[must_use]
    pub fn note_members(&self, version: MembersVersion) -> bool {
        // Most messages bring nothing new, and reading is cheaper.
        self.members.load(Ordering::SeqCst) < version.0
            && self.members.fetch_max(version.0, Ordering::SeqCst) < version.0
            && self.is_confirmed()
    }

    /// Whether the user is known to be in the channel.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::SeqCst)
    }

    /// Notes that the channel has a message at `seq`. Returns whether the session wants its
    /// frame pushed. Called by the channel, before it pushes.
    #[must_use]
    pub fn note(&self, seq: Seq) -> bool {
        // In this order: a session that goes live between the two reads the place itself.
        self.newest.fetch_max(seq.0, Ordering::SeqCst);
        self.live.load(Ordering::SeqCst)
    }

    /// Starts following live, for a session that has everything up to `sent`.
    ///
    /// # Errors
    /// The newest place, when there is more than that: the session reads on first.
    pub fn go_live(&self, sent: Seq) -> Result<(), Seq> {
        self.live.store(true, Ordering::SeqCst);
        let newest = Seq(self.newest.load(Ordering::SeqCst));
        if newest > sent {
            self.stop_live();
            return Err(newest);
        }
        Ok(())
    }

    /// Stops following live, because the session found a gap and reads it from the database.
    pub fn stop_live(&self) {
        self.live.store(false, Ordering::SeqCst);
    }

    /// Ends the subscription: from now on the session sends nothing of the channel, not even
    /// what it has read already.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.stop_live();
    }

    /// Whether the subscription ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}
