//! Cross-signing keys.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::device_lists::note_changes;
use crate::domain::encryption::cross_signing::{CrossSigningKey, Usage};
use crate::domain::ids::UserId;
use crate::store::{Parameter, Store, StoreError, fence};

const LIST: &str = include_str!("../../../sql/queries/cross_signing_keys/list.sql");
const UPSERT: &str = include_str!("../../../sql/queries/cross_signing_keys/upsert.sql");
const DELETE: &str = include_str!("../../../sql/queries/cross_signing_keys/delete.sql");
const DELETE_REPLACED: &str =
    include_str!("../../../sql/queries/key_signatures/delete_replaced.sql");

/// What uploading cross-signing keys came to. Only `Done` changed anything.
#[derive(Debug, PartialEq, Eq)]
pub enum CrossSigned {
    /// They are kept.
    Done {
        /// Whether others see something new.
        changed: bool,
    },
    /// The user has no master key, and brought none.
    NoMasterKey,
    /// A key is not signed by the user's master key.
    NotSignedByMaster(Usage),
}

/// A cross-signing key as it is kept.
#[derive(Debug)]
pub struct StoredCrossSigningKey {
    /// Whose.
    pub user_id: UserId,
    /// What for.
    pub usage: Usage,
    /// The public key.
    pub public_key: String,
    /// The whole, as JSON text.
    pub key: String,
}

impl Store {
    /// Keeps cross-signing keys of a user, in place of earlier ones. Another master key takes the
    /// keys with it that the old one vouched for.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn upload_cross_signing_keys(
        &self,
        user: UserId,
        keys: &[CrossSigningKey],
    ) -> Result<CrossSigned, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        fence::lock_user(&transaction, user).await?;
        let statement = transaction.prepare_cached(LIST).await?;
        let rows = transaction.query(&statement, &[&[user].as_slice()]).await?;
        let stored = rows
            .iter()
            .map(|row| cross_signing_key(row).map(|key| (key.usage.as_str(), key)))
            .collect::<Result<HashMap<_, _>, _>>()?;
        let new = |usage: Usage| keys.iter().find(|key| key.usage == usage);
        let old_master = stored.get(Usage::Master.as_str());
        let master = new(Usage::Master)
            .map(|key| key.public_key.as_str())
            .or(old_master.map(|key| key.public_key.as_str()));
        for key in keys.iter().filter(|key| key.usage != Usage::Master) {
            match master {
                None => return Ok(CrossSigned::NoMasterKey),
                Some(master) if !key.is_signed_by_master(master) => {
                    return Ok(CrossSigned::NotSignedByMaster(key.usage));
                }
                Some(_) => {}
            }
        }
        let master_changed = old_master.is_some_and(|old| Some(old.public_key.as_str()) != master);
        // What the old master key vouched for, or what is replaced by another key.
        let is_replaced = |old: &StoredCrossSigningKey| match new(old.usage) {
            Some(new) => new.public_key != old.public_key,
            None => master_changed,
        };
        let replaced: Vec<&StoredCrossSigningKey> =
            stored.values().filter(|old| is_replaced(old)).collect();
        let same = |key: &CrossSigningKey| {
            stored
                .get(key.usage.as_str())
                .is_some_and(|old| old.key == key.json)
        };
        if keys.iter().all(same) && replaced.is_empty() {
            return Ok(CrossSigned::Done { changed: false });
        }
        let usages: Vec<&str> = replaced.iter().map(|key| key.usage.as_str()).collect();
        let public_keys: Vec<&str> = replaced.iter().map(|key| key.public_key.as_str()).collect();
        let key_ids: Vec<String> = public_keys
            .iter()
            .map(|key| format!("ed25519:{key}"))
            .collect();
        let statement = transaction.prepare_cached(DELETE).await?;
        transaction.execute(&statement, &[&user, &usages]).await?;
        let statement = transaction.prepare_cached(DELETE_REPLACED).await?;
        let parameters: [Parameter<'_>; 3] = [&user, &public_keys, &key_ids];
        transaction.execute(&statement, &parameters).await?;
        let usages: Vec<&str> = keys.iter().map(|key| key.usage.as_str()).collect();
        let public_keys: Vec<&str> = keys.iter().map(|key| key.public_key.as_str()).collect();
        let texts: Vec<&str> = keys.iter().map(|key| key.json.as_str()).collect();
        let statement = transaction.prepare_cached(UPSERT).await?;
        let parameters: [Parameter<'_>; 4] = [&user, &usages, &public_keys, &texts];
        transaction.execute(&statement, &parameters).await?;
        note_changes(&transaction, &[user]).await?;
        transaction.commit().await?;
        Ok(CrossSigned::Done { changed: true })
    }
}

pub(super) fn cross_signing_key(row: &Row) -> Result<StoredCrossSigningKey, StoreError> {
    let usage: &str = row.try_get("usage")?;
    Ok(StoredCrossSigningKey {
        user_id: row.try_get("user_id")?,
        usage: Usage::from_word(usage)
            .ok_or_else(|| StoreError::Unexpected(format!("key usage {usage}")))?,
        public_key: row.try_get("public_key")?,
        key: row.try_get("key")?,
    })
}
