//! Messages as the server has them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ids::{ChannelId, MessageId, UserId};

/// A message of a channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "AnyMessage")]
#[non_exhaustive]
pub enum Message {
    /// What a member wrote.
    Sealed(SealedMessage),
    /// What a webhook posted, which is not encrypted.
    Webhook(WebhookMessage),
    /// What a member wrote and somebody deleted, or a kind that is newer than this client.
    Other {
        /// Its id.
        id: MessageId,
        /// Where it is.
        channel_id: ChannelId,
        /// Its place there.
        seq: i64,
    },
}

impl Message {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> MessageId {
        match self {
            Self::Sealed(SealedMessage { id, .. })
            | Self::Webhook(WebhookMessage { id, .. })
            | Self::Other { id, .. } => *id,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn channel_id(&self) -> ChannelId {
        match self {
            Self::Sealed(SealedMessage { channel_id, .. })
            | Self::Webhook(WebhookMessage { channel_id, .. })
            | Self::Other { channel_id, .. } => *channel_id,
        }
    }

    /// Its place there.
    #[must_use]
    pub fn seq(&self) -> i64 {
        match self {
            Self::Sealed(SealedMessage { seq, .. })
            | Self::Webhook(WebhookMessage { seq, .. })
            | Self::Other { seq, .. } => *seq,
        }
    }
}

/// A part of a channel's messages.
#[derive(Clone, Debug, Deserialize)]
pub struct Page {
    /// The messages, in the order of their places.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction that was asked for. A page is short when its messages
    /// are large, so that its length does not tell.
    pub has_more: bool,
}

/// A message of a webhook.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WebhookMessage {
    /// Its id.
    pub id: MessageId,
    /// Where it is.
    pub channel_id: ChannelId,
    /// Its place there.
    pub seq: i64,
    /// What the sender calls itself.
    pub author: String,
    /// When it was posted.
    pub created_at: String,
    /// The text, in Markdown; `None` if it was deleted.
    pub content: Option<String>,
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
    #[serde(default)]
    name: String,
}

impl From<AnyMessage> for Message {
    fn from(message: AnyMessage) -> Self {
        let AnyMessage {
            id,
            channel_id,
            seq,
            author,
            created_at,
            ..
        } = message;
        match (message.kind.as_str(), message.envelope, author.user_id) {
            ("user", Some(envelope), Some(author)) => Self::Sealed(SealedMessage {
                id,
                channel_id,
                seq,
                author,
                created_at,
                edited_at: message.edited_at,
                envelope,
            }),
            ("webhook", ..) => Self::Webhook(WebhookMessage {
                id,
                channel_id,
                seq,
                author: author.name,
                created_at,
                content: message.content,
            }),
            _ => Self::Other {
                id,
                channel_id,
                seq,
            },
        }
    }
}
