//! An HTTP/1.1 connection that is kept alive: one request after the other, with as little
//! work for each as possible, because driver and server share the machine.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::failure::{Doing, Failure, Outcome};
use crate::target::Target;

const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// A connection, opened with the first request and again after it was closed.
#[derive(Debug)]
pub(crate) struct Connection {
    target: Target,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// What was answered. The body is in the connection until the next request.
#[derive(Clone, Copy, Debug)]
struct Head {
    status: u16,
    body_at: usize,
    end: usize,
    closes: bool,
}

impl Connection {
    /// Nothing is opened yet.
    pub(crate) fn new(target: &Target) -> Self {
        Self {
            target: target.clone(),
            stream: None,
            buffer: Vec::with_capacity(1024),
        }
    }

    /// Opens the connection, if it is not.
    pub(crate) async fn open(&mut self) -> Outcome<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.target.address).await;
            let stream = stream.doing(format!("connect to {}", self.target.address))?;
            stream.set_nodelay(true).doing("set up a connection")?;
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Sends a whole request and gives the status of the answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Outcome<u16> {
        Ok(self.ask(request).await?.0)
    }

    /// Sends a whole request and gives status and body of the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Outcome<(u16, &[u8])> {
        self.open().await?;
        let stream = self.stream.take();
        let mut stream = stream.ok_or_else(|| Failure::said("the connection is gone"))?;
        stream.write_all(request).await.doing("send a request")?;
        let head = read_answer(&mut stream, &mut self.buffer).await?;
        // Put back only now: an exchange that was broken off leaves no half-read answer.
        self.stream = (!head.closes).then_some(stream);
        let body = self.buffer.get(head.body_at..head.end);
        Ok((head.status, body.unwrap_or_default()))
    }
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Outcome<Head> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await.doing("read an answer")? == 0 {
            return Err(Failure::said("the server closed instead of answering"));
        }
        match parse(buffer)? {
            Some(head) if buffer.len() >= head.end => return Ok(head),
            _ if buffer.len() > MAX_ANSWER => {
                return Err(Failure::said("the answer is larger than this driver reads"));
            }
            _ => {}
        }
    }
}

/// Reads the head of an answer, once it is whole.
fn parse(bytes: &[u8]) -> Outcome<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut answer = httparse::Response::new(&mut headers);
    let parsed = answer.parse(bytes).doing("understand an answer")?;
    let httparse::Status::Complete(body_at) = parsed else {
        return Ok(None);
    };
    let value = |name: &str| {
        let mut all = answer.headers.iter();
        all.find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| String::from_utf8_lossy(header.value))
    };
    if value("transfer-encoding").is_some() {
        return Err(Failure::said("the server answered in chunks"));
    }
    let length = match value("content-length") {
        Some(text) => text.trim().parse().doing("read the length of an answer")?,
        None => 0_usize,
    };
    let closes = value("connection").is_some_and(|it| it.eq_ignore_ascii_case("close"));
    Ok(Some(Head {
        status: answer.code.unwrap_or_default(),
        body_at,
        end: body_at.saturating_add(length),
        closes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_answer_is_known_from_its_head() {
        let bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello";
        let head = parse(bytes).unwrap().unwrap();
        assert_eq!(
            (head.status, head.end, head.closes),
            (201, bytes.len(), false)
        );
        assert_eq!(bytes.get(head.body_at..head.end).unwrap(), b"hello");
        let closing = b"HTTP/1.1 503 x\r\nconnection: close\r\n\r\n";
        assert!(parse(closing).unwrap().unwrap().closes);
    }

    #[test]
    fn a_head_that_is_not_whole_waits_and_one_in_chunks_is_refused() {
        assert!(
            parse(b"HTTP/1.1 201 Created\r\nContent-Le")
                .unwrap()
                .is_none()
        );
        let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(parse(chunks).is_err());
    }
}
