//! The WebSocket between Firefox and its push service: frames of JSON with a `messageType`.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::autopush::{Shared, ToBrowser};

const SUBPROTOCOL: &str = "push-notification";

/// Takes the only subprotocol there is.
struct WithSubprotocol<'a>(&'a Shared);

impl Callback for WithSubprotocol<'_> {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        const HEADER: &str = "sec-websocket-protocol";
        if request.headers().get(HEADER) != Some(&HeaderValue::from_static(SUBPROTOCOL)) {
            let headers = request.headers();
            self.0.fault(format!("no {SUBPROTOCOL}: {headers:?}"));
        }
        let headers = response.headers_mut();
        headers.insert(HEADER, HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    }
}

/// Speaks with the browser until it or the test ends the connection.
pub(super) async fn converse(
    stream: TcpStream,
    shared: &Shared,
) -> Result<(), Box<dyn std::error::Error>> {
    // A browser that is to be away waits here, so that it is back as soon as it may be.
    shared.wait_until_away(false).await;
    let mut socket = accept_hdr_async(stream, WithSubprotocol(shared)).await?;
    shared.note("the browser connects");
    let (browser, mut frames): (ToBrowser, _) = mpsc::unbounded_channel();
    let ended = loop {
        tokio::select! {
            () = shared.wait_until_away(true) => break Ok(()),
            Some(frame) = frames.recv() => {
                if let Err(error) = socket.send(Message::text(frame.to_string())).await {
                    break Err(error.into());
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => hear(&text, shared, &browser),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break Ok(()),
            },
        }
    };
    shared.note("the browser is disconnected");
    shared.part(&browser);
    ended
}

/// Does what a frame of the browser asks for.
fn hear(text: &str, shared: &Shared, browser: &ToBrowser) {
    shared.note(format!("the browser sends {text}"));
    let frame: Value = match serde_json::from_str(text) {
        Ok(frame) => frame,
        Err(error) => return shared.fault(format!("not JSON, {error}: {text}")),
    };
    let answer = match frame["messageType"].as_str() {
        Some("hello") => return shared.greet(browser),
        Some("register") => shared.register(&frame),
        Some("unregister") => shared.unregister(&frame),
        Some("ack") => {
            let updates = frame["updates"].as_array();
            for update in updates.into_iter().flatten() {
                // The other codes: it could not be decrypted, or not delivered.
                if update["code"] != 100 {
                    shared.fault(format!("the browser has no use for a push: {text}"));
                }
                shared.acknowledge(&update["version"]);
            }
            return;
        }
        Some("nack") => return shared.fault(format!("the service worker failed: {text}")),
        Some("broadcast_subscribe") => return,
        // A ping.
        None if text == "{}" => json!({}),
        _ => return shared.fault(format!("an unknown frame: {text}")),
    };
    // The connection that it came on is this one.
    let _ = browser.send(answer);
}
