//! Signatures that are added to keys.

use std::collections::{BTreeSet, HashMap};

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::cross_signing::cross_signing_key;
use super::device_lists::note_changes;
use crate::domain::encryption::cross_signing::Usage;
use crate::domain::encryption::ids::parse_device;
use crate::domain::encryption::signatures::{SignedKey, SignedTarget};
use crate::domain::ids::{SessionId, UserId};
use crate::store::{Parameter, Store, StoreError, fence};

const KEEP_DEVICES: &str = include_str!("../../../sql/queries/device_keys/keep.sql");
const LIST_CROSS_SIGNING: &str = include_str!("../../../sql/queries/cross_signing_keys/list.sql");
const UPSERT: &str = include_str!("../../../sql/queries/key_signatures/upsert.sql");
const PLACE: &str = include_str!("../../../sql/queries/key_signatures/place.sql");

/// A signature as it is kept.
#[derive(Debug)]
pub struct StoredSignature {
    /// Whose key was signed.
    pub target_user_id: UserId,
    /// Which: a device id, or a public key.
    pub target_key: String,
    /// Who signed.
    pub signer_user_id: UserId,
    /// With which key.
    pub signer_key_id: String,
    /// The signature.
    pub signature: String,
}

/// Why the signatures on one key were not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureRefused {
    /// There is no such key, or the caller may not see whose it is.
    UnknownKey,
    /// What was signed is not the key that is kept.
    OtherKey,
    /// None of the caller's keys made it.
    UnknownSigner,
    /// Of others only the master key is signed.
    NotAMasterKey,
}

/// What adding signatures came to.
#[derive(Debug, Default)]
pub struct SignaturesAdded {
    /// Keys whose signatures were not kept, by their place in the call.
    pub refused: Vec<(usize, SignatureRefused)>,
    /// Whether others see something new of the caller's keys.
    pub own_changed: bool,
    /// Those on whose keys only the caller sees something new.
    pub others_changed: Vec<UserId>,
}

/// Keys as they are kept, by user and by device id or public key.
struct Known(HashMap<(UserId, String), KnownKey>);

struct KnownKey {
    json: String,
    /// Absent for a device.
    usage: Option<Usage>,
}

impl Store {
    /// Adds signatures that `signer` made, on keys of users whom they may see, `visible`.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was kept.
    pub async fn add_signatures(
        &self,
        signer: UserId,
        visible: &[UserId],
        keys: &[SignedKey],
    ) -> Result<SignaturesAdded, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        fence::lock_user(&transaction, signer).await?;
        let mut users: Vec<UserId> = visible.to_vec();
        users.push(signer);
        let known = Known::read(&transaction, &users, keys).await?;
        let mut added = SignaturesAdded::default();
        let mut accepted = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            match known.judge(signer, visible, key) {
                Ok(()) => accepted.push(key),
                Err(refused) => added.refused.push((place, refused)),
            }
        }
        if accepted.is_empty() {
            return Ok(added);
        }
        let users: BTreeSet<UserId> = accepted.iter().map(|key| key.user_id).collect();
        added.own_changed = users.contains(&signer);
        added.others_changed = users.into_iter().filter(|user| *user != signer).collect();
        let own: &[UserId] = if added.own_changed { &[signer] } else { &[] };
        insert(&transaction, signer, &accepted).await?;
        let position = note_changes(&transaction, own).await?;
        let statement = transaction.prepare_cached(PLACE).await?;
        transaction
            .execute(&statement, &[&signer, &position])
            .await?;
        transaction.commit().await?;
        Ok(added)
    }
}

impl Known {
    async fn read(
        transaction: &Transaction<'_>,
        users: &[UserId],
        signed: &[SignedKey],
    ) -> Result<Self, StoreError> {
        let mut known = HashMap::new();
        let sessions: Vec<SessionId> = signed.iter().flat_map(devices_of).collect();
        let statement = transaction.prepare_cached(KEEP_DEVICES).await?;
        for row in transaction.query(&statement, &[&sessions]).await? {
            let session: SessionId = row.try_get("session_id")?;
            let key = KnownKey {
                json: row.try_get("device_keys")?,
                usage: None,
            };
            known.insert((row.try_get("user_id")?, session.to_string()), key);
        }
        let statement = transaction.prepare_cached(LIST_CROSS_SIGNING).await?;
        for row in transaction.query(&statement, &[&users]).await? {
            let key = cross_signing_key(&row)?;
            let stored = KnownKey {
                json: key.key,
                usage: Some(key.usage),
            };
            known.insert((key.user_id, key.public_key), stored);
        }
        Ok(Self(known))
    }

    fn judge(
        &self,
        signer: UserId,
        visible: &[UserId],
        key: &SignedKey,
    ) -> Result<(), SignatureRefused> {
        let target = (key.user_id, key.target_key().to_owned());
        let stored = self.0.get(&target);
        let stored = stored
            .filter(|_| key.user_id == signer || visible.contains(&key.user_id))
            .ok_or(SignatureRefused::UnknownKey)?;
        if key.user_id != signer && stored.usage != Some(Usage::Master) {
            return Err(SignatureRefused::NotAMasterKey);
        }
        if !key.is_of(&stored.json) {
            return Err(SignatureRefused::OtherKey);
        }
        let is_own = |id: &String| self.0.contains_key(&(signer, id.clone()));
        if key.signatures.iter().all(|(id, _)| is_own(id)) {
            Ok(())
        } else {
            Err(SignatureRefused::UnknownSigner)
        }
    }
}

/// The devices among a key and those that signed it.
fn devices_of(key: &SignedKey) -> impl Iterator<Item = SessionId> {
    let target = match &key.target {
        SignedTarget::Device(session) => Some(*session),
        SignedTarget::CrossSigningKey(_) => None,
    };
    let signers = key.signatures.iter().filter_map(|(id, _)| parse_device(id));
    target.into_iter().chain(signers)
}

async fn insert(
    transaction: &Transaction<'_>,
    signer: UserId,
    keys: &[&SignedKey],
) -> Result<(), StoreError> {
    let each = || {
        keys.iter()
            .flat_map(|key| key.signatures.iter().map(move |signature| (key, signature)))
    };
    let users: Vec<UserId> = each().map(|(key, _)| key.user_id).collect();
    let targets: Vec<&str> = each().map(|(key, _)| key.target_key()).collect();
    let target_sessions: Vec<Option<SessionId>> = each()
        .map(|(key, _)| match &key.target {
            SignedTarget::Device(session) => Some(*session),
            SignedTarget::CrossSigningKey(_) => None,
        })
        .collect();
    let key_ids: Vec<String> = each().map(|(_, (id, _))| format!("ed25519:{id}")).collect();
    let signer_sessions: Vec<Option<SessionId>> =
        each().map(|(_, (id, _))| parse_device(id)).collect();
    let signatures: Vec<&str> = each().map(|(_, (_, text))| text.as_str()).collect();
    let statement = transaction.prepare_cached(UPSERT).await?;
    let parameters: [Parameter<'_>; 7] = [
        &signer,
        &users,
        &targets,
        &target_sessions,
        &key_ids,
        &signer_sessions,
        &signatures,
    ];
    transaction.execute(&statement, &parameters).await?;
    Ok(())
}

pub(super) fn signature(row: &Row) -> Result<StoredSignature, StoreError> {
    Ok(StoredSignature {
        target_user_id: row.try_get("target_user_id")?,
        target_key: row.try_get("target_key")?,
        signer_user_id: row.try_get("signer_user_id")?,
        signer_key_id: row.try_get("signer_key_id")?,
        signature: row.try_get("signature")?,
    })
}
