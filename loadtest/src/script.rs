//! What is posted: to which channel, by whom, with which text, mentioning whom. A request is encoded
//! once for each connection; only some parts of it change from post to post.

use std::sync::Arc;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::sealing::Envelopes;
use crate::stamp::Stamp;

/// The posts of a run. Post `n` goes to channel `n` modulo their number.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    host: String,
    source: Source,
    tail: String,
    /// Whom the posts to each channel mention in turn; all names have the same length.
    mentioned: Option<Vec<Arc<[String]>>>,
}

/// Who posts.
#[derive(Clone, Debug)]
enum Source {
    /// The webhooks with these tokens, all of the same length.
    Webhooks(Vec<String>),
    /// Members, in turn, with what they encrypted.
    Members(Envelopes),
}

/// A part of a request that changes from post to post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The token of the webhook.
    Webhook,
    /// The name of whom it mentions.
    Name,
    /// The channel.
    Channel,
    /// The version of its members.
    Version,
    /// The session of the sender.
    Session,
    /// What the sender encrypted.
    Envelope,
    /// When it was meant to leave and which one it is, for the receiver.
    Stamp,
    /// A transaction id.
    Transaction,
}

impl Script {
    /// Plain posts through the webhooks with these tokens, all of the same length.
    pub(crate) fn plain(host: &str, tokens: Vec<String>) -> Self {
        Self {
            host: host.to_owned(),
            source: Source::Webhooks(tokens),
            tail: " deploy of web-42 finished in 3.2 s, 14 checks passed, none failed".to_owned(),
            mentioned: None,
        }
    }

    /// Envelopes, which members send in turn.
    pub(crate) fn encrypted(host: &str, envelopes: Envelopes) -> Self {
        Self {
            host: host.to_owned(),
            source: Source::Members(envelopes),
            tail: String::new(),
            mentioned: None,
        }
    }

    /// The same with another text after the stamp, which needs no escapes in JSON.
    pub(crate) fn with_tail(mut self, tail: impl Into<String>) -> Self {
        self.tail = tail.into();
        self
    }

    /// The same with contents of `bytes` bytes.
    pub(crate) fn with_size(self, bytes: usize) -> Self {
        let words = " all is well, and the checks of every service have passed;";
        let length = bytes.saturating_sub(Stamp::LENGTH);
        self.with_tail(words.chars().cycle().take(length).collect::<String>())
    }

    /// Every post mentions one of its channel's members, given by channel.
    pub(crate) fn mentioning(mut self, members: Vec<Arc<[String]>>) -> Self {
        self.mentioned = Some(members);
        self
    }

    /// The text of a part in post `number`, if it is a text.
    fn text(&self, part: Part, number: u64) -> Option<&str> {
        match (part, &self.source) {
            (Part::Webhook, Source::Webhooks(tokens)) => turn(tokens, number).map(String::as_str),
            (Part::Name, Source::Webhooks(tokens)) => {
                let names = turn(self.mentioned.as_ref()?, number)?;
                let round = number / (tokens.len() as u64).max(1);
                turn(names, round).map(String::as_str)
            }
            (part, Source::Members(envelopes)) => of_members(part, envelopes, number),
            _ => None,
        }
    }

    /// The first post, encoded.
    fn request(&self) -> Template {
        let (head, body) = match &self.source {
            Source::Webhooks(_) => (
                Template::new("POST /api/webhooks/execute/").part(self, Part::Webhook),
                self.content(),
            ),
            Source::Members(_) => (
                Template::new("PUT /api/channels/")
                    .part(self, Part::Channel)
                    .text("/messages/")
                    .part(self, Part::Transaction),
                Template::new("{\"members_version\":")
                    .part(self, Part::Version)
                    .text(",\"envelope\":")
                    .part(self, Part::Envelope)
                    .text("}"),
            ),
        };
        let mut head = head.text(&format!(" HTTP/1.1\r\nHost: {}\r\n", self.host));
        if let Source::Members(_) = &self.source {
            head = head
                .text("Authorization: Bearer ")
                .part(self, Part::Session)
                .text("\r\n");
        }
        let length = body.bytes.len();
        head.text(&format!(
            "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ))
        .append(body)
    }

    fn content(&self) -> Template {
        let mut content = Template::new("{\"content\":\"").part(self, Part::Stamp);
        if self.mentioned.is_some() {
            content = content.text(" @").part(self, Part::Name);
        }
        content.text(&self.tail).text("\"}")
    }
}

/// The text of a part in post `number` of members: to the channels in turn, and each time round by
/// the next sender, and then again with the next envelopes.
fn of_members(part: Part, envelopes: &Envelopes, number: u64) -> Option<&str> {
    let Envelopes {
        senders,
        channels,
        sealed,
    } = envelopes;
    let round = number.checked_div(channels.len() as u64)?;
    match part {
        Part::Channel => turn(channels, number).map(|it| it.id.as_str()),
        Part::Version => turn(channels, number).map(|it| it.members_version.as_str()),
        Part::Session => turn(senders, round).map(|it| it.token.as_str()),
        Part::Envelope => {
            let again = number.checked_div(sealed.len() as u64)?;
            turn(turn(sealed, number)?, again).map(String::as_str)
        }
        _ => None,
    }
}

fn turn<T>(list: &[T], number: u64) -> Option<&T> {
    let at = number.checked_rem(list.len() as u64)?;
    list.get(usize::try_from(at).ok()?)
}

/// A text with places for what changes.
#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    places: Vec<(usize, Part)>,
}

impl Template {
    fn new(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().to_vec(),
            places: Vec::new(),
        }
    }

