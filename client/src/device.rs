//! The device: a session with its keys.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Instant;

use matrix_sdk_crypto::OlmMachine;
use matrix_sdk_crypto::store::IntoCryptoStore;
use tokio::sync::Mutex;

use crate::api::Api;
use crate::channels::Members;
use crate::error::Error;
use crate::ids::{ChannelId, UserId};
use crate::incoming::News;
use crate::left_out::LeftOut;
use crate::names::Names;
use crate::requests::Kind;
use crate::session::Session;

/// A device that encrypts and decrypts in the name of its user.
///
/// Clones are the same device. Only one process may have a device open at a time: the keys of its
/// sessions go on with each message.
///
/// What others send to the device, such as the keys of their messages, comes on a connection:
/// [`Device::follow`]. One that only writes needs none: it asks for the members' keys before each
/// message then. But a device that stays for long should be followed, or else the one-time keys that
/// others begin with run out.
#[derive(Clone)]
pub struct Device {
    pub(crate) api: Api,
    pub(crate) names: Names,
    pub(crate) machine: OlmMachine,
    pub(crate) state: Arc<State>,
}

/// What the clones of a device share, each part with its own lock. Locks are taken in this order.
#[derive(Default)]
pub(crate) struct State {
    /// Up to where messages to this device are in the store.
    pub(crate) taken: Mutex<i64>,
    /// Held while a message is encrypted, so that its channel's key is that of its members.
    pub(crate) writing: Mutex<()>,
    /// Held while the library's requests are sent: whom it is for nothing to ask for.
    pub(crate) requests: Mutex<LeftOut>,
    /// Held while it is found out whether a message is a repeat.
    pub(crate) replays: Mutex<()>,
    /// Who is in which channel, as far as this device knows.
    pub(crate) members: Mutex<HashMap<ChannelId, Members>>,
    /// Sessions whose keys are not in the backup, and when that was found out.
    pub(crate) absent: Mutex<HashMap<String, Instant>>,
    /// The version of the backup that this device can read and write.
    pub(crate) backup: Mutex<Option<String>>,
    /// Whether the server has an identity of the user. The store may have one that never got there.
    pub(crate) published: AtomicBool,
    /// How many connections tell this device what happens.
    pub(crate) connections: AtomicUsize,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut it = f.debug_struct("Device");
        it.field("user", &self.names.own)
            .field("device", &self.names.device)
            .finish_non_exhaustive()
    }
}

impl Device {
    /// Opens the device of `session`, with its keys in `store`, and publishes those that the server
    /// does not have yet.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the session has ended, or with `identity_key_changed` when the device
    /// was opened earlier with another store; [`Error::Library`] when the store is another device's.
    pub async fn open(session: Session, store: impl IntoCryptoStore) -> Result<Self, Error> {
        let api = session.api;
        let names = Names::ask(&api).await?;
        let machine = OlmMachine::with_store(&names.own, &names.device, store, None).await;
        let device = Self {
            api,
            names,
            machine: machine.map_err(Error::library)?,
            state: Arc::default(),
        };
        // With no news: makes the fallback key, and what else is due.
        let none_told = News {
            unused_fallback_keys: Some(Vec::new()),
            ..News::default()
        };
        device.receive(none_told).await?;
        // Without keys of its own on the server a device is none.
        device
            .flush_needing(&[Kind::KeysUpload, Kind::KeysQuery])
            .await?;
        device.ask_for_identity().await?;
        device.resume_backup().await?;
        Ok(device)
    }

    /// The session of this device.
    #[must_use]
    pub fn session(&self) -> Session {
        Session {
            api: self.api.clone(),
        }
    }

    /// Whose device it is.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.names.own_id
    }

    /// Its id, which is that of the session.
    #[must_use]
    pub fn id(&self) -> &str {
        self.names.device.as_str()
    }

    /// The encryption library's own interface to this device, for what this crate has no call for.
    #[must_use]
    pub fn machine(&self) -> &OlmMachine {
        &self.machine
    }

    /// Learns the devices of these users, and what has changed of those that are known. Without
    /// that, true senders are refused as unknown.
    pub(crate) async fn know(&self, users: &[UserId]) -> Result<(), Error> {
        let names = self.names.users(users)?;
        let tracked = names.iter().map(AsRef::as_ref);
        let updated = self.machine.update_tracked_users(tracked).await;
        updated.map_err(Error::library)?;
        self.flush_needing(&[Kind::KeysQuery]).await
    }

    /// A value of this client in the device's store.
    pub(crate) async fn stored<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<T>, Error> {
        let store = self.machine.store();
        store.get_value(key).await.map_err(Error::library)
    }

    /// Keeps a value of this client in the device's store.
    pub(crate) async fn store(
        &self,
        key: &str,
        value: &impl serde::Serialize,
    ) -> Result<(), Error> {
        let store = self.machine.store();
        store.set_value(key, value).await.map_err(Error::library)
    }
}
