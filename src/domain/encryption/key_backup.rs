//! Backups of the keys of conversations, sealed by their user (Matrix Client-Server API,
//! "Server-side key backups").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::flaws::{Flaws, member};
use super::ids::ServerName;
use super::public_keys::is_public_key;
use super::sealed::{ROOM_KEY, is_sealed};
use crate::domain::ids::ChannelId;

/// The greatest number of backups of one user, old ones included.
pub const MAX_BACKUPS: i64 = 10;
/// The greatest number of keys in a backup.
pub const MAX_KEYS: i64 = 100_000;
/// The greatest number of bytes of sealed keys in a backup.
pub const MAX_BYTES: i64 = 128 * 1024 * 1024;
/// The greatest number of bytes of sealed keys in all backups of a user: a full one and its
/// successor.
pub const MAX_BYTES_OF_USER: i64 = 2 * MAX_BYTES;
/// The greatest size of one sealed key, in bytes of JSON.
pub const MAX_SESSION_DATA_BYTES: usize = 8 * 1024;
/// The greatest size of what a backup is sealed with, in bytes of JSON.
pub const MAX_AUTH_DATA_BYTES: usize = 16 * 1024;
/// How keys are sealed. Of another algorithm the server could not tell whether they are.
const ALGORITHM: &str = "m.megolm_backup.v1.curve25519-aes-sha2";
/// What it needs: with which key, and who vouches for that.
const AUTH_DATA: [&str; 2] = ["public_key", "signatures"];
/// The greatest length of the id of an encrypted session, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// One backup of a user. Written as a string; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupVersion(pub i64);

impl BackupVersion {
    /// Reads a version as it is written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let version = text.parse().ok().filter(|version| *version > 0)?;
        let parsed = Self(version);
        (parsed.to_string() == text).then_some(parsed)
    }
}

impl std::fmt::Display for BackupVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How a backup is sealed.
#[derive(Debug)]
pub struct BackupTerms {
    /// Always `m.megolm_backup.v1.curve25519-aes-sha2`.
    pub algorithm: String,
    /// What the algorithm needs, as JSON text.
    pub auth_data: String,
}

impl BackupTerms {
    /// Checks what was sent.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(algorithm: String, auth_data: &Map<String, Value>) -> Result<Self, Flaws> {
        let mut flaws = Flaws::default();
        if algorithm != ALGORITHM {
            flaws.note("/algorithm", format!("must be {ALGORITHM}"));
        }
        let public_key = auth_data.get("public_key").and_then(Value::as_str);
        if !public_key.is_some_and(is_public_key) {
            flaws.note("/auth_data/public_key", "must be a Curve25519 public key");
        }
        let others = auth_data
            .keys()
            .filter(|name| !AUTH_DATA.contains(&name.as_str()));
        for name in others {
            flaws.note(member("/auth_data", name), "is not known");
        }
        let auth_data = Value::Object(auth_data.clone()).to_string();
        if auth_data.len() > MAX_AUTH_DATA_BYTES {
            let detail = format!("must have at most {MAX_AUTH_DATA_BYTES} bytes of JSON");
            flaws.note("/auth_data", detail);
        }
        flaws.or(Self {
            algorithm,
            auth_data,
        })
    }
}

/// The key of one encrypted session, as it is sent.
#[derive(Debug, Deserialize, Serialize)]
pub struct SentRoomKey {
    /// The first message that it reads.
    pub first_message_index: u32,
    /// How often it was forwarded.
    pub forwarded_count: u32,
    /// Whether the device that backed it up verified the one it came from.
    pub is_verified: bool,
    /// The sealed key.
    pub session_data: Map<String, Value>,
}

/// The key of one encrypted session.
#[derive(Debug)]
pub struct RoomKey {
    /// The channel whose messages it reads.
    pub channel_id: ChannelId,
    /// The id of the encrypted session.
    pub session_id: String,
    /// The first message that it reads.
    pub first_message_index: i64,
    /// How often it was forwarded.
    pub forwarded_count: i64,
    /// Whether the device that backed it up verified the one it came from.
    pub is_verified: bool,
    /// The sealed key, as JSON text.
    pub session_data: String,
}

