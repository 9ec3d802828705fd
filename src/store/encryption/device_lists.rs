//! Changes of device lists, and who is to learn of them.

use deadpool_postgres::Transaction;

use crate::domain::ids::{ChannelId, UserId};
use crate::store::{Store, StoreError};

const ADVANCE: &str = include_str!("../../../sql/queries/device_lists/advance.sql");
const NOTE: &str = include_str!("../../../sql/queries/device_lists/note.sql");
const AUDIENCE: &str = include_str!("../../../sql/queries/device_lists/audience.sql");
const CHANGED: &str = include_str!("../../../sql/queries/device_lists/changed.sql");
const DEPARTED: &str = include_str!("../../../sql/queries/device_lists/departed.sql");
const SHARING: &str = include_str!("../../../sql/queries/device_lists/sharing.sql");

/// One who is to learn that the device lists of others changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who is to learn it.
    pub told: UserId,
    /// Whose lists changed, in order and each once.
    pub changed: Vec<UserId>,
}

/// Notes that the device lists of `users` changed, and returns the place of that. The last thing
/// a transaction does: until it is committed everybody else who changes one waits.
pub(crate) async fn note_changes(
    transaction: &Transaction<'_>,
    users: &[UserId],
) -> Result<i64, StoreError> {
    let statement = transaction.prepare_cached(ADVANCE).await?;
    let position: i64 = transaction
        .query_one(&statement, &[])
        .await?
        .try_get("position")?;
    if !users.is_empty() {
        let statement = transaction.prepare_cached(NOTE).await?;
        transaction
            .execute(&statement, &[&users, &position])
            .await?;
    }
    Ok(position)
}

impl Store {
    /// Lists which of the users `online` are to learn that the device lists of `changed`
    /// changed: those who share a channel with them, and themselves.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn device_list_audience(
        &self,
        changed: &[UserId],
        online: &[UserId],
    ) -> Result<Vec<Told>, StoreError> {
        let rows = self.rows(AUDIENCE, &[&changed, &online]).await?;
        rows.iter()
            .map(|row| {
                Ok(Told {
                    told: row.try_get("told")?,
                    changed: row.try_get("changed")?,
                })
            })
            .collect()
    }

    /// Lists whose device lists `user` has to ask for again, who knew them as they were at
    /// `since`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn device_lists_changed(
        &self,
        user: UserId,
        since: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let rows = self.rows(CHANGED, &[&user, &since]).await?;
        rows.iter().map(|row| Ok(row.try_get("user_id")?)).collect()
    }

    /// Lists which of the users `online` shared one of `channels` with `user`, who left them, and
    /// share none any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn device_lists_departed(
        &self,
        user: UserId,
        channels: &[ChannelId],
        online: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        let rows = self.rows(DEPARTED, &[&user, &channels, &online]).await?;
        rows.iter().map(|row| Ok(row.try_get("user_id")?)).collect()
    }

    /// Lists those of `users` whom `user` shares a channel with, and `user` if named.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sharing_a_channel(
        &self,
        user: UserId,
        users: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        let rows = self.rows(SHARING, &[&user, &users]).await?;
        rows.iter().map(|row| Ok(row.try_get("user_id")?)).collect()
    }
}
