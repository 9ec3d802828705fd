//! The backup of the keys, by which a new device reads what was written before it.

use std::time::{Duration, Instant};

use matrix_sdk_crypto::olm::ExportedRoomKey;
use matrix_sdk_crypto::store::types::BackupDecryptionKey;
use matrix_sdk_crypto::types::RoomKeyBackupInfo;
use matrix_sdk_crypto::types::requests::AnyIncomingResponse;
use ruma::UInt;
use ruma::api::client::backup::{KeyBackupData, add_backup_keys};
use serde::Deserialize;
use serde_json::json;

use crate::device::Device;
use crate::error::Error;
use crate::messages::SealedMessage;
use crate::reading::session_of;

/// A key that was not in the backup is looked for again after this time: its writer may back it up
/// yet.
const LOOK_AGAIN: Duration = Duration::from_secs(45);
/// How many keys are remembered as not there.
const MOST_ABSENT: usize = 5000;

/// A backup, without the keys.
#[derive(Deserialize)]
struct Backup {
    version: String,
    #[serde(flatten)]
    info: RoomKeyBackupInfo,
}

#[derive(Deserialize)]
struct Begun {
    version: String,
}

#[derive(Deserialize)]
struct Uploaded {
    count: UInt,
    etag: String,
}

impl Device {
    /// Backs up what is not backed up yet. Done by itself after each message that was sent; for
    /// keys that were received, call it when it suits.
    ///
    /// # Errors
    ///
    /// Those of any call; what was not backed up is tried again with the next call.
    pub async fn upload_backup(&self) -> Result<(), Error> {
        // Held all the time, so that nothing is uploaded twice.
        let mut version = self.state.backup.lock().await;
        if version.is_none() {
            return Ok(());
        }
        let backups = self.machine.backup_machine();
        while let Some((id, request)) = backups.backup().await.map_err(Error::library)? {
            let call = self.api.put(&["e2ee", "room_keys", "keys"]);
            let call = call.query("version", &request.version);
            let sent = call.send(&json!({"rooms": request.rooms})).await;
            let Uploaded { count, etag } = match sent {
                Err(Error::Refused(problem)) if matches!(problem.status, 403 | 404) => {
                    // Another device has begun a new one, whose key this one lacks.
                    *version = None;
                    return backups.disable_backup().await.map_err(Error::library);
                }
                sent => sent?,
            };
            let answer = add_backup_keys::v3::Response::new(etag, count);
            self.mark(&id, AnyIncomingResponse::KeysBackup(&answer))
                .await?;
        }
        Ok(())
    }

    /// The same after a message was sent, which does not fail because its key is backed up later.
    pub(crate) async fn upload_backup_if_possible(&self) {
        let _later = self.upload_backup().await;
    }

    /// Goes on with the backup that the store has the key of.
    pub(crate) async fn resume_backup(&self) -> Result<(), Error> {
        let keys = self.machine.backup_machine().get_backup_keys().await;
        let keys = keys.map_err(Error::library)?;
        let (Some(key), Some(version)) = (keys.decryption_key, keys.backup_version) else {
            return Ok(());
        };
        match self.newest_backup().await? {
            Some(newest) if newest.version == version && key.backup_key_matches(&newest.info) => {
                self.use_backup(key, version).await
            }
            _ => Ok(()),
        }
    }

    /// Begins a backup where there is none. One whose key this device lacks holds history that is
    /// not to be lost.
    pub(crate) async fn begin_backup(&self) -> Result<(), Error> {
        if self.state.backup.lock().await.is_some() || self.newest_backup().await?.is_some() {
            return Ok(());
        }
        let key = BackupDecryptionKey::new();
        let mut info = key.to_backup_info();
        let signed = self.machine.backup_machine().sign_backup(&mut info).await;
        signed.map_err(Error::library)?;
        // Made again, it could begin two.
        let call = self.api.post(&["e2ee", "room_keys", "version"]).once();
        let Begun { version } = call.send(&info).await?;
        self.use_backup(key, version).await
    }

    /// Takes the key of the backup, if it is that of the newest one.
    pub(crate) async fn unlock_backup(&self, secret: &str) -> Result<(), Error> {
        let key = BackupDecryptionKey::from_base64(secret);
        let key = key.map_err(|_damaged| Error::WrongRecoveryKey)?;
        match self.newest_backup().await? {
            Some(newest) if key.backup_key_matches(&newest.info) => {
                self.use_backup(key, newest.version).await
            }
            _ => Ok(()),
        }
    }

    /// The key of the backup in base64; `None` if this device lacks it.
    pub(crate) async fn backup_key(&self) -> Result<Option<String>, Error> {
        let keys = self.machine.backup_machine().get_backup_keys().await;
        let keys = keys.map_err(Error::library)?;
        Ok(keys.decryption_key.map(|key| key.to_base64()))
    }

    /// Fetches the key that a message needs from the backup. Says whether it was there.
    pub(crate) async fn fetch_key(&self, message: &SealedMessage) -> Result<bool, Error> {
        let Some(session) = session_of(message) else {
            return Ok(false);
        };
        let version = self.state.backup.lock().await.clone();
        let keys = self.machine.backup_machine().get_backup_keys().await;
        let key = keys.map_err(Error::library)?.decryption_key;
        let (Some(version), Some(key)) = (version, key) else {
            return Ok(false);
        };
        if self.is_absent(&session).await {
            return Ok(false);
        }
        let room = self.names.room(message.channel_id)?;
        let segments = ["e2ee", "room_keys", "keys", room.as_str(), &session];
        let call = self.api.get(&segments).query("version", &version);
        let Some(KeyBackupData { session_data, .. }) = call.find().await? else {
            self.note_absent(session).await;
            return Ok(false);
        };
        let Ok(opened) = key.decrypt_session_data(session_data) else {
            self.note_absent(session).await;
            return Ok(false);
        };
        let key = ExportedRoomKey::from_backed_up_room_key(room, session, opened);
        let store = self.machine.store();
        let imported = store.import_room_keys(vec![key], Some(&version), |_, _| ());
        let imported = imported.await.map_err(Error::library)?;
        Ok(imported.imported_count > 0)
    }

    async fn is_absent(&self, session: &str) -> bool {
        let absent = self.state.absent.lock().await;
        absent
            .get(session)
            .is_some_and(|since| since.elapsed() < LOOK_AGAIN)
    }

    async fn note_absent(&self, session: String) {
        let mut absent = self.state.absent.lock().await;
        if absent.len() >= MOST_ABSENT {
            absent.retain(|_, since| since.elapsed() < LOOK_AGAIN);
        }
        if absent.len() < MOST_ABSENT {
            absent.insert(session, Instant::now());
        }
    }

    async fn newest_backup(&self) -> Result<Option<Backup>, Error> {
        self.api.get(&["e2ee", "room_keys", "version"]).find().await
    }

    async fn use_backup(&self, key: BackupDecryptionKey, version: String) -> Result<(), Error> {
        let backups = self.machine.backup_machine();
        let public_key = key.megolm_v1_public_key();
        public_key.set_version(version.clone());
        let saved = backups
            .save_decryption_key(Some(key), Some(version.clone()))
            .await;
        saved.map_err(Error::library)?;
        let enabled = backups.enable_backup_v1(public_key).await;
        enabled.map_err(Error::library)?;
        *self.state.backup.lock().await = Some(version);
        self.state.absent.lock().await.clear();
        self.upload_backup_if_possible().await;
        Ok(())
    }
}
