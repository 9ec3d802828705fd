//! Webhooks and what is posted to them.

use std::collections::HashSet;
use std::ops::Range;

use schemars::{JsonSchema, json_schema};
use serde::Serialize;

use super::ids::{ChannelId, MessageId, UserId, WebhookId};
use super::mentions::mention_candidates;
use super::message::MessageContent;
use super::names::Name;
use super::text::{TextRefused, check_storable, text_type};
use super::time::Timestamp;

/// The greatest number of webhooks of one channel.
pub const MAX_WEBHOOKS_PER_CHANNEL: i64 = 50;

/// The address of a picture: an http or https URL of at most 2,048 characters. The server
/// never fetches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarUrl(String);

impl AvatarUrl {
    /// The greatest number of characters.
    pub const MAX_CHARS: usize = 2048;

    /// Checks `text` and keeps it as it was sent.
    ///
    /// # Errors
    /// [`TextRefused::NotWebUrl`] for anything but an absolute http or https URL with a host.
    pub fn parse(text: &str) -> Result<Self, TextRefused> {
        let refused = TextRefused::NotWebUrl(Self::MAX_CHARS);
        check_storable(text)?;
        if text.chars().count() > Self::MAX_CHARS
            || text.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            return Err(refused);
        }
        match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(refused),
        }
    }
}

text_type!(
    AvatarUrl,
    json_schema!({"type": "string", "format": "uri", "maxLength": 2048})
);

/// A webhook, as the admins of its community see it: without its token.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Webhook {
    /// The webhook's id.
    pub id: WebhookId,
    /// The channel it posts to.
    pub channel_id: ChannelId,
    /// The name its messages carry unless they bring their own.
    pub name: String,
    /// The picture its messages carry unless they bring their own.
    pub avatar_url: Option<String>,
    /// Whether its URL works.
    pub active: bool,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last posted, exact to a minute; `null` before its first post.
    pub last_used_at: Option<Timestamp>,
}

/// A post that passed every check that needs no database.
#[derive(Clone, Debug)]
pub struct WebhookPost {
    /// The id the message will have; made before anything is written, so that a lost
    /// connection can be followed by looking whether it is there.
    pub message_id: MessageId,
    /// Who posts.
    pub webhook_id: WebhookId,
    /// Where.
    pub channel_id: ChannelId,
    /// What.
    pub content: MessageContent,
    /// Where in it usernames stand that may be members'.
    candidates: Vec<Range<usize>>,
    /// The name for this message alone.
    pub sender_name: Option<Name>,
    /// The picture for this message alone.
    pub avatar_url: Option<AvatarUrl>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

impl WebhookPost {
    /// Makes a post: gives it its id and finds whom it may mention.
    #[must_use]
    pub fn new(
        webhook_id: WebhookId,
        channel_id: ChannelId,
        content: MessageContent,
        sender_name: Option<Name>,
        avatar_url: Option<AvatarUrl>,
    ) -> Self {
        let candidates = mention_candidates(content.as_str());
        Self {
            message_id: MessageId::generate(),
            webhook_id,
            channel_id,
            content,
            candidates,
            sender_name,
            avatar_url,
            created_at: Timestamp::now(),
        }
    }

    /// The usernames in it that may be members', in order of appearance.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        let places = self.candidates.iter();
        places.filter_map(|place| self.content.as_str().get(place.clone()))
    }

    /// Picks, in order of appearance, the first [`super::mentions::MAX_MENTIONED`] members
    /// among the candidates. `member` tells the id of a member of the channel by username.
    pub fn mentioned<'a>(&'a self, member: impl Fn(&'a str) -> Option<UserId>) -> Vec<UserId> {
        let mut seen = HashSet::new();
        self.candidates()
            .filter_map(member)
            .filter(|user| seen.insert(*user))
            .take(super::mentions::MAX_MENTIONED)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_avatar_is_an_http_or_https_url_of_at_most_2048_characters() {
        for accepted in [
            "https://example.com/a.png",
            "http://localhost:8080/x",
            "https://exämple.com/ü",
        ] {
            assert_eq!(AvatarUrl::parse(accepted).unwrap().as_str(), accepted);
        }
        for refused in [
            "",
            "a.png",
            "/a.png",
            "javascript:alert(1)",
            "data:image/png,x",
            "ftp://h/x",
            "https://",
            "https://a b/",
            "https://example.com/\0",
            "http:///\n",
        ] {
            assert!(AvatarUrl::parse(refused).is_err(), "{refused:?}");
        }
        let of_length = |n: usize| format!("https://e.co/{}", "a".repeat(n - 13));
        assert!(AvatarUrl::parse(&of_length(2047)).is_ok());
        assert!(AvatarUrl::parse(&of_length(2048)).is_ok());
        assert!(AvatarUrl::parse(&of_length(2049)).is_err());
    }

    #[test]
    fn unknown_names_do_not_use_up_the_fifty_mentions() {
        let names: Vec<String> = (0..120).map(|n| format!("@u{n}")).collect();
        let content = MessageContent::parse(&names.join(" ")).unwrap();
        let post = WebhookPost::new(
            WebhookId::generate(),
            ChannelId::generate(),
            content,
            None,
            None,
        );
        let ids: Vec<UserId> = (0..120).map(|_| UserId::generate()).collect();
        let even_members = |name: &str| {
            let number: usize = name.trim_start_matches('u').parse().ok()?;
            (number.is_multiple_of(2)).then(|| ids.get(number).copied())?
        };
        let expected: Vec<UserId> = ids.iter().copied().step_by(2).take(50).collect();
        assert_eq!(post.mentioned(even_members), expected);
    }
}
