//! Backups of the keys of conversations.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::domain::encryption::key_backup::{
    BackupTerms, BackupVersion, MAX_BACKUPS, MAX_BYTES, MAX_BYTES_OF_USER, MAX_KEYS, RoomKey,
};
use crate::domain::ids::{ChannelId, UserId};
use crate::store::{Parameter, Store, StoreError, fence};

const COUNT_BACKUPS: &str = include_str!("../../../sql/queries/room_keys/count_backups.sql");
const INSERT_BACKUP: &str = include_str!("../../../sql/queries/room_keys/insert_backup.sql");
const FIND_BACKUP: &str = include_str!("../../../sql/queries/room_keys/find_backup.sql");
const UPDATE_BACKUP: &str = include_str!("../../../sql/queries/room_keys/update_backup.sql");
const DELETE_BACKUP: &str = include_str!("../../../sql/queries/room_keys/delete_backup.sql");
const LOCK_BACKUP: &str = include_str!("../../../sql/queries/room_keys/lock_backup.sql");
const NOTE_CHANGE: &str = include_str!("../../../sql/queries/room_keys/note_change.sql");
const UPSERT: &str = include_str!("../../../sql/queries/room_keys/upsert.sql");
const LIST: &str = include_str!("../../../sql/queries/room_keys/list.sql");
const FIND: &str = include_str!("../../../sql/queries/room_keys/find.sql");
const DELETE: &str = include_str!("../../../sql/queries/room_keys/delete.sql");

/// A backup without its keys.
#[derive(Debug)]
pub struct BackupInfo {
    /// Which.
    pub version: BackupVersion,
    /// How it is sealed.
    pub algorithm: String,
    /// What that needs, as JSON text.
    pub auth_data: String,
    /// Grows with every change of the keys.
    pub etag: i64,
    /// How many keys it has.
    pub keys: i32,
}

/// What a change of a backup's keys came to.
#[derive(Debug)]
pub enum BackupChanged {
    /// It is done.
    Done {
        /// Grows with every change of the keys.
        etag: i64,
        /// How many keys there are now.
        keys: i32,
    },
    /// There is no such backup.
    NoBackup,
    /// There is a newer one; nothing was done.
    NotCurrent,
    /// It would have more keys or bytes than it may; nothing was done.
    Full,
}

/// A key as it is kept.
#[derive(Debug)]
pub struct StoredRoomKey {
    /// The channel whose messages it reads.
    pub channel_id: ChannelId,
    /// The id of the encrypted session.
    pub session_id: String,
    /// The first message that it reads.
    pub first_message_index: i64,
    /// How often it was forwarded.
    pub forwarded_count: i64,
    /// Whether it came from a verified device.
    pub is_verified: bool,
    /// The sealed key, as JSON text.
    pub session_data: String,
}

