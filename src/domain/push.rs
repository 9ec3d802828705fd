//! Devices that are reached by Web Push: their keys, and what their user sees of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Serialize;

use super::ids::PushSubscriptionId;
use super::time::Timestamp;

/// The greatest number of devices of one user.
pub const MAX_DEVICES_PER_USER: i64 = 20;

/// A device that is reached by Web Push, as its user sees it: without what would let others
/// send there.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PushDevice {
    /// The subscription's id.
    pub id: PushSubscriptionId,
    /// When the device was first subscribed.
    pub created_at: Timestamp,
    /// When its push service last took something; `null` before the first time.
    pub last_success_at: Option<Timestamp>,
    /// Since when its push service has taken nothing; `null` while it works.
    pub failing_since: Option<Timestamp>,
}

/// Why a key of a browser was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// Not base64url, or padded, which browsers do not do.
    #[error("must be base64url without padding")]
    Encoding,
    /// Not an uncompressed point of the curve P-256.
    #[error("must be the 65 bytes of an uncompressed point of the curve P-256")]
    NotAPoint,
    /// Not the length that RFC 8291 prescribes.
    #[error("must be 16 bytes long")]
    SecretLength,
}

/// A browser's public key: 65 bytes in base64url. That they are a point of the curve is seen
/// only by encrypting to it.
#[derive(Clone, PartialEq, Eq)]
pub struct P256dh(String);

impl P256dh {
    /// Checks the form of `text`.
    ///
    /// # Errors
    /// When it cannot be an uncompressed point.
    pub fn parse(text: &str) -> Result<Self, KeyRefused> {
        let bytes = decode(text)?;
        if bytes.len() == 65 && bytes.first() == Some(&4) {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyRefused::NotAPoint)
        }
    }

    /// The key in base64url, for encrypting and storing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A secret that a browser shares with this server: 16 bytes in base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthSecret(String);

impl AuthSecret {
    /// Checks the form of `text`.
    ///
    /// # Errors
    /// When it is not 16 bytes in base64url.
    pub fn parse(text: &str) -> Result<Self, KeyRefused> {
        if decode(text)?.len() == 16 {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyRefused::SecretLength)
        }
    }

    /// The secret in base64url, for encrypting and storing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

fn decode(text: &str) -> Result<Vec<u8>, KeyRefused> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_not_base64| KeyRefused::Encoding)
}

/// What is needed to encrypt to a browser. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceKeys {
    /// Its public key.
    pub p256dh: P256dh,
    /// The secret shared with it.
    pub auth: AuthSecret,
}

impl std::fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_base64url_of_the_right_length_without_padding() {
        let point = URL_SAFE_NO_PAD.encode([4; 65]);
        assert_eq!(P256dh::parse(&point).unwrap().reveal(), point);
        assert!(P256dh::parse(&format!("{point}=")).is_err());
        assert!(P256dh::parse(&URL_SAFE_NO_PAD.encode([4; 64])).is_err());
        assert!(P256dh::parse(&URL_SAFE_NO_PAD.encode([2; 65])).is_err());
        assert!(P256dh::parse("").is_err());
        let secret = URL_SAFE_NO_PAD.encode([7; 16]);
        assert_eq!(AuthSecret::parse(&secret).unwrap().reveal(), secret);
        assert!(AuthSecret::parse(&format!("{secret}==")).is_err());
        assert!(AuthSecret::parse(&URL_SAFE_NO_PAD.encode([7; 15])).is_err());
        assert!(AuthSecret::parse("not/base64+url").is_err());
    }
}
