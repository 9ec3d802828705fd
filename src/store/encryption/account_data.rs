//! Sealed secrets of users.

use crate::domain::encryption::account_data::{AccountDataType, MAX_TYPES};
use crate::domain::ids::UserId;
use crate::store::{Parameter, Store, StoreError, fence};

const FIND: &str = include_str!("../../../sql/queries/account_data/find.sql");
const COUNT_OTHERS: &str = include_str!("../../../sql/queries/account_data/count_others.sql");
const UPSERT: &str = include_str!("../../../sql/queries/account_data/upsert.sql");
const DELETE: &str = include_str!("../../../sql/queries/account_data/delete.sql");

/// What keeping something came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    Done,
    /// The user keeps something under as many types as may be.
    TooMany,
}

impl Store {
    /// Finds what a user keeps under a type, as JSON text.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_account_data(
        &self,
        user: UserId,
        kind: &AccountDataType,
    ) -> Result<Option<String>, StoreError> {
        let row = self.row(FIND, &[&user, &kind.as_str()]).await?;
        row.map(|row| Ok(row.try_get("content")?)).transpose()
    }

    /// Keeps JSON text under a type, in place of what was there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_account_data(
        &self,
        user: UserId,
        kind: &AccountDataType,
        content: &str,
    ) -> Result<Kept, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        fence::lock_user(&transaction, user).await?;
        let statement = transaction.prepare_cached(COUNT_OTHERS).await?;
        let others: i64 = transaction
            .query_one(&statement, &[&user, &kind.as_str()])
            .await?
            .try_get("count")?;
        if others >= MAX_TYPES {
            return Ok(Kept::TooMany);
        }
        let statement = transaction.prepare_cached(UPSERT).await?;
        let parameters: [Parameter<'_>; 3] = [&user, &kind.as_str(), &content];
        transaction.execute(&statement, &parameters).await?;
        transaction.commit().await?;
        Ok(Kept::Done)
    }

    /// Forgets what a user keeps under a type. Returns whether there was anything.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_account_data(
        &self,
        user: UserId,
        kind: &AccountDataType,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(DELETE, &[&user, &kind.as_str()]).await? > 0)
    }
}
