//! Who is in a community, and as what.

use deadpool_postgres::Transaction;

use super::channel_members::MembersChange;
use super::{Store, StoreError, fence, rows};
use crate::domain::access::{Refusal, Role, RoleChange, decide_removal, decide_role_change};
use crate::domain::community::CommunityMember;
use crate::domain::ids::{CommunityId, UserId};

const LIST: &str = include_str!("../../sql/queries/community_members/list.sql");
const FIND_ROLE: &str = include_str!("../../sql/queries/community_members/find_role.sql");
const SET_ROLE: &str = include_str!("../../sql/queries/community_members/set_role.sql");
const DELETE: &str = include_str!("../../sql/queries/community_members/delete.sql");
const LEAVE_CHANNELS: &str = include_str!("../../sql/queries/community_members/leave_channels.sql");
const AMONG: &str = include_str!("../../sql/queries/community_members/among.sql");

/// What a removal from a community came to.
#[derive(Debug)]
pub struct Removal {
    /// The channels that the user was taken out of.
    pub channels: Vec<MembersChange>,
}

impl Store {
    /// Lists the members of a community: by rank, then by joining.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_community_members(
        &self,
        community: CommunityId,
    ) -> Result<Vec<CommunityMember>, StoreError> {
        let rows = self.rows(LIST, &[&community]).await?;
        rows.iter().map(member).collect()
    }

    /// Lists which of `users` are in a community.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn community_members_among(
        &self,
        community: CommunityId,
        users: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        let rows = self.rows(AMONG, &[&community, &users]).await?;
        rows.iter().map(|row| Ok(row.try_get("user_id")?)).collect()
    }

    /// Gives a member another role, or hands the community over to them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn change_role(
        &self,
        community: CommunityId,
        caller: UserId,
        target: UserId,
        to: Role,
    ) -> Result<Result<CommunityMember, Refusal>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if !fence::lock_community(&transaction, community).await? {
            return Ok(Err(Refusal::NotFound));
        }
        let caller_role = find_role(&transaction, community, caller).await?;
        let target_role = find_role(&transaction, community, target).await?;
        let change = match decide_role_change(caller_role, target_role, to) {
            Ok(change) => change,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let statement = transaction.prepare_cached(SET_ROLE).await?;
        if change == RoleChange::HandOver {
            // First, because a community has one owner at any time.
            transaction
                .query_one(&statement, &[&community, &caller, &Role::Admin.as_str()])
                .await?;
        }
        let row = transaction
            .query_one(&statement, &[&community, &target, &to.as_str()])
            .await?;
        let member = member(&row)?;
        transaction.commit().await?;
        Ok(Ok(member))
    }

    /// Takes a member out of a community and of all its channels, under their fences: no post
    /// that is accepted after the return reaches or mentions them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remove_community_member(
        &self,
        community: CommunityId,
        caller: UserId,
        target: UserId,
    ) -> Result<Result<Removal, Refusal>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if !fence::lock_community(&transaction, community).await? {
            return Ok(Err(Refusal::NotFound));
        }
        let caller_role = find_role(&transaction, community, caller).await?;
        let target_role = find_role(&transaction, community, target).await?;
        if let Err(refusal) = decide_removal(caller_role, target_role, caller == target) {
            return Ok(Err(refusal));
        }
        fence::lock_channels(&transaction, community).await?;
        let statement = transaction.prepare_cached(LEAVE_CHANNELS).await?;
        let rows = transaction
            .query(&statement, &[&community, &target])
            .await?;
        let channels = rows
            .iter()
            .map(|row| {
                Ok(MembersChange {
                    channel_id: row.try_get("id")?,
                    members_version: row.try_get("members_version")?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        let statement = transaction.prepare_cached(DELETE).await?;
        transaction
            .execute(&statement, &[&community, &target])
            .await?;
        transaction.commit().await?;
        Ok(Ok(Removal { channels }))
    }
}

pub(super) async fn find_role(
    transaction: &Transaction<'_>,
    community: CommunityId,
    user: UserId,
) -> Result<Option<Role>, StoreError> {
    let statement = transaction.prepare_cached(FIND_ROLE).await?;
    let row = transaction
        .query_opt(&statement, &[&community, &user])
        .await?;
    row.as_ref().map(rows::role).transpose()
}

fn member(row: &tokio_postgres::Row) -> Result<CommunityMember, StoreError> {
    Ok(CommunityMember {
        user: rows::user(row)?,
        role: rows::role(row)?,
        joined_at: row.try_get("joined_at")?,
    })
}
