//! Communities, their members and their channels, as the interface shows them.

use schemars::JsonSchema;
use serde::Serialize;

use super::access::Role;
use super::ids::{ChannelId, CommunityId, MembersVersion, Seq};
use super::time::Timestamp;
use super::user::User;

/// The greatest number of communities a user is in: their list is answered whole.
pub const MAX_COMMUNITIES_PER_USER: i64 = 500;

/// The greatest number of channels of one community: their list is answered whole, and one
/// connection can watch them all.
pub const MAX_CHANNELS_PER_COMMUNITY: i64 = 1000;

/// The greatest number of invites of one community: their list is answered whole.
pub const MAX_INVITES_PER_COMMUNITY: i64 = 500;

/// A community, as one of its members sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Community {
    /// The community's id.
    pub id: CommunityId,
    /// Its name.
    pub name: String,
    /// The caller's role in it.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One member of a community.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CommunityMember {
    /// Who.
    pub user: User,
    /// As what.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}

/// A channel, as one who may see it sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Channel {
    /// The channel's id.
    pub id: ChannelId,
    /// The community it belongs to.
    pub community_id: CommunityId,
    /// Its name.
    pub name: String,
    /// What it is about; empty when nobody said.
    pub topic: String,
    /// Whether only its members and the admins see it.
    pub private: bool,
    /// Whether the caller is in it.
    pub joined: bool,
    /// Since when the caller is in it; null when they are not. What was encrypted before was not
    /// encrypted for them.
    pub joined_at: Option<Timestamp>,
    /// The place of its newest message; 0 before the first.
    pub last_seq: Seq,
    /// Which state its members are in; grows with every join and leave.
    pub members_version: MembersVersion,
    /// The place up to which the caller has read.
    pub read_seq: Seq,
    /// How many unread notifications of it the caller has.
    pub unread_mentions: i64,
    /// When it was made.
    pub created_at: Timestamp,
}
