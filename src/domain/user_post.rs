//! What people post: envelopes, each sent under an id that makes repeating it harmless.

use std::sync::Arc;

use super::envelope::Envelope;
use super::ids::MembersVersion;
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

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
    use super::*;

    #[test]
    fn a_transaction_id_has_1_to_64_characters_that_need_no_escape() {
        for accepted in [
            "1",
            "m1700000000.1",
            "a-B_c~",
            &"x".repeat(63),
            &"x".repeat(64),
        ] {
            assert_eq!(
                MessageTransactionId::parse(accepted).unwrap().as_str(),
                accepted
            );
        }
        for refused in ["", "a b", "a/b", "é", "a%20b", "\0", &"x".repeat(65)] {
            assert!(MessageTransactionId::parse(refused).is_err(), "{refused:?}");
        }
    }
}
