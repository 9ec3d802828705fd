//! A WebSocket client that shares no code with the server: tokio-tungstenite on a plain TCP
//! stream. A task of its own reads what arrives, so that a client which a test does not look
//! at still takes its messages, unless the test tells it to stop reading.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How long anything that must happen may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What the reading task hands over.
enum Incoming {
    Frame(Value),
    /// The end, with the close code if the server sent one.
    Closed(Option<u16>),
}

/// An open socket.
pub(crate) struct WsClient {
    incoming: mpsc::UnboundedReceiver<Incoming>,
    /// Frames that an expectation passed over, oldest first.
    held: VecDeque<Value>,
    ended: Option<Option<u16>>,
    outgoing: SplitSink<WebSocketStream<TcpStream>, Message>,
    reading: watch::Sender<bool>,
    pings: watch::Receiver<u32>,
    reader: JoinHandle<()>,
}

impl Drop for WsClient {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl WsClient {
    /// Begins to read from an open socket.
    pub(super) fn run(stream: WebSocketStream<TcpStream>) -> Self {
        let (outgoing, stream) = stream.split();
        let (frames, incoming) = mpsc::unbounded_channel();
        let (reading, may_read) = watch::channel(true);
        let (ping_count, pings) = watch::channel(0);
        Self {
            incoming,
            held: VecDeque::new(),
            ended: None,
            outgoing,
            reading,
            pings,
            reader: tokio::spawn(read(stream, may_read, frames, ping_count)),
        }
    }

    /// The next frame, whatever it is.
    pub(crate) async fn next_frame(&mut self) -> Value {
        match self.next_or_end().await {
            Ok(frame) => frame,
            Err(code) => panic!("the socket ended ({code:?}) where a frame was expected"),
        }
    }

    /// The next frame, or the close code with which the socket ended.
    pub(crate) async fn next_or_end(&mut self) -> Result<Value, Option<u16>> {
        match self.held.pop_front() {
            Some(frame) => Ok(frame),
            None => self.receive(DEADLINE).await.expect("a frame in time"),
        }
    }

    /// Like [`WsClient::next_or_end`], with `None` when nothing arrives for `wait`.
    pub(crate) async fn next_within(
        &mut self,
        wait: Duration,
    ) -> Option<Result<Value, Option<u16>>> {
        match self.held.pop_front() {
            Some(frame) => Some(Ok(frame)),
            None => self.receive(wait).await,
        }
    }

    async fn receive(&mut self, wait: Duration) -> Option<Result<Value, Option<u16>>> {
        if let Some(code) = self.ended {
            return Some(Err(code));
        }
        match timeout(wait, self.incoming.recv()).await.ok()? {
            Some(Incoming::Frame(frame)) => Some(Ok(frame)),
            Some(Incoming::Closed(code)) => {
                self.ended = Some(code);
                Some(Err(code))
            }
            None => Some(Err(None)),
        }
    }

    /// The first frame of type `kind`. Other frames that come before it wait for later
    /// expectations.
    pub(crate) async fn expect_frame(&mut self, kind: &str) -> Value {
        self.expect_frame_where(kind, |frame| frame["type"] == kind)
            .await
    }

    /// The first frame that `wanted` accepts; `what` names it when it does not come.
    pub(crate) async fn expect_frame_where(
        &mut self,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        if let Some(position) = self.held.iter().position(&wanted) {
            return self.held.remove(position).expect("a held frame");
        }
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            match self.receive(left).await {
                Some(Ok(frame)) if wanted(&frame) => return frame,
                Some(Ok(frame)) => self.held.push_back(frame),
                Some(Err(code)) => panic!("the socket ended ({code:?}) before: {what}"),
                None => panic!("no frame in time: {what}; others: {:?}", self.held),
            }
        }
    }

    /// The server closes with `code`. Gives the frames that came before.
    pub(crate) async fn expect_close(&mut self, code: u16) -> Vec<Value> {
        let (frames, end) = self.until_end().await;
        assert_eq!(end, Some(code), "the close code, after {frames:?}");
        frames
    }

    /// Waits for the end, however it comes: what came before it, and its code.
    pub(crate) async fn until_end(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut frames: Vec<Value> = self.held.drain(..).collect();
        loop {
            match self.receive(DEADLINE).await {
                Some(Ok(frame)) => frames.push(frame),
                Some(Err(code)) => return (frames, code),
                None => panic!("the socket should have ended in time; frames: {frames:?}"),
            }
        }
    }

