//! Decrypting what the members wrote, and refusing what is not what it says it is.

use std::fmt;

use matrix_sdk_crypto::types::events::room::encrypted::EncryptedEvent;
use matrix_sdk_crypto::vodozemac::megolm::DecryptionError;
use matrix_sdk_crypto::{DecryptionSettings, MegolmError, TrustRequirement};
use ruma::serde::Raw;
use serde::Deserialize;
use serde_json::json;

use crate::device::Device;
use crate::error::Error;
use crate::messages::SealedMessage;
use crate::plaintext::Plaintext;

/// What became of a message that was to be decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decryption {
    /// It is readable, and was written on a device of its author's, for which they vouch.
    Clear(Plaintext),
    /// It is readable, and who wrote it is not proven, because its key is from the backup: so it is
    /// with what was written before this device was there. Whoever has the server can put keys into
    /// the backup that they made up, and have them open messages in anybody's name. Show it as such,
    /// and do not act on it.
    Unproven(Plaintext),
    /// The key has not come. It may come, and then the message can be tried again; or never, when the
    /// message is from before the user joined or the device was there.
    Waiting,
    /// It is not what it says it is, and is not to be shown.
    Refused(Refusal),
}

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It was not encrypted by the person it is said to be from.
    OtherAuthor,
    /// It comes from a device that its author does not have, or has no more.
    UnknownDevice,
    /// It comes from a device that its author does not vouch for.
    UnsignedDevice,
    /// The identity of its author has changed since it was verified.
    IdentityChanged,
    /// It repeats an earlier message.
    Repeated,
    /// It was written for another channel.
    OtherChannel,
    /// It was written for another place in this channel.
    OtherPlace,
    /// It is in a form that this version cannot read.
    UnknownForm,
    /// It cannot be decrypted: it was changed on its way, or was never right.
    Damaged,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherAuthor => "it was not encrypted by the person it is said to be from",
            Self::UnknownDevice => {
                "it comes from a device that its author does not have, or has no more"
            }
            Self::UnsignedDevice => "it comes from a device that its author does not vouch for",
            Self::IdentityChanged => "the identity of its author has changed since you verified it",
            Self::Repeated => "it repeats an earlier message",
            Self::OtherChannel => "it was written for another channel",
            Self::OtherPlace => "it was written for another place in this channel",
            Self::UnknownForm => "it is in a form that this version cannot read",
            Self::Damaged => {
                "it cannot be decrypted: it was changed on its way, or was never right"
            }
        })
    }
}

/// Why the library did not open an envelope.
enum Unopened {
    MissingKey,
    /// The key came from the backup, which does not tell whose it is.
    Imported,
    Refused(Refusal),
    Failed(Error),
}

impl Device {
    /// Decrypts a message and checks that it is what it says it is.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when the store fails. A message that cannot be read is no error.
    pub async fn decrypt(&self, message: &SealedMessage) -> Result<Decryption, Error> {
        // Without a connection, what is known of the author has to do.
        match self.know(&[message.author]).await {
            Err(error) if !error.is_transient() => return Err(error),
            _ => {}
        }
        let first = self.open_and_check(message).await?;
        if first == Decryption::Waiting && self.fetch_key(message).await? {
            return self.open_and_check(message).await;
        }
        Ok(first)
    }

    async fn open_and_check(&self, message: &SealedMessage) -> Result<Decryption, Error> {
        let (opened, imported) = match self.unseal(message, TrustRequirement::CrossSigned).await {
            // Keys from the backup do not say whose they are. Only they may be opened without: a key
            // that came from a device directly is held to what is known of that device. The
            // requirement that is meant for them, `CrossSignedOrLegacy`, does not do: the library
            // (0.18) forgets that a key is of the backup when it hears something new of its author's
            // device.
            Err(Unopened::Imported) => (
                self.unseal(message, TrustRequirement::Untrusted).await,
                true,
            ),
            opened => (opened, false),
        };
        match opened {
            Ok(event) => self.check(message, &event, imported).await,
            Err(Unopened::MissingKey) => Ok(Decryption::Waiting),
            Err(Unopened::Imported) => Ok(Decryption::Refused(Refusal::UnknownDevice)),
            Err(Unopened::Refused(why)) => Ok(Decryption::Refused(why)),
            Err(Unopened::Failed(error)) => Err(error),
        }
    }

