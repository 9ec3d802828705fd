//! Messages as the server has them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ids::{ChannelId, MessageId, UserId};

/// A message of a channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "AnyMessage")]
#[non_exhaustive]
pub enum Message {
    /// What a member wrote.
    Sealed(SealedMessage),
    /// What a webhook posted, which is not encrypted.
    Webhook {
        /// Its id.
        id: MessageId,
        /// Its place in the channel.
        seq: i64,
        /// The text; `None` if it was deleted.
        content: Option<String>,
    },
    /// What a member wrote and somebody deleted, or a kind that is newer than this client.
    Other {
        /// Its id.
        id: MessageId,
        /// Its place in the channel.
        seq: i64,
    },
}

/// An encrypted message.
#[derive(Clone, Debug)]
pub struct SealedMessage {
    /// Its id.
    pub id: MessageId,
    /// Where it is.
    pub channel_id: ChannelId,
    /// Its place there.
    pub seq: i64,
    /// Whose it is said to be.
    pub author: UserId,
    /// When it was sent.
    pub created_at: String,
    /// When it was edited, which makes it another one to decrypt.
    pub edited_at: Option<String>,
    /// What was encrypted.
    pub envelope: Box<RawValue>,
}

/// A message with every field that some kind of it has.
#[derive(Deserialize)]
struct AnyMessage {
    id: MessageId,
    channel_id: ChannelId,
    seq: i64,
    kind: String,
    author: Author,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    envelope: Option<Box<RawValue>>,
    created_at: String,
    #[serde(default)]
    edited_at: Option<String>,
}

#[derive(Deserialize)]
struct Author {
    #[serde(default)]
    user_id: Option<UserId>,
}

impl TryFrom<AnyMessage> for Message {
    type Error = &'static str;

    fn try_from(message: AnyMessage) -> Result<Self, Self::Error> {
        let AnyMessage { id, seq, .. } = message;
        Ok(match (message.kind.as_str(), message.envelope) {
            ("user", Some(envelope)) => Self::Sealed(SealedMessage {
                id,
                channel_id: message.channel_id,
                seq,
                author: message
                    .author
                    .user_id
                    .ok_or("a user's message without the user")?,
                created_at: message.created_at,
                edited_at: message.edited_at,
                envelope,
            }),
            ("webhook", _) => Self::Webhook {
                id,
                seq,
                content: message.content,
            },
            _ => Self::Other { id, seq },
        })
    }
}
