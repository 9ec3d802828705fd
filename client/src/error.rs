//! What can go wrong.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::ids::UserId;

/// Why something was not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of the server is none.
    #[error("{0:?} is not the URL of a server, such as https://chat.example.com")]
    Url(String),
    /// The system's certificates cannot be used.
    #[error("no TLS: {0}")]
    Tls(String),
    /// No answer, also not after some attempts.
    #[error("the server cannot be reached: {0}")]
    Network(String),
    /// The server said no.
    #[error(transparent)]
    Refused(#[from] Problem),
    /// The answer to an attempt was lost, and a later attempt failed as is told: what was asked for
    /// may have been done or not.
    #[error("it may have been done or not: {0}")]
    OutcomeUnknown(Box<Self>),
    /// The server said something that this client does not understand.
    #[error("the server said something unexpected: {0}")]
    Unexpected(String),
    /// The socket ended, with this code if the server gave one.
    #[error("the connection ended ({})", .0.map_or("without a code".to_owned(), |code| format!("code {code}")))]
    Closed(Option<u16>),
    /// The account has no cross-signing identity, so nobody could tell whom a message is from.
    #[error("encryption is not set up for this account: do that first, once")]
    NotSetUp,
    /// The account has an identity, and this device lacks its secrets.
    #[error("nobody vouches for this device yet: unlock it with the recovery key")]
    Locked,
    /// That is no recovery key, or not that of this account.
    #[error("this is not the recovery key of this account, or not the newest one")]
    WrongRecoveryKey,
    /// Members have other identities than they had, and nobody has looked at that:
    /// [`Device::acknowledge_identity`](crate::Device::acknowledge_identity) goes on with them.
    #[error("the identity of {} has changed: find out why, and acknowledge it before you go on", listed(.0))]
    IdentityChanged(Vec<UserId>),
    /// What is to be sent cannot be put into an envelope.
    #[error("this cannot be encrypted: {0}")]
    Encryption(String),
    /// The encryption library or its store failed.
    #[error("the encryption library failed: {0}")]
    Library(String),
}

impl Error {
    /// Anything that the library complains of.
    pub(crate) fn library(error: impl std::fmt::Display) -> Self {
        Self::Library(error.to_string())
    }

    /// The problem's code, if the server said no.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            Self::OutcomeUnknown(error) => error.code(),
            _ => None,
        }
    }

    /// Whether the same may work a little later, because the server could not be reached, was busy
    /// or was just stopping. Calls that may be made twice were made a few times by then.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Network(_) => true,
            // These codes say not to come back before something has changed.
            Self::Closed(code) => !matches!(code, Some(4500..=4999)),
            Self::Refused(problem) => {
                matches!(problem.status, 429 | 502 | 503 | 504)
                    || matches!(problem.code.as_str(), "outcome_unknown" | "members_changed")
            }
            _ => false,
        }
    }

    /// Whether the server said that there is no such thing.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 404)
    }
}

fn listed(users: &[UserId]) -> String {
    let users: Vec<String> = users.iter().map(ToString::to_string).collect();
    users.join(", ")
}

/// A refusal of the server: RFC 9457, with this server's codes.
#[derive(Clone, Debug, Error, Deserialize)]
#[error("{title}: {detail} ({status} {code})")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// Why, for programs: a heading of docs/problems.md.
    pub code: String,
    /// Why, in a few words.
    #[serde(default)]
    pub title: String,
    /// Why this time, and what to change.
    #[serde(default)]
    pub detail: String,
    /// With `members_changed`, the state that the members of the channel are in now.
    #[serde(default)]
    pub members_version: Option<i64>,
    /// How long to wait before the same is tried again.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}