impl Store {
    /// Begins a backup. `None`: the user has as many as may be.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_backup(
        &self,
        user: UserId,
        terms: &BackupTerms,
    ) -> Result<Option<BackupVersion>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        fence::lock_user(&transaction, user).await?;
        let statement = transaction.prepare_cached(COUNT_BACKUPS).await?;
        let count: i64 = transaction
            .query_one(&statement, &[&user])
            .await?
            .try_get("count")?;
        if count >= MAX_BACKUPS {
            return Ok(None);
        }
        let statement = transaction.prepare_cached(INSERT_BACKUP).await?;
        let parameters: [Parameter<'_>; 3] = [&user, &terms.algorithm, &terms.auth_data];
        let row = transaction.query_one(&statement, &parameters).await?;
        let version = BackupVersion(row.try_get("version")?);
        transaction.commit().await?;
        Ok(Some(version))
    }

    /// Finds a backup: of a version, or the newest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_backup(
        &self,
        user: UserId,
        version: Option<BackupVersion>,
    ) -> Result<Option<BackupInfo>, StoreError> {
        let version = version.map(|version| version.0);
        let row = self.row(FIND_BACKUP, &[&user, &version]).await?;
        row.map(|row| {
            Ok(BackupInfo {
                version: BackupVersion(row.try_get("version")?),
                algorithm: row.try_get("algorithm")?,
                auth_data: row.try_get("auth_data")?,
                etag: row.try_get("etag")?,
                keys: row.try_get("keys")?,
            })
        })
        .transpose()
    }

    /// Replaces what a backup is sealed with. Returns whether there is one of that algorithm.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn update_backup(
        &self,
        user: UserId,
        version: BackupVersion,
        terms: &BackupTerms,
    ) -> Result<bool, StoreError> {
        let parameters: [Parameter<'_>; 4] =
            [&user, &version.0, &terms.algorithm, &terms.auth_data];
        Ok(self.execute(UPDATE_BACKUP, &parameters).await? > 0)
    }

    /// Deletes a backup with its keys. Returns whether there was one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_backup(
        &self,
        user: UserId,
        version: BackupVersion,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(DELETE_BACKUP, &[&user, &version.0]).await? > 0)
    }

    /// Puts keys into the newest backup; of two for one encrypted session the better one stays.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_room_keys(
        &self,
        user: UserId,
        version: BackupVersion,
        keys: &[RoomKey],
    ) -> Result<BackupChanged, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let Some(before) = lock_backup(&transaction, user, version).await? else {
            return Ok(BackupChanged::NoBackup);
        };
        if !before.is_current {
            return Ok(BackupChanged::NotCurrent);
        }
        let written = upsert(&transaction, user, version, keys).await?;
        if before.keys + written.added > MAX_KEYS
            || before.bytes + written.bytes > MAX_BYTES
            || before.bytes_of_others + before.bytes + written.bytes > MAX_BYTES_OF_USER
        {
            return Ok(BackupChanged::Full);
        }
        if written.keys == 0 {
            return Ok(before.unchanged());
        }
        let change = (written.added, written.bytes);
        let changed = note_change(&transaction, user, version, change).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Deletes keys of a backup: all, those of a channel, or one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_room_keys(
        &self,
        user: UserId,
        version: BackupVersion,
        channel: Option<ChannelId>,
        session_id: Option<&str>,
    ) -> Result<BackupChanged, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let Some(before) = lock_backup(&transaction, user, version).await? else {
            return Ok(BackupChanged::NoBackup);
        };
        let statement = transaction.prepare_cached(DELETE).await?;
        let (first, last) = channels(channel);
        let parameters: [Parameter<'_>; 5] = [&user, &version.0, &first, &last, &session_id];
        let row = transaction.query_one(&statement, &parameters).await?;
        let keys: i32 = row.try_get("keys")?;
        if keys == 0 {
            return Ok(before.unchanged());
        }
        let change = (-i64::from(keys), -row.try_get::<_, i64>("bytes")?);
        let changed = note_change(&transaction, user, version, change).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Lists keys of a backup, of all channels or of one, that come after the key `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_room_keys(
        &self,
        user: UserId,
        version: BackupVersion,
        channel: Option<ChannelId>,
        after: (ChannelId, &str),
        limit: i64,
    ) -> Result<Vec<StoredRoomKey>, StoreError> {
        let (_, last) = channels(channel);
        let parameters: [Parameter<'_>; 6] = [&user, &version.0, &after.0, &after.1, &last, &limit];
        let rows = self.rows(LIST, &parameters).await?;
        rows.iter().map(room_key).collect()
    }

    /// Finds one key of a backup.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_room_key(
        &self,
        user: UserId,
        version: BackupVersion,
        channel: ChannelId,
        session_id: &str,
    ) -> Result<Option<StoredRoomKey>, StoreError> {
        let parameters: [Parameter<'_>; 4] = [&user, &version.0, &channel, &session_id];
        let row = self.row(FIND, &parameters).await?;
        row.as_ref().map(room_key).transpose()
    }
}

/// The first and the last channel whose keys are meant: one channel, or all.
fn channels(channel: Option<ChannelId>) -> (ChannelId, ChannelId) {
    channel.map_or_else(
        || (ChannelId(Uuid::nil()), ChannelId(Uuid::max())),
        |channel| (channel, channel),
    )
}

/// A backup whose lock is held.
struct LockedBackup {
    etag: i64,
    keys: i64,
    bytes: i64,
    bytes_of_others: i64,
    is_current: bool,
}

impl LockedBackup {
    fn unchanged(&self) -> BackupChanged {
        BackupChanged::Done {
            etag: self.etag,
            keys: i32::try_from(self.keys).unwrap_or(i32::MAX),
        }
    }
}

async fn lock_backup(
    transaction: &Transaction<'_>,
    user: UserId,
    version: BackupVersion,
) -> Result<Option<LockedBackup>, StoreError> {
    let statement = transaction.prepare_cached(LOCK_BACKUP).await?;
    let row = transaction
        .query_opt(&statement, &[&user, &version.0])
        .await?;
    row.map(|row| {
        Ok(LockedBackup {
            etag: row.try_get("etag")?,
            keys: row.try_get::<_, i32>("keys")?.into(),
            bytes: row.try_get("bytes")?,
            bytes_of_others: row.try_get("bytes_of_others")?,
            is_current: row.try_get("is_current")?,
        })
    })
    .transpose()
}

/// What putting keys in came to.
struct Written {
    keys: i64,
    added: i64,
    bytes: i64,
}

async fn upsert(
    transaction: &Transaction<'_>,
    user: UserId,
    version: BackupVersion,
    keys: &[RoomKey],
) -> Result<Written, StoreError> {
    let channels: Vec<ChannelId> = keys.iter().map(|key| key.channel_id).collect();
    let sessions: Vec<&str> = keys.iter().map(|key| key.session_id.as_str()).collect();
    let indexes: Vec<i64> = keys.iter().map(|key| key.first_message_index).collect();
    let forwarded: Vec<i64> = keys.iter().map(|key| key.forwarded_count).collect();
    let verified: Vec<bool> = keys.iter().map(|key| key.is_verified).collect();
    let data: Vec<&str> = keys.iter().map(|key| key.session_data.as_str()).collect();
    let statement = transaction.prepare_cached(UPSERT).await?;
    let parameters: [Parameter<'_>; 8] = [
        &user, &version.0, &channels, &sessions, &indexes, &forwarded, &verified, &data,
    ];
    let row = transaction.query_one(&statement, &parameters).await?;
    Ok(Written {
        keys: row.try_get("written")?,
        added: row.try_get("added")?,
        bytes: row.try_get("bytes")?,
    })
}

async fn note_change(
    transaction: &Transaction<'_>,
    user: UserId,
    version: BackupVersion,
    (keys, bytes): (i64, i64),
) -> Result<BackupChanged, StoreError> {
    let keys = i32::try_from(keys)
        .map_err(|error| StoreError::Unexpected(format!("keys of a backup: {error}")))?;
    let statement = transaction.prepare_cached(NOTE_CHANGE).await?;
    let parameters: [Parameter<'_>; 4] = [&user, &version.0, &keys, &bytes];
    let row = transaction.query_one(&statement, &parameters).await?;
    Ok(BackupChanged::Done {
        etag: row.try_get("etag")?,
        keys: row.try_get("keys")?,
    })
}

fn room_key(row: &Row) -> Result<StoredRoomKey, StoreError> {
    Ok(StoredRoomKey {
        channel_id: row.try_get("channel_id")?,
        session_id: row.try_get("session_id")?,
        first_message_index: row.try_get("first_message_index")?,
        forwarded_count: row.try_get("forwarded_count")?,
        is_verified: row.try_get("is_verified")?,
        session_data: row.try_get("session_data")?,
    })
}
