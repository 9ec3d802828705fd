//! The directory of open sockets: who is online, and how to reach them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use bytestring::ByteString;
use dashmap::DashMap;
use smallvec::SmallVec;

use super::outbox::{About, Frame, Outbox, PushRefused};
use crate::domain::ids::{ConnectionId, SessionId, UserId};
use crate::metrics::Metrics;
use crate::protocol::Close;

/// One open socket, as everybody but its own actor knows it.
#[derive(Debug)]
pub struct SessionHandle {
    /// The connection.
    pub connection_id: ConnectionId,
    /// The sign-in it belongs to.
    pub session_id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The way to it.
    pub outbox: Outbox,
    /// What it is told of its device's mailbox.
    pub mailbox: MailboxSignal,
}

/// What a socket is told of its device's mailbox: to look again. However much arrives, one such
/// notice waits for it at most.
#[derive(Debug, Default)]
pub struct MailboxSignal {
    waits: AtomicBool,
    acknowledged: AtomicI64,
}

impl MailboxSignal {
    /// The socket looks now: what arrives from here on is another notice.
    pub fn take(&self) {
        self.waits.store(false, Ordering::SeqCst);
    }

    /// Up to where the device has its mail, as far as this server was told.
    #[must_use]
    pub fn acknowledged(&self) -> i64 {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

/// Why no further socket may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatRefused {
    /// The server has as many as it may.
    ServerFull,
    /// The user has as many as one may.
    UserFull,
}

/// A place for one socket; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    directory: Arc<SessionDirectory>,
    user_id: UserId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.directory.taken.fetch_sub(1, Ordering::SeqCst);
        self.directory.metrics.sessions.dec();
        self.directory
            .taken_by_user
            .remove_if_mut(&self.user_id, |_, count| {
                *count = count.saturating_sub(1);
                *count == 0
            });
    }
}

type Handles = SmallVec<[Arc<SessionHandle>; 2]>;

/// Every open socket of this node by user. Holds no socket that has ended: each is taken out
/// by its connection's id, so that an old one cannot take out a new one.
#[derive(Debug)]
pub struct SessionDirectory {
    by_user: DashMap<UserId, Handles>,
    taken: AtomicUsize,
    taken_by_user: DashMap<UserId, usize>,
    max: usize,
    max_per_user: usize,
    metrics: Arc<Metrics>,
}

