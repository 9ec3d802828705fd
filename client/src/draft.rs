//! What is to be written.

use crate::ids::{TransactionId, UserId};

/// A message that is to be sent.
///
/// It has a transaction id, by which the server and the readers know a repeat: as long as it is the
/// same, the message is in the channel once, however often it is sent. So send the same draft again
/// when [`Device::send`](crate::Device::send) failed, and make a new one for the next message.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The text, in Markdown.
    pub body: String,
    /// The users it mentions. Their own devices tell them; the server does not learn of it.
    pub mentions: Vec<UserId>,
    /// What this send is called.
    pub transaction_id: TransactionId,
}

impl Draft {
    /// A text that mentions nobody, under a new transaction id.
    pub fn of(body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            mentions: Vec::new(),
            transaction_id: TransactionId::random(),
        }
    }

    /// The same, mentioning these users.
    #[must_use]
    pub fn mentioning(self, users: impl IntoIterator<Item = UserId>) -> Self {
        Self {
            mentions: users.into_iter().collect(),
            ..self
        }
    }

    /// The same under a transaction id of the caller's, such as the name of what it tells of. For a
    /// program that keeps its session and may be started anew while it sends: the server writes
    /// nothing twice that the session sends to a channel under one id, however late, so an id is
    /// never to be used again for another message.
    #[must_use]
    pub fn under(self, transaction_id: TransactionId) -> Self {
        Self {
            transaction_id,
            ..self
        }
    }
}
