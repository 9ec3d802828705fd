//! What is posted: to which channel, with which text, mentioning whom. A request is encoded
//! once for each connection; only its token, stamp and name change from post to post.

use std::sync::Arc;

use crate::stamp::Stamp;

/// The posts of a run. Post `n` goes to channel `n` modulo their number.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    host: String,
    tokens: Vec<String>,
    tail: String,
    /// Whom the posts to each channel mention in turn; all names have the same length.
    mentioned: Option<Vec<Arc<[String]>>>,
}

impl Script {
    /// Plain posts through the webhooks with these tokens, all of the same length.
    pub(crate) fn plain(host: &str, tokens: Vec<String>) -> Self {
        Self {
            host: host.to_owned(),
            tokens,
            tail: " deploy of web-42 finished in 3.2 s, 14 checks passed, none failed".to_owned(),
            mentioned: None,
        }
    }

    /// The same with another text after the stamp, which needs no escapes in JSON.
    pub(crate) fn with_tail(mut self, tail: impl Into<String>) -> Self {
        self.tail = tail.into();
        self
    }

    /// Every post mentions one of its channel's members, given by channel.
    pub(crate) fn mentioning(mut self, members: Vec<Arc<[String]>>) -> Self {
        self.mentioned = Some(members);
        self
    }

    fn token(&self, number: u64) -> Option<&str> {
        turn(&self.tokens, number).map(String::as_str)
    }

    fn name(&self, number: u64) -> Option<&str> {
        let names = turn(self.mentioned.as_ref()?, number)?;
        let round = number / (self.tokens.len() as u64).max(1);
        turn(names, round).map(String::as_str)
    }
}

fn turn<T>(list: &[T], number: u64) -> Option<&T> {
    let at = number.checked_rem(list.len() as u64)?;
    list.get(usize::try_from(at).ok()?)
}

/// A request whose changing parts are written in place.
#[derive(Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    token_at: usize,
    stamp_at: usize,
    name_at: usize,
}

impl Request {
    /// The first post of `script`, encoded.
    pub(crate) fn new(script: &Script) -> Self {
        let token = script.token(0).unwrap_or_default();
        let name = script.name(0).map(|name| format!(" @{name}"));
        let name = name.unwrap_or_default();
        let content = "?".repeat(Stamp::LENGTH) + &name + &script.tail;
        let body = format!("{{\"content\":\"{content}\"}}");
        let path = "POST /api/webhooks/execute/";
        let head = format!(
            "{path}{token} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            script.host,
            body.len()
        );
        let stamp_at = head.len() + "{\"content\":\"".len();
        Self {
            bytes: (head + &body).into_bytes(),
            token_at: path.len(),
            stamp_at,
            name_at: stamp_at + Stamp::LENGTH + " @".len(),
        }
    }

    /// Makes it the post that `stamp` names.
    pub(crate) fn write(&mut self, script: &Script, stamp: Stamp) -> &[u8] {
        if let Some(token) = script.token(stamp.number) {
            self.overwrite(self.token_at, token.as_bytes());
        }
        if let Some(name) = script.name(stamp.number) {
            self.overwrite(self.name_at, name.as_bytes());
        }
        let end = self.stamp_at + Stamp::LENGTH;
        if let Some(place) = self.bytes.get_mut(self.stamp_at..end) {
            stamp.write(place);
        }
        &self.bytes
    }

    fn overwrite(&mut self, at: usize, text: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
