//! Invites into a community.

use schemars::JsonSchema;
use serde::Serialize;

use super::ids::CommunityId;
use super::secrets::InviteCode;
use super::time::Timestamp;

/// An invite, as the admins of its community see it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Invite {
    /// What a newcomer gives.
    pub code: InviteCode,
    /// The page that takes the code.
    pub url: String,
    /// How many accounts may come by it; `null` for any number.
    pub max_uses: Option<i32>,
    /// How many have.
    pub uses: i32,
    /// When it ends; `null` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where an invite leads, for one who is about to accept it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InvitePreview {
    /// The community it leads to.
    pub community: InvitedCommunity,
}

/// What a stranger may know of a community they are invited to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InvitedCommunity {
    /// The community's id.
    pub id: CommunityId,
    /// Its name.
    pub name: String,
}
