//! The connection to push services: one client for all, which connects only to where it may
//! and takes no more of an answer than it needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use web_push::WebPushMessage;

use super::addresses::is_public;
use super::{Outcome, PushError, PushRequest};
use crate::domain::push_endpoint::PushEndpoint;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a push may take in all.
const TOTAL: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// How often a used one is asked for a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How much of an answer is read, so that its connection can be used again. Nobody is shown
/// what it says: whoever made up the address must not read what is there.
const MAX_ANSWER_BYTES: usize = 8 * 1024;

/// The HTTP client.
#[derive(Debug)]
pub(super) struct Transport {
    client: Client,
}

impl Transport {
    /// Makes the client. With `allow_loopback` the name `localhost` may lead to this machine.
    pub(super) fn new(allow_loopback: bool) -> Result<Self, PushError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .dns_resolver(Arc::new(PublicAddresses { allow_loopback }))
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .pool_idle_timeout(IDLE)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .build()
            .map_err(|error| PushError::Client(error.to_string()))?;
        Ok(Self { client })
    }

    /// Hands a push to the push service of `endpoint`.
    pub(super) async fn post(
        &self,
        endpoint: &PushEndpoint,
        PushRequest(message): PushRequest,
    ) -> Outcome {
        let Some(headers) = headers(&message) else {
            return Outcome::Failed;
        };
        let body = message
            .payload
            .map(|payload| payload.content)
            .unwrap_or_default();
        let request = self.client.post(endpoint.as_str()).headers(headers);
        match request.body(body).send().await {
            Ok(response) => read(response).await,
            Err(error) => {
                // Without the URL, which is as good as a key to the device.
                let error = error.without_url();
                tracing::debug!(service = endpoint.origin(), ?error, "no answer to a push");
                Outcome::RetryLater { after: None }
            }
        }
    }
}

/// The headers of RFC 8030 and 8188, and the signature.
fn headers(message: &WebPushMessage) -> Option<HeaderMap> {
    let payload = message.payload.as_ref()?;
    let mut headers = HeaderMap::new();
    headers.insert("ttl", HeaderValue::from(message.ttl));
    if let Some(urgency) = message.urgency {
        let urgency = HeaderValue::from_str(&urgency.to_string()).ok()?;
        headers.insert("urgency", urgency);
    }
    if let Some(topic) = &message.topic {
        headers.insert("topic", HeaderValue::from_str(topic).ok()?);
    }
    let encoding = payload.content_encoding.to_str();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, octets);
    for (name, value) in &payload.crypto_headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Some(headers)
}

async fn read(mut response: Response) -> Outcome {
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let outcome = Outcome::of(response.status().as_u16(), retry_after);
    let mut taken = 0;
    // The status is the answer. Its body breaking off changes nothing.
    while let Ok(Some(chunk)) = response.chunk().await {
        taken += chunk.len();
        if taken > MAX_ANSWER_BYTES {
            break;
        }
    }
    outcome
}

/// TLS with the certificates that the operating system trusts.
fn tls() -> Result<rustls::ClientConfig, PushError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::warn!(
            "Web Push needs the system's certificates; install the package ca-certificates"
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PushError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Resolves names, and fails if any address of one is not public. The addresses that were
/// checked are those that are connected to, so a name cannot lead elsewhere in between.
#[derive(Clone, Copy)]
struct PublicAddresses {
    allow_loopback: bool,
}

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback = self.allow_loopback && name.as_str() == "localhost";
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            let allowed = |address: &SocketAddr| {
                is_public(address.ip()) || (loopback && address.ip().is_loopback())
            };
            if !found.iter().all(allowed) {
                return Err(
                    "the push service's name leads to an address that is not public".into(),
                );
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
        let resolve = |allow_loopback| {
            let name = "localhost".parse().unwrap();
            PublicAddresses { allow_loopback }.resolve(name)
        };
        assert!(resolve(false).await.is_err());
        assert!(resolve(true).await.is_ok());
    }
}
