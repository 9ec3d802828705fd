//! The names that keys and signatures speak of: Matrix user ids, room ids and device ids
//! (Matrix specification, appendix "Identifier Grammar").

use url::Url;
use uuid::Uuid;

use crate::domain::ids::{ChannelId, SessionId, UserId};

/// What stands behind the colon of user ids and room ids: the host of the public URL at the
/// first start, without a port. Part of what is signed, so it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName(String);

impl ServerName {
    /// The name of a server that people reach at `public_url`. What a host may have and a server
    /// name may not (an underscore) becomes a hyphen.
    #[must_use]
    pub fn of_public_url(public_url: &str) -> Self {
        let url = Url::parse(public_url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or("localhost");
        if host.starts_with('[') {
            return Self(host.to_owned());
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        Self(host.replace(|c| !allowed(c), "-"))
    }

    /// The name as it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The user id of an account: `@<uuid>:<server name>`.
    #[must_use]
    pub fn user_id(&self, user: UserId) -> String {
        format!("@{user}:{}", self.0)
    }

    /// The room id of a channel: `!<uuid>:<server name>`.
    #[must_use]
    pub fn room_id(&self, channel: ChannelId) -> String {
        format!("!{channel}:{}", self.0)
    }

    /// The account that a user id of this server names, whether or not it exists.
    #[must_use]
    pub fn parse_user(&self, text: &str) -> Option<UserId> {
        self.parse('@', text).map(UserId)
    }

    /// The channel that a room id of this server names, whether or not it exists.
    #[must_use]
    pub fn parse_room(&self, text: &str) -> Option<ChannelId> {
        self.parse('!', text).map(ChannelId)
    }

    fn parse(&self, sigil: char, text: &str) -> Option<Uuid> {
        let (id, server) = text.strip_prefix(sigil)?.split_once(':')?;
        (server == self.0).then(|| written_uuid(id))?
    }
}

/// The device id of a session: its id.
#[must_use]
pub fn device_id(session: SessionId) -> String {
    session.to_string()
}

/// The session that a device id names, whether or not it exists.
#[must_use]
pub fn parse_device(text: &str) -> Option<SessionId> {
    written_uuid(text).map(SessionId)
}

/// Reads a UUID in the one form in which it is written: two names of one thing would be two
/// things to a signature.
fn written_uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::parse_str(text).ok()?;
    let mut written = Uuid::encode_buffer();
    (id.hyphenated().encode_lower(&mut written) == text).then_some(id)
}

/// The calling device, by the names that its keys must have.
#[derive(Clone, Debug)]
pub struct DeviceName {
    /// The user id.
    pub user_id: String,
    /// The device id.
    pub device_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_name_is_the_host_of_the_public_url() {
        let name = |url| ServerName::of_public_url(url).0;
        assert_eq!(name("https://chat.example.com"), "chat.example.com");
        assert_eq!(name("http://localhost:8080"), "localhost");
        assert_eq!(name("http://[::1]:8080"), "[::1]");
        assert_eq!(name("http://chat_server"), "chat-server");
    }

    #[test]
    fn only_the_written_form_of_this_server_s_ids_names_something() {
        let server = ServerName::stored("chat.example.com".to_owned());
        let user = UserId::generate();
        let written = server.user_id(user);
        assert_eq!(server.parse_user(&written), Some(user));
        for other in [
            user.to_string(),
            written.to_uppercase(),
            format!("@{user}:example.com"),
            format!("!{user}:chat.example.com"),
            format!("@{}:chat.example.com", user.0.simple()),
            format!("{written}:1"),
            String::new(),
        ] {
            assert_eq!(server.parse_user(&other), None, "{other}");
        }
        let channel = ChannelId::generate();
        assert_eq!(server.parse_room(&server.room_id(channel)), Some(channel));
    }
}
