//! Secrets that a user keeps on the server, sealed (Matrix Client-Server API, "Secrets").

use serde_json::{Map, Value};

use super::flaws::Flaws;
use super::sealed::{SECRET, is_sealed};

/// The greatest number of types that a user keeps something under.
pub const MAX_TYPES: i64 = 50;
/// The greatest size of what is kept under a type, in bytes of JSON.
pub const MAX_CONTENT_BYTES: usize = 16 * 1024;
/// The greatest length of a type, in bytes.
const MAX_TYPE_BYTES: usize = 255;

/// What may be kept: how secrets are sealed, and the sealed secrets.
const SECRET_STORAGE: [&str; 2] = ["m.secret_storage.default_key", "m.secret_storage.key."];
const SECRETS: [&str; 4] = [
    "m.cross_signing.master",
    "m.cross_signing.self_signing",
    "m.cross_signing.user_signing",
    "m.megolm_backup.v1",
];

/// Under what a user keeps something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDataType(String);

impl AccountDataType {
    /// Takes a type that this server keeps.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let [default_key, key_prefix] = SECRET_STORAGE;
        let names_a_key = text
            .strip_prefix(key_prefix)
            .is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic()));
        let known = text == default_key || names_a_key || SECRETS.contains(&text);
        (known && text.len() <= MAX_TYPE_BYTES).then(|| Self(text.to_owned()))
    }

    /// The type.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks what is to be kept under it, and gives its JSON text. A secret must be sealed: the
    /// server refuses to learn it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, content: Map<String, Value>) -> Result<String, Flaws> {
        if SECRETS.contains(&self.0.as_str()) && !is_sealed_secret(&content) {
            let [iv, ciphertext, mac] = SECRET;
            let detail = format!(
                "must be there, alone, and hold {iv}, {ciphertext} and {mac} by the ids of keys: a secret is kept encrypted only"
            );
            return Err(Flaws::one("/encrypted", detail));
        }
        let text = Value::Object(content).to_string();
        if text.len() > MAX_CONTENT_BYTES {
            let detail = format!("must have at most {MAX_CONTENT_BYTES} bytes of JSON");
            return Err(Flaws::one("", detail));
        }
        Ok(text)
    }
}

fn is_sealed_secret(content: &Map<String, Value>) -> bool {
    let by_key = content.get("encrypted").and_then(Value::as_object);
    let each_sealed = |by_key: &Map<String, Value>| {
        let is_id = |id: &String| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
        let sealed = |value: &Value| value.as_object().is_some_and(|it| is_sealed(it, SECRET));
        !by_key.is_empty() && by_key.iter().all(|(id, value)| is_id(id) && sealed(value))
    };
    content.len() == 1 && by_key.is_some_and(each_sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_types_of_secret_storage_are_kept() {
        for text in [
            "m.secret_storage.default_key",
            "m.secret_storage.key.abc",
            "m.cross_signing.master",
            "m.megolm_backup.v1",
        ] {
            assert!(AccountDataType::parse(text).is_some(), "{text}");
        }
        for text in ["", "m.direct", "m.secret_storage.key.", "m.cross_signing.x"] {
            assert!(AccountDataType::parse(text).is_none(), "{text}");
        }
        let long = |length: usize| format!("m.secret_storage.key.{}", "x".repeat(length - 21));
        assert!(AccountDataType::parse(&long(255)).is_some());
        assert!(AccountDataType::parse(&long(256)).is_none());
    }

    #[test]
    fn a_secret_is_kept_sealed_only() {
        let kind = AccountDataType::parse("m.cross_signing.master").unwrap();
        let object = |value: Value| value.as_object().unwrap().clone();
        let key = serde_json::json!({"iv": "aXY=", "ciphertext": "Y2lwaGVy", "mac": "bWFj"});
        let with = |name: &str, value: Value| {
            let mut key = key.clone();
            key[name] = value;
            serde_json::json!({"encrypted": {"key": key}})
        };
        assert!(kind.check(object(with("iv", "aXY".into()))).is_ok());
        for bare in [
            with("iv", Value::Null),
            with("mac", "".into()),
            with("ciphertext", "in clear, with spaces".into()),
            with("clear", "x".into()),
            serde_json::json!({"encrypted": {}}),
            serde_json::json!({"encrypted": {"": key}}),
            serde_json::json!({"encrypted": {"in clear": key}}),
            serde_json::json!({"encrypted": {"key": {}}}),
            serde_json::json!({"encrypted": {"key": "x"}}),
            serde_json::json!({}),
            serde_json::json!({"key": "x"}),
            serde_json::json!({"encrypted": "x"}),
            serde_json::json!({"encrypted": {}, "clear": "x"}),
        ] {
            assert!(kind.check(object(bare)).is_err());
        }
    }
}
