//! Who is in a channel, and how far they have read.

use deadpool_postgres::Transaction;

use super::{Store, StoreError, fence, rows};
use crate::domain::ids::{ChannelId, Seq, UserId};
use crate::domain::user::User;

const LIST: &str = include_str!("../../sql/queries/channel_members/list.sql");
const INSERT: &str = include_str!("../../sql/queries/channel_members/insert.sql");
const DELETE: &str = include_str!("../../sql/queries/channel_members/delete.sql");
const ADVANCE: &str = include_str!("../../sql/queries/channel_members/advance_version.sql");
const WATCHED: &str = include_str!("../../sql/queries/channel_members/watched.sql");

/// What joining a channel came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The user is in the channel now.
    Now,
    /// The user was in it already.
    Already,
    /// The user is not in the channel's community, or there is no such channel.
    Outsider,
}

/// A channel that somebody asked to watch and is in.
#[derive(Clone, Copy, Debug)]
pub struct WatchedChannel {
    /// The channel.
    pub channel_id: ChannelId,
    /// The place of its newest message.
    pub last_seq: Seq,
}

impl Store {
    /// Lists the members of a channel by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_channel_members(&self, channel: ChannelId) -> Result<Vec<User>, StoreError> {
        self.rows(LIST, &[&channel])
            .await?
            .iter()
            .map(rows::user)
            .collect()
    }

    /// Puts a member of the community into one of its channels, under the channel's fence.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_channel_member(
        &self,
        channel: ChannelId,
        user: UserId,
    ) -> Result<Joined, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if !fence::lock_channel(&transaction, channel).await? {
            return Ok(Joined::Outsider);
        }
        let joined = add_to_channel(&transaction, channel, user).await?;
        transaction.commit().await?;
        Ok(joined)
    }

    /// Takes somebody out of a channel, under its fence. Returns whether they were in it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remove_channel_member(
        &self,
        channel: ChannelId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if !fence::lock_channel(&transaction, channel).await? {
            return Ok(false);
        }
        let statement = transaction.prepare_cached(DELETE).await?;
        let removed = transaction.execute(&statement, &[&channel, &user]).await? > 0;
        if removed {
            let statement = transaction.prepare_cached(ADVANCE).await?;
            transaction.execute(&statement, &[&channel]).await?;
        }
        transaction.commit().await?;
        Ok(removed)
    }

    /// Of `channels`, lists those that `user` is in, with their heads.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn watched_channels(
        &self,
        user: UserId,
        channels: &[ChannelId],
    ) -> Result<Vec<WatchedChannel>, StoreError> {
        let rows = self.rows(WATCHED, &[&user, &channels]).await?;
        rows.iter()
            .map(|row| {
                Ok(WatchedChannel {
                    channel_id: row.try_get("id")?,
                    last_seq: row.try_get("last_seq")?,
                })
            })
            .collect()
    }
}

/// Puts a user into a channel whose lock the transaction holds.
pub(super) async fn add_to_channel(
    transaction: &Transaction<'_>,
    channel: ChannelId,
    user: UserId,
) -> Result<Joined, StoreError> {
    let statement = transaction.prepare_cached(INSERT).await?;
    let row = transaction
        .query_one(&statement, &[&channel, &user])
        .await?;
    if !row.try_get::<_, bool>("eligible")? {
        return Ok(Joined::Outsider);
    }
    if !row.try_get::<_, bool>("inserted")? {
        return Ok(Joined::Already);
    }
    let statement = transaction.prepare_cached(ADVANCE).await?;
    transaction.execute(&statement, &[&channel]).await?;
    Ok(Joined::Now)
}
