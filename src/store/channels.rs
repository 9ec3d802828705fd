//! Channels.

use tokio_postgres::Row;

use super::channel_members::add_to_channel;
use super::{Store, StoreError, fence, rows};
use crate::domain::access::ChannelAccess;
use crate::domain::community::{Channel, MAX_CHANNELS_PER_COMMUNITY};
use crate::domain::ids::{ChannelId, CommunityId, UserId};
use crate::domain::names::{Name, Topic};

const INSERT: &str = include_str!("../../sql/queries/channels/insert.sql");
const COUNT: &str = include_str!("../../sql/queries/channels/count.sql");
const LIST: &str = include_str!("../../sql/queries/channels/list.sql");
const FIND: &str = include_str!("../../sql/queries/channels/find.sql");
const UPDATE: &str = include_str!("../../sql/queries/channels/update.sql");
const MARK_DELETED: &str = include_str!("../../sql/queries/channels/mark_deleted.sql");
const WATCHERS: &str = include_str!("../../sql/queries/channels/list_seers_among.sql");

/// What to change of a channel; what is absent stays.
#[derive(Debug, Default)]
pub struct ChannelChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new topic.
    pub topic: Option<Topic>,
}

impl Store {
    /// Makes a channel with `creator` in it. `None`: the community has as many as may be.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_channel(
        &self,
        community: CommunityId,
        creator: UserId,
        name: &Name,
        topic: &Topic,
        private: bool,
    ) -> Result<Option<Channel>, StoreError> {
        let channel = ChannelId::generate();
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if !fence::lock_community(&transaction, community).await? {
            return Err(StoreError::Gone);
        }
        let statement = transaction.prepare_cached(COUNT).await?;
        let count: i64 = transaction
            .query_one(&statement, &[&community])
            .await?
            .try_get("count")?;
        if count >= MAX_CHANNELS_PER_COMMUNITY {
            return Ok(None);
        }
        let statement = transaction.prepare_cached(INSERT).await?;
        transaction
            .execute(
                &statement,
                &[
                    &channel,
                    &community,
                    &name.as_str(),
                    &topic.as_str(),
                    &private,
                ],
            )
            .await?;
        add_to_channel(&transaction, channel, creator).await?;
        let statement = transaction.prepare_cached(FIND).await?;
        let row = transaction
            .query_one(&statement, &[&channel, &creator])
            .await?;
        transaction.commit().await?;
        read(&row).map(Some)
    }

    /// Lists the channels of a community that `user` may see, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_channels(
        &self,
        community: CommunityId,
        user: UserId,
    ) -> Result<Vec<Channel>, StoreError> {
        self.rows(LIST, &[&community, &user])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Finds a channel, whoever may see it, and what `user` may do there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_channel(
        &self,
        channel: ChannelId,
        user: UserId,
    ) -> Result<Option<(Channel, ChannelAccess)>, StoreError> {
        let Some(row) = self.row(FIND, &[&channel, &user]).await? else {
            return Ok(None);
        };
        let channel = read(&row)?;
        let role = rows::optional_role(&row)?;
        let access = ChannelAccess {
            role,
            private: channel.private,
            member: channel.joined,
        };
        Ok(Some((channel, access)))
    }

    /// Changes a channel's name or topic.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn update_channel(
        &self,
        channel: ChannelId,
        change: &ChannelChange,
    ) -> Result<(), StoreError> {
        let name = change.name.as_ref().map(Name::as_str);
        let topic = change.topic.as_ref().map(Topic::as_str);
        self.execute(UPDATE, &[&channel, &name, &topic]).await?;
        Ok(())
    }

    /// Marks a channel as deleted, under its fence; it is emptied later, in chunks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_channel(&self, channel: ChannelId) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if fence::lock_channel(&transaction, channel).await?.is_none() {
            return Ok(false);
        }
        let statement = transaction.prepare_cached(MARK_DELETED).await?;
        transaction.execute(&statement, &[&channel]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Lists which of `users` see a channel in their lists, deleted or not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn channel_seers_among(
        &self,
        channel: ChannelId,
        users: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        let rows = self.rows(WATCHERS, &[&channel, &users]).await?;
        rows.iter().map(|row| Ok(row.try_get("user_id")?)).collect()
    }
}

fn read(row: &Row) -> Result<Channel, StoreError> {
    Ok(Channel {
        id: row.try_get("id")?,
        community_id: row.try_get("community_id")?,
        name: row.try_get("name")?,
        topic: row.try_get("topic")?,
        private: row.try_get("private")?,
        joined: row.try_get("joined")?,
        joined_at: row.try_get("joined_at")?,
        last_seq: row.try_get("last_seq")?,
        members_version: row.try_get("members_version")?,
        read_seq: row.try_get("read_seq")?,
        unread_mentions: row.try_get("unread_mentions")?,
        created_at: row.try_get("created_at")?,
    })
}
