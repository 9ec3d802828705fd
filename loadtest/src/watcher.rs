//! A member at a socket, who watches at most one channel, acknowledges alerts and comes back
//! after a cut with the place it had reached, as a real client does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::board::Board;
use crate::clock;
use crate::frames;
use crate::socket::{Listener, Read, Socket};
use crate::stamp::{Stamp, read_digits};
use crate::target::Target;

/// No place reached yet.
const NOWHERE: u64 = u64::MAX;

/// Who sits at a socket, and how far it has come. Survives its connections.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// The session token of the member.
    pub(crate) token: String,
    /// The channel it watches.
    pub(crate) channel: Option<String>,
    position: Arc<AtomicU64>,
    /// Spreads the attempts to come back.
    number: u64,
}

impl Seat {
    /// A seat that was never taken.
    pub(crate) fn new(token: &str, channel: Option<&str>, number: usize) -> Self {
        Self {
            token: token.to_owned(),
            channel: channel.map(str::to_owned),
            position: Arc::new(AtomicU64::new(NOWHERE)),
            number: number as u64,
        }
    }

    fn position(&self) -> Option<u64> {
        Some(self.position.load(Ordering::Relaxed)).filter(|it| *it != NOWHERE)
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(100 + self.number * 37 % 900)
    }
}

/// What a seat does with what arrives.
#[derive(Debug)]
struct Watcher {
    seat: Seat,
    board: Arc<Board>,
    /// The head of the channel when this connection subscribed.
    head: Option<u64>,
    caught_up: bool,
}

/// Keeps `seat` connected until this is dropped. At most as many connect at once as `doors` has
/// permits.
pub(crate) async fn watch(target: Target, seat: Seat, board: Arc<Board>, doors: Arc<Semaphore>) {
    loop {
        let door = Arc::clone(&doors).acquire_owned().await;
        let mut watcher = Watcher {
            seat: seat.clone(),
            board: Arc::clone(&board),
            head: None,
            caught_up: false,
        };
        let mut door = door.ok();
        let mut socket = match watcher.connect(&target).await {
            Ok(socket) => socket,
            Err(refused) => {
                board.refused.fetch_add(1, Ordering::Relaxed);
                board.complain(refused.to_string());
                drop(door);
                sleep(seat.pause()).await;
                continue;
            }
        };
        loop {
            match socket.read(&mut watcher).await {
                Ok(Read::Open) => {}
                Ok(Read::Closed(code)) => {
                    let code = code.map_or("no code".to_owned(), |it| it.to_string());
                    board.complain(format!("the server closed a socket with {code}"));
                    break;
                }
                Err(error) => {
                    board.complain(error.to_string());
                    break;
                }
            }
            if watcher.caught_up {
                door = None;
            }
        }
        drop(door);
        board.closed.fetch_add(1, Ordering::Relaxed);
        sleep(seat.pause()).await;
    }
}

impl Watcher {
    async fn connect(&self, target: &Target) -> crate::failure::Outcome<Socket> {
        let mut socket = Socket::open(target, &self.seat.token, None).await?;
        if let Some(channel) = &self.seat.channel {
            socket
                .send(&subscribe(channel, self.seat.position()))
                .await?;
        }
        Ok(socket)
    }

    fn message(&mut self, frame: &[u8]) {
        let Some(seq) = number_after(frame, b"\"seq\":") else {
            return;
        };
        let before = self.seat.position.load(Ordering::Relaxed);
        if before != NOWHERE && seq <= before {
            return;
        }
        if before != NOWHERE && seq > before + 1 {
            self.board.gaps.fetch_add(1, Ordering::Relaxed);
        }
        self.seat.position.store(seq, Ordering::Relaxed);
        if let Some(stamp) = Stamp::find(frame) {
            self.board.message(stamp);
        }
        self.check_caught_up();
    }

    fn subscribed(&mut self, frame: &[u8]) {
        let head = number_after(frame, b"\"last_seq\":").unwrap_or_default();
        self.head = Some(head);
        if self.seat.position().is_none() {
            self.seat.position.store(head, Ordering::Relaxed);
        }
        self.check_caught_up();
    }

    fn resync(&mut self, frame: &[u8]) {
        self.board.resyncs.fetch_add(1, Ordering::Relaxed);
        let head = number_after(frame, b"\"last_seq\":").unwrap_or_default();
        self.seat.position.store(head, Ordering::Relaxed);
        self.check_caught_up();
    }

    fn check_caught_up(&mut self) {
        let position = self.seat.position().unwrap_or_default();
        if !self.caught_up && self.head.is_some_and(|head| position >= head) {
            self.now_caught_up();
        }
    }

    fn now_caught_up(&mut self) {
        self.caught_up = true;
        let dropped_at = self.board.dropped_at.load(Ordering::Relaxed);
        let since = clock::now().saturating_sub(dropped_at);
        self.board.caught_up.record(since);
    }

