//! The keys that devices upload of themselves, and asking for those of others.

use std::collections::HashMap;

use deadpool_postgres::Transaction;

use super::DeviceRef;
use super::cross_signing::{StoredCrossSigningKey, cross_signing_key};
use super::device_lists::note_changes;
use super::signatures::{StoredSignature, signature};
use crate::domain::encryption::key_upload::{DeviceKeys, KeyUpload, MAX_ONE_TIME_KEYS, OneTimeKey};
use crate::domain::ids::{SessionId, UserId};
use crate::store::{Parameter, Store, StoreError, fence};

const LOCK_SESSION: &str = include_str!("../../../sql/queries/sessions/lock.sql");
const FIND: &str = include_str!("../../../sql/queries/device_keys/find.sql");
const INSERT: &str = include_str!("../../../sql/queries/device_keys/insert.sql");
const UPDATE: &str = include_str!("../../../sql/queries/device_keys/update.sql");
const LIST: &str = include_str!("../../../sql/queries/device_keys/list.sql");
const STATUS: &str = include_str!("../../../sql/queries/device_keys/status.sql");
const INSERT_MAILBOX: &str = include_str!("../../../sql/queries/to_device/insert_mailbox.sql");
const FIND_ONE_TIME: &str = include_str!("../../../sql/queries/one_time_keys/find.sql");
const INSERT_ONE_TIME: &str = include_str!("../../../sql/queries/one_time_keys/insert.sql");
const UPSERT_FALLBACK: &str = include_str!("../../../sql/queries/fallback_keys/upsert.sql");
const LIST_CROSS_SIGNING: &str = include_str!("../../../sql/queries/cross_signing_keys/list.sql");
const LIST_SIGNATURES: &str = include_str!("../../../sql/queries/key_signatures/list.sql");

/// What an upload came to. Only `Done` changed anything.
#[derive(Debug, PartialEq, Eq)]
pub enum KeysUploaded {
    /// It is kept.
    Done {
        /// One-time keys that are left.
        one_time_keys: i64,
        /// Whether others see something new of the device.
        changed: bool,
    },
    /// The session ended meanwhile.
    SessionEnded,
    /// The device has other identity keys.
    OtherIdentity,
    /// The device has another one-time key of this id.
    OtherOneTimeKey(String),
    /// The device would have more one-time keys than it may.
    TooManyOneTimeKeys,
    /// The device has no identity keys yet, so nobody could use the others.
    NoIdentity,
}

/// What a device learns of itself.
#[derive(Clone, Copy, Debug)]
pub struct DeviceStatus {
    /// Where the order of device list changes is.
    pub device_lists_position: i64,
    /// Whether it has uploaded its identity keys.
    pub has_keys: bool,
    /// One-time keys that are left.
    pub one_time_keys: i64,
    /// Whether its fallback key was handed out to nobody yet.
    pub fallback_unused: bool,
}

/// A device's keys as they are kept.
#[derive(Debug)]
pub struct StoredDevice {
    /// Which device.
    pub device: DeviceRef,
    /// Its keys, as JSON text.
    pub device_keys: String,
}

/// How much of devices is listed at once.
#[derive(Clone, Copy, Debug)]
pub struct DevicesBound {
    /// Devices at most.
    pub devices: usize,
    /// Bytes of their keys at most.
    pub bytes: i64,
}

/// What was found of some users' keys.
#[derive(Debug)]
pub struct QueriedKeys {
    /// Their devices.
    pub devices: Vec<StoredDevice>,
    /// Their cross-signing keys.
    pub cross_signing_keys: Vec<StoredCrossSigningKey>,
    /// Signatures on these that whoever asks may see.
    pub signatures: Vec<StoredSignature>,
}

