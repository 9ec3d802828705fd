//! What people post: envelopes, each sent under an id that makes repeating it harmless.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid, Version};

use super::envelope::Envelope;
use super::ids::{ChannelId, MembersVersion, MessageId, SessionId};
use super::message::UserAuthor;

/// What a device calls a send, so that it can be repeated: 1 to 64 characters that need no escape
/// in a URL (RFC 3986, section 2.3). One device uses each once in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTransactionId(String);

/// Something is no transaction id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {max} characters of A-Z a-z 0-9 - . _ ~", max = MessageTransactionId::MAX_CHARS)]
pub struct MessageTransactionIdRefused;

impl MessageTransactionId {
    /// The greatest number of characters.
    pub const MAX_CHARS: usize = 64;

    /// Checks `text`.
    ///
    /// # Errors
    /// Says what it must be.
    pub fn parse(text: &str) -> Result<Self, MessageTransactionIdRefused> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MessageTransactionIdRefused)
        }
    }

    /// The id of the message that `device` sends to `channel` under this. A repeat therefore has the
    /// id of what it repeats, and the key by which messages are found by their ids is also the one
    /// that admits each send once.
    ///
    /// A UUIDv7 (RFC 9562, section 5.7) with 74 bits of a SHA-256 hash where others are random. Its
    /// time is that of the transaction id if this is a UUIDv7 too, so that what is written one after
    /// the other lies close together in the index, and that of the device's sign-in otherwise. Until
    /// a device has sent ten million messages to a channel, the chance that two of them are taken for
    /// one is below 10⁻⁸.
    #[must_use]
    pub fn message_id(&self, channel: ChannelId, device: SessionId) -> MessageId {
        let hash = Sha256::new()
            .chain_update(channel.0)
            .chain_update(device.0)
            .chain_update(&self.0)
            .finalize();
        let own = Uuid::try_parse(&self.0).ok();
        let own = own.filter(|uuid| uuid.get_version() == Some(Version::SortRand));
        // The first six bytes of a UUIDv7 are its time in milliseconds.
        let [a, b, c, d, e, f, ..] = *own.unwrap_or(device.0).as_bytes();
        let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let mut rest = [0; 10];
        rest.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        MessageId(Builder::from_unix_timestamp_millis(millis, &rest).into_uuid())
    }
}

/// A user's post that passed every check that needs no database.
#[derive(Clone, Debug)]
pub struct UserPost {
    /// Who posts, on which device.
    pub author: Arc<UserAuthor>,
    /// What the device calls this send.
    pub txn_id: MessageTransactionId,
    /// The state of the channel's members that it was encrypted for.
    pub members_version: MembersVersion,
    /// What.
    pub envelope: Envelope,
}

#[cfg(test)]
mod tests {
    use uuid::uuid;

    use super::*;

    const CHANNEL: Uuid = uuid!("019a8f3c-1111-7aaa-8bbb-0123456789ab");
    const DEVICE: Uuid = uuid!("019a8f3c-2222-7ccc-9ddd-0123456789ab");

    /// A transaction id that is a UUIDv7.
    const ORDERED: &str = "019a9f00-0000-7123-8456-789abcdef012";

    fn id_of(channel: Uuid, device: Uuid, txn_id: &str) -> Uuid {
        let txn_id = MessageTransactionId::parse(txn_id).unwrap();
        txn_id.message_id(ChannelId(channel), SessionId(device)).0
    }

    /// What was sent by one version of the program may be repeated to the next.
    #[test]
    fn the_id_of_a_send_is_the_same_for_ever() {
        let expected = uuid!("019a8f3c-2222-7822-a43e-63438b7194fa");
        assert_eq!(id_of(CHANNEL, DEVICE, "m1"), expected);
        let expected = uuid!("019a9f00-0000-7b53-90ef-40791f9820dd");
        assert_eq!(id_of(CHANNEL, DEVICE, ORDERED), expected);
        // Its time would be anything.
        let random = "0e6d3a52-4c5b-4f0e-9d3e-5b1f0a7c9e11";
        let id = id_of(CHANNEL, DEVICE, random);
        assert_eq!(id.as_bytes()[..6], DEVICE.as_bytes()[..6]);
    }

    #[test]
    fn other_sends_channels_and_devices_give_other_ids() {
        let ids = [
            id_of(CHANNEL, DEVICE, "m1"),
            id_of(CHANNEL, DEVICE, "m2"),
            id_of(CHANNEL, DEVICE, ORDERED),
            id_of(DEVICE, DEVICE, "m1"),
            id_of(CHANNEL, CHANNEL, "m1"),
        ];
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(id.get_version_num(), 7);
            assert!(!ids[..at].contains(id), "{ids:?}");
        }
    }

    #[test]
    fn a_transaction_id_has_1_to_64_characters_that_need_no_escape() {
        for accepted in [
            "1",
            "m1700000000.1",
            "a-B_c~",
            &"x".repeat(63),
            &"x".repeat(64),
        ] {
            assert!(
                MessageTransactionId::parse(accepted).is_ok(),
                "{accepted:?}"
            );
        }
        for refused in ["", "a b", "a/b", "é", "a%20b", "\0", &"x".repeat(65)] {
            assert!(MessageTransactionId::parse(refused).is_err(), "{refused:?}");
        }
    }
}
