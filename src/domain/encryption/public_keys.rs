//! The forms of keys and signatures. Whether a signature is right only clients check: the server
//! is not whom they trust.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value};

use super::flaws::{Flaws, member};

/// The greatest size of one key with its signatures, in bytes of JSON. Real ones have 300 to
/// 1,000.
pub const MAX_KEY_BYTES: usize = 4096;

/// Whether `text` is a Curve25519 or Ed25519 public key: 32 bytes in base64 without padding.
#[must_use]
pub fn is_public_key(text: &str) -> bool {
    has_bytes(text, 32)
}

/// Whether `text` is an Ed25519 signature: 64 bytes in base64 without padding.
#[must_use]
pub fn is_signature(text: &str) -> bool {
    has_bytes(text, 64)
}

fn has_bytes(text: &str, length: usize) -> bool {
    // Longer ones are not even decoded.
    text.len() < 2 * length
        && STANDARD_NO_PAD
            .decode(text)
            .is_ok_and(|bytes| bytes.len() == length)
}

/// Takes an object of at most [`MAX_KEY_BYTES`] and gives its JSON text.
pub(super) fn bounded_text(pointer: &str, object: &Value, flaws: &mut Flaws) -> Option<String> {
    let text = object.to_string();
    if text.len() > MAX_KEY_BYTES {
        flaws.note(
            pointer,
            format!("must have at most {MAX_KEY_BYTES} bytes of JSON"),
        );
        return None;
    }
    Some(text)
}

/// Checks that the member `name` of an object is the text `expected`.
pub(super) fn expect_text(
    pointer: &str,
    object: &Map<String, Value>,
    name: &str,
    expected: &str,
    flaws: &mut Flaws,
) {
    if object.get(name).and_then(Value::as_str) != Some(expected) {
        flaws.note(member(pointer, name), format!("must be {expected:?}"));
    }
}

/// Checks that an object is signed by the key `key_id` of `user_id`.
pub(super) fn expect_signature(
    pointer: &str,
    object: &Map<String, Value>,
    user_id: &str,
    key_id: &str,
    flaws: &mut Flaws,
) {
    let signature = object
        .get("signatures")
        .and_then(|signatures| signatures.get(user_id)?.get(key_id)?.as_str());
    if !signature.is_some_and(is_signature) {
        let pointer = member(&member(&member(pointer, "signatures"), user_id), key_id);
        flaws.note(
            pointer,
            "must be an Ed25519 signature: 64 bytes in base64 without padding",
        );
    }
}

/// The object without what is added to it after signing (Matrix Client-Server API, "Signing
/// JSON"): two objects that are the same without it are the same key.
#[must_use]
pub fn signed_part(object: &Map<String, Value>) -> Map<String, Value> {
    let mut signed = object.clone();
    signed.remove("signatures");
    signed.remove("unsigned");
    signed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_signatures_have_their_lengths_and_no_padding() {
        let of = |length: usize| STANDARD_NO_PAD.encode(vec![7; length]);
        assert!(is_public_key(&of(32)) && !is_public_key(&of(31)) && !is_public_key(&of(33)));
        assert!(is_signature(&of(64)) && !is_signature(&of(63)) && !is_signature(&of(65)));
        assert!(
            !is_public_key(&format!("{}=", of(32))) && !is_public_key("") && !is_public_key("-")
        );
    }
}
