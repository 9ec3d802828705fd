//! A WebSocket byte by byte, for what no client library would do: frames that break the
//! protocol, and silence where an answer is due.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::fixtures::User;
use super::socket::DEADLINE;

/// An open socket that answers nothing by itself.
pub(crate) struct RawSocket {
    stream: TcpStream,
}

impl RawSocket {
    /// Opens a socket in the name of `user` and takes the answer's head.
    pub(crate) async fn open(user: &User) -> Self {
        let address = user.origin().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!(
            "GET /api/ws HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            user.token()
        );
        stream.write_all(request.as_bytes()).await.expect("to send");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = timeout(DEADLINE, stream.read_u8()).await;
            head.push(byte.expect("the head in time").expect("a whole head"));
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        Self { stream }
    }

    /// Sends a frame that begins with `first` (flags and opcode), masked with zeros.
    pub(crate) async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match u16::try_from(payload.len()).expect("a small payload") {
            length @ 0..126 => frame.push(0x80 | u8::try_from(length).expect("a small length")),
            length => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.send(&frame).await;
    }

    /// Sends bytes as they are. The server may have closed already.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Reads until the server closes the connection, answering nothing. Gives how long it
    /// took.
    pub(crate) async fn until_closed(&mut self) -> Duration {
        let start = Instant::now();
        let mut bytes = vec![0; 4096];
        let closed = async {
            while self
                .stream
                .read(&mut bytes)
                .await
                .is_ok_and(|read| read > 0)
            {}
        };
        let closed = timeout(DEADLINE, closed).await;
        assert!(closed.is_ok(), "the server should have closed in time");
        start.elapsed()
    }

    /// Whether the connection is still open after reading for so long.
    pub(crate) async fn is_open_for(&mut self, milliseconds: u64) -> bool {
        let mut bytes = vec![0; 4096];
        let closed = async {
            while self
                .stream
                .read(&mut bytes)
                .await
                .is_ok_and(|read| read > 0)
            {}
        };
        let closed = timeout(Duration::from_millis(milliseconds), closed).await;
        closed.is_err()
    }
}
