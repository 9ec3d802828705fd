//! Encrypted messages as the server sees them: JSON text that it checks once and never reads again.
//!
//! The form is that of the Matrix specification, `m.room.encrypted` with Megolm. The server cannot
//! tell what an envelope says; it can tell that it is none.

mod entries;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, json_schema};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::fmt::Hyphenated;

use entries::Entries;

use super::ids::SessionId;

/// The one algorithm by which messages of a channel are encrypted.
const MEGOLM: &str = "m.megolm.v1.aes-sha2";

/// How deep arrays and objects may lie in an envelope. Readers get it within other objects, and
/// many parsers give up at some depth.
const MAX_DEPTH: usize = 8;

/// An encrypted message, exactly as its author's device sent it. Cloning it copies no bytes.
#[derive(Clone)]
pub struct Envelope(Arc<Text>);

/// In the box that the parser made: an `Arc` of the text itself would be a copy of it.
struct Text(Box<RawValue>);

/// Why something is no envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvelopeRefused {
    /// More bytes than [`Envelope::MAX_BYTES`].
    TooLarge,
    /// It is not an encrypted message of this device, and what tells so.
    NotEncrypted(Vec<EnvelopeFault>),
}

/// One thing that is wrong with an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeFault {
    /// The key; empty for the envelope as a whole.
    pub key: &'static str,
    /// What is wrong, for people.
    pub detail: String,
}

impl Envelope {
    /// The greatest size, in bytes of JSON text as it was sent.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Checks what the device `device` sent: an object with `algorithm`, the non-empty texts
    /// `ciphertext` and `session_id`, `device_id` (this device), and perhaps `sender_key`. Other
    /// keys are for the readers.
    ///
    /// # Errors
    /// Says why it is no envelope.
    pub fn parse(raw: Box<RawValue>, device: SessionId) -> Result<Self, EnvelopeRefused> {
        let text = raw.get();
        if text.len() > Self::MAX_BYTES {
            return Err(EnvelopeRefused::TooLarge);
        }
        let whole = |detail: String| {
            let fault = EnvelopeFault { key: "", detail };
            EnvelopeRefused::NotEncrypted(vec![fault])
        };
        if !text.starts_with('{') {
            return Err(whole("must be an object, the encrypted message".to_owned()));
        }
        // The whole of it is read once, so that no reader ever gets what a parser stumbles over.
        let entries: Entries<'_> = serde_json::from_str(text)
            .map_err(|error| whole(format!("cannot be read: {error}")))?;
        let faults = faults(&entries, device);
        if faults.is_empty() {
            Ok(Self(Arc::new(Text(raw))))
        } else {
            Err(EnvelopeRefused::NotEncrypted(faults))
        }
    }

    /// Takes back what was stored.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn stored(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(|raw| Self(Arc::new(Text(raw))))
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.0.get()
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({} bytes)", self.as_str().len())
    }
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.0.serialize(serializer)
    }
}

impl JsonSchema for Envelope {
    fn schema_name() -> Cow<'static, str> {
        "Envelope".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "object",
            "description": "An encrypted message (Matrix, m.room.encrypted with Megolm), as its \
                author's device made it; at most 64 KiB. Further keys are passed on.",
            "required": ["algorithm", "ciphertext", "session_id", "device_id"],
            "properties": {
                "algorithm": {"const": MEGOLM},
                "ciphertext": {
                    "type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9+/]+$",
                    "description": "The Megolm message, in unpadded base64.",
                },
                "session_id": {
                    "type": "string", "minLength": 1,
                    "description": "The Megolm session that it was encrypted with.",
                },
                "device_id": {
                    "type": "string", "format": "uuid",
                    "description": "The author's device: the id of the session that sends it.",
                },
                "sender_key": {
                    "type": "string", "minLength": 1,
                    "description": "The author's Curve25519 identity key; deprecated by Matrix.",
                },
            },
        })
    }
}

/// Everything that keeps these entries from being an encrypted message of the device.
fn faults(entries: &Entries<'_>, device: SessionId) -> Vec<EnvelopeFault> {
    let mut faults = Vec::new();
    let mut fault = |key, detail: &str| {
        let detail = detail.to_owned();
        faults.push(EnvelopeFault { key, detail });
    };
    for key in ["algorithm", "ciphertext", "session_id", "device_id"] {
        match entries.text(key) {
            Ok(Some(text)) => {
                if let Some(detail) = refuse_text(key, text, device) {
                    fault(key, &detail);
                }
            }
            Ok(None) => fault(key, "is required"),
            Err(detail) => fault(key, detail),
        }
    }
    if let Err(detail) = entries.text("sender_key") {
        fault("sender_key", detail);
    }
    if entries.depth() >= MAX_DEPTH {
        let detail = format!("must not be nested more than {MAX_DEPTH} deep");
        fault("", &detail);
    }
    faults
}

