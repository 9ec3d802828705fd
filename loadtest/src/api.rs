//! Calls of the public interface, for setting a scene up. Nothing here is measured.

use serde_json::Value;

use crate::connection::Connection;
use crate::failure::{Doing, Failure, Outcome};
use crate::target::Target;

/// A client with a connection of its own.
#[derive(Debug)]
pub(crate) struct Api {
    connection: Connection,
    host: String,
    token: Option<String>,
}

impl Api {
    /// A client of whoever owns `token`.
    pub(crate) fn new(target: &Target, token: Option<&str>) -> Self {
        Self {
            connection: Connection::new(target),
            host: target.host.clone(),
            token: token.map(str::to_owned),
        }
    }

    /// Posts `body` to `/api` and `path`, and gives the JSON of the answer.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Outcome<Value> {
        self.call("POST", path, Some(body)).await
    }

    /// Gets the JSON at `/api` and `path`.
    pub(crate) async fn get(&mut self, path: &str) -> Outcome<Value> {
        self.call("GET", path, None).await
    }

    /// Puts something that needs no body.
    pub(crate) async fn put(&mut self, path: &str) -> Outcome<()> {
        self.call("PUT", path, None).await.map(drop)
    }

    async fn call(&mut self, method: &str, path: &str, body: Option<&Value>) -> Outcome<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let authorization = match &self.token {
            Some(token) => format!("Authorization: Bearer {token}\r\n"),
            None => String::new(),
        };
        let request = format!(
            "{method} /api{path} HTTP/1.1\r\nHost: {}\r\n{authorization}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let (status, answer) = self.connection.ask(request.as_bytes()).await?;
        if !(200..300).contains(&status) {
            let said = String::from_utf8_lossy(answer);
            return Err(Failure::Said(format!(
                "{method} {path} was answered with {status}: {said}"
            )));
        }
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(answer).doing(format!("read the answer to {method} {path}"))
    }
}

/// The text of a field; an error when the server did not send it.
pub(crate) fn text(answer: &Value, pointer: &str) -> Outcome<String> {
    let text = answer.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Failure::Said(format!("an answer of the server has no text at {pointer}")))
}
