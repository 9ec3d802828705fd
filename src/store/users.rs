//! Accounts.

use super::sessions::insert_session;
use super::{NewSession, Redeemed, Store, StoreError, invites, rows};
use crate::domain::names::Username;
use crate::domain::secrets::InviteCode;
use crate::domain::user::{InstanceRole, NewUser, User};

const EXIST: &str = include_str!("../../sql/queries/users/exist.sql");
const INSERT: &str = include_str!("../../sql/queries/users/insert.sql");
const FIND_CREDENTIALS: &str = include_str!("../../sql/queries/users/find_credentials.sql");

/// What a registration came to.
#[derive(Debug)]
pub enum Registered {
    /// The account exists and is signed in.
    Done {
        /// The account.
        user: User,
        /// What its invite came to, if it had one.
        redeemed: Option<Redeemed>,
    },
    /// Somebody has the name, perhaps in other letter case.
    UsernameTaken,
    /// The invite is unknown, used up or expired. Nothing was written.
    InviteUnusable,
    /// Somebody else became the owner at the same moment. Nothing was written.
    OwnerExists,
}

/// What a sign-in is checked against.
#[derive(Debug)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// Its password's Argon2id hash, in PHC string form.
    pub password_hash: String,
}

impl Store {
    /// Whether anybody has registered yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn users_exist(&self) -> Result<bool, StoreError> {
        let row = self.row(EXIST, &[]).await?;
        Ok(row
            .map(|row| row.try_get("exist"))
            .transpose()?
            .unwrap_or(false))
    }

    /// Makes an account with its first session, and joins it to the invite's community.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was written.
    pub async fn register(
        &self,
        user: &NewUser,
        role: InstanceRole,
        invite: Option<&InviteCode>,
        session: &NewSession,
    ) -> Result<Registered, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let statement = transaction.prepare_cached(INSERT).await?;
        let (username, display_name) = (user.username.as_str(), user.display_name.as_str());
        let inserted = transaction
            .query_one(
                &statement,
                &[
                    &user.id,
                    &username,
                    &display_name,
                    &user.password_hash,
                    &role.as_str(),
                ],
            )
            .await
            .map_err(StoreError::from);
        let row = match inserted {
            Ok(row) => row,
            Err(error) if error.is_conflict_on("users_single_owner_key") => {
                return Ok(Registered::OwnerExists);
            }
            Err(StoreError::Conflict(_)) => return Ok(Registered::UsernameTaken),
            Err(error) => return Err(error),
        };
        insert_session(&transaction, user.id, session).await?;
        let redeemed = match invite {
            Some(code) => Some(invites::redeem(&transaction, code, user.id).await?),
            None => None,
        };
        if matches!(redeemed, Some(Redeemed::Unusable)) {
            return Ok(Registered::InviteUnusable);
        }
        let user = rows::user(&row)?;
        transaction.commit().await?;
        Ok(Registered::Done { user, redeemed })
    }

    /// Finds an account by its name, ignoring case.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_credentials(
        &self,
        username: &Username,
    ) -> Result<Option<Credentials>, StoreError> {
        let row = self.row(FIND_CREDENTIALS, &[&username.as_str()]).await?;
        row.map(|row| {
            Ok(Credentials {
                user: rows::user(&row)?,
                password_hash: row.try_get("password_hash")?,
            })
        })
        .transpose()
    }
}
