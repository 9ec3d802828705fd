//! A client as it should be: it keeps its place in every channel, comes back with it after
//! each interruption, reads over HTTP when it is told to resync, and holds the server to the
//! promise that within a subscription nothing is missing and nothing comes twice.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::fixtures::User;
use super::history::{id_of, seq_of};
use super::socket::{DEADLINE, WsClient};

/// Where the client is in one channel.
#[derive(Default)]
struct Place {
    /// The messages it has, by seq: without a gap, from 1 on.
    messages: BTreeMap<i64, String>,
    /// The seq that the subscription gives next.
    next: i64,
    /// Told to read over HTTP, and not allowed to: it was put out of the channel, which the
    /// server says behind whatever it had sent before.
    deaf: bool,
    /// Whether the client wants to be subscribed, and asks again when it comes back.
    wanted: bool,
    /// Whether the subscription was confirmed; otherwise no message may arrive.
    on: bool,
    /// The places of the subscribe frames that were not answered yet, oldest first.
    asked: VecDeque<i64>,
}

impl Place {
    fn seq(&self) -> i64 {
        self.messages.last_key_value().map_or(0, |(seq, _)| *seq)
    }
}

/// The client.
pub(crate) struct Follower {
    pub(crate) user: User,
    socket: Option<WsClient>,
    receive_buffer: Option<u32>,
    /// Whether it says so when an alert has reached it.
    acknowledges: bool,
    epoch: Option<String>,
    places: HashMap<String, Place>,
    /// The ids of the alerts it was shown, each once.
    pub(crate) mentions: HashSet<String>,
    /// How often it had to read over HTTP, and how often it connected.
    pub(crate) resyncs: usize,
    pub(crate) connects: usize,
    /// What happened last, for when something is wrong.
    trail: VecDeque<String>,
    /// The codes with which its sockets ended.
    pub(crate) ends: Vec<Option<u16>>,
}

impl Follower {
    /// A client of `user` that is connected to nothing yet.
    pub(crate) fn new(user: &User) -> Self {
        Self {
            user: user.clone(),
            socket: None,
            receive_buffer: None,
            acknowledges: false,
            epoch: None,
            places: HashMap::new(),
            mentions: HashSet::new(),
            resyncs: 0,
            connects: 0,
            trail: VecDeque::new(),
            ends: Vec::new(),
        }
    }

    /// Lets the kernel hold only little of what the client has not read.
    pub(crate) fn with_receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Acknowledges every alert that it is shown.
    pub(crate) fn acknowledging(mut self) -> Self {
        self.acknowledges = true;
        self
    }

    /// A connected client that has asked for all of `channels` from their beginning.
    pub(crate) async fn of(user: &User, channels: &[&str]) -> Self {
        let mut follower = Self::new(user);
        for channel in channels {
            follower.subscribe(channel).await;
        }
        follower.settle().await;
        follower
    }

    /// Subscribes to `channel` from its place on, now or as soon as it is connected.
    pub(crate) async fn subscribe(&mut self, channel: &str) {
        let place = self.places.entry(channel.to_owned()).or_default();
        place.wanted = true;
        if self.epoch.is_some() && self.socket.is_some() {
            self.ask(&[channel.to_owned()]).await;
        }
    }

    async fn ask(&mut self, channels: &[String]) {
        let mut entries = Vec::new();
        for channel in channels {
            let place = self.places.get_mut(channel).expect("a known channel");
            place.asked.push_back(place.seq());
            entries.push(json!({"id": channel, "after_seq": place.seq()}));
        }
        let frame = json!({"type": "subscribe", "channels": entries, "epoch": self.epoch});
        self.send(frame).await;
    }

    async fn send(&mut self, frame: Value) {
        self.remember(format!("sent {frame}"));
        if let Some(socket) = &mut self.socket {
            let message = tokio_tungstenite::tungstenite::Message::text(frame.to_string());
            // The end of the socket is noticed where frames are read.
            let _ = socket.try_send(message).await;
        }
    }

