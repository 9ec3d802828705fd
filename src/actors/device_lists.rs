//! Telling open sockets whose devices changed.
//!
//! **The promise**: a change reaches everybody who shares a channel before any message that was
//! posted after the change was answered. It holds by three steps in this order:
//!
//! 1. The change is committed, with a place in the order of changes. Places are given under one
//!    row's lock, held to the commit, so that whoever reads a place can read every change before
//!    it (`device_lists/advance.sql`).
//! 2. Who is to be told is read after the commit. Somebody who joins a channel is either among
//!    them, or joins later and then reads the keys as they are by now.
//! 3. The frame is put into the outbox of every socket before the call that made the change is
//!    answered. An outbox is first in, first out, and the fan-out of a message uses the same one;
//!    so a message that was posted with the knowledge of the change, by the new device itself
//!    say, stands behind it. A session that reads missed messages from the database sends them
//!    later still.
//!
//! A socket that opens meanwhile is registered first and reads the place afterwards (its `hello`
//! tells it): what is later than that place is pushed to it, what is earlier it asks for, with
//! the place it had from its connection before (`GET /api/e2ee/keys/changes`).
//!
//! While the database cannot say whom to tell, everybody is told to ask, at once: messages may still
//! be committed, over connections of their own. Those who are to be told of wait here all the same,
//! because nobody knows whether the change could be seen already, and are tried until the database
//! answers. Beyond a bound everybody is told to ask once more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fail::fail_point;
use parking_lot::Mutex;

use super::sessions::SessionDirectory;
use crate::domain::encryption::ids::ServerName;
use crate::domain::ids::{ChannelId, UserId};
use crate::metrics::Metrics;
use crate::protocol::ServerFrame;
use crate::store::{Store, StoreError};

/// Users whose changes may wait to be told of.
const MAX_WAITING: usize = 1_000;
/// How long to wait for the database.
const PAUSE: Duration = Duration::from_millis(500);
/// Users in one frame of what concerns only one user.
const USERS_PER_FRAME: usize = 500;
/// Users whose changes are looked up and told together. Bounds what the database answers: so many
/// users for each user online.
const CHANGED_AT_ONCE: usize = 100;

/// See the module.
pub struct DeviceLists {
    store: Store,
    sessions: Arc<SessionDirectory>,
    /// What the server name becomes, should there be none.
    fresh_name: ServerName,
    waiting: Mutex<Waiting>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Waiting {
    users: BTreeSet<UserId>,
    /// More waited than may: everybody is to ask.
    everybody: bool,
    /// Whether a task tries.
    trying: bool,
}

impl std::fmt::Debug for DeviceLists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceLists(..)")
    }
}

