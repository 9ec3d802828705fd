//! One WebSocket of a client. Ten thousand of them share one buffer a thread to read into, so
//! that an idle one costs this driver next to nothing.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

use crate::failure::{Doing, Failure, Outcome};
use crate::frames;
use crate::target::Target;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

/// Who is told of what arrives.
pub(crate) trait Listener {
    /// A text frame came. What is appended to `replies` is sent.
    fn text(&mut self, frame: &[u8], replies: &mut Vec<u8>);
}

/// What reading came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// There may be more.
    Open,
    /// The server has closed, with this code.
    Closed(Option<u16>),
}

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    /// The beginning of a frame that is not whole yet.
    rest: Vec<u8>,
    /// Frames that came together with the answer to the upgrade are still in `rest`.
    unread: bool,
    replies: Vec<u8>,
}

impl Socket {
    /// Connects as the owner of `token`. `receive_buffer` bounds what the kernel takes in for a
    /// client that does not read.
    pub(crate) async fn open(
        target: &Target,
        token: &str,
        receive_buffer: Option<u32>,
    ) -> Outcome<Self> {
        let mut stream = connect(target, receive_buffer)
            .await
            .doing("open a connection for a socket")?;
        let request = format!(
            "GET /api/ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZHRlc3QgbG9hZHRlcw==\r\n\
             Authorization: Bearer {token}\r\n\r\n",
            target.host
        );
        stream
            .write_all(request.as_bytes())
            .await
            .doing("ask for a socket")?;
        let rest = read_upgrade(&mut stream).await?;
        Ok(Self {
            stream,
            unread: !rest.is_empty(),
            rest,
            replies: Vec::new(),
        })
    }

    /// Sends a text frame.
    pub(crate) async fn send(&mut self, text: &str) -> Outcome<()> {
        let mut frame = Vec::with_capacity(text.len() + 14);
        frames::append(frames::TEXT, text.as_bytes(), &mut frame);
        self.stream
            .write_all(&frame)
            .await
            .doing("send to a socket")
    }

    /// Waits for bytes, tells `listener` of the frames in them and answers pings.
    pub(crate) async fn read(&mut self, listener: &mut impl Listener) -> Outcome<Read> {
        let read = if std::mem::take(&mut self.unread) {
            let early = std::mem::take(&mut self.rest);
            self.take(&early, listener)?
        } else {
            poll_fn(|context| self.poll_take(context, listener)).await?
        };
        if !self.replies.is_empty() {
            let sent = self.stream.write_all(&self.replies).await;
            sent.doing("answer on a socket")?;
            self.replies.clear();
        }
        Ok(read)
    }

    fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        listener: &mut impl Listener,
    ) -> Poll<Outcome<Read>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            // A full read of the scratch is rare, so this usually is one call of the kernel.
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            Poll::Ready(match read {
                // A server that goes away resets connections; that is a close like any other.
                Err(_reset) => Ok(Read::Closed(None)),
                Ok(()) if buffer.filled().is_empty() => Ok(Read::Closed(None)),
                Ok(()) => self.take(buffer.filled(), listener),
            })
        })
    }

    fn take(&mut self, bytes: &[u8], listener: &mut impl Listener) -> Outcome<Read> {
        if self.rest.is_empty() {
            let (read, used) = take_frames(bytes, listener, &mut self.replies)?;
            self.rest
                .extend_from_slice(bytes.get(used..).unwrap_or_default());
            return Ok(read);
        }
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(bytes);
        let (read, used) = take_frames(&joined, listener, &mut self.replies)?;
        self.rest = joined.get(used..).unwrap_or_default().to_vec();
        Ok(read)
    }
}

/// Tells of every whole frame in `bytes`, and how many bytes they are.
fn take_frames(
    bytes: &[u8],
    listener: &mut impl Listener,
    replies: &mut Vec<u8>,
) -> Outcome<(Read, usize)> {
    let mut rest = bytes;
    while let Some((frame, after)) = frames::split(rest)? {
        rest = after;
        match frame.opcode {
            frames::TEXT => listener.text(frame.payload, replies),
            frames::PING => frames::append(frames::PONG, frame.payload, replies),
            frames::CLOSE => {
                let code = frame.payload.first_chunk::<2>();
                let code = code.map(|bytes| u16::from_be_bytes(*bytes));
                return Ok((Read::Closed(code), bytes.len()));
            }
            _ => {}
        }
    }
    Ok((Read::Open, bytes.len() - rest.len()))
}

async fn connect(target: &Target, receive_buffer: Option<u32>) -> std::io::Result<TcpStream> {
    let socket = match target.address.is_ipv4() {
        true => TcpSocket::new_v4()?,
        false => TcpSocket::new_v6()?,
    };
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(source) = target.next_source() {
        socket.bind(source)?;
    }
    let stream = socket.connect(target.address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads the answer to the upgrade and gives what came after it.
async fn read_upgrade(stream: &mut TcpStream) -> Outcome<Vec<u8>> {
    let mut answer = Vec::with_capacity(512);
    loop {
        let read = stream.read_buf(&mut answer).await;
        if read.doing("open a socket")? == 0 {
            return Err(Failure::said(
                "the server closed instead of opening a socket",
            ));
        }
        if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
            let status = answer.get(9..12).unwrap_or_default();
            if status != b"101" {
                let status = String::from_utf8_lossy(status).into_owned();
                return Err(Failure::Said(format!(
                    "the server refused a socket with status {status}"
                )));
            }
            return Ok(answer.split_off(end + 4));
        }
        if answer.len() > 16 * 1024 {
            return Err(Failure::said("the answer to an upgrade has no end"));
        }
    }
}