    /// Nothing arrives for so long. Only to show absence, never to wait for something.
    pub(crate) async fn expect_nothing_for(&mut self, milliseconds: u64) {
        assert!(self.held.is_empty(), "not looked at yet: {:?}", self.held);
        match self.receive(Duration::from_millis(milliseconds)).await {
            None => {}
            Some(Ok(frame)) => panic!("nothing should arrive, but: {frame}"),
            Some(Err(code)) => panic!("nothing should happen, but the socket ended: {code:?}"),
        }
    }

    /// The server has handled everything sent before this, and the socket is open.
    pub(crate) async fn round_trip(&mut self) {
        let reference = uuid::Uuid::now_v7().to_string();
        self.send_json(json!({"type": "ping", "ref": reference}))
            .await;
        self.expect_frame_where("the pong", |frame| {
            frame["type"] == "pong" && frame["ref"] == reference.as_str()
        })
        .await;
    }

    /// The server has sent this many WebSocket pings; the client answered them.
    pub(crate) async fn expect_pings(&mut self, count: u32) {
        let enough = self.pings.wait_for(|pings| *pings >= count);
        timeout(DEADLINE, enough)
            .await
            .expect("pings in time")
            .expect("an open socket");
    }

    pub(crate) async fn send_json(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.try_send(message).await.expect("an open socket");
    }

    /// Sends where the server may close the socket meanwhile.
    pub(crate) async fn try_send(&mut self, message: Message) -> Result<(), Box<Error>> {
        timeout(DEADLINE, self.outgoing.send(message))
            .await
            .expect("the server should take the frame in time")
            .map_err(Box::new)
    }

    /// Subscribes to `channel`, from `after_seq` on if given, and takes the answer.
    pub(crate) async fn subscribe(&mut self, channel: &str, after_seq: Option<i64>) -> Value {
        let mut entry = json!({"id": channel});
        if let Some(seq) = after_seq {
            entry["after_seq"] = seq.into();
        }
        self.send_json(json!({"type": "subscribe", "channels": [entry]}))
            .await;
        self.expect_frame_where("the channel's subscribed", |frame| {
            frame["type"] == "subscribed" && frame["channel_id"] == channel
        })
        .await
    }

    /// The alert of the next `mention`.
    pub(crate) async fn next_alert(&mut self) -> Value {
        self.expect_frame("mention").await["notification"].clone()
    }

    /// Says that `alerts` are there, and waits until the server has heard it.
    pub(crate) async fn acknowledge(&mut self, alerts: &[&Value]) {
        let ids: Vec<&Value> = alerts.iter().map(|alert| &alert["id"]).collect();
        self.send_json(json!({"type": "ack", "notifications": ids}))
            .await;
        self.round_trip().await;
    }

    /// Leaves what arrives in the kernel's buffers until they are full.
    pub(crate) fn stop_reading(&self) {
        self.reading.send_replace(false);
    }

    /// Reads on after [`WsClient::stop_reading`].
    pub(crate) fn read_on(&self) {
        self.reading.send_replace(true);
    }
}

/// Hands over what arrives, for as long as the client may read.
async fn read(
    mut stream: SplitStream<WebSocketStream<TcpStream>>,
    mut may_read: watch::Receiver<bool>,
    frames: mpsc::UnboundedSender<Incoming>,
    pings: watch::Sender<u32>,
) {
    let mut close_code = None;
    loop {
        if !*may_read.borrow_and_update() {
            if may_read.changed().await.is_err() {
                return;
            }
            continue;
        }
        let message = tokio::select! {
            biased;
            changed = may_read.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            message = stream.next() => message,
        };
        let frame = match message {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text)
                .unwrap_or_else(|_| json!({"type": "not JSON", "text": text.as_str()})),
            Some(Ok(Message::Ping(_))) => {
                pings.send_modify(|count| *count += 1);
                continue;
            }
            // Reading on after the close frame is what sends the answer to it.
            Some(Ok(Message::Close(frame))) => {
                close_code = Some(frame.map_or(1005, |frame| frame.code.into()));
                continue;
            }
            Some(Ok(Message::Pong(_))) => continue,
            Some(Ok(other)) => json!({"type": "not text", "length": other.len()}),
            Some(Err(_)) | None => {
                let _ = frames.send(Incoming::Closed(close_code));
                return;
            }
        };
        let _ = frames.send(Incoming::Frame(frame));
    }
}