impl DeviceLists {
    /// Tells the sockets in `sessions`.
    #[must_use]
    pub fn new(
        store: Store,
        sessions: Arc<SessionDirectory>,
        fresh_name: ServerName,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            sessions,
            fresh_name,
            waiting: Mutex::default(),
            metrics,
        })
    }

    /// The device lists of `users` changed, or may have: the change was committed, or nobody
    /// knows. Returns when whoever is to learn of it has the frame in their outbox, or when the
    /// database does not say who that is; then it is tried on.
    pub async fn announce_changed(self: &Arc<Self>, users: &[UserId]) {
        if users.is_empty() {
            return;
        }
        if let Err(error) = self.tell(users).await {
            self.try_later(users, &error);
        }
    }

    /// Somebody came into a channel: those in it are told of them, and they are told to ask, since
    /// they may have missed changes of all the others.
    pub async fn announce_joined(self: &Arc<Self>, user: UserId) {
        self.sessions.push_to_user(user, &limited());
        self.announce_changed(&[user]).await;
    }

    /// On one user's devices, what that user signed of others changed.
    pub async fn announce_signed(&self, signer: UserId, others: &[UserId]) {
        match self.store.server_name(&self.fresh_name).await {
            Ok(name) => {
                let changed = names(&name, others);
                for changed in changed.chunks(USERS_PER_FRAME) {
                    let frame = changed_frame(changed);
                    self.sessions.push_to_user(signer, &frame);
                }
            }
            Err(_) => {
                self.sessions.push_to_user(signer, &limited());
            }
        }
    }

    /// Somebody left channels: they and those who share none with them any more are told. Only a
    /// convenience, by which clients forget: nothing depends on it, so it is not tried again.
    pub async fn announce_left(&self, user: UserId, channels: &[ChannelId]) {
        if let Err(error) = self.tell_departed(user, channels).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a departure could not be announced"
            );
        }
    }

    async fn tell(&self, users: &[UserId]) -> Result<(), StoreError> {
        fail_point!("device_list_audience", |_| Err(StoreError::Unavailable(
            "switched off for a test".into()
        )));
        let name = self.store.server_name(&self.fresh_name).await?;
        for users in users.chunks(CHANGED_AT_ONCE) {
            let online = self.sessions.users_online();
            let audience = self.store.device_list_audience(users, &online).await?;
            // Most are told of the same ones.
            let mut by_changed: BTreeMap<Vec<UserId>, Vec<UserId>> = BTreeMap::new();
            for one in audience {
                by_changed.entry(one.changed).or_default().push(one.told);
            }
            for (changed, told) in by_changed {
                let text = changed_frame(&names(&name, &changed));
                for user in told {
                    self.sessions.push_to_user(user, &text);
                }
            }
        }
        Ok(())
    }

    async fn tell_departed(&self, user: UserId, channels: &[ChannelId]) -> Result<(), StoreError> {
        let name = self.store.server_name(&self.fresh_name).await?;
        let online = self.sessions.users_online();
        let apart = self
            .store
            .device_lists_departed(user, channels, &online)
            .await?;
        let left = [name.user_id(user)];
        let text = left_frame(&left);
        for other in &apart {
            self.sessions.push_to_user(*other, &text);
        }
        for left in names(&name, &apart).chunks(USERS_PER_FRAME) {
            self.sessions.push_to_user(user, &left_frame(left));
        }
        Ok(())
    }

    fn try_later(self: &Arc<Self>, users: &[UserId], error: &StoreError) {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "changes of device lists wait to be announced"
        );
        // Without the database nobody knows whom it concerns: everybody asks again, and in time.
        self.sessions.push_to_all(&limited());
        let mut waiting = self.waiting.lock();
        waiting.users.extend(users);
        if waiting.users.len() > MAX_WAITING {
            Metrics::count(&self.metrics.overloads, "device_lists");
            waiting.users.clear();
            waiting.everybody = true;
        }
        if !std::mem::replace(&mut waiting.trying, true) {
            actix_rt::spawn(Arc::clone(self).try_on());
        }
    }

    async fn try_on(self: Arc<Self>) {
        loop {
            tokio::time::sleep(PAUSE).await;
            let (users, everybody) = {
                let mut waiting = self.waiting.lock();
                let everybody = std::mem::take(&mut waiting.everybody);
                (std::mem::take(&mut waiting.users), everybody)
            };
            let list: Vec<UserId> = users.iter().copied().collect();
            let this = Arc::clone(&self);
            // A task of its own: should it panic, those users are tried again like the others.
            let told = actix_rt::spawn(async move { this.tell(&list).await }).await;
            let mut waiting = self.waiting.lock();
            match told {
                Ok(Ok(())) => {
                    if everybody {
                        self.sessions.push_to_all(&limited());
                    }
                    if waiting.users.is_empty() && !waiting.everybody {
                        waiting.trying = false;
                        return;
                    }
                }
                Ok(Err(_)) | Err(_) => {
                    waiting.users.extend(users);
                    waiting.everybody |= everybody;
                }
            }
        }
    }
}

fn names(server: &ServerName, users: &[UserId]) -> Vec<String> {
    users.iter().map(|user| server.user_id(*user)).collect()
}

fn changed_frame(changed: &[String]) -> bytestring::ByteString {
    ServerFrame::DeviceLists {
        changed,
        left: &[],
        limited: false,
    }
    .encode()
}

fn left_frame(left: &[String]) -> bytestring::ByteString {
    ServerFrame::DeviceLists {
        changed: &[],
        left,
        limited: false,
    }
    .encode()
}

fn limited() -> bytestring::ByteString {
    ServerFrame::DeviceLists {
        changed: &[],
        left: &[],
        limited: true,
    }
    .encode()
}
