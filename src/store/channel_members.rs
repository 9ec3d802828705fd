//! Who is in a channel, and how far they have read.

use deadpool_postgres::Transaction;

use super::{Store, StoreError, fence, rows};
use crate::domain::ids::{ChannelId, MembersVersion, Seq, UserId};
use crate::domain::user::User;

const LIST: &str = include_str!("../../sql/queries/channel_members/list.sql");
const FIND: &str = include_str!("../../sql/queries/channel_members/find.sql");
const FIND_NEWCOMER: &str = include_str!("../../sql/queries/channel_members/find_newcomer.sql");
const INSERT: &str = include_str!("../../sql/queries/channel_members/insert.sql");
const DELETE: &str = include_str!("../../sql/queries/channel_members/delete.sql");
const ADVANCE: &str = include_str!("../../sql/queries/channel_members/advance_version.sql");
const WATCHED: &str = include_str!("../../sql/queries/channel_members/watched.sql");

/// A change of a channel's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembersChange {
    /// The channel.
    pub channel_id: ChannelId,
    /// The state its members are in since.
    pub members_version: MembersVersion,
}

/// What joining a channel came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The user is in the channel now.
    Now(MembersChange),
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
    /// The state its members are in.
    pub members_version: MembersVersion,
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
        if fence::lock_channel(&transaction, channel).await?.is_none() {
            return Ok(Joined::Outsider);
        }
        let joined = add_to_channel(&transaction, channel, user).await?;
        transaction.commit().await?;
        Ok(joined)
    }

    /// Takes somebody out of a channel, under its fence. `None`: they were not in it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remove_channel_member(
        &self,
        channel: ChannelId,
        user: UserId,
    ) -> Result<Option<MembersChange>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if fence::lock_channel(&transaction, channel).await?.is_none() {
            return Ok(None);
        }
        let statement = transaction.prepare_cached(DELETE).await?;
        if transaction.execute(&statement, &[&channel, &user]).await? == 0 {
            return Ok(None);
        }
        let change = advance_version(&transaction, channel).await?;
        transaction.commit().await?;
        Ok(Some(change))
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
                    members_version: row.try_get("members_version")?,
                })
            })
            .collect()
    }
}

/// Puts a user into a channel whose lock the transaction holds. The last thing that it writes: see
/// [`note_changes`](super::encryption::note_changes).
pub(super) async fn add_to_channel(
    transaction: &Transaction<'_>,
    channel: ChannelId,
    user: UserId,
) -> Result<Joined, StoreError> {
    let statement = transaction.prepare_cached(FIND_NEWCOMER).await?;
    let found = transaction
        .query_opt(&statement, &[&channel, &user])
        .await?;
    let Some(row) = found else {
        return Ok(Joined::Outsider);
    };
    if row.try_get("joined")? {
        return Ok(Joined::Already);
    }
    let change = advance_version(transaction, channel).await?;
    let statement = transaction.prepare_cached(INSERT).await?;
    transaction.execute(&statement, &[&channel, &user]).await?;
    Ok(Joined::Now(change))
}

/// Whether a user is in a channel whose lock the transaction holds.
pub(super) async fn is_in_channel(
    transaction: &Transaction<'_>,
    channel: ChannelId,
    user: UserId,
) -> Result<bool, StoreError> {
    let statement = transaction.prepare_cached(FIND).await?;
    let found = transaction
        .query_opt(&statement, &[&channel, &user])
        .await?;
    Ok(found.is_some())
}

async fn advance_version(
    transaction: &Transaction<'_>,
    channel_id: ChannelId,
) -> Result<MembersChange, StoreError> {
    let statement = transaction.prepare_cached(ADVANCE).await?;
    let row = transaction.query_one(&statement, &[&channel_id]).await?;
    Ok(MembersChange {
        channel_id,
        members_version: row.try_get("members_version")?,
    })
}
