//! Identifiers. Each is a UUIDv7 (RFC 9562, section 5.7) in a type of its own, so that a
//! channel's id cannot be passed where a webhook's is meant.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new id; ids made later by this process sort after it.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A person's account.
    UserId
);
id!(
    /// One sign-in of a user on one client; a push subscription and a device belong to it.
    SessionId
);
id!(
    /// One open WebSocket. A session may have several.
    ConnectionId
);
id!(
    /// A community: people, channels and roles.
    CommunityId
);
id!(
    /// A channel of a community.
    ChannelId
);
id!(
    /// A message. Its name, never a cursor: the cursor is the channel's [`Seq`]. That of a user's
    /// message follows from what its device called the send.
    MessageId
);
id!(
    /// An incoming webhook.
    WebhookId
);
id!(
    /// One mention of one user, with the same id in the alert, the push and the inbox.
    NotificationId
);
id!(
    /// A device that is reached by Web Push.
    PushSubscriptionId
);
id!(
    /// One history of the database. A restore begins a new one.
    Epoch
);

/// A message's place in its channel: 1 for the first, then without gaps.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// The place right after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Which state a channel's members are in: it grows with every join and leave. Who encrypts for the
/// members names the one that was encrypted for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct MembersVersion(pub i64);

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
