//! The fence: the row lock of a channel.
//!
//! A post takes it to number itself. Whatever a post depends on (its webhook, the channel's
//! members, the channel itself) is changed only by a transaction that holds it, so a change
//! that was answered binds every later post. Locks are taken in the order community, then
//! channels by id, so that no two transactions wait for each other. The place in the order of device
//! list changes, for which everybody waits who changes one, comes after all others.

use deadpool_postgres::Transaction;

use super::StoreError;
use crate::domain::ids::{ChannelId, CommunityId, MembersVersion, UserId};

const LOCK_COMMUNITY: &str = include_str!("../../sql/queries/communities/lock.sql");
const LOCK_CHANNEL: &str = include_str!("../../sql/queries/channels/lock.sql");
const LOCK_CHANNELS: &str = include_str!("../../sql/queries/channels/lock_in_community.sql");
const LOCK_DEFAULT: &str = include_str!("../../sql/queries/channels/lock_default.sql");
const LOCK_USER: &str = include_str!("../../sql/queries/users/lock.sql");

/// Locks a community against changes of its members and channels. False: there is none.
pub(super) async fn lock_community(
    transaction: &Transaction<'_>,
    community: CommunityId,
) -> Result<bool, StoreError> {
    let statement = transaction.prepare_cached(LOCK_COMMUNITY).await?;
    Ok(transaction
        .query_opt(&statement, &[&community])
        .await?
        .is_some())
}

/// Locks one channel and reads which state its members are in. `None`: there is none.
pub(super) async fn lock_channel(
    transaction: &Transaction<'_>,
    channel: ChannelId,
) -> Result<Option<MembersVersion>, StoreError> {
    let statement = transaction.prepare_cached(LOCK_CHANNEL).await?;
    let row = transaction.query_opt(&statement, &[&channel]).await?;
    row.map(|row| Ok(row.try_get("members_version")?))
        .transpose()
}

/// Locks every channel of a community and lists them.
pub(super) async fn lock_channels(
    transaction: &Transaction<'_>,
    community: CommunityId,
) -> Result<Vec<ChannelId>, StoreError> {
    let statement = transaction.prepare_cached(LOCK_CHANNELS).await?;
    let rows = transaction.query(&statement, &[&community]).await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// Locks the channel that everybody who joins the community is in, unless it was deleted.
pub(super) async fn lock_default_channel(
    transaction: &Transaction<'_>,
    community: CommunityId,
) -> Result<Option<ChannelId>, StoreError> {
    let statement = transaction.prepare_cached(LOCK_DEFAULT).await?;
    let row = transaction.query_opt(&statement, &[&community]).await?;
    row.map(|row| Ok(row.try_get("id")?)).transpose()
}

/// Locks a user against changes of what is counted per user.
pub(super) async fn lock_user(
    transaction: &Transaction<'_>,
    user: UserId,
) -> Result<(), StoreError> {
    let statement = transaction.prepare_cached(LOCK_USER).await?;
    transaction.query_opt(&statement, &[&user]).await?;
    Ok(())
}
