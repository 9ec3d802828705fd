//! The instance's own row.

use super::{Store, StoreError};
use crate::domain::ids::Epoch;

const EPOCH: &str = include_str!("../../sql/queries/instance/epoch.sql");

impl Store {
    /// Which history of the database this is. Also the cheapest question to see whether the
    /// database answers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn epoch(&self) -> Result<Epoch, StoreError> {
        let row = self.row(EPOCH, &[]).await?;
        let row =
            row.ok_or_else(|| StoreError::Unexpected("the table instance is empty".to_owned()))?;
        Ok(row.try_get("epoch")?)
    }
}
