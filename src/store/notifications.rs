//! Notifications: the inbox, reading, acknowledging. Writing them is the ledger's.

use super::{Store, StoreError, rows};
use crate::domain::ids::{ChannelId, NotificationId, Seq, UserId};
use crate::domain::notification::Notification;

const LIST: &str = include_str!("../../sql/queries/notifications/list.sql");
const COUNT_UNREAD: &str = include_str!("../../sql/queries/notifications/count_unread.sql");
const LIST_UNACKNOWLEDGED: &str =
    include_str!("../../sql/queries/notifications/list_unacknowledged.sql");
const ACKNOWLEDGE: &str = include_str!("../../sql/queries/notifications/acknowledge.sql");
const READ_SOME: &str = include_str!("../../sql/queries/notifications/read_some.sql");
const READ_ALL: &str = include_str!("../../sql/queries/notifications/read_all.sql");
const READ_CHANNEL: &str = include_str!("../../sql/queries/notifications/read_channel.sql");
const ADVANCE_READ_SEQ: &str =
    include_str!("../../sql/queries/channel_members/advance_read_seq.sql");

/// Some of a user's notifications, the newest first.
#[derive(Debug)]
pub struct InboxPage {
    /// The notifications.
    pub notifications: Vec<Notification>,
    /// How many the user has not read, in all.
    pub unread: i64,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// One alert that a client of a user acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acknowledgement {
    /// Whose alert.
    pub user_id: UserId,
    /// Which.
    pub notification_id: NotificationId,
}

/// What reading a channel up to a place changed.
#[derive(Debug)]
pub struct ReadUpTo {
    /// How far the user has read now.
    pub read_seq: Seq,
    /// The notifications that count as read by it.
    pub notifications: Vec<NotificationId>,
}

impl Store {
    /// Reads a page of a user's inbox: older than `before`, if given. Notifications of
    /// channels that the user has left are not shown.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_notifications(
        &self,
        user: UserId,
        before: Option<NotificationId>,
        limit: usize,
    ) -> Result<InboxPage, StoreError> {
        let probe = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let rows = self.rows(LIST, &[&user, &before, &probe]).await?;
        let notifications = rows
            .iter()
            .take(limit)
            .map(rows::notification)
            .collect::<Result<_, _>>()?;
        let unread = self.count_unread_notifications(user).await?;
        Ok(InboxPage {
            notifications,
            unread,
            has_more: rows.len() > limit,
        })
    }

    /// Counts what a user has not read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_unread_notifications(&self, user: UserId) -> Result<i64, StoreError> {
        let row = self.row(COUNT_UNREAD, &[&user]).await?;
        Ok(row
            .map(|row| row.try_get("count"))
            .transpose()?
            .unwrap_or(0))
    }

    /// Lists the newest unread alerts that no client acknowledged, the oldest of them first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_unacknowledged(
        &self,
        user: UserId,
        limit: i64,
    ) -> Result<Vec<Notification>, StoreError> {
        let rows = self.rows(LIST_UNACKNOWLEDGED, &[&user, &limit]).await?;
        rows.iter().rev().map(rows::notification).collect()
    }

    /// Notes that alerts reached a client. Those of other users, unknown ones and repeats
    /// change nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn acknowledge(
        &self,
        acknowledgements: &[Acknowledgement],
    ) -> Result<u64, StoreError> {
        let users: Vec<UserId> = acknowledgements.iter().map(|ack| ack.user_id).collect();
        let ids: Vec<NotificationId> = acknowledgements
            .iter()
            .map(|ack| ack.notification_id)
            .collect();
        self.execute(ACKNOWLEDGE, &[&users, &ids]).await
    }

    /// Marks some of a user's notifications as read; returns those that were not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_notifications(
        &self,
        user: UserId,
        notifications: &[NotificationId],
    ) -> Result<Vec<NotificationId>, StoreError> {
        let rows = self.rows(READ_SOME, &[&user, &notifications]).await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// Marks all of a user's notifications as read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_all_notifications(&self, user: UserId) -> Result<u64, StoreError> {
        self.execute(READ_ALL, &[&user]).await
    }

    /// Notes that a member has read a channel up to `seq`, and its notifications with it. A
    /// place beyond the newest message counts as the newest; an earlier one than before
    /// leaves the place as it is. `None`: the user is not in the channel.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_channel(
        &self,
        channel: ChannelId,
        user: UserId,
        seq: Seq,
    ) -> Result<Option<ReadUpTo>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let statement = transaction.prepare_cached(ADVANCE_READ_SEQ).await?;
        let Some(row) = transaction
            .query_opt(&statement, &[&channel, &user, &seq])
            .await?
        else {
            return Ok(None);
        };
        let read_seq: Seq = row.try_get("read_seq")?;
        // Not beyond the head as it was: what is posted meanwhile nobody has seen.
        let until = seq.min(read_seq);
        let statement = transaction.prepare_cached(READ_CHANNEL).await?;
        let rows = transaction
            .query(&statement, &[&user, &channel, &until])
            .await?;
        let notifications = rows
            .iter()
            .map(|row| Ok(row.try_get("id")?))
            .collect::<Result<_, StoreError>>()?;
        transaction.commit().await?;
        Ok(Some(ReadUpTo {
            read_seq,
            notifications,
        }))
    }
}