    /// Ends the subscription to `channel`; from the return on none of its messages may come.
    pub(crate) async fn unsubscribe(&mut self, channel: &str) {
        // An answer that is still to come would be taken for a new subscription.
        self.settle().await;
        let place = self.places.entry(channel.to_owned()).or_default();
        place.wanted = false;
        self.send(json!({"type": "unsubscribe", "channels": [channel]}))
            .await;
        let reference = uuid::Uuid::now_v7().to_string();
        self.send(json!({"type": "ping", "ref": reference})).await;
        while let Some(frame) = self.next(DEADLINE).await {
            // After a reconnect nothing is subscribed that was not asked for again.
            if frame["type"] == "hello" || frame["ref"] == reference.as_str() {
                break;
            }
        }
        let place = self.places.entry(channel.to_owned()).or_default();
        place.on = false;
    }

    fn remember(&mut self, what: String) {
        if self.trail.len() == 60 {
            self.trail.pop_front();
        }
        self.trail.push_back(what);
    }

    /// Hangs up without a word, as a phone in a tunnel does.
    pub(crate) fn hang_up(&mut self) {
        self.remember("hung up".to_owned());
        self.socket = None;
        for place in self.places.values_mut() {
            place.on = false;
            place.asked.clear();
        }
    }

    /// Stops taking data, or takes it again.
    pub(crate) fn set_reading(&self, reading: bool) {
        if let Some(socket) = &self.socket {
            match reading {
                true => socket.read_on(),
                false => socket.stop_reading(),
            }
        }
    }

