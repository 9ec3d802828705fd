//! The keys by which a user vouches for their devices and for others (Matrix Client-Server API,
//! "Cross-signing").

use serde_json::{Map, Value};

use super::flaws::{Flaws, member};
use super::public_keys::{bounded_text, expect_text, is_public_key, is_signature};

/// What a cross-signing key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Usage {
    /// Is the user's identity; signs the other two.
    Master,
    /// Signs the user's own devices.
    SelfSigning,
    /// Signs the master keys of other users. Nobody else is shown it.
    UserSigning,
}

impl Usage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Master, Self::SelfSigning, Self::UserSigning];

    /// The word in the key itself, and the one stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::SelfSigning => "self_signing",
            Self::UserSigning => "user_signing",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.as_str() == word)
    }

    /// The member of the body that holds a key for this.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Master => "master_key",
            Self::SelfSigning => "self_signing_key",
            Self::UserSigning => "user_signing_key",
        }
    }
}

/// A cross-signing key about to be kept.
#[derive(Debug)]
pub struct CrossSigningKey {
    /// What it is for.
    pub usage: Usage,
    /// The public key, which names it.
    pub public_key: String,
    /// The whole, as JSON text.
    pub json: String,
    /// The keys of the user that signed it, by id.
    signed_by: Vec<String>,
}

impl CrossSigningKey {
    /// Whether the master key `public_key` signed it, by its form: whether the signature is right
    /// only clients check.
    #[must_use]
    pub fn is_signed_by_master(&self, public_key: &str) -> bool {
        let key_id = format!("ed25519:{public_key}");
        self.signed_by.contains(&key_id)
    }
}

/// Checks the keys that `user_id` sent.
///
/// # Errors
/// Everything that is wrong.
pub fn parse_upload(
    sent: impl IntoIterator<Item = (Usage, Value)>,
    user_id: &str,
) -> Result<Vec<CrossSigningKey>, Flaws> {
    let mut flaws = Flaws::default();
    let keys = sent
        .into_iter()
        .filter_map(|(usage, sent)| key(usage, &sent, user_id, &mut flaws))
        .collect();
    flaws.or(keys)
}

fn key(usage: Usage, sent: &Value, user_id: &str, flaws: &mut Flaws) -> Option<CrossSigningKey> {
    let at = member("", usage.field());
    let json = bounded_text(&at, sent, flaws)?;
    let Some(object) = sent.as_object() else {
        flaws.note(at, "must be an object");
        return None;
    };
    expect_text(&at, object, "user_id", user_id, flaws);
    let usages = object.get("usage").and_then(Value::as_array);
    if !usages.is_some_and(|usages| matches!(usages.as_slice(), [one] if one == usage.as_str())) {
        let detail = format!("must be [{:?}]", usage.as_str());
        flaws.note(member(&at, "usage"), detail);
    }
    let keys = object.get("keys").and_then(Value::as_object);
    let Some(public_key) = keys.and_then(the_only_key) else {
        let detail = "must hold one key, ed25519:<public key>, whose value is the public key: 32 bytes in base64 without padding";
        flaws.note(member(&at, "keys"), detail);
        return None;
    };
    let signatures = object
        .get("signatures")
        .and_then(|signatures| signatures.get(user_id)?.as_object());
    let signed_by = signatures
        .into_iter()
        .flatten()
        .filter(|(_, signature)| signature.as_str().is_some_and(is_signature))
        .map(|(key_id, _)| key_id.clone())
        .collect();
    Some(CrossSigningKey {
        usage,
        public_key,
        json,
        signed_by,
    })
}

fn the_only_key(keys: &Map<String, Value>) -> Option<String> {
    let mut entries = keys.iter();
    let (key_id, key) = entries.next()?;
    let key = key.as_str().filter(|key| is_public_key(key))?;
    let named = key_id.strip_prefix("ed25519:")? == key;
    (named && entries.next().is_none()).then(|| key.to_owned())
}
