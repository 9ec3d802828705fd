//! Signatures that are added to keys after these were uploaded (Matrix Client-Server API,
//! `POST /keys/signatures/upload`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::flaws::{Flaws, member};
use super::ids::{ServerName, parse_device};
use super::public_keys::{MAX_KEY_BYTES, is_public_key, is_signature, signed_part};
use crate::domain::ids::{SessionId, UserId};

/// The greatest number of keys whose signatures one call brings.
pub const MAX_SIGNED_KEYS: usize = 200;

/// Which key was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedTarget {
    /// The identity of a device.
    Device(SessionId),
    /// A cross-signing key, by its public key.
    CrossSigningKey(String),
}

/// A key with new signatures on it.
#[derive(Debug)]
pub struct SignedKey {
    /// Whose key.
    pub user_id: UserId,
    /// Which.
    pub target: SignedTarget,
    /// The names under which it was sent, for the answer.
    pub names: (String, String),
    /// What was signed.
    signed: Map<String, Value>,
    /// The caller's signatures: the signing key's id without `ed25519:`, and the signature.
    pub signatures: Vec<(String, String)>,
}

impl SignedKey {
    /// Whether what was signed is the key that is kept, `stored`, as JSON text.
    #[must_use]
    pub fn is_of(&self, stored: &str) -> bool {
        serde_json::from_str::<Map<String, Value>>(stored)
            .is_ok_and(|stored| signed_part(&stored) == self.signed)
    }

    /// How the signed key is known: a device id, or a public key.
    #[must_use]
    pub fn target_key(&self) -> &str {
        &self.names.1
    }
}

/// The body: user ids, and below them device ids or public keys.
pub type SentSignatures = BTreeMap<String, BTreeMap<String, Map<String, Value>>>;

/// Reads the signatures that `signer` sent. Signatures by anybody else are left out: nobody
/// speaks for others.
///
/// # Errors
/// Everything that is wrong.
pub fn parse_upload(
    sent: SentSignatures,
    signer: &str,
    server: &ServerName,
) -> Result<Vec<SignedKey>, Flaws> {
    if sent.values().map(BTreeMap::len).sum::<usize>() > MAX_SIGNED_KEYS {
        let detail = format!("must hold at most {MAX_SIGNED_KEYS} signed keys");
        return Err(Flaws::one("", detail));
    }
    let mut flaws = Flaws::default();
    let mut keys = Vec::new();
    for (user, objects) in sent {
        let Some(user_id) = server.parse_user(&user) else {
            flaws.note(member("", &user), "must be a user id of this server");
            continue;
        };
        for (key, object) in objects {
            let at = member(&member("", &user), &key);
            let target = parse_device(&key).map(SignedTarget::Device).or_else(|| {
                is_public_key(&key).then(|| SignedTarget::CrossSigningKey(key.clone()))
            });
            let Some(target) = target else {
                flaws.note(
                    at,
                    "must be a device id or the public key of a cross-signing key",
                );
                continue;
            };
            let Some(signatures) = signatures_of(&object, signer) else {
                let detail = "must hold signatures of yours: ed25519:<key> with 64 bytes in base64 without padding";
                flaws.note(member(&at, "signatures"), detail);
                continue;
            };
            if Value::from(object.clone()).to_string().len() > MAX_KEY_BYTES {
                flaws.note(
                    at,
                    format!("must have at most {MAX_KEY_BYTES} bytes of JSON"),
                );
                continue;
            }
            keys.push(SignedKey {
                user_id,
                target,
                names: (user.clone(), key),
                signed: signed_part(&object),
                signatures,
            });
        }
    }
    flaws.or(keys)
}

fn signatures_of(object: &Map<String, Value>, signer: &str) -> Option<Vec<(String, String)>> {
    let signatures = object.get("signatures")?.get(signer)?.as_object()?;
    let mut read = Vec::with_capacity(signatures.len());
    for (key_id, signature) in signatures {
        let key = key_id.strip_prefix("ed25519:")?;
        let signature = signature.as_str().filter(|text| is_signature(text))?;
        read.push((key.to_owned(), signature.to_owned()));
    }
    (!read.is_empty()).then_some(read)
}

/// A signature to show beside a key's own.
#[derive(Clone, Debug)]
pub struct AddedSignature {
    /// Who signed.
    pub signer: String,
    /// With which key.
    pub key_id: String,
    /// The signature.
    pub signature: String,
}

/// The key `stored`, JSON text, with signatures added to its own.
#[must_use]
pub fn with_signatures(stored: String, added: &[AddedSignature]) -> String {
    if added.is_empty() {
        return stored;
    }
    let Ok(Value::Object(mut object)) = serde_json::from_str(&stored) else {
        return stored;
    };
    let all = object
        .entry("signatures")
        .or_insert_with(|| Value::Object(Map::new()));
    for one in added {
        if let Some(all) = all.as_object_mut()
            && let Some(of_signer) = all
                .entry(one.signer.as_str())
                .or_insert_with(|| Value::Object(Map::new()))
                .as_object_mut()
        {
            of_signer.insert(one.key_id.clone(), Value::from(one.signature.as_str()));
        }
    }
    Value::Object(object).to_string()
}
