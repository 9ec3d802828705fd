//! Invites.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::channel_members::{Joined, MembersChange, add_to_channel};
use super::{Store, StoreError, communities, fence};
use crate::domain::community::{Community, MAX_INVITES_PER_COMMUNITY};
use crate::domain::ids::{CommunityId, UserId};
use crate::domain::invite::{Invite, InvitedCommunity};
use crate::domain::secrets::InviteCode;
use crate::domain::time::Timestamp;

const INSERT: &str = include_str!("../../sql/queries/invites/insert.sql");
const COUNT: &str = include_str!("../../sql/queries/invites/count.sql");
const LIST: &str = include_str!("../../sql/queries/invites/list.sql");
const DELETE: &str = include_str!("../../sql/queries/invites/delete.sql");
const FIND_COMMUNITY: &str = include_str!("../../sql/queries/invites/find_community.sql");
const PREVIEW: &str = include_str!("../../sql/queries/invites/preview.sql");
const USE_UP: &str = include_str!("../../sql/queries/invites/use_up.sql");
const JOIN: &str = include_str!("../../sql/queries/invites/join_community.sql");
const FIND_JOINED: &str = include_str!("../../sql/queries/communities/find.sql");

/// An invite about to be made.
#[derive(Debug)]
pub struct NewInvite {
    /// Its code.
    pub code: InviteCode,
    /// Where it leads.
    pub community_id: CommunityId,
    /// Who makes it.
    pub created_by: UserId,
    /// How many may come by it; any number if absent.
    pub max_uses: Option<i32>,
    /// In how many seconds it ends; never if absent.
    pub expires_in_seconds: Option<i64>,
}

/// What using an invite came to.
#[derive(Debug)]
pub enum Redeemed {
    /// The user is in the community now, and in its default channel if it has one.
    Joined {
        /// The community.
        community: Community,
        /// The channel that the user was put into.
        channel: Option<MembersChange>,
    },
    /// The user was in the community already; no use was spent.
    AlreadyMember(Community),
    /// The code is unknown, used up or expired.
    Unusable,
}

impl Store {
    /// Makes an invite. `public_url` begins its URL. `None`: there are as many as may be.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_invite(
        &self,
        invite: &NewInvite,
        public_url: &str,
    ) -> Result<Option<Invite>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if !fence::lock_community(&transaction, invite.community_id).await? {
            return Err(StoreError::Gone);
        }
        let statement = transaction.prepare_cached(COUNT).await?;
        let count: i64 = transaction
            .query_one(&statement, &[&invite.community_id])
            .await?
            .try_get("count")?;
        if count >= MAX_INVITES_PER_COMMUNITY {
            return Ok(None);
        }
        let statement = transaction.prepare_cached(INSERT).await?;
        let seconds = invite.expires_in_seconds.map(|seconds| seconds as f64);
        let row = transaction
            .query_one(
                &statement,
                &[
                    &invite.code.as_str(),
                    &invite.community_id,
                    &invite.created_by,
                    &invite.max_uses,
                    &seconds,
                ],
            )
            .await?;
        transaction.commit().await?;
        read(&row, public_url).map(Some)
    }

    /// Lists the invites of a community that still work, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_invites(
        &self,
        community: CommunityId,
        public_url: &str,
    ) -> Result<Vec<Invite>, StoreError> {
        let rows = self.rows(LIST, &[&community]).await?;
        rows.iter().map(|row| read(row, public_url)).collect()
    }

    /// Finds the community of an invite, whether or not the invite still works.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_invite_community(
        &self,
        code: &InviteCode,
    ) -> Result<Option<CommunityId>, StoreError> {
        let row = self.row(FIND_COMMUNITY, &[&code.as_str()]).await?;
        row.map(|row| Ok(row.try_get("community_id")?)).transpose()
    }

    /// Ends an invite. Returns whether there was one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_invite(&self, code: &InviteCode) -> Result<bool, StoreError> {
        Ok(self.execute(DELETE, &[&code.as_str()]).await? > 0)
    }

    /// Shows where an invite leads, if it still works.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn preview_invite(
        &self,
        code: &InviteCode,
    ) -> Result<Option<InvitedCommunity>, StoreError> {
        let row = self.row(PREVIEW, &[&code.as_str()]).await?;
        row.map(|row| {
            Ok(InvitedCommunity {
                id: row.try_get("id")?,
                name: row.try_get("name")?,
            })
        })
        .transpose()
    }

    /// Uses an invite for somebody who has an account.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn redeem_invite(
        &self,
        code: &InviteCode,
        user: UserId,
    ) -> Result<Redeemed, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let redeemed = redeem(&transaction, code, user).await?;
        if let Redeemed::Joined { .. } = redeemed {
            transaction.commit().await?;
        }
        Ok(redeemed)
    }
}

/// Uses an invite inside a transaction, which the caller commits only when it was usable.
pub(super) async fn redeem(
    transaction: &Transaction<'_>,
    code: &InviteCode,
    user: UserId,
) -> Result<Redeemed, StoreError> {
    let statement = transaction.prepare_cached(FIND_COMMUNITY).await?;
    let Some(row) = transaction.query_opt(&statement, &[&code.as_str()]).await? else {
        return Ok(Redeemed::Unusable);
    };
    let community: CommunityId = row.try_get("community_id")?;
    if !fence::lock_community(transaction, community).await? {
        return Ok(Redeemed::Unusable);
    }
    let statement = transaction.prepare_cached(USE_UP).await?;
    if transaction
        .query_opt(&statement, &[&code.as_str()])
        .await?
        .is_none()
    {
        return Ok(Redeemed::Unusable);
    }
    let statement = transaction.prepare_cached(JOIN).await?;
    let joined = transaction
        .execute(&statement, &[&community, &user])
        .await?
        > 0;
    let statement = transaction.prepare_cached(FIND_JOINED).await?;
    let found = communities::read(
        &transaction
            .query_one(&statement, &[&community, &user])
            .await?,
    )?;
    if !joined {
        return Ok(Redeemed::AlreadyMember(found));
    }
    let default = fence::lock_default_channel(transaction, community).await?;
    let joined = match default {
        Some(channel) => Some(add_to_channel(transaction, channel, user).await?),
        None => None,
    };
    let channel = match joined {
        Some(Joined::Now(change)) => Some(change),
        Some(Joined::Already | Joined::Outsider) | None => None,
    };
    Ok(Redeemed::Joined {
        community: found,
        channel,
    })
}

fn read(row: &Row, public_url: &str) -> Result<Invite, StoreError> {
    let code: String = row.try_get("code")?;
    let code = InviteCode::parse(&code)
        .map_err(|error| StoreError::Unexpected(format!("invite code: {error}")))?;
    Ok(Invite {
        url: format!("{public_url}/invite/{}", code.as_str()),
        code,
        max_uses: row.try_get("max_uses")?,
        uses: row.try_get("uses")?,
        expires_at: row.try_get::<_, Option<Timestamp>>("expires_at")?,
        created_at: row.try_get("created_at")?,
    })
}