    async fn unseal(
        &self,
        message: &SealedMessage,
        trust: TrustRequirement,
    ) -> Result<String, Unopened> {
        let room = self
            .names
            .room(message.channel_id)
            .map_err(Unopened::Failed)?;
        let sender = self.names.user(message.author).map_err(Unopened::Failed)?;
        let event = json!({
            "type": "m.room.encrypted",
            "event_id": format!("${}", message.id),
            "room_id": room,
            "sender": sender,
            // The server's word, which decides nothing here.
            "origin_server_ts": 0,
            "content": message.envelope,
        });
        let event: Raw<EncryptedEvent> = Raw::from_json_string(event.to_string())
            .map_err(|error| Unopened::Failed(Error::library(error)))?;
        let settings = DecryptionSettings {
            sender_device_trust_requirement: trust,
        };
        let opened = self.machine.decrypt_room_event(&event, &room, &settings);
        Ok(opened.await?.event.into_json().get().to_owned())
    }

    /// The envelope was opened; what is in it has to be for this place, and for the first time.
    async fn check(
        &self,
        message: &SealedMessage,
        event: &str,
        imported: bool,
    ) -> Result<Decryption, Error> {
        let Some(plaintext) = Plaintext::read(event) else {
            return Ok(Decryption::Refused(Refusal::UnknownForm));
        };
        if plaintext.channel_id != message.channel_id {
            return Ok(Decryption::Refused(Refusal::OtherChannel));
        }
        let edited = message.edited_at.as_ref().map(|_| message.id);
        if plaintext.replaces != edited {
            return Ok(Decryption::Refused(Refusal::OtherPlace));
        }
        if self.is_repeat(message, &plaintext.txn_id).await? {
            return Ok(Decryption::Refused(Refusal::Repeated));
        }
        Ok(if imported {
            Decryption::Unproven(plaintext)
        } else {
            Decryption::Clear(plaintext)
        })
    }
}

impl From<MegolmError> for Unopened {
    fn from(error: MegolmError) -> Self {
        use matrix_sdk_common::deserialized_responses::{DeviceLinkProblem, VerificationLevel};
        match error {
            MegolmError::SenderIdentityNotTrusted(VerificationLevel::None(
                DeviceLinkProblem::InsecureSource,
            )) => Self::Imported,
            MegolmError::MissingRoomKey(_)
            | MegolmError::Decryption(DecryptionError::UnknownMessageIndex(..)) => Self::MissingKey,
            MegolmError::SenderIdentityNotTrusted(level) => Self::Refused(match level {
                VerificationLevel::MismatchedSender => Refusal::OtherAuthor,
                VerificationLevel::UnsignedDevice => Refusal::UnsignedDevice,
                VerificationLevel::VerificationViolation => Refusal::IdentityChanged,
                VerificationLevel::None(_) | VerificationLevel::UnverifiedIdentity => {
                    Refusal::UnknownDevice
                }
            }),
            MegolmError::MismatchedIdentityKeys(_) => Self::Refused(Refusal::OtherAuthor),
            MegolmError::Store(error) => Self::Failed(Error::library(error)),
            _ => Self::Refused(Refusal::Damaged),
        }
    }
}

/// The session that a message needs the key of, if its envelope says so.
pub(crate) fn session_of(message: &SealedMessage) -> Option<String> {
    #[derive(Deserialize)]
    struct Envelope {
        session_id: String,
    }
    let envelope: Envelope = serde_json::from_str(message.envelope.get()).ok()?;
    Some(envelope.session_id)
}