impl SessionDirectory {
    /// An empty directory with room for `max` sockets, `max_per_user` of one user.
    #[must_use]
    pub fn new(max: usize, max_per_user: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            by_user: DashMap::new(),
            taken: AtomicUsize::new(0),
            taken_by_user: DashMap::new(),
            max,
            max_per_user,
            metrics,
        })
    }

    /// Takes a place for a socket of `user_id`.
    ///
    /// # Errors
    /// When there is none.
    pub fn take_seat(self: &Arc<Self>, user_id: UserId) -> Result<Seat, SeatRefused> {
        if self.taken.fetch_add(1, Ordering::SeqCst) >= self.max {
            self.taken.fetch_sub(1, Ordering::SeqCst);
            return Err(SeatRefused::ServerFull);
        }
        let mut of_user = self.taken_by_user.entry(user_id).or_insert(0);
        if *of_user >= self.max_per_user {
            self.taken.fetch_sub(1, Ordering::SeqCst);
            return Err(SeatRefused::UserFull);
        }
        *of_user += 1;
        self.metrics.sessions.inc();
        Ok(Seat {
            directory: Arc::clone(self),
            user_id,
        })
    }

    /// Adds a socket. From now on it gets what its user is sent.
    pub fn register(&self, handle: Arc<SessionHandle>) {
        self.by_user.entry(handle.user_id).or_default().push(handle);
    }

    /// Takes a socket out.
    pub fn unregister(&self, user_id: UserId, connection_id: ConnectionId) {
        self.by_user.remove_if_mut(&user_id, |_, handles| {
            handles.retain(|handle| handle.connection_id != connection_id);
            handles.is_empty()
        });
    }

    /// Sends a frame to every socket of a user. Returns how many took it.
    pub fn push_to_user(&self, user_id: UserId, text: &ByteString) -> usize {
        let handles = self.of_user(user_id);
        handles
            .iter()
            .filter(|handle| self.push(handle, Frame::other(text.clone())).is_ok())
            .count()
    }

    /// Sends a frame to every socket of one sign-in.
    pub fn push_to_session(&self, user_id: UserId, session_id: SessionId, text: &ByteString) {
        for handle in self.of_session(user_id, session_id) {
            let _ = self.push(&handle, Frame::other(text.clone()));
        }
    }

    /// Sends a frame to every socket.
    pub fn push_to_all(&self, text: &ByteString) {
        for handle in self.all() {
            let _ = self.push(&handle, Frame::other(text.clone()));
        }
    }

    /// Has the sockets of a device look into its mailbox.
    pub fn notify_mailbox(&self, user_id: UserId, session_id: SessionId) {
        self.notify_mailboxes(self.of_session(user_id, session_id));
    }

    /// The same for every device of a user.
    pub fn notify_mailboxes_of(&self, user_id: UserId) {
        self.notify_mailboxes(self.of_user(user_id));
    }

    fn notify_mailboxes(&self, handles: impl IntoIterator<Item = Arc<SessionHandle>>) {
        for handle in handles {
            if !handle.mailbox.waits.swap(true, Ordering::SeqCst) {
                let frame = Frame {
                    about: About::Mailbox,
                    text: ByteString::new(),
                };
                let _ = self.push(&handle, frame);
            }
        }
    }

    /// Tells the sockets of a device that it has its mail up to a place, and has them look for
    /// more.
    pub fn note_acknowledged(&self, user_id: UserId, session_id: SessionId, up_to: i64) {
        for handle in self.of_session(user_id, session_id) {
            handle
                .mailbox
                .acknowledged
                .fetch_max(up_to, Ordering::SeqCst);
        }
        self.notify_mailbox(user_id, session_id);
    }

    /// Sends a frame to one socket, and cuts it off when it is too slow for it.
    ///
    /// # Errors
    /// When the socket is ending.
    pub fn push(&self, handle: &SessionHandle, frame: Frame) -> Result<(), PushRefused> {
        let pushed = handle.outbox.push(frame);
        match pushed {
            Ok(()) => {
                self.metrics.frames_delivered.inc();
            }
            // Nobody queues more for it; it comes back and is caught up.
            Err(PushRefused::Slow) => self.unregister(handle.user_id, handle.connection_id),
            Err(PushRefused::Ending) => {}
        }
        pushed
    }

    /// Ends every socket of a user.
    pub fn end_user(&self, user_id: UserId, close: Close) {
        for handle in &self.of_user(user_id) {
            handle.outbox.end(close);
        }
    }

    /// Ends every socket of one sign-in.
    pub fn end_session(&self, user_id: UserId, session_id: SessionId, close: Close) {
        for handle in self.of_session(user_id, session_id) {
            handle.outbox.end(close);
        }
    }

    /// Ends every socket of the sign-ins in `sessions`, whose users are not known here.
    pub fn end_sessions(&self, sessions: &[SessionId], close: Close) {
        for handle in self
            .all()
            .iter()
            .filter(|handle| sessions.contains(&handle.session_id))
        {
            handle.outbox.end(close);
        }
    }

    /// Ends every socket, giving way to other work now and then, so that closing thousands
    /// does not stop what still has to finish.
    pub async fn end_all(&self, close: Close) {
        const AT_ONCE: usize = 128;
        for handles in self.all().chunks(AT_ONCE) {
            for handle in handles {
                handle.outbox.end(close);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Who has a socket open.
    #[must_use]
    pub fn users_online(&self) -> Vec<UserId> {
        self.by_user.iter().map(|entry| *entry.key()).collect()
    }

    /// The sign-ins of the open sockets, each once.
    #[must_use]
    pub fn sessions_online(&self) -> Vec<SessionId> {
        let mut sessions: Vec<SessionId> =
            self.all().iter().map(|handle| handle.session_id).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// How many sockets are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// Whether no socket is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of_user(&self, user_id: UserId) -> Handles {
        // Cloned out, so that no shard is locked while frames are pushed.
        self.by_user
            .get(&user_id)
            .map(|handles| handles.clone())
            .unwrap_or_default()
    }

    fn of_session(&self, user_id: UserId, session_id: SessionId) -> Handles {
        let mut handles = self.of_user(user_id);
        handles.retain(|handle| handle.session_id == session_id);
        handles
    }

    fn all(&self) -> Vec<Arc<SessionHandle>> {
        self.by_user
            .iter()
            .flat_map(|entry| entry.value().to_vec())
            .collect()
    }
}
