//! What is kept for a user sealed with their recovery key. The server cannot open it, and takes
//! nothing that has another form: a secret in clear is refused, whatever made a client send it.

use serde_json::{Map, Value};

/// The members of a sealed secret (Matrix Client-Server API, `m.secret_storage.v1.aes-hmac-sha2`).
pub(super) const SECRET: [&str; 3] = ["iv", "ciphertext", "mac"];
/// The members of a sealed key of a backup (`m.megolm_backup.v1.curve25519-aes-sha2`).
pub(super) const ROOM_KEY: [&str; 3] = ["ephemeral", "ciphertext", "mac"];

/// Whether `object` has these members, each a text in base64, and no others.
pub(super) fn is_sealed(object: &Map<String, Value>, members: [&str; 3]) -> bool {
    let is_base64 = |value: &Value| {
        value.as_str().is_some_and(|text| {
            let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
            !text.is_empty() && text.bytes().all(of_base64)
        })
    };
    let has = |name: &&str| object.get(*name).is_some_and(is_base64);
    object.len() == members.len() && members.iter().all(has)
}
