//! Encrypting what is written, and sending it.

use reqwest::Method;
use ruma::events::AnyMessageLikeEventContent;
use ruma::serde::Raw;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::device::Device;
use crate::draft::Draft;
use crate::error::Error;
use crate::ids::{ChannelId, MessageId};
use crate::own_identity::Recovery;
use crate::plaintext::{MESSAGE_TYPE, Plaintext};

/// How often a message is encrypted anew because the members changed meanwhile.
const MOST_ENCRYPTIONS: usize = 5;

/// Where a message that was sent is.
#[derive(Clone, Debug, Deserialize)]
pub struct Posted {
    /// Its id.
    pub message_id: MessageId,
    /// The channel.
    pub channel_id: ChannelId,
    /// Its place there.
    pub seq: i64,
    /// When it was committed.
    pub created_at: String,
}

/// A message in its envelope, as it is sent.
#[derive(Clone, Debug, Serialize)]
pub struct Sealed {
    /// The state of the members that it was encrypted for.
    pub members_version: i64,
    /// What was encrypted.
    pub envelope: Box<RawValue>,
}

impl Device {
    /// Encrypts a message for the members of a channel and sends it. Who joins or leaves meanwhile
    /// makes it begin again, with a new key. When no answer comes, or the server is busy, it is sent
    /// again a few times within seconds.
    ///
    /// A draft may be sent again after any error, by the same session: if it is in the channel
    /// already, that is the answer, and nothing is written twice.
    ///
    /// # Errors
    ///
    /// [`Error::NotSetUp`] or [`Error::Locked`] when others could not tell whom it is from;
    /// [`Error::IdentityChanged`]; [`Error::Refused`] when the user may not write there or the text
    /// is too long. This attempt sent nothing then. When [`Error::is_transient`], it may have been
    /// sent or not: send the same draft again after a while. With [`Error::OutcomeUnknown`] it may
    /// have been sent or not as well, and to send it again is of no use before something has changed.
    pub async fn send(&self, channel: ChannelId, draft: &Draft) -> Result<Posted, Error> {
        let plaintext = Plaintext::of(channel, draft);
        let (id, txn_id) = (channel.to_string(), draft.transaction_id.as_str());
        let segments = ["channels", &id, "messages", txn_id];
        let posted: Posted = self.deliver(&plaintext, Method::PUT, &segments).await?;
        let noted = self.note_sent(channel, posted.message_id, &draft.transaction_id);
        // The message is there, whatever the store says.
        let _not_remembered = noted.await;
        Ok(posted)
    }

    /// Gives a message of one's own the text and the mentions of a draft, whose transaction id plays
    /// no part: an edit that is repeated changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Device::send`].
    pub async fn edit(
        &self,
        channel: ChannelId,
        message: MessageId,
        draft: &Draft,
    ) -> Result<(), Error> {
        let plaintext = Plaintext::instead_of(message, channel, draft);
        let (id, message) = (channel.to_string(), message.to_string());
        let segments = ["channels", &id, "messages", &message];
        let edited: Result<Value, Error> = self.deliver(&plaintext, Method::PATCH, &segments).await;
        edited.map(drop)
    }

    async fn deliver<T: serde::de::DeserializeOwned>(
        &self,
        plaintext: &Plaintext,
        method: Method,
        segments: &[&str],
    ) -> Result<T, Error> {
        let mut attempt = 1;
        loop {
            let sealed = self.encrypt(plaintext).await?;
            let sent = self
                .api
                .call(method.clone(), segments)
                .telling_doubt()
                .send(&sealed)
                .await;
            let Err(error) = sent else {
                self.upload_backup_if_possible().await;
                return sent;
            };
            // Somebody joined or left meanwhile. It is encrypted for those who are there now.
            if error.code() != Some("members_changed") || attempt >= MOST_ENCRYPTIONS {
                return Err(error);
            }
            self.renew_members(plaintext.channel_id).await?;
            attempt += 1;
        }
    }

    /// Gives the members' devices the keys that they lack, and encrypts. [`Device::send`] does this;
    /// it is separate for those who send by other means.
    ///
    /// # Errors
    ///
    /// As [`Device::send`].
    pub async fn seal(&self, channel: ChannelId, draft: &Draft) -> Result<Sealed, Error> {
        self.encrypt(&Plaintext::of(channel, draft)).await
    }

    async fn encrypt(&self, plaintext: &Plaintext) -> Result<Sealed, Error> {
        let channel = plaintext.channel_id;
        if !self.is_followed() {
            self.expect_new_devices_of(&self.members(channel).await?.users)
                .await?;
        }
        let _one_after_the_other = self.state.writing.lock().await;
        let members = self.members(channel).await?;
        self.know(&members.users).await?;
        match self.recovery().await? {
            Recovery::NotSetUp => return Err(Error::NotSetUp),
            Recovery::Locked => return Err(Error::Locked),
            Recovery::Unlocked => {}
        }
        let changed = self.changed_identities(&members.users).await?;
        if !changed.is_empty() {
            return Err(Error::IdentityChanged(changed));
        }
        self.rotate(channel, &members).await?;
        self.share(channel, &members).await?;
        let content = plaintext.content().map_err(Error::library)?;
        let content: Raw<AnyMessageLikeEventContent> =
            Raw::from_json_string(content).map_err(Error::library)?;
        let room = self.names.room(channel)?;
        let encrypted = self
            .machine
            .encrypt_room_event_raw(&room, MESSAGE_TYPE, &content)
            .await
            .map_err(|error| Error::Encryption(error.to_string()))?;
        Ok(Sealed {
            members_version: members.version,
            envelope: encrypted.content.into_json(),
        })
    }
}
