//! Asking for a socket, as a program or as a browser does.

use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::answer::Answer;
use super::fixtures::User;
use super::socket::{DEADLINE, WsClient};

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