/// The keys of one room, as they are sent.
#[derive(Debug, Deserialize)]
pub struct SentRoom {
    /// The keys, by the ids of the encrypted sessions.
    pub sessions: BTreeMap<String, SentRoomKey>,
}

/// Reads the keys of several rooms.
///
/// # Errors
/// Everything that is wrong.
pub fn parse_rooms(
    sent: BTreeMap<String, SentRoom>,
    server: &ServerName,
) -> Result<Vec<RoomKey>, Flaws> {
    let mut flaws = Flaws::default();
    let mut keys = Vec::new();
    for (room, sent) in sent {
        let at = member("/rooms", &room);
        match server.parse_room(&room) {
            None => flaws.note(at, "must be a room id of this server"),
            Some(channel) => {
                let at = member(&at, "sessions");
                keys.extend(room_keys(&at, channel, sent.sessions, &mut flaws));
            }
        }
    }
    flaws.or(keys)
}

/// Reads the keys of one room.
///
/// # Errors
/// Everything that is wrong.
pub fn parse_sessions(
    channel: ChannelId,
    sent: BTreeMap<String, SentRoomKey>,
) -> Result<Vec<RoomKey>, Flaws> {
    let mut flaws = Flaws::default();
    let keys = room_keys("/sessions", channel, sent, &mut flaws);
    flaws.or(keys)
}

/// Reads one key.
///
/// # Errors
/// Everything that is wrong.
pub fn parse_session(
    channel: ChannelId,
    session_id: String,
    sent: SentRoomKey,
) -> Result<Vec<RoomKey>, Flaws> {
    let mut flaws = Flaws::default();
    let keys = room_key("", channel, session_id, sent, &mut flaws);
    flaws.or(keys.into_iter().collect())
}

fn room_keys(
    pointer: &str,
    channel: ChannelId,
    sent: BTreeMap<String, SentRoomKey>,
    flaws: &mut Flaws,
) -> Vec<RoomKey> {
    sent.into_iter()
        .filter_map(|(id, key)| {
            let at = member(pointer, &id);
            room_key(&at, channel, id, key, flaws)
        })
        .collect()
}

fn room_key(
    pointer: &str,
    channel_id: ChannelId,
    session_id: String,
    sent: SentRoomKey,
    flaws: &mut Flaws,
) -> Option<RoomKey> {
    if !is_name(&session_id) {
        flaws.note(pointer, "must be named by the id of an encrypted session");
        return None;
    }
    if !is_sealed(&sent.session_data, ROOM_KEY) {
        let [ephemeral, ciphertext, mac] = ROOM_KEY;
        let detail = format!(
            "must hold {ephemeral}, {ciphertext} and {mac}, and nothing else: a key is kept encrypted only"
        );
        flaws.note(member(pointer, "session_data"), detail);
        return None;
    }
    let session_data = Value::Object(sent.session_data).to_string();
    if session_data.len() > MAX_SESSION_DATA_BYTES {
        let detail = format!("must have at most {MAX_SESSION_DATA_BYTES} bytes of JSON");
        flaws.note(member(pointer, "session_data"), detail);
        return None;
    }
    Some(RoomKey {
        channel_id,
        session_id,
        first_message_index: sent.first_message_index.into(),
        forwarded_count: sent.forwarded_count.into(),
        is_verified: sent.is_verified,
        session_data,
    })
}

/// Whether `text` can be the id of an encrypted session.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_in_the_form_in_which_it_is_written() {
        assert_eq!(BackupVersion::parse("12"), Some(BackupVersion(12)));
        for text in ["", "0", "-1", "+1", "01", "1.0", "9223372036854775808", "x"] {
            assert_eq!(BackupVersion::parse(text), None, "{text}");
        }
    }
}
