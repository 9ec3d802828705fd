//! Messages: reading a channel, and deleting from it. Writing is the ledger's.

use super::{Store, StoreError, fence, rows};
use crate::domain::ids::{ChannelId, MessageId, Seq, UserId};
use crate::domain::message::Message;

const NEWEST: &str = include_str!("../../sql/queries/messages/list_newest.sql");
const BEFORE: &str = include_str!("../../sql/queries/messages/list_before.sql");
const AFTER: &str = include_str!("../../sql/queries/messages/list_after.sql");
const REPLAY: &str = include_str!("../../sql/queries/messages/replay.sql");
const MARK_DELETED: &str = include_str!("../../sql/queries/messages/mark_deleted.sql");
const BLANK_PREVIEWS: &str = include_str!("../../sql/queries/notifications/blank_previews.sql");

/// Which page of a channel is asked for.
#[derive(Clone, Copy, Debug)]
pub enum PageRequest {
    /// The newest messages.
    Newest,
    /// Those right before a place.
    Before(Seq),
    /// Those right after a place.
    After(Seq),
}

/// Some messages in ascending order.
#[derive(Debug)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction of the request.
    pub has_more: bool,
}

impl Store {
    /// Reads a page of a channel.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_messages(
        &self,
        channel: ChannelId,
        request: PageRequest,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        // One more than asked for tells whether there are more.
        let probe = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let rows = match request {
            PageRequest::Newest => self.rows(NEWEST, &[&channel, &probe]).await?,
            PageRequest::Before(seq) => self.rows(BEFORE, &[&channel, &seq, &probe]).await?,
            PageRequest::After(seq) => self.rows(AFTER, &[&channel, &seq, &probe]).await?,
        };
        let has_more = rows.len() > limit;
        let mut messages: Vec<Message> = rows
            .iter()
            .take(limit)
            .map(rows::message)
            .collect::<Result<_, _>>()?;
        if !matches!(request, PageRequest::After(_)) {
            messages.reverse();
        }
        Ok(MessagePage { messages, has_more })
    }

    /// Reads what a member missed: after `after`, up to `until`, at most `limit` messages.
    /// Nothing for somebody who is not in the channel at this moment.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn replay_messages(
        &self,
        channel: ChannelId,
        member: UserId,
        after: Seq,
        until: Seq,
        limit: i64,
    ) -> Result<Vec<Message>, StoreError> {
        let rows = self
            .rows(REPLAY, &[&channel, &member, &after, &until, &limit])
            .await?;
        rows.iter().map(rows::message).collect()
    }

    /// Deletes the content of a message and of the notifications about it. Returns its place,
    /// or `None` when there is no such message.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_message(
        &self,
        channel: ChannelId,
        message: MessageId,
    ) -> Result<Option<Seq>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if !fence::lock_channel(&transaction, channel).await? {
            return Ok(None);
        }
        let statement = transaction.prepare_cached(MARK_DELETED).await?;
        let Some(row) = transaction
            .query_opt(&statement, &[&channel, &message])
            .await?
        else {
            return Ok(None);
        };
        let (seq, mentions): (Seq, Vec<UserId>) = (row.try_get("seq")?, row.try_get("mentions")?);
        if !mentions.is_empty() {
            let statement = transaction.prepare_cached(BLANK_PREVIEWS).await?;
            transaction
                .execute(&statement, &[&mentions, &channel, &seq])
                .await?;
        }
        transaction.commit().await?;
        Ok(Some(seq))
    }
}
