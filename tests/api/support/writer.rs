//! A member who writes encrypted messages. What is in them is no ciphertext: the server must not
//! care.

use serde_json::{Value, json};

use super::answer::Answer;
use super::fixtures::User;

/// A user on one device.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) user: User,
    /// The id of the device: that of the session.
    pub(crate) device_id: String,
}

impl Writer {
    /// `user` on the device of their session.
    pub(crate) async fn of(user: &User) -> Self {
        let sessions = user.sessions().await.expect_status(200);
        let mut own = sessions.list().iter();
        let own = own.find(|session| session["current"] == true);
        Self {
            user: user.clone(),
            device_id: own.unwrap()["id"].as_str().unwrap().to_owned(),
        }
    }

    /// The user on another device.
    pub(crate) async fn on_another_device(&self) -> Self {
        Self::of(&self.user.sign_in().await).await
    }

    /// An envelope of this device. `ciphertext` is made of letters and digits.
    pub(crate) fn envelope(&self, ciphertext: &str) -> Value {
        json!({
            "algorithm": "m.megolm.v1.aes-sha2",
            "ciphertext": ciphertext,
            "session_id": "6SK8CCfrZ7RZmhuWEZLLDzMkPRLKvD7XGpbZF0QXL+o",
            "device_id": self.device_id,
        })
    }

    /// The state of the channel's members.
    pub(crate) async fn members_version(&self, channel: &str) -> i64 {
        let channel = self.user.channel(channel).await.expect_status(200);
        channel.body["members_version"].as_i64().unwrap()
    }

    /// What to send for the members of that version.
    pub(crate) fn body(&self, version: i64, ciphertext: &str) -> Value {
        json!({"members_version": version, "envelope": self.envelope(ciphertext)})
    }

    /// Sends `ciphertext`, encrypted for the members of that version, whatever comes of it.
    pub(crate) async fn send(
        &self,
        channel: &str,
        txn_id: &str,
        version: i64,
        ciphertext: &str,
    ) -> Answer {
        let body = self.body(version, ciphertext);
        self.user.send_message(channel, txn_id, &body).await
    }

    /// Sends `ciphertext` to the members there are, which must be accepted.
    pub(crate) async fn writes(&self, channel: &str, ciphertext: &str) -> Answer {
        let version = self.members_version(channel).await;
        let answer = self
            .send(channel, &fresh_txn_id(), version, ciphertext)
            .await;
        answer.expect_status(201)
    }

    /// Puts `ciphertext` in the place of a message, whatever comes of it.
    pub(crate) async fn edit(&self, channel: &str, message_id: &str, ciphertext: &str) -> Answer {
        let version = self.members_version(channel).await;
        let body = self.body(version, ciphertext);
        self.user.edit_message(channel, message_id, &body).await
    }
}

/// An id that no send had before.
pub(crate) fn fresh_txn_id() -> String {
    format!("m{}", uuid::Uuid::now_v7().simple())
}

/// The ciphertext of a message.
pub(crate) fn ciphertext_of(message: &Value) -> &str {
    message["envelope"]["ciphertext"]
        .as_str()
        .expect("a ciphertext")
}
