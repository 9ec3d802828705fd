//! Posts: messages on their way into a channel, through a webhook or from a user.

use schemars::JsonSchema;
use serde::Serialize;

use super::ids::{ChannelId, MembersVersion, MessageId, Seq};
use super::time::Timestamp;
use super::user_post::UserPost;
use super::webhook::WebhookPost;

/// A post that passed every check that needs no database.
#[derive(Clone, Debug)]
pub struct Post {
    /// The id the message will have; known before anything is written, so that a lost
    /// connection can be followed by looking whether it is there.
    pub message_id: MessageId,
    /// Where.
    pub channel_id: ChannelId,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Whose it is, and what.
    pub source: PostSource,
}

/// Whose post.
#[derive(Clone, Debug)]
pub enum PostSource {
    /// An automation's, in plaintext.
    Webhook(WebhookPost),
    /// A person's, encrypted.
    User(UserPost),
}

impl Post {
    /// Makes a post to a channel and gives it its id.
    #[must_use]
    pub fn new(channel_id: ChannelId, source: PostSource) -> Self {
        let message_id = match &source {
            PostSource::Webhook(_) => MessageId::generate(),
            PostSource::User(post) => post.txn_id.message_id(channel_id, post.author.device_id),
        };
        Self {
            message_id,
            channel_id,
            created_at: Timestamp::now(),
            source,
        }
    }

    /// Whether a person wrote it.
    #[must_use]
    pub fn is_of_user(&self) -> bool {
        matches!(self.source, PostSource::User(_))
    }

    /// For how many posts it counts while it waits: one for every 16 KiB, so that what waits is
    /// bounded in bytes too. No webhook's content is larger than that.
    #[must_use]
    pub fn weight(&self) -> u32 {
        const BYTES: usize = 16 * 1024;
        let size = match &self.source {
            PostSource::Webhook(_) => 1,
            PostSource::User(post) => post.envelope.as_str().len(),
        };
        u32::try_from(size.div_ceil(BYTES)).unwrap_or(u32::MAX)
    }
}

/// A post that is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Posted {
    /// The message.
    pub message_id: MessageId,
    /// Its channel.
    pub channel_id: ChannelId,
    /// Its place there.
    pub seq: Seq,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// Why a post may not be written, as was found under the channel's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The webhook is deleted or disabled, or its channel is gone.
    #[error("the webhook is gone")]
    WebhookGone,
    /// The session that sent it has ended.
    #[error("the session has ended")]
    SignedOut,
    /// The user is not in the channel, or the channel is gone.
    #[error("the user is not in the channel")]
    NotAMember,
    /// It was encrypted for other members than the channel has.
    #[error("the channel's members changed to version {0:?}")]
    MembersChanged(MembersVersion),
}

impl Rejection {
    /// The word under which refusals are counted.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::WebhookGone => "webhook_gone",
            Self::SignedOut => "signed_out",
            Self::NotAMember => "not_a_member",
            Self::MembersChanged(_) => "members_changed",
        }
    }
}
