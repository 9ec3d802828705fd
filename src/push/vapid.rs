//! Who sends: the instance's key, and what it signs for each push service (RFC 8292).

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use quick_cache::sync::Cache;
use web_push::{
    PartialVapidSignatureBuilder, SubscriptionInfo, VapidSignature, VapidSignatureBuilder,
};

use super::PushError;
use crate::domain::push_endpoint::PushEndpoint;

/// How long a signature is valid; 24 hours are allowed.
const VALID: Duration = Duration::from_secs(12 * 3600);
/// How long before its end it is replaced, so that clocks may differ and a push may wait.
const RENEW_BEFORE: Duration = Duration::from_secs(3600);
/// Push services whose signature is kept. There are a handful, but a wildcard allows many.
const REMEMBERED_ORIGINS: usize = 256;
/// How often randomness may fail to be a key, which in 2^32 tries happens once.
const ATTEMPTS: usize = 4;

/// Makes a private key: 32 random bytes that are a number below the order of the curve, in
/// base64url.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn generate_private_key() -> Result<String, PushError> {
    let random = rustls::crypto::ring::default_provider().secure_random;
    for _ in 0..ATTEMPTS {
        let mut bytes = [0; 32];
        random
            .fill(&mut bytes)
            .map_err(|_no_randomness| PushError::Randomness)?;
        let text = URL_SAFE_NO_PAD.encode(bytes);
        if VapidSignatureBuilder::from_base64_no_sub(&text).is_ok() {
            return Ok(text);
        }
    }
    Err(PushError::Randomness)
}

/// A signature and its end.
#[derive(Clone)]
struct Signed {
    signature: VapidSignature,
    expires: SystemTime,
}

/// The instance's key, with what it signed lately. The key is never shown.
pub struct Vapid {
    key: PartialVapidSignatureBuilder,
    public_key: String,
    subject: String,
    signed: Cache<String, Signed>,
}

impl std::fmt::Debug for Vapid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vapid")
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

impl Vapid {
    /// Signs with `private_key` (32 bytes in base64url) and names `subject` as whom a push
    /// service may ask.
    ///
    /// # Errors
    /// When `private_key` is none.
    pub fn new(private_key: &str, subject: &str) -> Result<Self, PushError> {
        let bytes = URL_SAFE_NO_PAD.decode(private_key);
        // Whatever the crate below makes of other lengths, they are not the configured key.
        if bytes.is_ok_and(|bytes| bytes.len() != 32) {
            return Err(PushError::PrivateKey);
        }
        let key = VapidSignatureBuilder::from_base64_no_sub(private_key)
            .map_err(|_no_key| PushError::PrivateKey)?;
        Ok(Self {
            public_key: URL_SAFE_NO_PAD.encode(key.get_public_key()),
            key,
            subject: subject.to_owned(),
            signed: Cache::new(REMEMBERED_ORIGINS),
        })
    }

    /// The public key that browsers subscribe with, in base64url.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// What proves to the push service of `endpoint` that this instance sends. Signing costs
    /// more than encrypting, so a signature is used for hours.
    pub(super) fn signature(&self, endpoint: &PushEndpoint) -> Result<VapidSignature, PushError> {
        let (origin, now) = (endpoint.origin(), SystemTime::now());
        if let Some(known) = self.signed.get(&origin)
            && known.expires > now + RENEW_BEFORE
            // The clock may have been set back.
            && known.expires <= now + VALID
        {
            return Ok(known.signature);
        }
        let expires = now + VALID;
        let signature = self.sign(endpoint, &origin, expires)?;
        let signed = Signed {
            signature: signature.clone(),
            expires,
        };
        self.signed.insert(origin, signed);
        Ok(signature)
    }

    fn sign(
        &self,
        endpoint: &PushEndpoint,
        audience: &str,
        expires: SystemTime,
    ) -> Result<VapidSignature, PushError> {
        let info = SubscriptionInfo::new(endpoint.as_str(), "", "");
        let expires = expires
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let mut builder = self.key.clone().add_sub_info(&info);
        // Left to itself the crate forgets the port of the audience, and names an address of
        // its own as the subject.
        builder.add_claim("aud", audience);
        builder.add_claim("sub", self.subject.as_str());
        builder.add_claim("exp", expires.as_secs());
        builder
            .build()
            .map_err(|error| PushError::Message(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::push_endpoint::EndpointRules;

    fn endpoint(text: &str) -> PushEndpoint {
        PushEndpoint::parse(text, &EndpointRules::new(&[], true)).unwrap()
    }

    fn vapid() -> Vapid {
        Vapid::new(&generate_private_key().unwrap(), "mailto:ops@example.com").unwrap()
    }

    #[test]
    fn a_key_is_made_and_has_a_public_half() {
        let vapid = vapid();
        let public = URL_SAFE_NO_PAD.decode(vapid.public_key()).unwrap();
        assert_eq!((public.len(), public[0]), (65, 4));
        assert_ne!(
            generate_private_key().unwrap(),
            generate_private_key().unwrap()
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "x",
            "not base64",
            &URL_SAFE_NO_PAD.encode([0; 32]),
            &URL_SAFE_NO_PAD.encode([255; 32]),
            &URL_SAFE_NO_PAD.encode([1; 31]),
            &URL_SAFE_NO_PAD.encode([1; 33]),
        ] {
            assert!(Vapid::new(text, "mailto:a@b").is_err(), "{text}");
        }
    }

    #[test]
    fn the_claims_name_the_origin_with_its_port_and_the_configured_subject() {
        let vapid = vapid();
        let signature = vapid
            .signature(&endpoint("http://127.0.0.1:9000/x"))
            .unwrap();
        let claims = signature.auth_t.split('.').nth(1).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["aud"], "http://127.0.0.1:9000");
        assert_eq!(claims["sub"], "mailto:ops@example.com");
        let left = claims["exp"].as_i64().unwrap() - chrono::Utc::now().timestamp();
        assert!((43_190..=43_200).contains(&left), "{left}");
    }

    #[test]
    fn a_signature_is_kept_for_each_origin() {
        let vapid = vapid();
        let signature = |text| vapid.signature(&endpoint(text)).unwrap().auth_t;
        let first = signature("http://127.0.0.1:9000/a");
        assert_eq!(signature("http://127.0.0.1:9000/b"), first);
        assert_ne!(signature("http://127.0.0.1:9001/a"), first);
    }
}
