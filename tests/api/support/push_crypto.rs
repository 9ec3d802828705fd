//! What a browser and its push service do with a push, written from RFC 8291 and RFC 8292 and
//! with other libraries than the server's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use ring::{digest, hmac};
use serde_json::{Value, json};

/// A JWT may be valid for so long at most.
const LONGEST_VALIDITY: i64 = 24 * 60 * 60;
/// An uncompressed point of P-256.
const POINT: usize = 65;
/// Salt, record size, and the length and the bytes of the key id.
const HEADER: usize = 16 + 4 + 1 + POINT;
const TAG: usize = 16;

/// `bytes` as the standards write them.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes that `text` writes, without padding.
pub(crate) fn from_base64url(text: &str) -> Result<Vec<u8>, String> {
    let bytes = URL_SAFE_NO_PAD.decode(text);
    bytes.map_err(|error| format!("{text:?} is not base64url: {error}"))
}

/// So many random bytes.
pub(crate) fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    SystemRandom::new().fill(&mut bytes).unwrap();
    bytes
}

/// The SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// What a browser makes for a subscription and keeps: a key pair and a shared secret.
#[derive(Clone)]
pub(crate) struct DeviceKeys {
    private: SecretKey,
    auth: [u8; 16],
}

impl DeviceKeys {
    pub(crate) fn new() -> Self {
        // The odds of no key at all are one in 2^32.
        let private = SecretKey::from_slice(&random::<32>()).expect("a private key");
        let auth = random();
        Self { private, auth }
    }

    /// The public key, uncompressed.
    pub(crate) fn point(&self) -> Vec<u8> {
        let point = self.private.public_key().to_sec1_point(false);
        point.as_bytes().to_vec()
    }

    /// The public key, compressed, which no browser sends.
    pub(crate) fn compressed_point(&self) -> Vec<u8> {
        let point = self.private.public_key().to_sec1_point(true);
        point.as_bytes().to_vec()
    }

    /// The public key as the subscription has it.
    pub(crate) fn p256dh(&self) -> String {
        base64url(&self.point())
    }

    /// The secret as the subscription has it.
    pub(crate) fn auth(&self) -> String {
        base64url(&self.auth)
    }

    /// What `PushSubscription.toJSON()` gives for `endpoint`.
    pub(crate) fn subscription(&self, endpoint: &str) -> Value {
        json!({
            "endpoint": endpoint,
            "expirationTime": null,
            "keys": {"p256dh": self.p256dh(), "auth": self.auth()},
        })
    }

    /// What a push says, by RFC 8291 and, for its content coding, RFC 8188. There is one
    /// record, as a push service asks.
    pub(crate) fn decrypt(&self, body: &[u8]) -> Result<Vec<u8>, String> {
        let Framed {
            salt,
            sender,
            record,
        } = Framed::read(body)?;
        let public = PublicKey::from_sec1_bytes(sender)
            .map_err(|error| format!("the sender's key is none: {error}"))?;
        let shared = self.private.diffie_hellman(&public);
        let by_auth = hmac_of(&self.auth, &[shared.raw_secret_bytes().as_ref()]);
        let receiver = self.point();
        let info: [&[u8]; 4] = [b"WebPush: info\0", &receiver, sender, &[1]];
        let input = hmac_of(&by_auth, &info);
        let by_salt = hmac_of(salt, &[&input]);
        let key = hmac_of(&by_salt, &[b"Content-Encoding: aes128gcm\0\x01"]);
        let nonce = hmac_of(&by_salt, &[b"Content-Encoding: nonce\0\x01"]);
        let key = UnboundKey::new(&AES_128_GCM, &key[..16]).expect("a key of 16 bytes");
        let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).expect("a nonce of 12 bytes");
        let mut plain = record.to_vec();
        let opened = LessSafeKey::new(key).open_in_place(nonce, Aad::empty(), &mut plain);
        let opened =
            opened.map_err(|_unspecified| "the push does not decrypt with this device's keys")?;
        // The last record ends in a 2 and then in zeros.
        let end = opened.iter().rposition(|byte| *byte != 0);
        match end {
            Some(end) if opened[end] == 2 => Ok(opened[..end].to_vec()),
            _ => Err("the padding of the last record is wrong".to_owned()),
        }
    }
}

