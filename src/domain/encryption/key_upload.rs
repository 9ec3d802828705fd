//! What a device uploads of itself (Matrix Client-Server API, `POST /keys/upload`).

use serde_json::{Map, Value};

use super::flaws::{Flaws, member};
use super::ids::DeviceName;
use super::public_keys::{bounded_text, expect_signature, expect_text, is_public_key};

/// The greatest number of one-time keys that a device has waiting.
pub const MAX_ONE_TIME_KEYS: usize = 100;
/// Days for which a key that was handed out is remembered, so that a repeated upload does not bring
/// it back.
pub const REMEMBER_CLAIMED_DAYS: u32 = 7;
/// The only kind of one-time and fallback keys: signed ones. Unsigned ones are deprecated.
pub const ONE_TIME_KEY_ALGORITHM: &str = "signed_curve25519";
/// The greatest number of algorithms, or of identity keys, that a device names.
const MAX_NAMED: usize = 10;
/// The greatest length of a one-time key's id.
const MAX_KEY_ID_CHARS: usize = 64;

/// The parts of the body, as they were sent.
#[derive(Debug, Default)]
pub struct SentKeys {
    /// The device's identity.
    pub device_keys: Option<Value>,
    /// Keys to hand out once, by id.
    pub one_time_keys: Option<Map<String, Value>>,
    /// The key to hand out when there is no other, by id.
    pub fallback_keys: Option<Map<String, Value>>,
}

/// What a device uploads, checked.
#[derive(Debug)]
pub struct KeyUpload {
    /// The device's identity.
    pub device_keys: Option<DeviceKeys>,
    /// Keys to hand out once; at most [`MAX_ONE_TIME_KEYS`].
    pub one_time_keys: Vec<OneTimeKey>,
    /// The key to hand out when there is no other.
    pub fallback_key: Option<OneTimeKey>,
}

/// A device's identity.
#[derive(Debug)]
pub struct DeviceKeys {
    /// The identity keys, by id.
    identity: Value,
    /// The whole, as JSON text.
    pub json: String,
}

impl DeviceKeys {
    /// Whether `stored`, the JSON text of an earlier upload, has the same identity keys.
    #[must_use]
    pub fn is_same_identity(&self, stored: &str) -> bool {
        serde_json::from_str::<Value>(stored)
            .is_ok_and(|stored| stored.get("keys") == Some(&self.identity))
    }
}

/// A one-time key, or a fallback key.
#[derive(Debug)]
pub struct OneTimeKey {
    /// Its id, without the algorithm.
    pub key_id: String,
    /// The signed key, as JSON text.
    pub json: String,
}

impl KeyUpload {
    /// Checks what `owner` sent.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(sent: SentKeys, owner: &DeviceName) -> Result<Self, Flaws> {
        let mut flaws = Flaws::default();
        let device_keys = sent
            .device_keys
            .and_then(|keys| device_keys(keys, owner, &mut flaws));
        let one_time_keys = sent.one_time_keys.unwrap_or_default();
        if one_time_keys.len() > MAX_ONE_TIME_KEYS {
            let detail = format!("must hold at most {MAX_ONE_TIME_KEYS} keys");
            return Err(Flaws::one("/one_time_keys", detail));
        }
        let one_time_keys = signed_keys("/one_time_keys", one_time_keys, owner, &mut flaws);
        let fallback_keys = sent.fallback_keys.unwrap_or_default();
        if fallback_keys.len() > 1 {
            flaws.note(
                "/fallback_keys",
                format!("must hold at most one key, a {ONE_TIME_KEY_ALGORITHM}"),
            );
        }
        let fallback_key = signed_keys("/fallback_keys", fallback_keys, owner, &mut flaws).pop();
        flaws.or(Self {
            device_keys,
            one_time_keys,
            fallback_key,
        })
    }
}

fn device_keys(sent: Value, owner: &DeviceName, flaws: &mut Flaws) -> Option<DeviceKeys> {
    const AT: &str = "/device_keys";
    let json = bounded_text(AT, &sent, flaws)?;
    let Value::Object(mut object) = sent else {
        flaws.note(AT, "must be an object");
        return None;
    };
    expect_text(AT, &object, "user_id", &owner.user_id, flaws);
    expect_text(AT, &object, "device_id", &owner.device_id, flaws);
    let algorithms = object.get("algorithms").and_then(Value::as_array);
    if !algorithms.is_some_and(|it| it.len() <= MAX_NAMED && it.iter().all(Value::is_string)) {
        flaws.note(
            member(AT, "algorithms"),
            format!("must be a list of at most {MAX_NAMED} names"),
        );
    }
    let signing_key = format!("ed25519:{}", owner.device_id);
    expect_signature(AT, &object, &owner.user_id, &signing_key, flaws);
    let at_keys = member(AT, "keys");
    let identity = object.remove("keys").unwrap_or_default();
    let named = identity.as_object().map_or(0, Map::len);
    if named > MAX_NAMED {
        flaws.note(&at_keys, format!("must hold at most {MAX_NAMED} keys"));
    }
    for key_id in [format!("curve25519:{}", owner.device_id), signing_key] {
        let key = identity.get(&key_id).and_then(Value::as_str);
        if !key.is_some_and(is_public_key) {
            flaws.note(member(&at_keys, &key_id), NOT_A_KEY);
        }
    }
    Some(DeviceKeys { identity, json })
}

const NOT_A_KEY: &str = "must be a public key: 32 bytes in base64 without padding";

fn signed_keys(
    pointer: &str,
    sent: Map<String, Value>,
    owner: &DeviceName,
    flaws: &mut Flaws,
) -> Vec<OneTimeKey> {
    let signing_key = format!("ed25519:{}", owner.device_id);
    let mut keys = Vec::with_capacity(sent.len());
    for (name, key) in sent {
        let at = member(pointer, &name);
        let id = name
            .strip_prefix(ONE_TIME_KEY_ALGORITHM)
            .and_then(|rest| rest.strip_prefix(':'));
        let Some(id) = id.filter(|id| is_key_id(id)) else {
            let detail = format!(
                "must be named {ONE_TIME_KEY_ALGORITHM}:<key id>, the id having 1 to {MAX_KEY_ID_CHARS} characters of A-Z a-z 0-9 + / = . _ -"
            );
            flaws.note(at, detail);
            continue;
        };
        let Some(object) = key.as_object() else {
            flaws.note(at, "must be a signed key: an object");
            continue;
        };
        if !object
            .get("key")
            .and_then(Value::as_str)
            .is_some_and(is_public_key)
        {
            flaws.note(member(&at, "key"), NOT_A_KEY);
        }
        expect_signature(&at, object, &owner.user_id, &signing_key, flaws);
        if let Some(json) = bounded_text(&at, &key, flaws) {
            keys.push(OneTimeKey {
                key_id: id.to_owned(),
                json,
            });
        }
    }
    keys
}

fn is_key_id(text: &str) -> bool {
    (1..=MAX_KEY_ID_CHARS).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/=._-".contains(&b))
}