    fn text(mut self, text: &str) -> Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds a part of `script`, as it is in the first post.
    fn part(mut self, script: &Script, part: Part) -> Self {
        self.places.push((self.bytes.len(), part));
        match part {
            Part::Stamp => self.text(&"?".repeat(Stamp::LENGTH)),
            Part::Transaction => self.text(&"?".repeat(Hyphenated::LENGTH)),
            _ => self.text(script.text(part, 0).unwrap_or_default()),
        }
    }

    fn append(mut self, other: Self) -> Self {
        let by = self.bytes.len();
        self.bytes.extend(other.bytes);
        let moved = other.places.into_iter().map(|(at, part)| (at + by, part));
        self.places.extend(moved);
        self
    }
}

/// A request whose changing parts are written in place.
#[derive(Debug)]
pub(crate) struct Request(Template);

impl Request {
    /// The first post of `script`, encoded.
    pub(crate) fn new(script: &Script) -> Self {
        Self(script.request())
    }

    /// Makes it the post that `stamp` names.
    pub(crate) fn write(&mut self, script: &Script, stamp: Stamp) -> &[u8] {
        let Template { bytes, places } = &mut self.0;
        for (at, part) in places {
            let rest = bytes.get_mut(*at..).unwrap_or_default();
            match part {
                Part::Stamp => {
                    if let Some(place) = rest.get_mut(..Stamp::LENGTH) {
                        stamp.write(place);
                    }
                }
                // Of the kind that the client makes.
                Part::Transaction => {
                    if let Some(place) = rest.get_mut(..Hyphenated::LENGTH) {
                        Uuid::now_v7().hyphenated().encode_lower(place);
                    }
                }
                _ => {
                    let text = script.text(*part, stamp.number).unwrap_or_default();
                    if let Some(place) = rest.get_mut(..text.len()) {
                        place.copy_from_slice(text.as_bytes());
                    }
                }
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::sealing::{SealedChannel, Sender};

    fn script() -> Script {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Script::plain("host", vec!["aaaa".to_owned(), "bbbb".to_owned()])
            .with_tail(" done")
            .mentioning(vec![names(&["m1", "m2"]), names(&["m3", "m4"])])
    }

    #[test]
    fn a_request_is_that_of_its_post() {
        let script = script();
        let mut request = Request::new(&script);
        for (number, token, name) in [
            (0, "aaaa", "m1"),
            (1, "bbbb", "m3"),
            (2, "aaaa", "m2"),
            (3, "bbbb", "m4"),
            (4, "aaaa", "m1"),
        ] {
            let stamp = Stamp {
                intended: 5,
                number,
            };
            let text = String::from_utf8(request.write(&script, stamp).to_vec()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("/execute/{token} HTTP")), "{head}");
            assert!(head.contains(&format!("Content-Length: {}", body.len())));
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            let content = body.get("content").unwrap().as_str().unwrap();
            assert!(content.ends_with(&format!("~ @{name} done")), "{content}");
            assert_eq!(Stamp::find(content.as_bytes()), Some(stamp));
        }
    }

    #[test]
    fn an_envelope_is_that_of_its_sender_and_channel() {
        let sender = |number: usize| Sender {
            token: format!("token{number}"),
        };
        let channel = |number: usize| SealedChannel {
            id: format!("channel{number}"),
            members_version: format!("{number:>4}"),
        };
        let sealed = |sender: usize, channel: usize| -> Arc<[String]> {
            let envelope = |at| format!("{{\"made\":\"{sender}{channel}{at}\"}}");
            (0..2).map(envelope).collect()
        };
        let pairs = (0..3).flat_map(|sender| (0..2).map(move |channel| (sender, channel)));
        let envelopes = Envelopes {
            senders: (0..3).map(sender).collect(),
            channels: (0..2).map(channel).collect(),
            sealed: pairs
                .map(|(sender, channel)| sealed(sender, channel))
                .collect(),
        };
        assert_eq!(envelopes.bytes(), r#"{"made":"000"}"#.len());
        let script = Script::encrypted("host", envelopes);
        let mut request = Request::new(&script);
        let mut txn_ids = HashSet::new();
        for number in 0..14 {
            let stamp = Stamp {
                intended: 5,
                number,
            };
            let text = String::from_utf8(request.write(&script, stamp).to_vec()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let (channel, sender, at) = (number % 2, number / 2 % 3, number / 6 % 2);
            let path = format!("PUT /api/channels/channel{channel}/messages/");
            let (txn_id, _) = head.strip_prefix(&path).unwrap().split_once(' ').unwrap();
            assert_eq!(txn_id.parse::<Uuid>().unwrap().get_version_num(), 7);
            assert!(txn_ids.insert(txn_id.to_owned()), "{txn_id} is there twice");
            assert!(
                head.contains(&format!("Bearer token{sender}\r\n")),
                "{head}"
            );
            assert!(head.contains(&format!("Content-Length: {}", body.len())));
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body.pointer("/members_version").unwrap(), channel);
            let made = body.pointer("/envelope/made").unwrap();
            assert_eq!(made, &format!("{sender}{channel}{at}"));
        }
    }

    #[test]
    fn a_plain_post_mentions_nobody() {
        let script = Script::plain("host", vec!["aaaa".to_owned()]);
        let mut request = Request::new(&script);
        let stamp = Stamp {
            intended: 5,
            number: 7,
        };
        assert!(!request.write(&script, stamp).contains(&b'@'));
    }
}