/// An encrypted push, taken apart as far as anybody can who has no key.
pub(super) struct Framed<'a> {
    salt: &'a [u8],
    /// The public key that the sender made for this push.
    sender: &'a [u8],
    record: &'a [u8],
}

impl<'a> Framed<'a> {
    /// Takes `body` apart, or says what is wrong with it.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, String> {
        if body.len() < HEADER + TAG + 1 {
            return Err(format!("{} bytes are no encrypted push", body.len()));
        }
        let (header, record) = body.split_at(HEADER);
        let (salt, rest) = header.split_at(16);
        let (size, key_id) = rest.split_at(4);
        let size = u32::from_be_bytes(size.try_into().unwrap());
        if usize::from(key_id[0]) != POINT {
            return Err(format!("a key id of {} bytes", key_id[0]));
        }
        if size < 18 || record.len() > usize::try_from(size).unwrap() {
            return Err(format!("{} bytes in a record of {size}", record.len()));
        }
        Ok(Self {
            salt,
            sender: &key_id[1..],
            record,
        })
    }
}

fn hmac_of(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().to_vec()
}

/// Whether an application server is who it must be (RFC 8292), judged by its `authorization`:
/// the claims of the token, or what is wrong with it.
pub(crate) fn check_vapid(
    authorization: &str,
    expected_key: &[u8],
    origin: &str,
) -> Result<Value, String> {
    let (scheme, parameters) = authorization.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("vapid") {
        return Err(format!("the scheme is {scheme:?}"));
    }
    let named = |name: &str| {
        let mut all = parameters.split(',').filter_map(|it| it.split_once('='));
        let found = all.find(|(key, _)| key.trim() == name);
        found.map(|(_, value)| value.trim())
    };
    let token = named("t").ok_or("no token t")?;
    let key = from_base64url(named("k").ok_or("no key k")?)?;
    if key.len() != POINT || key[0] != 4 {
        return Err("k is no uncompressed point".to_owned());
    }
    if key != expected_key {
        return Err("k is not the subscription's key".to_owned());
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts[..] else {
        return Err(format!("a token of {} parts", parts.len()));
    };
    let header = json_part(head)?;
    if header["alg"] != "ES256" || header.get("typ").is_some_and(|it| it != "JWT") {
        return Err(format!("the token's header is {header}"));
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key)
        .verify(
            format!("{head}.{claims}").as_bytes(),
            &from_base64url(signature)?,
        )
        .map_err(|_unspecified| "the token's signature is wrong")?;
    let claims = json_part(claims)?;
    if claims["aud"] != origin {
        return Err(format!("aud is {} and not {origin}", claims["aud"]));
    }
    let now = chrono::Utc::now().timestamp();
    let expiry = claims["exp"].as_i64().ok_or("no whole number exp")?;
    if expiry <= now || expiry > now + LONGEST_VALIDITY {
        return Err(format!("exp is {} seconds ahead", expiry - now));
    }
    let contact = claims["sub"].as_str().ok_or("no text sub")?;
    if !contact.starts_with("mailto:") && !contact.starts_with("https:") {
        return Err(format!("sub is {contact:?}"));
    }
    Ok(claims)
}

fn json_part(text: &str) -> Result<Value, String> {
    let parsed = serde_json::from_slice(&from_base64url(text)?);
    parsed.map_err(|error| format!("a part of the token is not JSON: {error}"))
}

/// The example of RFC 8291, section 5: without it, a fault that the decryption shared with the
/// server's encryption would go unseen.
#[test]
fn the_decryption_reads_the_example_of_the_standard() {
    let private = from_base64url("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94").unwrap();
    let auth = from_base64url("BTBZMqHH6r4Tts7J_aSIgg").unwrap();
    let keys = DeviceKeys {
        private: SecretKey::from_slice(&private).unwrap(),
        auth: auth.try_into().unwrap(),
    };
    let body = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml\
        mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT\
        pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
    let plain = keys.decrypt(&from_base64url(body).unwrap()).unwrap();
    assert_eq!(
        String::from_utf8(plain).unwrap(),
        "When I grow up, I want to be a watermelon"
    );
}
