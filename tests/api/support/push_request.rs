//! A request to the push service of the tests: reading it, everything that a push service may
//! check of it, and answering it.

use std::collections::BTreeMap;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::push_crypto::{DeviceKeys, check_vapid};
use super::push_service::Received;

/// The largest body that a push service takes.
const LARGEST_BODY: usize = 4096;
const URGENCIES: [&str; 4] = ["very-low", "low", "normal", "high"];

/// A request of HTTP/1.1.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// By their names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// Reads one request of HTTP/1.1; `None` at the end of the connection.
pub(super) async fn read_request(
    stream: &mut BufReader<TcpStream>,
) -> std::io::Result<Option<Request>> {
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
    Ok(Some(Request {
        method,
        path,
        headers,
        body,
    }))
}

/// Waits for what comes next of a client that is not answered: its end.
pub(super) async fn client_leaves(stream: &mut BufReader<TcpStream>) {
    let mut byte = [0];
    let _ = stream.read(&mut byte).await;
}

/// Sends an answer.
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

/// What a browser registered with: its keys, and the key of whoever may send to it.
pub(super) struct Registration {
    pub(super) keys: DeviceKeys,
    pub(super) application_server_key: Vec<u8>,
}

/// Everything that a push service may check; what is found goes into `received`.
pub(super) fn check(
    request: &Request,
    device: &Registration,
    origin: &str,
    received: &mut Received,
) -> Result<(), (u16, String)> {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    if request.method != "POST" {
        return Err((405, format!("the method is {}", request.method)));
    }
    let Some(authorization) = header("authorization") else {
        return Err((401, "no Authorization".to_owned()));
    };
    let claims = check_vapid(authorization, &device.application_server_key, origin);
    received.claims = claims.map_err(|fault| (403, fault))?;
    let ttl = header("ttl").unwrap_or_default();
    if ttl.is_empty() || !ttl.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err((400, format!("the TTL is {ttl:?}")));
    }
    if header("urgency").is_some_and(|urgency| !URGENCIES.contains(&urgency)) {
        return Err((400, format!("the urgency is {:?}", header("urgency"))));
    }
    let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if let Some(topic) = header("topic")
        && (topic.is_empty() || topic.len() > 32 || !topic.bytes().all(in_alphabet))
    {
        return Err((400, format!("the topic is {topic:?}")));
    }
    if header("content-encoding") != Some("aes128gcm") {
        let encoding = header("content-encoding");
        return Err((400, format!("the content encoding is {encoding:?}")));
    }
    if header("content-length").is_none() || request.body.len() > LARGEST_BODY {
        return Err((413, format!("a body of {} bytes", request.body.len())));
    }
    let plain = device.keys.decrypt(&request.body);
    let plain = plain.map_err(|fault| (400, fault))?;
    let payload = serde_json::from_slice(&plain);
    received.payload = payload.map_err(|error| (400, format!("not JSON: {error}")))?;
    Ok(())
}
