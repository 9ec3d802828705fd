//! Throwing away what is over: old notifications, idle sessions, and what is left of deleted
//! channels and communities. Always in chunks, so that nothing is locked for long.

use super::sessions::end_sessions;
use super::{Store, StoreError, days};
use crate::domain::encryption::{key_upload, to_device};
use crate::domain::ids::{ChannelId, CommunityId, UserId};

const EXPIRE_NOTIFICATIONS: &str =
    include_str!("../../sql/queries/housekeeping/expire_notifications.sql");
const LOCK_IDLE_SESSIONS: &str =
    include_str!("../../sql/queries/housekeeping/lock_idle_sessions.sql");
const EXPIRE_TO_DEVICE: &str = include_str!("../../sql/queries/housekeeping/expire_to_device.sql");
const EXPIRE_TO_DEVICE_TRANSACTIONS: &str =
    include_str!("../../sql/queries/housekeeping/expire_to_device_transactions.sql");
const EXPIRE_CLAIMED_KEYS: &str =
    include_str!("../../sql/queries/housekeeping/expire_claimed_keys.sql");
const EXPIRE_INVITES: &str = include_str!("../../sql/queries/housekeeping/expire_invites.sql");
const EMPTY_MESSAGES: &str = include_str!("../../sql/queries/housekeeping/empty_messages.sql");
const EMPTY_NOTIFICATIONS: &str =
    include_str!("../../sql/queries/housekeeping/empty_notifications.sql");
const EMPTY_WEBHOOKS: &str = include_str!("../../sql/queries/housekeeping/empty_webhooks.sql");
const EMPTY_CHANNEL_MEMBERS: &str =
    include_str!("../../sql/queries/housekeeping/empty_channel_members.sql");
const DROP_CHANNELS: &str = include_str!("../../sql/queries/housekeeping/drop_channels.sql");
const EMPTY_COMMUNITY_MEMBERS: &str =
    include_str!("../../sql/queries/housekeeping/empty_community_members.sql");
const FIND_DELETED_CHANNELS: &str =
    include_str!("../../sql/queries/housekeeping/find_deleted_channels.sql");
const FIND_DELETED_COMMUNITIES: &str =
    include_str!("../../sql/queries/housekeeping/find_deleted_communities.sql");
const DROP_COMMUNITIES: &str = include_str!("../../sql/queries/housekeeping/drop_communities.sql");

/// Rows that one statement removes at most.
const CHUNK_ROWS: i64 = 1000;
/// Deleted channels, or communities, that one round looks at.
const CHUNK_DELETED: i64 = 20;

/// How many rows one round of housekeeping removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows of all kinds.
    pub rows: u64,
    /// Whether anything was removed, so that there may be more to do.
    pub more: bool,
    /// Messages to devices that nobody came for.
    pub to_device_expired: u64,
    /// Users whose device lists changed, because a session of theirs ended; after an error perhaps.
    pub device_lists_changed: Vec<UserId>,
}

impl Store {
    /// Removes one chunk of each kind. Several servers may do this at once. What was removed, or
    /// perhaps was, is in `swept` after an error too.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(
        &self,
        notification_days: u32,
        session_idle_days: u32,
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        swept.add(
            self.execute(
                EXPIRE_NOTIFICATIONS,
                &[&days(notification_days), &CHUNK_ROWS],
            )
            .await?,
        );
        self.expire_to_device(swept).await?;
        swept.add(self.execute(EXPIRE_INVITES, &[&CHUNK_ROWS]).await?);
        self.empty_deleted_channels(swept).await?;
        self.empty_deleted_communities(swept).await?;
        self.expire_sessions(session_idle_days, swept).await
    }

    /// Ends idle sessions with their devices, and notes in the same transaction whose device lists
    /// changed by it.
    async fn expire_sessions(
        &self,
        session_idle_days: u32,
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let idle = days(session_idle_days);
        let ended = end_sessions(&transaction, LOCK_IDLE_SESSIONS, &[&idle, &CHUNK_ROWS]).await?;
        swept.device_lists_changed = ended.device_lists_changed;
        transaction.commit().await?;
        swept.add(ended.sessions.len() as u64);
        Ok(())
    }

    async fn expire_to_device(&self, swept: &mut Swept) -> Result<(), StoreError> {
        let row = self
            .row(
                EXPIRE_TO_DEVICE,
                &[&days(to_device::KEEP_DAYS), &CHUNK_ROWS],
            )
            .await?;
        let expired: i64 = row.map_or(Ok(0), |row| row.try_get("count"))?;
        swept.to_device_expired = u64::try_from(expired).unwrap_or(0);
        swept.add(swept.to_device_expired);
        for (sql, keep_days) in [
            (
                EXPIRE_TO_DEVICE_TRANSACTIONS,
                to_device::REMEMBER_TRANSACTIONS_DAYS,
            ),
            (EXPIRE_CLAIMED_KEYS, key_upload::REMEMBER_CLAIMED_DAYS),
        ] {
            swept.add(self.execute(sql, &[&days(keep_days), &CHUNK_ROWS]).await?);
        }
        Ok(())
    }

    async fn empty_deleted_channels(&self, swept: &mut Swept) -> Result<(), StoreError> {
        let rows = self.rows(FIND_DELETED_CHANNELS, &[&CHUNK_DELETED]).await?;
        let channels: Vec<ChannelId> = rows
            .iter()
            .map(|row| row.try_get("id"))
            .collect::<Result<_, _>>()?;
        if channels.is_empty() {
            return Ok(());
        }
        // In the order in which rows are found through each other: notifications through the
        // messages that made them, so that those stay until the last of them is gone.
        let notifications = self
            .execute(EMPTY_NOTIFICATIONS, &[&channels, &CHUNK_ROWS])
            .await?;
        swept.add(notifications);
        if notifications > 0 {
            return Ok(());
        }
        for sql in [EMPTY_MESSAGES, EMPTY_WEBHOOKS, EMPTY_CHANNEL_MEMBERS] {
            swept.add(self.execute(sql, &[&channels, &CHUNK_ROWS]).await?);
        }
        swept.add(self.execute(DROP_CHANNELS, &[&channels]).await?);
        Ok(())
    }

    async fn empty_deleted_communities(&self, swept: &mut Swept) -> Result<(), StoreError> {
        let rows = self
            .rows(FIND_DELETED_COMMUNITIES, &[&CHUNK_DELETED])
            .await?;
        let communities: Vec<CommunityId> = rows
            .iter()
            .map(|row| row.try_get("id"))
            .collect::<Result<_, _>>()?;
        if communities.is_empty() {
            return Ok(());
        }
        swept.add(
            self.execute(EMPTY_COMMUNITY_MEMBERS, &[&communities, &CHUNK_ROWS])
                .await?,
        );
        swept.add(self.execute(DROP_COMMUNITIES, &[&communities]).await?);
        Ok(())
    }
}

impl Swept {
    fn add(&mut self, rows: u64) {
        self.rows += rows;
        // Until a round finds nothing: what was emptied can be dropped in the next.
        self.more |= rows > 0;
    }
}
