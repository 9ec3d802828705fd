//! The instance's own row.

use super::{Store, StoreError};
use crate::domain::encryption::ids::ServerName;
use crate::domain::ids::Epoch;

const EPOCH: &str = include_str!("../../sql/queries/instance/epoch.sql");
const SERVER_NAME: &str = include_str!("../../sql/queries/instance/server_name.sql");
const FIX_SERVER_NAME: &str = include_str!("../../sql/queries/instance/fix_server_name.sql");

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

    /// The server name of this database. `fresh` becomes it if there is none yet. Read each time:
    /// a restore may bring another one, and a name that is out of date would be signed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn server_name(&self, fresh: &ServerName) -> Result<ServerName, StoreError> {
        let row = self.row(SERVER_NAME, &[]).await?;
        let name: Option<String> = row
            .map(|row| row.try_get("server_name"))
            .transpose()?
            .flatten();
        if let Some(name) = name {
            return Ok(ServerName::stored(name));
        }
        let row = self.row(FIX_SERVER_NAME, &[&fresh.as_str()]).await?;
        let row =
            row.ok_or_else(|| StoreError::Unexpected("the table instance is empty".to_owned()))?;
        Ok(ServerName::stored(row.try_get("server_name")?))
    }
}
