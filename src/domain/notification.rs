//! Notifications: what a mention leaves in a member's inbox.

use schemars::JsonSchema;
use serde::Serialize;

use super::ids::{ChannelId, CommunityId, MessageId, NotificationId, Seq, UserId};
use super::message::WebhookAuthor;
use super::time::Timestamp;

/// Why somebody is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NotificationKind {
    /// A webhook's post mentions the user.
    Mention,
}

/// One mention of one user: the same value, with the same id, in the live alert, the Web
/// Push and the inbox, so that a client shows it once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Notification {
    /// The notification's id.
    pub id: NotificationId,
    /// Why.
    pub kind: NotificationKind,
    /// The community it happened in.
    pub community_id: CommunityId,
    /// The channel it happened in.
    pub channel_id: ChannelId,
    /// That channel's name.
    pub channel_name: String,
    /// The message that mentions the user.
    pub message_id: MessageId,
    /// That message's place.
    pub seq: Seq,
    /// Who posted it.
    pub author: WebhookAuthor,
    /// How the message begins; empty once it was deleted.
    pub preview: String,
    /// When the message was accepted.
    pub created_at: Timestamp,
    /// When the user read it, if they did.
    pub read_at: Option<Timestamp>,
}

/// A notification together with whom it is for.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Whom it is for.
    pub user_id: UserId,
    /// What it says.
    pub notification: Notification,
}

/// The greatest number of characters of a preview.
const PREVIEW_CHARS: usize = 120;

/// How `content` begins: its first 120 characters.
#[must_use]
pub fn preview(content: &str) -> &str {
    let end = content
        .char_indices()
        .nth(PREVIEW_CHARS)
        .map_or(content.len(), |(at, _)| at);
    content.get(..end).unwrap_or(content)
}

#[cfg(test)]
mod tests {
    use super::preview;

    #[test]
    fn a_preview_is_the_first_120_characters() {
        for (length, expected) in [(0, 0), (119, 119), (120, 120), (121, 120)] {
            assert_eq!(preview(&"é".repeat(length)).chars().count(), expected);
        }
    }
}
