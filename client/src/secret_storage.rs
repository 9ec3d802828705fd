//! Secrets on the server that only the recovery key opens: Matrix's secret storage (Client-Server
//! API, "Secrets", `m.secret_storage.v1.aes-hmac-sha2`).

use std::collections::BTreeMap;

use matrix_sdk_crypto::secret_storage::{AesHmacSha2EncryptedData, DecodeError, SecretStorageKey};
use reqwest::Method;
use ruma::events::EventContentFromType;
use ruma::events::secret::request::SecretName;
use ruma::events::secret_storage::key::SecretStorageKeyEventContent;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::device::Device;
use crate::error::Error;

const DEFAULT_KEY: &str = "m.secret_storage.default_key";

/// The secrets in the clear.
pub(crate) struct Secrets {
    pub(crate) master: String,
    pub(crate) self_signing: String,
    pub(crate) user_signing: String,
    /// The key of the backup; accounts may have none.
    pub(crate) backup: Option<String>,
}

#[derive(Deserialize)]
struct DefaultKey {
    key: String,
}

/// A secret, sealed for each key that opens it.
#[derive(Default, Serialize, Deserialize)]
struct SealedSecret {
    encrypted: BTreeMap<String, AesHmacSha2EncryptedData>,
}

impl Device {
    /// Seals the secrets with a new recovery key, and answers it.
    pub(crate) async fn seal_secrets(&self, secrets: &Secrets) -> Result<String, Error> {
        let key = SecretStorageKey::new();
        let before = self.default_key().await?;
        self.put_account_data(&key_type(key.key_id()), key.event_content())
            .await?;
        let mut named = vec![
            (SecretName::CrossSigningMasterKey, &secrets.master),
            (
                SecretName::CrossSigningSelfSigningKey,
                &secrets.self_signing,
            ),
            (
                SecretName::CrossSigningUserSigningKey,
                &secrets.user_signing,
            ),
        ];
        named.extend(
            secrets
                .backup
                .iter()
                .map(|it| (SecretName::RecoveryKey, it)),
        );
        let mut sealed = Vec::new();
        for (name, secret) in named {
            let item = key.encrypt(secret.clone().into_bytes(), &name);
            sealed.push((name, item));
        }
        // Until all of them are there, the key of before has to open them too.
        for (name, item) in &sealed {
            let old: Option<SealedSecret> = self.account_data(name.as_str()).await?;
            let mut both = old.unwrap_or_default();
            both.encrypted.insert(key.key_id().to_owned(), item.clone());
            self.put_account_data(name.as_str(), &both).await?;
        }
        self.put_account_data(DEFAULT_KEY, &json!({"key": key.key_id()}))
            .await?;
        for (name, item) in sealed {
            let encrypted = [(key.key_id().to_owned(), item)].into();
            self.put_account_data(name.as_str(), &SealedSecret { encrypted })
                .await?;
        }
        if let Some(before) = before {
            let segments = ["e2ee", "account_data", &key_type(&before)];
            let deleted = self.api.call(Method::DELETE, &segments).find::<Value>();
            deleted.await?;
        }
        Ok(key.to_base58())
    }

    /// Opens the secrets with the recovery key.
    pub(crate) async fn open_secrets(&self, recovery_key: &str) -> Result<Secrets, Error> {
        let key_id = self.default_key().await?.ok_or(Error::NotSetUp)?;
        let kind = key_type(&key_id);
        let description: Option<Box<RawValue>> = self.account_data(&kind).await?;
        let description = description.ok_or(Error::NotSetUp)?;
        let description = SecretStorageKeyEventContent::from_parts(&kind, &description);
        let description = description.map_err(|error| Error::Unexpected(error.to_string()))?;
        let key = SecretStorageKey::from_account_data(recovery_key, description);
        let key = key.map_err(|error| match error {
            DecodeError::UnsupportedAlgorithm(algorithm) => {
                Error::Unexpected(format!("a recovery key of the kind {algorithm}"))
            }
            _ => Error::WrongRecoveryKey,
        })?;
        let secret = async |name: SecretName| -> Result<Option<String>, Error> {
            let sealed: Option<SealedSecret> = self.account_data(name.as_str()).await?;
            let Some(item) = sealed.and_then(|mut it| it.encrypted.remove(&key_id)) else {
                return Ok(None);
            };
            let opened = key.decrypt(&item, &name);
            let opened = opened.map_err(|_wrong_mac| Error::WrongRecoveryKey)?;
            String::from_utf8(opened).map(Some).map_err(Error::library)
        };
        let needed = async |name: SecretName| secret(name).await?.ok_or(Error::NotSetUp);
        Ok(Secrets {
            master: needed(SecretName::CrossSigningMasterKey).await?,
            self_signing: needed(SecretName::CrossSigningSelfSigningKey).await?,
            user_signing: needed(SecretName::CrossSigningUserSigningKey).await?,
            backup: secret(SecretName::RecoveryKey).await?,
        })
    }

    async fn default_key(&self) -> Result<Option<String>, Error> {
        let found: Option<DefaultKey> = self.account_data(DEFAULT_KEY).await?;
        Ok(found.map(|it| it.key))
    }

    async fn account_data<T: serde::de::DeserializeOwned>(
        &self,
        kind: &str,
    ) -> Result<Option<T>, Error> {
        self.api.get(&["e2ee", "account_data", kind]).find().await
    }

    async fn put_account_data(&self, kind: &str, content: &impl Serialize) -> Result<(), Error> {
        let call = self.api.put(&["e2ee", "account_data", kind]);
        let _nothing: Value = call.send(content).await?;
        Ok(())
    }
}

fn key_type(key_id: &str) -> String {
    format!("m.secret_storage.key.{key_id}")
}
