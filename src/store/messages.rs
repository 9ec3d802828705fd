//! Messages: reading a channel, editing and deleting. Posting is the ledger's.

use deadpool_postgres::Transaction;

use super::channel_members::is_in_channel;
use super::encryption::{DeviceRef, lock_session};
use super::{Store, StoreError, fence, rows};
use crate::domain::envelope::Envelope;
use crate::domain::ids::{ChannelId, MembersVersion, MessageId, Seq, SessionId, UserId};
use crate::domain::message::Message;

const NEWEST: &str = include_str!("../../sql/queries/messages/list_newest.sql");
const BEFORE: &str = include_str!("../../sql/queries/messages/list_before.sql");
const AFTER: &str = include_str!("../../sql/queries/messages/list_after.sql");
const REPLAY: &str = include_str!("../../sql/queries/messages/replay.sql");
const FIND_AUTHOR: &str = include_str!("../../sql/queries/messages/find_author.sql");
const FIND: &str = include_str!("../../sql/queries/ledger/find_messages.sql");
const EDIT: &str = include_str!("../../sql/queries/messages/edit.sql");
const MARK_DELETED: &str = include_str!("../../sql/queries/messages/mark_deleted.sql");
const BLANK_PREVIEWS: &str = include_str!("../../sql/queries/notifications/blank_previews.sql");

/// Bytes of texts after which no further message of a page begins.
const PAGE_BYTES: i64 = 1024 * 1024;

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

/// A part of a channel that a client missed.
#[derive(Clone, Copy, Debug)]
pub struct MissedMessages {
    /// The channel.
    pub channel_id: ChannelId,
    /// The last place that the client has.
    pub after: Seq,
    /// The last place that it is to get.
    pub until: Seq,
}

/// Messages that a client missed.
#[derive(Debug)]
pub struct Replayed {
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// The state of the channel's members when they were read; `None` without messages.
    pub members_version: Option<MembersVersion>,
}

/// What an author puts in the place of a message.
#[derive(Debug)]
pub struct MessageEdit {
    /// The channel.
    pub channel_id: ChannelId,
    /// The message.
    pub message_id: MessageId,
    /// Who edits.
    pub user_id: UserId,
    /// On which device.
    pub device_id: SessionId,
    /// The state of the channel's members that it was encrypted for.
    pub members_version: MembersVersion,
    /// What.
    pub envelope: Envelope,
}

/// What an edit came to.
#[derive(Debug)]
pub enum Edited {
    /// It is done.
    Done {
        /// The message as it is now.
        message: Box<Message>,
        /// The state that the channel's members are in.
        members_version: MembersVersion,
    },
    /// There is no such message.
    Missing,
    /// The user is not in the channel, or there is no such channel.
    NotAMember,
    /// Somebody else, or a webhook, wrote it.
    NotTheAuthor,
    /// It was deleted.
    Deleted,
    /// It was encrypted for other members than the channel has.
    MembersChanged(MembersVersion),
    /// The session of the device that sends it has ended.
    SessionEnded,
}

/// What deleting a message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The message at this place has no content any more.
    At(Seq),
    /// There is no such message.
    Missing,
    /// Somebody else, or a webhook, wrote it.
    NotTheAuthor,
}

