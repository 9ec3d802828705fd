//! HTTP/1.1 as the tests themselves serve it, on a loopback port: one request after another on
//! a connection.

use std::collections::BTreeMap;
use std::future::Future;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A free port of this machine.
pub(super) struct Listener(TcpListener);

impl Listener {
    pub(super) async fn bind() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).await.unwrap())
    }

    /// Where it is, with its port.
    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// Gives each connection to `serve`.
    pub(super) fn serve<F>(self, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Serving
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let accept = async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = self.0.accept().await {
                connections.spawn(serve(stream));
                while connections.try_join_next().is_some() {}
            }
        };
        Serving(tokio::spawn(accept))
    }
}

/// A listener at work. It ends with this value, and its connections with it.
pub(super) struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A request as it came in.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// By their names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads the next one; `None` at the end of the connection.
    pub(super) async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut first = lines.first().map_or("", String::as_str).split(' ');
        let method = first.next().unwrap_or_default().to_owned();
        let path = first.next().unwrap_or_default().to_owned();
        let named = lines.iter().skip(1).filter_map(|line| line.split_once(':'));
        let headers: BTreeMap<String, String> = named
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.get("content-length");
        let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        Ok(Some(Self {
            method,
            path,
            headers,
            body,
        }))
    }

    /// The value of the header `name`, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Waits for what comes next of a client that is not answered: its end.
pub(super) async fn client_leaves(stream: &mut BufReader<TcpStream>) {
    let mut byte = [0];
    let _ = stream.read(&mut byte).await;
}

/// Answers the request that was read last.
pub(super) async fn answer(
    stream: &mut BufReader<TcpStream>,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} -\r\n");
    // It has no body, and so no length.
    if status != 204 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}
