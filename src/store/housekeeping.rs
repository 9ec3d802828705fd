//! Throwing away what is over: old notifications, idle sessions, and what is left of deleted
//! channels and communities. Always in chunks, so that nothing is locked for long.

use super::{Store, StoreError, days};

const EXPIRE_NOTIFICATIONS: &str =
    include_str!("../../sql/queries/housekeeping/expire_notifications.sql");
const EXPIRE_SESSIONS: &str = include_str!("../../sql/queries/housekeeping/expire_sessions.sql");
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
const DROP_COMMUNITIES: &str = include_str!("../../sql/queries/housekeeping/drop_communities.sql");

/// Rows that one statement removes at most.
const CHUNK_ROWS: i64 = 1000;

/// How many rows one round of housekeeping removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows of all kinds.
    pub rows: u64,
    /// Whether at least one kind filled its chunk, so that there is more to do.
    pub more: bool,
}

impl Store {
    /// Removes one chunk of each kind. Several servers may do this at once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(
        &self,
        notification_days: u32,
        session_idle_days: u32,
    ) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let mut add = |rows: u64| {
            swept.rows += rows;
            swept.more |= rows >= CHUNK_ROWS.unsigned_abs();
        };
        add(self
            .execute(
                EXPIRE_NOTIFICATIONS,
                &[&days(notification_days), &CHUNK_ROWS],
            )
            .await?);
        add(self
            .execute(EXPIRE_SESSIONS, &[&days(session_idle_days), &CHUNK_ROWS])
            .await?);
        // In the order in which rows refer to each other.
        for sql in [
            EXPIRE_INVITES,
            EMPTY_NOTIFICATIONS,
            EMPTY_MESSAGES,
            EMPTY_WEBHOOKS,
            EMPTY_CHANNEL_MEMBERS,
            DROP_CHANNELS,
            EMPTY_COMMUNITY_MEMBERS,
            DROP_COMMUNITIES,
        ] {
            add(self.execute(sql, &[&CHUNK_ROWS]).await?);
        }
        Ok(swept)
    }
}
