//! A push as it comes to the push services of the tests, and everything that a push service may
//! check of it (RFC 8030, 8188, 8291, 8292). The real ones check less.

use serde_json::Value;

use super::listener::Request;
use super::push_crypto::{DeviceKeys, Framed, check_vapid};
use super::push_service::Received;

/// The largest body that a push service takes.
const LARGEST_BODY: usize = 4096;
const URGENCIES: [&str; 4] = ["very-low", "low", "normal", "high"];

/// The status that refuses a request, and what is wrong with it.
pub(super) type Fault = (u16, String);

/// What a browser registered with: its keys, and the key of whoever may send to it.
pub(super) struct Registration {
    pub(super) keys: DeviceKeys,
    pub(super) application_server_key: Vec<u8>,
}

/// Everything that a push service may check with the keys of the device; what is found goes
/// into `received`.
pub(super) fn check(
    request: &Request,
    device: &Registration,
    origin: &str,
    received: &mut Received,
) -> Result<(), Fault> {
    received.claims = check_sealed(request, &device.application_server_key, origin)?;
    let plain = device.keys.decrypt(&request.body);
    let plain = plain.map_err(|fault| (400, fault))?;
    let payload = serde_json::from_slice(&plain);
    received.payload = payload.map_err(|error| (400, format!("not JSON: {error}")))?;
    Ok(())
}

/// Everything that a push service may check without the keys of the device, which real ones do
/// not have. Gives what the token of the application server claims.
pub(super) fn check_sealed(
    request: &Request,
    application_server_key: &[u8],
    origin: &str,
) -> Result<Value, Fault> {
    let header = |name: &str| request.header(name);
    if request.method != "POST" {
        return Err((405, format!("the method is {}", request.method)));
    }
    let Some(authorization) = header("authorization") else {
        return Err((401, "no Authorization".to_owned()));
    };
    let claims = check_vapid(authorization, application_server_key, origin);
    let claims = claims.map_err(|fault| (403, fault))?;
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
    Framed::read(&request.body).map_err(|fault| (400, fault))?;
    Ok(claims)
}
