//! Names of things, each of a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$about:meta])* $name:ident;)*) => {$(
        $(#[$about])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// A channel.
    ChannelId;
    /// A message.
    MessageId;
    /// A user.
    UserId;
}

/// What a device calls a send, so that sending it again makes no second message: 1 to 64 characters
/// of `A-Z a-z 0-9 - . _ ~`, except `.` and `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TransactionId(String);

/// A text that is no transaction id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a transaction id has 1 to 64 characters of A-Z a-z 0-9 - . _ ~, and is not . or ..")]
pub struct NoTransactionId;

impl TransactionId {
    const MOST_CHARACTERS: usize = 64;

    /// One that nobody has used. It begins with the time, so that the server finds what was sent at
    /// about the same time close together.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TransactionId {
    type Error = NoTransactionId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        // Dots alone mean something else in the path of a URL.
        let fits = (1..=Self::MOST_CHARACTERS).contains(&text.len())
            && text.bytes().all(unreserved)
            && !matches!(text.as_str(), "." | "..");
        if fits {
            Ok(Self(text))
        } else {
            Err(NoTransactionId)
        }
    }
}

impl FromStr for TransactionId {
    type Err = NoTransactionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl From<TransactionId> for String {
    fn from(id: TransactionId) -> Self {
        id.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_id_is_one_segment_of_a_path_without_escapes() {
        let longest = "x".repeat(64);
        for accepted in ["1", "deploy-4711.2_a~", "...", &longest] {
            let id: TransactionId = accepted.parse().unwrap();
            assert_eq!(id.as_str(), accepted);
        }
        let too_long = "x".repeat(65);
        for refused in ["", ".", "..", "a b", "a/b", "a%20b", "é", &too_long] {
            assert_eq!(refused.parse::<TransactionId>(), Err(NoTransactionId));
        }
    }
}
