//! WebDriver BiDi, by which a program drives a browser: commands and events in JSON on a
//! WebSocket (<https://w3c.github.io/webdriver-bidi/>). Only what the tests need of it.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::timeline::Timeline;

/// A session with a browser and one of its tabs.
pub(super) struct Bidi {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last_id: u64,
    tab: Value,
    timeline: Timeline,
}

impl Bidi {
    /// Begins a session with the browser that listens at `url`.
    pub(super) async fn connect(url: &str, timeline: &Timeline) -> Self {
        // On the heap, because it has room for a TLS handshake.
        let connected = Box::pin(connect_async(format!("{url}/session"))).await;
        let (socket, _) =
            connected.unwrap_or_else(|error| timeline.fail(&format!("no session: {error}")));
        let mut bidi = Self {
            socket,
            last_id: 0,
            tab: Value::Null,
            timeline: timeline.clone(),
        };
        bidi.command("session.new", &json!({"capabilities": {}}))
            .await;
        let events = json!({"events": ["log.entryAdded"]});
        bidi.command("session.subscribe", &events).await;
        let tree = bidi.command("browsingContext.getTree", &json!({})).await;
        bidi.tab = tree["contexts"][0]["context"].clone();
        bidi
    }

    /// Opens `url` and waits until it is loaded.
    pub(super) async fn open(&mut self, url: &str) {
        let place = json!({"context": self.tab, "url": url, "wait": "complete"});
        self.command("browsingContext.navigate", &place).await;
    }

    /// Calls a function of the page with texts. Gives what it returns, or what the promise it
    /// returns comes to, which must be JSON.
    pub(super) async fn call(&mut self, function: &str, arguments: &[&str]) -> Value {
        let declaration = format!("async (...texts) => JSON.stringify(await {function}(...texts))");
        let texts = arguments.iter();
        let texts = texts.map(|text| json!({"type": "string", "value": text}));
        let call = json!({
            "functionDeclaration": declaration,
            "arguments": texts.collect::<Vec<_>>(),
            "awaitPromise": true,
            "target": {"context": self.tab},
        });
        let result = self.command("script.callFunction", &call).await;
        if result["type"] == "exception" {
            let details = &result["exceptionDetails"];
            let why = details["text"].as_str().unwrap_or_default();
            self.timeline.fail(&format!("{function}() threw {why}"));
        }
        let text = result["result"]["value"].as_str();
        let text = text.unwrap_or_else(|| panic!("{function}() gave no JSON: {result}"));
        serde_json::from_str(text).unwrap()
    }

    /// Does one command and gives its result.
    async fn command(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let command = json!({"id": self.last_id, "method": method, "params": parameters});
        let sent = self.socket.send(Message::text(command.to_string())).await;
        if let Err(error) = sent {
            self.timeline
                .fail(&format!("{method} cannot be asked for: {error}"));
        }
        loop {
            let message = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => serde_json::from_str::<Value>(&text).unwrap(),
                Some(Ok(_)) => continue,
                end => self
                    .timeline
                    .fail(&format!("the browser ended while it did {method}: {end:?}")),
            };
            match message["type"].as_str() {
                Some("event") => self.note(&message),
                Some("success") if message["id"] == self.last_id => {
                    return message["result"].clone();
                }
                _ => self.timeline.fail(&format!("{method} came to {message}")),
            }
        }
    }

    /// Something that the page said.
    fn note(&self, event: &Value) {
        let said = &event["params"];
        let text = said["text"].as_str().unwrap_or_default();
        self.timeline
            .note("page", format!("{} {text}", said["level"]));
    }
}