/// Why a text cannot be that of an envelope.
fn refuse_text(key: &str, text: &str, device: SessionId) -> Option<String> {
    match key {
        "algorithm" if text != MEGOLM => Some(format!("must be {MEGOLM}")),
        "ciphertext" if !is_unpadded_base64(text) => {
            Some("must be a Megolm message in unpadded base64".to_owned())
        }
        "device_id" if !is_written(device, text) => {
            Some("must be the id of the session that sends it".to_owned())
        }
        _ => None,
    }
}

/// Whether a text is a device's id as the server writes it.
fn is_written(device: SessionId, text: &str) -> bool {
    let mut buffer = [0; Hyphenated::LENGTH];
    text == device.0.hyphenated().encode_lower(&mut buffer)
}

/// Whether each byte is one of base64. All of them are looked at, without a branch, so that the
/// compiler takes many at once.
fn is_unpadded_base64(text: &str) -> bool {
    let others = text.bytes().fold(0, |others, byte| {
        let letter = u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
        let digit = u8::from(byte.wrapping_sub(b'0') < 10);
        let sign = u8::from(byte == b'+') | u8::from(byte == b'/');
        others | ((letter | digit | sign) ^ 1)
    });
    others == 0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(text: &str, device: SessionId) -> Result<Envelope, EnvelopeRefused> {
        Envelope::parse(RawValue::from_string(text.to_owned()).unwrap(), device)
    }

    fn valid(device: SessionId) -> Value {
        json!({
            "algorithm": MEGOLM, "ciphertext": "AwgAEnAC", "session_id": "s",
            "device_id": device.to_string(),
        })
    }

    #[test]
    fn an_envelope_is_kept_to_the_byte() {
        let device = SessionId::generate();
        let text = format!(
            "{{ \"x\" :1.50, \"algorithm\":\"{MEGOLM}\",\"ciphertext\":\"\\u0041wgA\",\n\
             \"session_id\":\"s\",\"device_id\":\"{device}\",\"x\":[ ] }}"
        );
        let envelope = parse(&text, device).unwrap();
        assert_eq!(envelope.as_str(), text);
        assert_eq!(serde_json::to_string(&envelope).unwrap(), text);
        assert_eq!(Envelope::stored(text.clone()).unwrap().as_str(), text);
        let shown = format!("{envelope:?}");
        assert_eq!(shown, format!("Envelope({} bytes)", text.len()));
    }

    #[test]
    fn a_ciphertext_is_of_base64_from_its_first_byte_to_its_last() {
        for byte in 0..=u8::MAX {
            let fits = byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
            for (before, after) in [(0, 100), (100, 0), (37, 37)] {
                let (before, after) = ("A".repeat(before), "z".repeat(after));
                let text = format!("{before}{}{after}", char::from(byte));
                assert_eq!(is_unpadded_base64(&text), fits, "{text}");
            }
        }
    }

    #[test]
    fn an_envelope_has_at_most_64_kib() {
        let device = SessionId::generate();
        let of_size = |size: usize| {
            let mut envelope = valid(device);
            let rest = envelope.to_string().len() - "AwgAEnAC".len();
            envelope["ciphertext"] = "A".repeat(size - rest).into();
            let text = envelope.to_string();
            assert_eq!(text.len(), size);
            parse(&text, device)
        };
        assert!(of_size(Envelope::MAX_BYTES - 1).is_ok());
        assert!(of_size(Envelope::MAX_BYTES).is_ok());
        let refused = of_size(Envelope::MAX_BYTES + 1).unwrap_err();
        assert_eq!(refused, EnvelopeRefused::TooLarge);
    }

    #[test]
    fn an_envelope_is_nested_at_most_8_deep() {
        let device = SessionId::generate();
        let of_depth = |depth: usize| {
            let mut envelope = valid(device);
            let inner = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
            envelope["x"] = serde_json::from_str(&inner).unwrap();
            parse(&envelope.to_string(), device)
        };
        assert!(of_depth(MAX_DEPTH - 1).is_ok() && of_depth(MAX_DEPTH).is_ok());
        assert!(of_depth(MAX_DEPTH + 1).is_err());
    }

    #[test]
    fn what_some_parsers_cannot_read_is_refused() {
        let device = SessionId::generate();
        for other in [r#""\ud800""#, "1e999", &"[".repeat(40_000)] {
            let text = valid(device).to_string();
            let text = text.trim_end_matches('}');
            let closed = "]".repeat(other.matches('[').count());
            let text = format!("{text},\"x\":{other}{closed}}}");
            assert!(parse(&text, device).is_err());
        }
    }
}