    async fn connect(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let mut handshake = self.user.handshake();
            if let Some(bytes) = self.receive_buffer {
                handshake = handshake.receive_buffer(bytes);
            }
            match handshake.try_connect().await {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.connects += 1;
                    return;
                }
                Err(error) if Instant::now() > deadline => panic!("cannot connect: {error}"),
                // The server is starting again.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Takes one frame, connecting first if need be; `None` when none comes in time.
    pub(crate) async fn next(&mut self, wait: Duration) -> Option<Value> {
        let deadline = Instant::now() + wait;
        loop {
            let Some(socket) = &mut self.socket else {
                self.connect().await;
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            match socket.next_within(left).await? {
                Ok(frame) => {
                    self.take(&frame).await;
                    return Some(frame);
                }
                Err(code) => {
                    assert!(code.unwrap_or(0) < 4500, "told not to come back: {code:?}");
                    self.ends.push(code);
                    self.hang_up();
                }
            }
        }
    }

    async fn take(&mut self, frame: &Value) {
        self.remember(format!(
            "got {} of {} at {}{}",
            frame["type"], frame["channel_id"], frame["seq"], frame["last_seq"]
        ));
        let channel = frame["channel_id"].as_str().unwrap_or_default();
        match frame["type"].as_str().unwrap_or_default() {
            "hello" => {
                let epoch = frame["epoch"].as_str().expect("an epoch").to_owned();
                let before = self.epoch.replace(epoch.clone());
                assert!(before.is_none_or(|before| before == epoch), "another epoch");
                let wanted = self.places.iter().filter(|(_, place)| place.wanted);
                let wanted: Vec<String> = wanted.map(|(channel, _)| channel.clone()).collect();
                if !wanted.is_empty() {
                    self.ask(&wanted).await;
                }
            }
            "subscribed" => {
                let place = self.place(channel, frame);
                let after = place.asked.pop_front();
                let after = after.unwrap_or_else(|| panic!("nobody asked: {frame}"));
                (place.on, place.wanted, place.deaf) = (true, true, false);
                place.next = after + 1;
            }
            "message" => {
                let place = self.place(channel, frame);
                let (on, next) = (place.on, place.next);
                if !place.deaf {
                    let id = id_of(&frame["message"]);
                    let before = place.messages.get(&next).is_none_or(|before| *before == id);
                    if !on || !before || seq_of(frame) != next {
                        let what = format!("subscribed: {on}, next: {next}, but: {frame}");
                        panic!("{what}\nafter {:#?}", self.trail);
                    }
                    place.messages.insert(next, id);
                    place.next += 1;
                }
            }
            "resync" => self.resync(channel, frame).await,
            "channel_removed" => {
                let place = self.places.entry(channel.to_owned()).or_default();
                (place.on, place.wanted) = (false, false);
            }
            "mention" => {
                let id = id_of(&frame["notification"]);
                if self.acknowledges {
                    self.send(json!({"type": "ack", "notifications": [id]}))
                        .await;
                }
                self.mentions.insert(id);
            }
            "error" => {
                let code = frame["code"].as_str().unwrap_or_default();
                assert_eq!(code, "not_a_member", "an error: {frame}");
                let place = self.place(channel, frame);
                place.asked.pop_front();
                (place.on, place.wanted) = (false, false);
            }
            _ => {}
        }
    }

    fn place(&mut self, channel: &str, frame: &Value) -> &mut Place {
        let place = self.places.get_mut(channel);
        place.unwrap_or_else(|| panic!("of a channel never asked for: {frame}"))
    }

    async fn resync(&mut self, channel: &str, frame: &Value) {
        self.resyncs += 1;
        let last_seq = frame["last_seq"].as_i64().expect("a last_seq");
        let from = self.place(channel, frame).seq();
        let Some(missed) = self.user.try_history_after(channel, from).await else {
            self.place(channel, frame).deaf = true;
            return;
        };
        let place = self.place(channel, frame);
        for message in missed.iter().filter(|message| seq_of(message) <= last_seq) {
            assert_eq!(seq_of(message), place.seq() + 1, "history has no gap");
            place.messages.insert(seq_of(message), id_of(message));
        }
        assert!(place.seq() >= last_seq, "the resync's last_seq can be read");
        place.next = last_seq + 1;
    }

    /// Takes frames until every subscription is confirmed or refused.
    pub(crate) async fn settle(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        let waiting = |place: &Place| !place.asked.is_empty() || place.wanted != place.on;
        while self.socket.is_none() || self.places.values().any(waiting) {
            assert!(Instant::now() < deadline, "subscriptions in time");
            self.next(DEADLINE).await.expect("a frame in time");
        }
    }

    /// Whether the subscription to `channel` is on, as far as the client knows.
    pub(crate) fn is_on(&self, channel: &str) -> bool {
        let place = self.places.get(channel);
        place.is_some_and(|place| place.on)
    }

    /// Takes frames until the server has said that `channel` is gone for this user.
    pub(crate) async fn until_off(&mut self, channel: &str) {
        let deadline = Instant::now() + DEADLINE;
        let is_off = |place: &Place| !place.on && !place.wanted && place.asked.is_empty();
        while !self.places.get(channel).is_none_or(is_off) {
            assert!(Instant::now() < deadline, "the end of {channel} in time");
            self.next(DEADLINE).await.expect("a frame in time");
        }
    }

    /// Takes frames until the client has `channel` up to `seq`.
    pub(crate) async fn follow_to(&mut self, channel: &str, seq: usize) {
        let seq = i64::try_from(seq).expect("a seq");
        while self.places.get(channel).map_or(0, Place::seq) < seq {
            let frame = self.next(DEADLINE).await;
            let at = self.places.get(channel).map_or(0, Place::seq);
            assert!(
                frame.is_some(),
                "stands still at {at} of {seq} in {channel}"
            );
        }
    }

    /// Follows every channel to the end of `history`, and has seen it exactly.
    pub(crate) async fn saw_all(&mut self, history: &HashMap<String, Vec<String>>) {
        for (channel, ids) in history {
            self.follow_to(channel, ids.len()).await;
            let seen: Vec<&String> = self.places[channel].messages.values().collect();
            assert_eq!(seen, ids.iter().collect::<Vec<_>>(), "as it is stored");
        }
    }

    /// Takes frames until `stop` is set.
    pub(crate) async fn run_until(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::SeqCst) {
            self.next(Duration::from_millis(20)).await;
        }
    }
}