impl Store {
    /// Reads a page of a channel: at most `limit` messages, and none that begins after
    /// 1 MiB of texts.
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
            PageRequest::Newest => self.rows(NEWEST, &[&channel, &probe, &PAGE_BYTES]).await?,
            PageRequest::Before(seq) => {
                self.rows(BEFORE, &[&channel, &seq, &probe, &PAGE_BYTES])
                    .await?
            }
            PageRequest::After(seq) => {
                self.rows(AFTER, &[&channel, &seq, &probe, &PAGE_BYTES])
                    .await?
            }
        };
        let in_page: i64 = rows.first().map_or(Ok(0), |row| row.try_get("in_page"))?;
        let shown = i64::try_from(rows.len().min(limit)).unwrap_or(i64::MAX);
        let has_more = in_page > shown;
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

    /// Reads what a member missed: after `after`, up to `until`, at most `limit` messages, and none
    /// that begins after `bytes` of texts. Nothing for somebody who is not in the channel at this
    /// moment.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn replay_messages(
        &self,
        member: UserId,
        missed: &MissedMessages,
        limit: i64,
        bytes: i64,
    ) -> Result<Replayed, StoreError> {
        let MissedMessages {
            channel_id,
            after,
            until,
        } = missed;
        let rows = self
            .rows(REPLAY, &[channel_id, &member, after, until, &limit, &bytes])
            .await?;
        let members_version = rows.first().map(|row| row.try_get("members_version"));
        Ok(Replayed {
            members_version: members_version.transpose()?,
            messages: rows.iter().map(rows::message).collect::<Result<_, _>>()?,
        })
    }

    /// Finds one message as it is now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_message(
        &self,
        channel: ChannelId,
        message: MessageId,
    ) -> Result<Option<Message>, StoreError> {
        let row = self.row(FIND, &[&vec![channel], &vec![message]]).await?;
        row.as_ref().map(rows::message).transpose()
    }

    /// Puts another envelope in the place of a message of its author, under the channel's fence.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn edit_message(&self, edit: &MessageEdit) -> Result<Edited, StoreError> {
        let (channel, message) = (edit.channel_id, edit.message_id);
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let Some(members_version) = fence::lock_channel(&transaction, channel).await? else {
            return Ok(Edited::NotAMember);
        };
        let device = DeviceRef {
            user_id: edit.user_id,
            session_id: edit.device_id,
        };
        if !lock_session(&transaction, device).await? {
            return Ok(Edited::SessionEnded);
        }
        if !is_in_channel(&transaction, channel, edit.user_id).await? {
            return Ok(Edited::NotAMember);
        }
        match find_author(&transaction, channel, message).await? {
            None => return Ok(Edited::Missing),
            Some((author, _)) if author != Some(edit.user_id) => return Ok(Edited::NotTheAuthor),
            Some((_, true)) => return Ok(Edited::Deleted),
            Some(_) if members_version != edit.members_version => {
                return Ok(Edited::MembersChanged(members_version));
            }
            Some(_) => {}
        }
        let statement = transaction.prepare_cached(EDIT).await?;
        let envelope = edit.envelope.as_str();
        let row = transaction
            .query_one(
                &statement,
                &[&channel, &message, &edit.device_id, &envelope],
            )
            .await?;
        let message = Box::new(rows::message(&row)?);
        transaction.commit().await?;
        Ok(Edited::Done {
            message,
            members_version,
        })
    }

    /// Deletes the content of a message and of the notifications about it. `only_of` deletes only
    /// their own.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_message(
        &self,
        channel: ChannelId,
        message: MessageId,
        only_of: Option<UserId>,
    ) -> Result<Deleted, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if fence::lock_channel(&transaction, channel).await?.is_none() {
            return Ok(Deleted::Missing);
        }
        match find_author(&transaction, channel, message).await? {
            None => return Ok(Deleted::Missing),
            Some((author, _)) if only_of.is_some() && author != only_of => {
                return Ok(Deleted::NotTheAuthor);
            }
            Some(_) => {}
        }
        let statement = transaction.prepare_cached(MARK_DELETED).await?;
        let row = transaction
            .query_one(&statement, &[&channel, &message])
            .await?;
        let (seq, mentions): (Seq, Vec<UserId>) = (row.try_get("seq")?, row.try_get("mentions")?);
        if !mentions.is_empty() {
            let statement = transaction.prepare_cached(BLANK_PREVIEWS).await?;
            transaction
                .execute(&statement, &[&mentions, &channel, &seq])
                .await?;
        }
        transaction.commit().await?;
        Ok(Deleted::At(seq))
    }
}

/// Who wrote a message (`None`: a webhook), and whether it was deleted. `None`: there is none.
async fn find_author(
    transaction: &Transaction<'_>,
    channel: ChannelId,
    message: MessageId,
) -> Result<Option<(Option<UserId>, bool)>, StoreError> {
    let statement = transaction.prepare_cached(FIND_AUTHOR).await?;
    let row = transaction
        .query_opt(&statement, &[&channel, &message])
        .await?;
    row.map(|row| Ok((row.try_get("user_id")?, row.try_get("deleted")?)))
        .transpose()
}
