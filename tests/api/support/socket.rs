//! A WebSocket client that shares no code with the server: tokio-tungstenite on a plain TCP
//! stream. A task of its own reads what arrives, so that a client which a test does not look
//! at still takes its messages, unless the test tells it to stop reading.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::answer::Answer;
use super::fixtures::User;

/// How long anything that must happen may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A request to open a socket.
#[derive(Clone)]
pub(crate) struct Handshake {
    port: u16,
    headers: Vec<(String, String)>,
    receive_buffer: Option<u32>,
}

impl Handshake {
    /// To the server at `origin` on this machine, without credentials.
    pub(crate) fn to(origin: &str) -> Self {
        let url: url::Url = origin.parse().expect("an origin");
        Self {
            port: url.port().expect("a port in the origin"),
            headers: Vec::new(),
            receive_buffer: None,
        }
    }

    /// Sends `token` as a program does.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends `token` as a browser does.
    pub(crate) fn cookie(self, token: &str) -> Self {
        self.header("cookie", &format!("chatalot_session={token}"))
    }

    /// The page that opens the socket.
    pub(crate) fn origin(self, origin: &str) -> Self {
        self.header("origin", origin)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets the kernel hold only about this much of what the client has not read.
    pub(crate) fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Opens the socket.
    pub(crate) async fn connect(self) -> WsClient {
        self.try_connect().await.expect("the socket should open")
    }

    /// Opens the socket and takes the hello.
    pub(crate) async fn connect_and_greet(self) -> (WsClient, Value) {
        let mut client = self.connect().await;
        let hello = client.next_frame().await;
        assert_eq!(
            hello["type"], "hello",
            "the first frame is the hello: {hello}"
        );
        (client, hello)
    }

    /// Opens the socket, or says why not.
    pub(crate) async fn try_connect(self) -> Result<WsClient, Box<Error>> {
        timeout(DEADLINE, self.open())
            .await
            .expect("the handshake should end in time")
    }

    async fn open(self) -> Result<WsClient, Box<Error>> {
        let io = |error: std::io::Error| Box::new(Error::Io(error));
        let socket = TcpSocket::new_v4().map_err(io)?;
        let mut config = WebSocketConfig::default();
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).map_err(io)?;
            config = config.read_buffer_size(4096);
        }
        let stream = socket
            .connect(([127, 0, 0, 1], self.port).into())
            .await
            .map_err(io)?;
        stream.set_nodelay(true).map_err(io)?;
        let mut request = format!("ws://127.0.0.1:{}/api/ws", self.port)
            .into_client_request()
            .map_err(Box::new)?;
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().expect("a header name");
            let value = HeaderValue::from_str(value).expect("a header value");
            request.headers_mut().append(name, value);
        }
        let (stream, _) = client_async_with_config(request, stream, Some(config))
            .await
            .map_err(Box::new)?;
        Ok(WsClient::run(stream))
    }

    /// The answer to the same request sent by an HTTP client: for requests that are refused,
    /// whose problem document is wanted whole.
    pub(crate) async fn refused(self, status: u16) -> Answer {
        let mut request = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(DEADLINE)
            .build()
            .expect("an HTTP client")
            .get(format!("http://127.0.0.1:{}/api/ws", self.port))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.expect("an answer to the handshake");
        let (found, headers) = (response.status().as_u16(), response.headers().clone());
        assert_ne!(found, 101, "refused, given {:?}", self.headers);
        let bytes = response.bytes().await.expect("the answer's body");
        let call = format!("GET /api/ws {:?}", self.headers);
        Answer::new(call, found, headers, &bytes).expect_refused(status)
    }
}

impl User {
    /// A request for a socket in this user's name.
    pub(crate) fn handshake(&self) -> Handshake {
        Handshake::to(self.origin()).bearer(self.token())
    }

    /// The same user in the session of `token`.
    pub(crate) fn in_session(&self, token: &str) -> Self {
        self.with_client(self.with_token(token))
    }

    /// An open socket of this user, past its hello.
    pub(crate) async fn socket(&self) -> WsClient {
        self.handshake().connect_and_greet().await.0
    }
}

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
    fn run(stream: WebSocketStream<TcpStream>) -> Self {
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
