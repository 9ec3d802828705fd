//! Web Push (RFC 8030, 8291, 8292) outside the database: who signs, what is sent, and over
//! which connection.
//!
//! A push is encrypted to the browser and signed by this instance, then handed to the push
//! service that the browser chose. Neither keys nor endpoints reach a log: whoever has an
//! endpoint can send there.

mod addresses;
mod message;
mod outcome;
mod transport;
mod vapid;

pub use message::{PushContent, TestNotification};
pub use outcome::Outcome;
pub use vapid::{Vapid, generate_private_key};

use web_push::WebPushMessage;

use self::transport::Transport;
use crate::domain::push::DeviceKeys;
use crate::domain::push_endpoint::{EndpointRules, PushEndpoint};

/// Why pushes cannot be sent, or one cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The signing key is none.
    #[error(
        "the private key for Web Push is not a P-256 key in base64url; correct or remove the setting push.vapid_private_key"
    )]
    PrivateKey,
    /// The operating system gives no randomness.
    #[error("no key for Web Push can be made: the operating system gives no randomness")]
    Randomness,
    /// The HTTP client cannot be made.
    #[error("the HTTP client for Web Push cannot be set up: {0}")]
    Client(String),
    /// The endpoint cannot be put into a request.
    #[error("the endpoint cannot be used")]
    Endpoint,
    /// The browser's keys cannot be encrypted to.
    #[error("the keys cannot be used")]
    DeviceKeys,
    /// What is to be sent does not fit, however short its texts are cut.
    #[error("the payload is too large")]
    TooLarge,
    /// What is to be sent cannot be built.
    #[error("the push message cannot be built: {0}")]
    Message(String),
}

/// A push that is ready to be sent. Not shown: it is signed.
pub struct PushRequest(WebPushMessage);

impl std::fmt::Debug for PushRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushRequest(..)")
    }
}

/// Everything that sending a push takes. One for the whole server.
#[derive(Debug)]
pub struct WebPush {
    vapid: Vapid,
    rules: EndpointRules,
    transport: Transport,
}

impl WebPush {
    /// Prepares to send to the endpoints that `rules` allow, signed by `vapid`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(vapid: Vapid, rules: EndpointRules) -> Result<Self, PushError> {
        Ok(Self {
            vapid,
            transport: Transport::new(rules.allow_loopback_http())?,
            rules,
        })
    }

    /// The public key that browsers subscribe with, in base64url.
    #[must_use]
    pub fn public_key(&self) -> &str {
        self.vapid.public_key()
    }

    /// Which endpoints are taken.
    #[must_use]
    pub fn rules(&self) -> &EndpointRules {
        &self.rules
    }

    /// Tries whether a push can be made for a device, without sending it.
    ///
    /// # Errors
    /// [`PushError::Endpoint`] or [`PushError::DeviceKeys`], for what is at fault.
    pub fn try_build(&self, endpoint: &PushEndpoint, keys: &DeviceKeys) -> Result<(), PushError> {
        message::encrypt(endpoint, keys, b"-", None).map(|_built| ())
    }

    /// Signs and encrypts one push to one device.
    ///
    /// # Errors
    /// When it does not fit, or the keys are none.
    pub fn build(
        &self,
        endpoint: &PushEndpoint,
        keys: &DeviceKeys,
        content: &PushContent,
    ) -> Result<PushRequest, PushError> {
        message::build(&self.vapid, endpoint, keys, content).map(PushRequest)
    }

    /// Sends one push to one device. `endpoint` is checked once more, because the rules may
    /// have changed since it was stored.
    pub async fn send(&self, endpoint: &str, keys: &DeviceKeys, content: &PushContent) -> Outcome {
        let endpoint = match PushEndpoint::parse(endpoint, &self.rules) {
            Ok(endpoint) => endpoint,
            Err(refused) => {
                tracing::debug!(%refused, "a stored push endpoint is no longer allowed");
                return Outcome::Misconfigured;
            }
        };
        match self.build(&endpoint, keys, content) {
            Ok(request) => self.transport.post(&endpoint, request).await,
            Err(PushError::TooLarge) => Outcome::TooLarge,
            Err(error) => {
                tracing::debug!(%error, "a push could not be made");
                Outcome::Failed
            }
        }
    }
}