impl Store {
    /// Keeps what a device uploads: all of it or nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn upload_keys(
        &self,
        device: DeviceRef,
        upload: &KeyUpload,
    ) -> Result<KeysUploaded, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        // Two uploads at once must not both find room.
        fence::lock_user(&transaction, device.user_id).await?;
        if !lock_session(&transaction, device).await? {
            return Ok(KeysUploaded::SessionEnded);
        }
        let stored = transaction.prepare_cached(FIND).await?;
        let stored = transaction
            .query_opt(&stored, &[&device.session_id])
            .await?;
        let stored: Option<String> = stored.map(|row| row.try_get("device_keys")).transpose()?;
        let changed = match (&upload.device_keys, &stored) {
            (Some(keys), Some(stored)) if !keys.is_same_identity(stored) => {
                return Ok(KeysUploaded::OtherIdentity);
            }
            (Some(keys), Some(stored)) if keys.json != *stored => {
                let statement = transaction.prepare_cached(UPDATE).await?;
                let parameters: [Parameter<'_>; 2] = [&device.session_id, &keys.json];
                transaction.execute(&statement, &parameters).await?;
                true
            }
            (Some(keys), None) => {
                begin_device(&transaction, device, keys).await?;
                true
            }
            (None, None) if upload.one_time_keys.is_empty() && upload.fallback_key.is_none() => {
                false
            }
            (None, None) => return Ok(KeysUploaded::NoIdentity),
            (_, Some(_)) => false,
        };
        if let Some(key_id) = add_one_time_keys(&transaction, device, &upload.one_time_keys).await?
        {
            return Ok(KeysUploaded::OtherOneTimeKey(key_id));
        }
        if let Some(key) = &upload.fallback_key {
            let statement = transaction.prepare_cached(UPSERT_FALLBACK).await?;
            let parameters: [Parameter<'_>; 3] = [&device.session_id, &key.key_id, &key.json];
            transaction.execute(&statement, &parameters).await?;
        }
        let statement = transaction.prepare_cached(STATUS).await?;
        let one_time_keys: i64 = transaction
            .query_one(&statement, &[&device.session_id])
            .await?
            .try_get("one_time_keys")?;
        let most = i64::try_from(MAX_ONE_TIME_KEYS).unwrap_or(i64::MAX);
        if one_time_keys > most && !upload.one_time_keys.is_empty() {
            return Ok(KeysUploaded::TooManyOneTimeKeys);
        }
        if changed {
            note_changes(&transaction, &[device.user_id]).await?;
        }
        transaction.commit().await?;
        Ok(KeysUploaded::Done {
            one_time_keys,
            changed,
        })
    }

    /// What a session learns of itself as a device.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn device_status(&self, session: SessionId) -> Result<DeviceStatus, StoreError> {
        let row = self.row(STATUS, &[&session]).await?;
        let row = row.ok_or_else(|| {
            StoreError::Unexpected("the table device_list_stream is empty".to_owned())
        })?;
        Ok(DeviceStatus {
            device_lists_position: row.try_get("position")?,
            has_keys: row.try_get("has_keys")?,
            one_time_keys: row.try_get("one_time_keys")?,
            fallback_unused: row.try_get("fallback_unused")?,
        })
    }

    /// Finds the keys of `users` and of those of their devices that are in `wanted`, where `None`
    /// means all of a user; with the signatures on them that `viewer` may see. Whether `viewer` may
    /// see the users is the caller's to ask. `None`: that is more than `bound`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn query_keys(
        &self,
        viewer: UserId,
        users: &[UserId],
        wanted: &[(UserId, Option<SessionId>)],
        bound: DevicesBound,
    ) -> Result<Option<QueriedKeys>, StoreError> {
        let (of, sessions): (Vec<UserId>, Vec<Option<SessionId>>) = wanted.iter().copied().unzip();
        let one_more = i64::try_from(bound.devices + 1).unwrap_or(i64::MAX);
        let rows = self
            .rows(LIST, &[&of, &sessions, &one_more, &bound.bytes])
            .await?;
        let bytes: i64 = rows.last().map_or(Ok(0), |row| row.try_get("bytes"))?;
        if rows.len() > bound.devices || bytes > bound.bytes {
            return Ok(None);
        }
        let devices = rows
            .iter()
            .map(|row| {
                Ok(StoredDevice {
                    device: DeviceRef {
                        user_id: row.try_get("user_id")?,
                        session_id: row.try_get("session_id")?,
                    },
                    device_keys: row.try_get("device_keys")?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        let cross_signing_keys = self.rows(LIST_CROSS_SIGNING, &[&users]).await?;
        let signatures = self.rows(LIST_SIGNATURES, &[&viewer, &users]).await?;
        Ok(Some(QueriedKeys {
            devices,
            cross_signing_keys: cross_signing_keys
                .iter()
                .map(cross_signing_key)
                .collect::<Result<_, _>>()?,
            signatures: signatures.iter().map(signature).collect::<Result<_, _>>()?,
        }))
    }
}

/// Keeps a session from ending before the transaction does. False: it has ended.
pub(in crate::store) async fn lock_session(
    transaction: &Transaction<'_>,
    device: DeviceRef,
) -> Result<bool, StoreError> {
    let statement = transaction.prepare_cached(LOCK_SESSION).await?;
    Ok(transaction
        .query_opt(&statement, &[&device.session_id, &device.user_id])
        .await?
        .is_some())
}

async fn begin_device(
    transaction: &Transaction<'_>,
    device: DeviceRef,
    keys: &DeviceKeys,
) -> Result<(), StoreError> {
    let statement = transaction.prepare_cached(INSERT).await?;
    transaction
        .execute(
            &statement,
            &[&device.session_id, &device.user_id, &keys.json],
        )
        .await?;
    let statement = transaction.prepare_cached(INSERT_MAILBOX).await?;
    transaction
        .execute(&statement, &[&device.session_id])
        .await?;
    Ok(())
}

/// Adds keys. Those that are known change nothing, also those that were handed out since: the
/// answer to an earlier upload was lost. Returns the id of one that is known as another key.
async fn add_one_time_keys(
    transaction: &Transaction<'_>,
    device: DeviceRef,
    keys: &[OneTimeKey],
) -> Result<Option<String>, StoreError> {
    if keys.is_empty() {
        return Ok(None);
    }
    let (ids, texts): (Vec<&str>, Vec<&str>) = keys
        .iter()
        .map(|key| (key.key_id.as_str(), key.json.as_str()))
        .unzip();
    let statement = transaction.prepare_cached(FIND_ONE_TIME).await?;
    let rows = transaction
        .query(&statement, &[&device.session_id, &ids])
        .await?;
    let sent: HashMap<&str, &str> = ids.iter().copied().zip(texts.iter().copied()).collect();
    for row in &rows {
        let (key_id, key): (&str, Option<&str>) = (row.try_get("key_id")?, row.try_get("key")?);
        if key.is_some() && sent.get(key_id).copied() != key {
            return Ok(Some(key_id.to_owned()));
        }
    }
    let statement = transaction.prepare_cached(INSERT_ONE_TIME).await?;
    transaction
        .execute(&statement, &[&device.session_id, &ids, &texts])
        .await?;
    Ok(None)
}
