//! The WebSocket, frame by frame.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

use crate::api::refusal;
use crate::error::Error;
use crate::frames::Frame;
use crate::ids::ChannelId;
use crate::session::Session;
use crate::tls;

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(30);
/// A connection on which nothing at all arrives for so long is dead: the server pings every 25
/// seconds.
const SILENCE: Duration = Duration::from_secs(40);

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Socket")
    }
}

impl Socket {
    /// Opens a socket of this session. The first frame is [`Frame::Hello`].
    ///
    /// # Errors
    ///
    /// [`Error::Network`]; [`Error::Refused`] when the session has ended, for instance.
    pub async fn connect(session: &Session) -> Result<Self, Error> {
        let mut url = session.api.server().clone();
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        let changed = url.set_scheme(scheme);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "ws"]);
        }
        let unusable = || Error::Url(session.api.server().to_string());
        changed.map_err(|()| unusable())?;
        let mut request = url
            .as_str()
            .into_client_request()
            .map_err(|_not_a_request| unusable())?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", session.token()))
            .map_err(|_not_a_token| Error::Unexpected("the session's token".to_owned()))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert("authorization", bearer);
        let connector = Connector::Rustls(tls::configuration(session.api.server())?);
        let connecting = connect_async_tls_with_config(request, None, true, Some(connector));
        // On the heap, because it has room for a TLS handshake.
        let connected = timeout(CONNECTING, Box::pin(connecting)).await;
        let connected = connected.map_err(|_late| Error::Network("no answer".to_owned()))?;
        let (stream, _) = connected.map_err(|error| match error {
            tungstenite::Error::Http(answer) => {
                let text = answer.body().as_deref().unwrap_or_default();
                refusal(answer.status(), &String::from_utf8_lossy(text), None)
            }
            error => network(error),
        })?;
        Ok(Self { stream })
    }

    /// The next frame.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] when the server ends the connection, with its code, [`Error::Network`] when
    /// it is lost. docs/protocol.md says when to connect again.
    pub async fn next(&mut self) -> Result<Frame, Error> {
        loop {
            let message = timeout(SILENCE, self.stream.next()).await;
            let message = message.map_err(|_silent| Error::Network("silence".to_owned()))?;
            match message {
                None => return Err(Error::Closed(None)),
                Some(Ok(Message::Text(text))) => return Frame::parse(&text),
                Some(Ok(Message::Close(frame))) => {
                    return Err(Error::Closed(frame.map(|frame| frame.code.into())));
                }
                // The library answers pings.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(network(error)),
            }
        }
    }

    /// Watches channels, each from a place on or only what is new. `epoch` is the one that the
    /// places are from.
    ///
    /// # Errors
    ///
    /// [`Error::Network`].
    pub async fn subscribe(
        &mut self,
        channels: &[(ChannelId, Option<i64>)],
        epoch: Option<&str>,
    ) -> Result<(), Error> {
        let channels: Vec<_> = channels
            .iter()
            .map(|(id, after)| match after {
                Some(after) => json!({"id": id, "after_seq": after}),
                None => json!({"id": id}),
            })
            .collect();
        let mut frame = json!({"type": "subscribe", "channels": channels});
        if let (Some(epoch), Some(frame)) = (epoch, frame.as_object_mut()) {
            frame.insert("epoch".to_owned(), json!(epoch));
        }
        self.send(frame.to_string()).await
    }

    /// Tells the server that messages to this device up to here need not be kept any more.
    ///
    /// # Errors
    ///
    /// [`Error::Network`]; they come again then.
    pub async fn acknowledge(&mut self, up_to: i64) -> Result<(), Error> {
        let frame = json!({"type": "to_device_ack", "up_to": up_to});
        self.send(frame.to_string()).await
    }

    async fn send(&mut self, frame: String) -> Result<(), Error> {
        let sent = self.stream.send(Message::text(frame)).await;
        sent.map_err(network)
    }
}

fn network(error: tungstenite::Error) -> Error {
    Error::Network(error.to_string())
}