    fn mention(&self, frame: &[u8], replies: &mut Vec<u8>) {
        if let Some(stamp) = Stamp::find(frame) {
            self.board.mention(stamp);
        }
        if let Some(id) = text_after(frame, b"\"notification\":{\"id\":\"") {
            let ack = [b"{\"type\":\"ack\",\"notifications\":[\"", id, b"\"]}"].concat();
            frames::append(frames::TEXT, &ack, replies);
        }
    }
}

impl Listener for Watcher {
    fn text(&mut self, frame: &[u8], replies: &mut Vec<u8>) {
        match kind(frame).as_deref() {
            Some(b"message") => self.message(frame),
            Some(b"mention") => self.mention(frame, replies),
            Some(b"subscribed") => self.subscribed(frame),
            Some(b"hello") if self.seat.channel.is_none() => self.now_caught_up(),
            Some(b"resync") => self.resync(frame),
            Some(b"error") => self.board.complain(String::from_utf8_lossy(frame)),
            _ => {}
        }
    }
}

/// The type of a frame. The server writes it first, where it costs nothing to read; elsewhere it
/// is found by reading the whole.
fn kind(frame: &[u8]) -> Option<std::borrow::Cow<'_, [u8]>> {
    if let Some(rest) = frame.strip_prefix(b"{\"type\":\"") {
        let end = memchr::memchr(b'"', rest)?;
        return rest.get(..end).map(std::borrow::Cow::Borrowed);
    }
    let value: Value = serde_json::from_slice(frame).ok()?;
    let kind = value.get("type")?.as_str()?;
    Some(kind.as_bytes().to_vec().into())
}

/// The number after the first `name`.
fn number_after(frame: &[u8], name: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(frame, name)? + name.len();
    let digits = frame.get(at..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    read_digits(digits.get(..end)?)
}

/// The text after the first `name`, up to the next quotation mark.
fn text_after<'a>(frame: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(frame, name)? + name.len();
    let text = frame.get(at..)?;
    text.get(..memchr::memchr(b'"', text)?)
}

/// Asks for a channel, from a place on if one was reached before.
pub(crate) fn subscribe(channel: &str, after_seq: Option<u64>) -> String {
    let after = after_seq.map_or(String::new(), |seq| format!(",\"after_seq\":{seq}"));
    format!("{{\"type\":\"subscribe\",\"channels\":[{{\"id\":\"{channel}\"{after}}}]}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watcher() -> Watcher {
        Watcher {
            seat: Seat::new("token", Some("channel"), 0),
            board: Arc::default(),
            head: None,
            caught_up: false,
        }
    }

    fn message(seq: u64) -> Vec<u8> {
        format!("{{\"type\":\"message\",\"channel_id\":\"c\",\"seq\":{seq},\"message\":{{}}}}")
            .into_bytes()
    }

    #[test]
    fn the_type_is_read_wherever_it_stands() {
        assert_eq!(
            kind(b"{\"type\":\"hello\"}").as_deref(),
            Some(&b"hello"[..])
        );
        let elsewhere = b"{\"seq\":1,\"type\":\"message\"}";
        assert_eq!(kind(elsewhere).as_deref(), Some(&b"message"[..]));
    }

    #[test]
    fn a_message_without_the_one_before_is_a_gap() {
        let (mut watcher, mut replies) = (watcher(), Vec::new());
        let subscribed = b"{\"type\":\"subscribed\",\"channel_id\":\"c\",\"last_seq\":7}";
        watcher.text(subscribed, &mut replies);
        assert!(watcher.caught_up);
        for seq in [8, 9, 9, 11] {
            watcher.text(&message(seq), &mut replies);
        }
        assert_eq!(watcher.board.gaps.load(Ordering::Relaxed), 1);
        assert_eq!(watcher.seat.position(), Some(11));
    }

    #[test]
    fn whoever_comes_back_is_caught_up_at_the_head_it_was_told_of() {
        let (mut watcher, mut replies) = (watcher(), Vec::new());
        watcher.seat.position.store(1, Ordering::Relaxed);
        watcher.text(b"{\"type\":\"subscribed\",\"last_seq\":3}", &mut replies);
        watcher.text(&message(2), &mut replies);
        assert!(!watcher.caught_up);
        watcher.text(&message(3), &mut replies);
        assert!(watcher.caught_up);
    }

    #[test]
    fn an_alert_is_acknowledged() {
        let mut replies = Vec::new();
        let frame =
            b"{\"type\":\"mention\",\"notification\":{\"id\":\"abc\",\"kind\":\"mention\"}}";
        watcher().text(frame, &mut replies);
        let text = String::from_utf8_lossy(&replies);
        assert!(
            text.ends_with("{\"type\":\"ack\",\"notifications\":[\"abc\"]}"),
            "{text}"
        );
    }
}
