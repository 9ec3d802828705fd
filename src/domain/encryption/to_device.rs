//! Messages to single devices (Matrix Client-Server API, "Send-to-Device messaging").

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::flaws::{Flaws, member};
use super::ids::{ServerName, parse_device};
use crate::domain::ids::{SessionId, UserId};

/// The greatest number of devices that one call reaches.
pub const MAX_RECIPIENTS: usize = 500;
/// The greatest size of one message, in bytes of JSON.
pub const MAX_CONTENT_BYTES: usize = 64 * 1024;
/// The greatest number of messages that wait for a device.
pub const MAX_WAITING_MESSAGES: i32 = 10_000;
/// The greatest number of bytes that wait for a device.
pub const MAX_WAITING_BYTES: i64 = 16 * 1024 * 1024;
/// Days that a message waits.
pub const KEEP_DAYS: u32 = 30;
/// Days for which a repeat is recognised.
pub const REMEMBER_TRANSACTIONS_DAYS: u32 = 7;

/// The greatest length of an event type and of a transaction id, in bytes, as in Matrix.
const MAX_NAME_BYTES: usize = 255;
/// All devices of a user.
const EVERY_DEVICE: &str = "*";

/// What a message is about, such as `m.room.encrypted`.
#[derive(Clone, Debug)]
pub struct EventType(String);

/// By which a device's repeat of a call is recognised.
#[derive(Clone, Debug)]
pub struct ToDeviceTransactionId(String);

macro_rules! short_name {
    ($($name:ident),+) => {
        $(impl $name {
            /// Takes 1 to 255 bytes without control characters.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let fits = (1..=MAX_NAME_BYTES).contains(&text.len());
                (fits && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        })+
    };
}

short_name!(EventType, ToDeviceTransactionId);

/// A message about to be put into mailboxes.
#[derive(Debug)]
pub struct ToDeviceMessage {
    /// Whom it is for.
    pub user_id: UserId,
    /// Which of their devices; all of them if absent.
    pub device: Option<SessionId>,
    /// The content, as JSON text.
    pub content: String,
}

/// The member `messages` of the body: user ids, and below them device ids or `*`.
pub type SentMessages = BTreeMap<String, BTreeMap<String, Map<String, Value>>>;

/// Reads what was sent. Users and devices that do not exist are found out later.
///
/// # Errors
/// Everything that is wrong.
pub fn parse_messages(
    sent: SentMessages,
    server: &ServerName,
) -> Result<Vec<ToDeviceMessage>, Flaws> {
    const AT: &str = "/messages";
    if sent.values().map(BTreeMap::len).sum::<usize>() > MAX_RECIPIENTS {
        let detail = format!("must be for at most {MAX_RECIPIENTS} devices");
        return Err(Flaws::one(AT, detail));
    }
    let mut flaws = Flaws::default();
    let mut messages = Vec::new();
    for (user, devices) in sent {
        let Some(user_id) = server.parse_user(&user) else {
            flaws.note(member(AT, &user), "must be a user id of this server");
            continue;
        };
        for (name, content) in devices {
            let at = member(&member(AT, &user), &name);
            let device = parse_device(&name);
            if device.is_none() && name != EVERY_DEVICE {
                flaws.note(at, "must be a device id, or * for all devices of the user");
                continue;
            }
            let content = Value::Object(content).to_string();
            if content.len() > MAX_CONTENT_BYTES {
                let detail = format!("must have at most {MAX_CONTENT_BYTES} bytes of JSON");
                flaws.note(at, detail);
                continue;
            }
            messages.push(ToDeviceMessage {
                user_id,
                device,
                content,
            });
        }
    }
    flaws.or(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_1_to_255_bytes() {
        let of = |length: usize| ToDeviceTransactionId::parse(&"x".repeat(length)).is_some();
        assert!(!of(0) && of(1) && of(254) && of(255) && !of(256));
        assert!(EventType::parse("a\0b").is_none());
    }
}
