//! Messages as they are stored, answered and sent to sockets.

use std::sync::Arc;

use schemars::{JsonSchema, json_schema};
use serde::Serialize;

use super::envelope::Envelope;
use super::ids::{ChannelId, MessageId, Seq, SessionId, UserId, WebhookId};
use super::text::{TextRefused, check_length, check_storable, text_type};
use super::time::Timestamp;

/// What a webhook posts: 1 to 4,000 characters of Markdown, not only white space, without
/// U+0000. Kept exactly as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageContent(String);

impl MessageContent {
    /// The greatest number of characters.
    pub const MAX_CHARS: usize = 4000;

    /// Checks `text`.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        if text.trim().is_empty() {
            return Err(TextRefused::Blank);
        }
        check_storable(text)?;
        check_length(text, 1, Self::MAX_CHARS)?;
        Ok(Self(text.to_owned()))
    }
}

text_type!(
    MessageContent,
    json_schema!({"type": "string", "minLength": 1, "maxLength": 4000})
);

/// Under which name and picture a webhook's message is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WebhookAuthor {
    /// The name shown.
    pub name: String,
    /// The picture shown, if any.
    pub avatar_url: Option<String>,
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserAuthor {
    /// The account.
    pub user_id: UserId,
    /// Its sign-in name.
    pub username: String,
    /// The name shown.
    pub display_name: String,
    /// The device that encrypted it: the session that sent it, which may have ended by now.
    pub device_id: SessionId,
}

/// A message of a channel.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Message {
    /// The message's id.
    pub id: MessageId,
    /// Its channel.
    pub channel_id: ChannelId,
    /// Its place in the channel.
    pub seq: Seq,
    /// What depends on who wrote it.
    #[serde(flatten)]
    pub body: MessageBody,
    /// Present, and true, once it was deleted; then it has no content.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub deleted: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// The part of a message that depends on its kind.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum MessageBody {
    /// Posted through a webhook: plaintext on the server, and shown as such.
    Webhook {
        /// The webhook, which may be deleted by now.
        webhook_id: WebhookId,
        /// Under which name and picture.
        author: WebhookAuthor,
        /// The text; absent once the message was deleted.
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<String>,
        /// The members it alerted.
        mentions: Vec<UserId>,
        /// Always false: what a webhook posts is not end-to-end encrypted.
        encrypted: bool,
    },
    /// Written by a user: end-to-end encrypted, so only the author's and the members' devices can
    /// read it.
    User {
        /// Who wrote it.
        // Shared by everything that they write in a while.
        author: Arc<UserAuthor>,
        /// Always true.
        encrypted: bool,
        /// The encrypted message; absent once the message was deleted.
        #[serde(skip_serializing_if = "Option::is_none")]
        envelope: Option<Envelope>,
        /// When its author last edited it; absent if never.
        #[serde(skip_serializing_if = "Option::is_none")]
        edited_at: Option<Timestamp>,
    },
}

impl MessageBody {
    /// The members it alerted. The server cannot know whom an encrypted message mentions.
    #[must_use]
    pub fn mentions(&self) -> &[UserId] {
        match self {
            Self::Webhook { mentions, .. } => mentions,
            Self::User { .. } => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_has_1_to_4000_characters_however_many_bytes_they_take() {
        assert!(MessageContent::parse("x").is_ok());
        assert!(MessageContent::parse(&"🦀".repeat(3999)).is_ok());
        assert!(MessageContent::parse(&"🦀".repeat(4000)).is_ok());
        assert!(matches!(
            MessageContent::parse(&"x".repeat(4001)),
            Err(TextRefused::Length { actual: 4001, .. })
        ));
    }

    #[test]
    fn blank_content_is_refused_and_other_content_is_never_trimmed() {
        for blank in ["", " ", "\n\t", "\u{3000}"] {
            assert_eq!(MessageContent::parse(blank), Err(TextRefused::Blank));
        }
        assert_eq!(MessageContent::parse(" x \n").unwrap().as_str(), " x \n");
        assert_eq!(MessageContent::parse("a\0"), Err(TextRefused::Nul));
    }
}
