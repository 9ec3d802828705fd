//! A device with keys that are well-formed and mean nothing: what the server sees of one that
//! really encrypts.

use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::fixtures::{PASSWORD, User};
use super::push_crypto::random;

/// The only kind of one-time key.
pub(crate) const SIGNED: &str = "signed_curve25519";

/// A public key that nobody has the other half of.
pub(crate) fn public_key() -> String {
    STANDARD_NO_PAD.encode(random::<32>())
}

/// A signature of nothing.
pub(crate) fn signature() -> String {
    STANDARD_NO_PAD.encode(random::<64>())
}

/// A login session as a device. Every call of the interface can be made on it.
#[derive(Clone)]
pub(crate) struct EncryptingDevice {
    user: User,
    /// `@<uuid>:<server name>`.
    pub(crate) user_id: String,
    pub(crate) device_id: String,
    pub(crate) server_name: String,
    /// The identity that the device uploads.
    pub(crate) device_keys: Value,
}

impl Deref for EncryptingDevice {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

impl EncryptingDevice {
    /// The device of the session of `user`, which has not uploaded anything.
    pub(crate) async fn without_keys(user: &User) -> Self {
        let answer = user.get("/api/e2ee/whoami").send().await;
        let answer = answer.expect_status(200);
        let mut device = Self {
            user: user.clone(),
            user_id: answer.str("user_id"),
            device_id: answer.str("device_id"),
            server_name: answer.str("server_name"),
            device_keys: Value::Null,
        };
        device.device_keys = device.new_identity();
        device
    }

    /// The device of the session of `user`, with its identity uploaded.
    pub(crate) async fn of(user: &User) -> Self {
        let device = Self::without_keys(user).await;
        let body = json!({"device_keys": device.device_keys});
        device.upload(&body).await.expect_status(200);
        device
    }

    /// A further session of the same user, as a device with keys.
    pub(crate) async fn another(&self) -> Self {
        Self::of(&self.user.sign_in().await).await
    }

    /// An identity of this device with fresh keys.
    pub(crate) fn new_identity(&self) -> Value {
        let device = &self.device_id;
        json!({
            "user_id": self.user_id,
            "device_id": device,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": {
                format!("curve25519:{device}"): public_key(),
                format!("ed25519:{device}"): public_key(),
            },
            "signatures": self.signed_by(&[device]),
        })
    }

    /// Signatures by keys of this user.
    pub(crate) fn signed_by(&self, keys: &[&str]) -> Value {
        let of_user: Map<String, Value> = keys
            .iter()
            .map(|key| (format!("ed25519:{key}"), json!(signature())))
            .collect();
        json!({ self.user_id.as_str(): of_user })
    }

    /// A key as one-time keys and fallback keys are.
    pub(crate) fn signed_key(&self) -> Value {
        json!({"key": public_key(), "signatures": self.signed_by(&[&self.device_id])})
    }

    /// One-time keys with these numbers in their ids.
    pub(crate) fn one_time_keys(&self, numbers: std::ops::Range<usize>) -> Value {
        let keys = numbers.map(|number| (format!("{SIGNED}:K{number:05}"), self.signed_key()));
        Value::Object(keys.collect())
    }

    /// Uploads `count` one-time keys, which must be taken.
    pub(crate) async fn with_one_time_keys(self, count: usize) -> Self {
        let body = json!({"one_time_keys": self.one_time_keys(0..count)});
        let answer = self.upload(&body).await.expect_status(200);
        assert_eq!(answer.body["one_time_key_counts"][SIGNED], count);
        self
    }

    pub(crate) async fn upload(&self, body: &Value) -> Answer {
        self.post("/api/e2ee/keys/upload").json(body).send().await
    }

    /// Asks for every key of the users with these ids.
    pub(crate) async fn query(&self, user_ids: &[&str]) -> Answer {
        let users: Map<String, Value> = user_ids
            .iter()
            .map(|id| ((*id).to_owned(), json!([])))
            .collect();
        let body = json!({"device_keys": users});
        self.post("/api/e2ee/keys/query").json(&body).send().await
    }

    /// Takes a one-time key of `other`: its id and the key, if there was one.
    pub(crate) async fn claim(&self, other: &Self) -> Option<(String, Value)> {
        let body = json!({"one_time_keys": {&other.user_id: {&other.device_id: SIGNED}}});
        let answer = self.post("/api/e2ee/keys/claim").json(&body).send().await;
        let answer = answer.expect_status(200);
        let claimed = &answer.body["one_time_keys"][&other.user_id][&other.device_id];
        let keys = claimed.as_object()?;
        assert_eq!(keys.len(), 1, "{}", answer.text);
        keys.iter()
            .next()
            .map(|(id, key)| (id.clone(), key.clone()))
    }

    pub(crate) async fn send(&self, txn_id: &str, messages: &Value) -> Answer {
        let path = format!("/api/e2ee/to_device/m.room.encrypted/{txn_id}");
        let body = json!({ "messages": messages });
        self.put(path).json(&body).send().await
    }

    /// Sends `content` to one device, which must be taken.
    pub(crate) async fn send_to(&self, other: &Self, txn_id: &str, content: &Value) {
        let messages = json!({&other.user_id: {&other.device_id: content}});
        let answer = self.send(txn_id, &messages).await.expect_status(200);
        assert_eq!(answer.body, json!({}));
    }

    /// Whose keys changed since a place.
    pub(crate) async fn changes_since(&self, position: &Value) -> Vec<String> {
        let path = format!("/api/e2ee/keys/changes?from={position}");
        let answer = self.get(path).send().await.expect_status(200);
        let mut changed: Vec<String> =
            serde_json::from_value(answer.body["changed"].clone()).unwrap();
        changed.sort();
        changed
    }

    /// A cross-signing key of this user, with the public key `key`, signed by `signers`.
    pub(crate) fn cross_signing_key(&self, usage: &str, key: &str, signers: &[&str]) -> Value {
        json!({
            "user_id": self.user_id,
            "usage": [usage],
            "keys": {format!("ed25519:{key}"): key},
            "signatures": self.signed_by(signers),
        })
    }

    /// Uploads cross-signing keys with the user's password.
    pub(crate) async fn upload_cross_signing(&self, mut keys: Value) -> Answer {
        keys["auth"] = json!({"type": "m.login.password", "password": PASSWORD});
        let call = self.post("/api/e2ee/keys/device_signing/upload");
        call.json(&keys).send().await
    }

    /// Makes the user's three cross-signing keys: the public keys of master, self-signing and
    /// user-signing.
    pub(crate) async fn cross_sign(&self) -> [String; 3] {
        let [master, own, others] = [public_key(), public_key(), public_key()];
        let keys = json!({
            "master_key": self.cross_signing_key("master", &master, &[&self.device_id]),
            "self_signing_key": self.cross_signing_key("self_signing", &own, &[&master]),
            "user_signing_key": self.cross_signing_key("user_signing", &others, &[&master]),
        });
        self.upload_cross_signing(keys).await.expect_status(200);
        [master, own, others]
    }

    pub(crate) async fn upload_signatures(&self, body: &Value) -> Answer {
        let call = self.post("/api/e2ee/keys/signatures/upload");
        call.json(body).send().await
    }
}
