//! The keys that the messages of a channel are encrypted with: who is given one, and when a new one
//! begins.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use matrix_sdk_crypto::{CollectStrategy, EncryptionSettings};
use ruma::OwnedUserId;
use ruma::events::room::history_visibility::HistoryVisibility;
use serde::{Deserialize, Serialize};

use crate::channels::Members;
use crate::device::Device;
use crate::error::Error;
use crate::ids::{ChannelId, UserId};

/// A new key is begun at most this often for devices whose mailbox was full: there may be some that
/// nobody opens any more.
const BETWEEN_RENEWALS: Duration = Duration::from_secs(60 * 60);

/// Whom the key of a channel was given to last.
#[derive(Debug, Serialize, Deserialize)]
struct Shared {
    members_version: i64,
    members: Vec<String>,
    /// Whether there are devices that it did not reach, because their mailbox was full.
    #[serde(default)]
    is_incomplete: bool,
    /// When it was begun because the one before was incomplete.
    #[serde(default)]
    renewed_at: Option<SystemTime>,
}

impl Shared {
    /// Whether it is time to begin a new key for those whom it did not reach.
    fn is_to_be_renewed(&self, now: SystemTime) -> bool {
        let is_long_ago = |renewed_at| {
            // After a clock was set back it is not known how long ago it is.
            now.duration_since(renewed_at)
                .map_or(true, |since| since >= BETWEEN_RENEWALS)
        };
        self.is_incomplete && self.renewed_at.is_none_or(is_long_ago)
    }

    /// Whether all that happened since then is that people joined.
    fn has_lost_nobody(&self, members: &Members) -> bool {
        let known: HashSet<&str> = self.members.iter().map(String::as_str).collect();
        let is_known = |user: &&UserId| known.contains(user.to_string().as_str());
        let stayed = members.users.iter().filter(is_known).count();
        let joined = i64::try_from(members.users.len() - stayed).unwrap_or(i64::MAX);
        stayed == known.len() && members.version.checked_sub(self.members_version) == Some(joined)
    }
}

impl Device {
    /// Begins a new key when somebody may have left: what follows is encrypted with one that they
    /// never had. Also when the present one did not reach everybody, as it is not sent to a device
    /// twice.
    pub(crate) async fn rotate(&self, channel: ChannelId, members: &Members) -> Result<(), Error> {
        let now = SystemTime::now();
        let mut shared = Shared {
            members_version: members.version,
            members: members.users.iter().map(ToString::to_string).collect(),
            is_incomplete: false,
            renewed_at: None,
        };
        if let Some(before) = self.shared(channel).await? {
            let is_to_be_renewed = before.is_to_be_renewed(now);
            if before.members_version == members.version && !is_to_be_renewed {
                return Ok(());
            }
            shared.renewed_at = before.renewed_at;
            if is_to_be_renewed {
                shared.renewed_at = Some(now);
            } else if before.has_lost_nobody(members) {
                shared.is_incomplete = before.is_incomplete;
                return self.note_shared(channel, &shared).await;
            }
            let room = self.names.room(channel)?;
            let discarded = self.machine.discard_room_key(&room).await;
            discarded.map_err(Error::library)?;
        }
        // Noted before a key is given to anybody: who gets it and leaves must be missed.
        self.note_shared(channel, &shared).await
    }

    /// Gives the members' devices the keys that they lack.
    pub(crate) async fn share(&self, channel: ChannelId, members: &Members) -> Result<(), Error> {
        let users: Vec<OwnedUserId> = self.names.users(&members.users)?;
        let room = self.names.room(channel)?;
        let _one_after_the_other = self.state.requests.lock().await;
        self.claim(users.iter().map(AsRef::as_ref)).await?;
        let settings = EncryptionSettings {
            history_visibility: HistoryVisibility::Joined,
            // Only devices that their owners vouch for: one that the server makes up gets nothing.
            sharing_strategy: CollectStrategy::IdentityBasedStrategy,
            ..EncryptionSettings::default()
        };
        let users = users.iter().map(AsRef::as_ref);
        let requests = self.machine.share_room_key(&room, users, settings).await;
        for request in requests.map_err(Error::library)? {
            let undelivered = self.send_to_devices(&request.txn_id, &request).await?;
            if !undelivered.is_empty()
                && let Some(mut shared) = self.shared(channel).await?
            {
                shared.is_incomplete = true;
                self.note_shared(channel, &shared).await?;
            }
        }
        Ok(())
    }

    async fn shared(&self, channel: ChannelId) -> Result<Option<Shared>, Error> {
        self.stored(&key_of(channel)).await
    }

    async fn note_shared(&self, channel: ChannelId, shared: &Shared) -> Result<(), Error> {
        self.store(&key_of(channel), shared).await
    }
}

/// Under which name it is in the store.
fn key_of(channel: ChannelId) -> String {
    format!("chatalot.shared.{channel}")
}
