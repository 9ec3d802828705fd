//! People and their sessions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{SessionId, UserId};
use super::names::{Name, Username};
use super::time::Timestamp;

/// What a user is on the whole instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InstanceRole {
    /// The first who registered.
    Owner,
    /// Everybody else.
    Member,
}

impl InstanceRole {
    /// The word stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
        }
    }
}

/// A person's account, as everybody who may see it sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// The sign-in name, by which webhook posts mention the user.
    pub username: String,
    /// The name shown.
    pub display_name: String,
    /// What the user is on the whole instance.
    pub instance_role: InstanceRole,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// An account about to be made.
#[derive(Debug)]
pub struct NewUser {
    /// The account's id.
    pub id: UserId,
    /// The sign-in name.
    pub username: Username,
    /// The name shown.
    pub display_name: Name,
    /// The Argon2id hash in PHC string form.
    pub password_hash: String,
}

/// One sign-in, as its owner sees it in the list of their sessions.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When the session was last used, exact to a minute.
    pub last_seen_at: Timestamp,
    /// What the client called itself at sign-in, cut to 256 characters.
    pub user_agent: Option<String>,
    /// Whether this is the session that asks.
    pub current: bool,
}
