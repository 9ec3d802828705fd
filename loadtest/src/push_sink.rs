//! A push service that takes everything, on loopback, and only counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::agreement::{ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::failure::{Doing, Outcome};
use crate::populate::random_text;

/// More than any push.
const MAX_REQUEST: usize = 64 * 1024;

/// A running sink. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct PushSink {
    address: String,
    received: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl PushSink {
    /// Listens on a free port.
    pub(crate) async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.doing("open a port for pushes")?;
        let address = listener.local_addr().doing("open a port for pushes")?;
        let received = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        let counter = Arc::clone(&received);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&counter)));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            address: address.to_string(),
            received,
            _tasks: tasks,
        })
    }

    /// How many pushes came.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// What a browser would subscribe with: an endpoint of its own, a real public key, a secret.
    pub(crate) fn subscription(&self) -> Outcome<Value> {
        let random = SystemRandom::new();
        let key = EphemeralPrivateKey::generate(&ECDH_P256, &random).doing("make a key")?;
        let key = key.compute_public_key().doing("make a key")?;
        let secret = random_text(16)?;
        Ok(json!({
            "endpoint": format!("http://{}/{}", self.address, random_text(24)?),
            "keys": {
                "p256dh": URL_SAFE_NO_PAD.encode(key.as_ref()),
                "auth": URL_SAFE_NO_PAD.encode(secret.as_bytes()),
            },
        }))
    }
}

async fn serve(mut stream: TcpStream, received: Arc<AtomicU64>) {
    let mut buffer = Vec::with_capacity(8 * 1024);
    loop {
        match request_length(&buffer) {
            Some(length) if buffer.len() >= length => {
                buffer.drain(..length);
                received.fetch_add(1, Ordering::Relaxed);
                let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
            _ if buffer.len() > MAX_REQUEST => return,
            _ => match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
        }
    }
}

/// How long the request at the beginning of `bytes` is, once its head is whole.
fn request_length(bytes: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = request.parse(bytes) else {
        return None;
    };
    let length = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok())
        .unwrap_or(0_usize);
    Some(head.saturating_add(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_request_is_known_from_its_head() {
        assert_eq!(request_length(b"POST / HTTP/1.1\r\nContent-Le"), None);
        let request = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(request_length(request), Some(request.len()));
    }

    #[tokio::test]
    async fn everything_is_taken_and_counted() {
        let sink = PushSink::start().await.unwrap();
        let mut stream = TcpStream::connect(&sink.address).await.unwrap();
        for number in 1..=3 {
            let request = b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
            stream.write_all(request).await.unwrap();
            let mut answer = [0; 43];
            stream.read_exact(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 201 "));
            assert_eq!(sink.received(), number);
        }
    }
}
