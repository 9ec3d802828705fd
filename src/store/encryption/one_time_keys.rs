//! Handing out one-time keys: each at most once.

use std::collections::{BTreeMap, HashSet};

use deadpool_postgres::Transaction;

use super::DeviceRef;
use crate::domain::ids::{SessionId, UserId};
use crate::store::{Store, StoreError};

const CLAIMABLE: &str = include_str!("../../../sql/queries/device_keys/claimable.sql");
const CLAIM: &str = include_str!("../../../sql/queries/one_time_keys/claim.sql");
const COUNTS: &str = include_str!("../../../sql/queries/one_time_keys/counts.sql");
const LIST_FALLBACK: &str = include_str!("../../../sql/queries/fallback_keys/list.sql");
const MARK_USED: &str = include_str!("../../../sql/queries/fallback_keys/mark_used.sql");

/// A key that was handed out.
#[derive(Debug)]
pub struct ClaimedKey {
    /// Whose.
    pub device: DeviceRef,
    /// Its id, without the algorithm.
    pub key_id: String,
    /// The key, as JSON text.
    pub key: String,
}

/// What a device has left to be handed out.
#[derive(Clone, Copy, Debug)]
pub struct OneTimeKeyCount {
    /// Which device.
    pub device: DeviceRef,
    /// One-time keys.
    pub one_time_keys: i64,
    /// Whether its fallback key was handed out to nobody yet.
    pub fallback_unused: bool,
}

impl Store {
    /// Hands out a one-time key of each of `devices`, or, when it has none, its fallback key.
    /// Whether the caller may talk to them was asked before. Devices that do not exist or have
    /// neither are left out.
    ///
    /// # Errors
    /// When the database does not answer. Keys may be spent then, but none is handed out again.
    pub async fn claim_keys(&self, devices: &[DeviceRef]) -> Result<Vec<ClaimedKey>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let (users, sessions): (Vec<UserId>, Vec<SessionId>) = devices
            .iter()
            .map(|device| (device.user_id, device.session_id))
            .unzip();
        let statement = transaction.prepare_cached(CLAIMABLE).await?;
        let rows = transaction.query(&statement, &[&users, &sessions]).await?;
        let devices = rows
            .iter()
            .map(|row| {
                let session_id: SessionId = row.try_get("session_id")?;
                let user_id = row.try_get("user_id")?;
                Ok((
                    session_id,
                    DeviceRef {
                        user_id,
                        session_id,
                    },
                ))
            })
            .collect::<Result<BTreeMap<_, _>, StoreError>>()?;
        let all: Vec<SessionId> = devices.keys().copied().collect();
        let mut claimed = keys(&transaction, CLAIM, &all, &devices).await?;
        let served: HashSet<SessionId> = claimed.iter().map(|key| key.device.session_id).collect();
        let rest: Vec<SessionId> = all
            .into_iter()
            .filter(|session| !served.contains(session))
            .collect();
        if !rest.is_empty() {
            claimed.extend(keys(&transaction, LIST_FALLBACK, &rest, &devices).await?);
            let statement = transaction.prepare_cached(MARK_USED).await?;
            transaction.execute(&statement, &[&rest]).await?;
        }
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Counts what devices have left to be handed out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn one_time_key_counts(
        &self,
        sessions: &[SessionId],
    ) -> Result<Vec<OneTimeKeyCount>, StoreError> {
        let rows = self.rows(COUNTS, &[&sessions]).await?;
        rows.iter()
            .map(|row| {
                Ok(OneTimeKeyCount {
                    device: DeviceRef {
                        user_id: row.try_get("user_id")?,
                        session_id: row.try_get("session_id")?,
                    },
                    one_time_keys: row.try_get("one_time_keys")?,
                    fallback_unused: row.try_get("fallback_unused")?,
                })
            })
            .collect()
    }
}

/// The keys that `sql` finds for `sessions`: one for each device at most.
async fn keys(
    transaction: &Transaction<'_>,
    sql: &'static str,
    sessions: &[SessionId],
    devices: &BTreeMap<SessionId, DeviceRef>,
) -> Result<Vec<ClaimedKey>, StoreError> {
    let statement = transaction.prepare_cached(sql).await?;
    let mut keys = Vec::with_capacity(sessions.len());
    for row in transaction.query(&statement, &[&sessions]).await? {
        if let Some(device) = devices.get(&row.try_get("session_id")?) {
            keys.push(ClaimedKey {
                device: *device,
                key_id: row.try_get("key_id")?,
                key: row.try_get("key")?,
            });
        }
    }
    Ok(keys)
}
