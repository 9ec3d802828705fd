//! The user's own identity: the keys by which they vouch for their devices.

use std::sync::atomic::Ordering;

use matrix_sdk_crypto::types::requests::{AnyIncomingResponse, AnyOutgoingRequest};
use matrix_sdk_crypto::{CrossSigningBootstrapRequests, CrossSigningKeyExport};
use ruma::TransactionId;
use ruma::api::client::keys::upload_signing_keys;
use serde_json::{Value, json};

use crate::device::Device;
use crate::error::Error;
use crate::secret_storage::Secrets;

/// How a device stands to its user's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The account has no identity yet.
    NotSetUp,
    /// It has one, which does not vouch for this device.
    Locked,
    /// It vouches for this device.
    Unlocked,
}

impl Device {
    /// Whether others can tell that this device is its user's.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when the store fails.
    pub async fn recovery(&self) -> Result<Recovery, Error> {
        if !self.state.published.load(Ordering::Relaxed) {
            return Ok(Recovery::NotSetUp);
        }
        let (user, device) = (&self.names.own, &self.names.device);
        let own = self.machine.get_device(user, device, None).await;
        let own = own.map_err(Error::library)?;
        Ok(match own {
            Some(own) if own.is_cross_signed_by_owner() => Recovery::Unlocked,
            _ => Recovery::Locked,
        })
    }

    /// Makes the user's identity and a backup of keys, where the account has none. For the first
    /// device of an account; follow it with [`Device::make_recovery_key`].
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when the account has an identity that does not vouch for this device;
    /// [`Error::Refused`] with `wrong_password`.
    pub async fn set_up(&self, password: &str) -> Result<(), Error> {
        self.ask_for_identity().await?;
        match self.recovery().await? {
            Recovery::Locked => return Err(Error::Locked),
            Recovery::Unlocked => return self.begin_backup().await,
            Recovery::NotSetUp => {}
        }
        let made = self.machine.bootstrap_cross_signing(false).await;
        let published = self.publish(made.map_err(Error::library)?, password).await;
        // Whatever came of it: what the server has counts.
        let marked = self.machine.mark_all_tracked_users_as_dirty().await;
        marked.map_err(Error::library)?;
        published?;
        self.ask_for_identity().await?;
        self.begin_backup().await
    }

    async fn publish(
        &self,
        requests: CrossSigningBootstrapRequests,
        password: &str,
    ) -> Result<(), Error> {
        // The device's own keys have to be there before somebody vouches for them.
        if let Some(upload) = requests.upload_keys_req {
            self.exchange(upload.request_id(), upload.request()).await?;
        }
        let keys = requests.upload_signing_keys_req;
        let body = json!({
            "master_key": keys.master_key,
            "self_signing_key": keys.self_signing_key,
            "user_signing_key": keys.user_signing_key,
            "auth": {"type": "m.login.password", "password": password},
        });
        let call = self.api.post(&["e2ee", "keys", "device_signing", "upload"]);
        let _nothing: Value = call.send(&body).await?;
        let answer = upload_signing_keys::v3::Response::new();
        let id = TransactionId::new();
        self.mark(&id, AnyIncomingResponse::SigningKeysUpload(&answer))
            .await?;
        let signatures = AnyOutgoingRequest::SignatureUpload(requests.upload_signatures_req);
        self.exchange(&id, &signatures).await
    }

    /// Makes a new recovery key and seals the identity's secrets with it. One that was made before
    /// opens nothing any more. This client keeps it nowhere: whoever loses it and every device loses
    /// the history.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when this device lacks the secrets.
    pub async fn make_recovery_key(&self) -> Result<String, Error> {
        self.begin_backup().await?;
        let keys = self.machine.export_cross_signing_keys().await;
        let keys = keys.map_err(Error::library)?.ok_or(Error::Locked)?;
        let secrets = Secrets {
            master: keys.master_key.clone().ok_or(Error::Locked)?,
            self_signing: keys.self_signing_key.clone().ok_or(Error::Locked)?,
            user_signing: keys.user_signing_key.clone().ok_or(Error::Locked)?,
            backup: Some(self.backup_key().await?.ok_or(Error::Locked)?),
        };
        self.seal_secrets(&secrets).await
    }

    /// Takes the secrets that the recovery key opens, and vouches for this device with them. From
    /// then on it can write, and reads what was written before it.
    ///
    /// # Errors
    ///
    /// [`Error::WrongRecoveryKey`]; [`Error::NotSetUp`] when the account has no recovery key.
    pub async fn unlock(&self, recovery_key: &str) -> Result<(), Error> {
        let secrets = self.open_secrets(recovery_key).await?;
        self.ask_for_identity().await?;
        let export = CrossSigningKeyExport {
            master_key: Some(secrets.master),
            self_signing_key: Some(secrets.self_signing),
            user_signing_key: Some(secrets.user_signing),
        };
        // Secrets that are not those of the identity that the server shows are refused.
        let imported = self.machine.import_cross_signing_keys(export).await;
        let status = imported.map_err(|_other_secrets| Error::WrongRecoveryKey)?;
        if !status.is_complete() {
            return Err(Error::WrongRecoveryKey);
        }
        let (user, device) = (&self.names.own, &self.names.device);
        let own = self.machine.get_device(user, device, None).await;
        let own = own.map_err(Error::library)?;
        let own = own.ok_or_else(|| Error::Unexpected("this device is not listed".to_owned()))?;
        let signatures = own.verify().await.map_err(Error::library)?;
        let signatures = AnyOutgoingRequest::SignatureUpload(signatures);
        self.exchange(&TransactionId::new(), &signatures).await?;
        self.ask_for_identity().await?;
        match secrets.backup {
            Some(key) => self.unlock_backup(&key).await,
            None => Ok(()),
        }
    }

    /// Asks the server for the identity as it is now.
    pub(crate) async fn ask_for_identity(&self) -> Result<(), Error> {
        let own = &self.names.own;
        self.know(&[self.names.own_id]).await?;
        let (id, request) = self.machine.query_keys_for_users([own.as_ref()]);
        let answer = self.query_keys(&id, &request).await?;
        let published = answer.master_keys.contains_key(own);
        self.state.published.store(published, Ordering::Relaxed);
        Ok(())
    }
}
