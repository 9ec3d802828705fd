//! Communities.

use super::{Store, StoreError, fence, rows};
use crate::domain::community::{Community, MAX_COMMUNITIES_PER_USER};
use crate::domain::ids::{ChannelId, CommunityId, UserId};
use crate::domain::names::Name;

const INSERT: &str = include_str!("../../sql/queries/communities/insert.sql");
const INSERT_OWNER: &str = include_str!("../../sql/queries/communities/insert_owner.sql");
const INSERT_GENERAL: &str = include_str!("../../sql/queries/communities/insert_general.sql");
const INSERT_GENERAL_MEMBER: &str =
    include_str!("../../sql/queries/communities/insert_general_member.sql");
const COUNT_OWN: &str = include_str!("../../sql/queries/communities/count_own.sql");
const LIST: &str = include_str!("../../sql/queries/communities/list.sql");
const FIND: &str = include_str!("../../sql/queries/communities/find.sql");
const RENAME: &str = include_str!("../../sql/queries/communities/rename.sql");
const MARK_DELETED: &str = include_str!("../../sql/queries/communities/mark_deleted.sql");
const MARK_CHANNELS_DELETED: &str =
    include_str!("../../sql/queries/communities/mark_channels_deleted.sql");
const DELETE_INVITES: &str = include_str!("../../sql/queries/communities/delete_invites.sql");

impl Store {
    /// Makes a community with its owner and the channel `general`. `None`: the user is in as
    /// many as anybody may be.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_community(
        &self,
        name: &Name,
        owner: UserId,
    ) -> Result<Option<Community>, StoreError> {
        let (community, channel) = (CommunityId::generate(), ChannelId::generate());
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        fence::lock_user(&transaction, owner).await?;
        let statement = transaction.prepare_cached(COUNT_OWN).await?;
        let count: i64 = transaction
            .query_one(&statement, &[&owner])
            .await?
            .try_get("count")?;
        if count >= MAX_COMMUNITIES_PER_USER {
            return Ok(None);
        }
        let statement = transaction.prepare_cached(INSERT).await?;
        transaction
            .execute(&statement, &[&community, &name.as_str()])
            .await?;
        let statement = transaction.prepare_cached(INSERT_OWNER).await?;
        transaction
            .execute(&statement, &[&community, &owner])
            .await?;
        let statement = transaction.prepare_cached(INSERT_GENERAL).await?;
        transaction
            .execute(&statement, &[&channel, &community])
            .await?;
        let statement = transaction.prepare_cached(INSERT_GENERAL_MEMBER).await?;
        transaction.execute(&statement, &[&channel, &owner]).await?;
        let statement = transaction.prepare_cached(FIND).await?;
        let row = transaction
            .query_one(&statement, &[&community, &owner])
            .await?;
        transaction.commit().await?;
        read(&row).map(Some)
    }

    /// Lists the communities a user is in, the oldest membership first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_communities(&self, user: UserId) -> Result<Vec<Community>, StoreError> {
        self.rows(LIST, &[&user]).await?.iter().map(read).collect()
    }

    /// Finds a community that `user` is in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_community(
        &self,
        community: CommunityId,
        user: UserId,
    ) -> Result<Option<Community>, StoreError> {
        self.row(FIND, &[&community, &user])
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Renames a community.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rename_community(
        &self,
        community: CommunityId,
        name: &Name,
    ) -> Result<(), StoreError> {
        self.execute(RENAME, &[&community, &name.as_str()]).await?;
        Ok(())
    }

    /// Marks a community and its channels as deleted, under the fences of the channels, and
    /// returns the channels. The rows are emptied later, in chunks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_community(
        &self,
        community: CommunityId,
    ) -> Result<Vec<ChannelId>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        fence::lock_community(&transaction, community).await?;
        let channels = fence::lock_channels(&transaction, community).await?;
        for sql in [MARK_CHANNELS_DELETED, DELETE_INVITES, MARK_DELETED] {
            let statement = transaction.prepare_cached(sql).await?;
            transaction.execute(&statement, &[&community]).await?;
        }
        transaction.commit().await?;
        Ok(channels)
    }
}

pub(super) fn read(row: &tokio_postgres::Row) -> Result<Community, StoreError> {
    Ok(Community {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: rows::role(row)?,
        created_at: row.try_get("created_at")?,
    })
}
