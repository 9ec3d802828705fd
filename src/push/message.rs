//! What is sent: JSON, cut to what push services take, encrypted to one browser (RFC 8291).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use web_push::{
    ContentEncoding, SubscriptionInfo, Urgency, VapidSignature, WebPushError, WebPushMessage,
    WebPushMessageBuilder,
};

use super::{PushError, Vapid};
use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::domain::push::DeviceKeys;
use crate::domain::push_endpoint::PushEndpoint;
use crate::domain::time::Timestamp;

/// Bytes of JSON at most. The encrypted form is padded, and 4,096 bytes are what every push
/// service takes.
const MAX_PAYLOAD: usize = 3052;
/// Characters of the preview that are left when a push service wants less.
const SHORT_PREVIEW: usize = 40;
/// Who asks for a test notification waits for it now.
const TEST_TTL_SECONDS: u32 = 60;

/// A notification that a user asked for to see whether a device is reached.
#[derive(Clone, Debug, Serialize)]
pub struct TestNotification {
    id: NotificationId,
    kind: &'static str,
    preview: &'static str,
    created_at: Timestamp,
}

impl TestNotification {
    /// Makes one, with an id of its own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            id: NotificationId::generate(),
            kind: "test",
            preview: "This device receives notifications.",
            created_at: Timestamp::now(),
        }
    }
}

impl Default for TestNotification {
    fn default() -> Self {
        Self::new()
    }
}

/// What a push says.
#[derive(Clone, Debug)]
pub enum PushContent {
    /// Somebody mentioned the user.
    Alert {
        /// The notification.
        notification: Notification,
        /// Opens it in the web client.
        url: String,
        /// How long a push service keeps it for a device that is off.
        ttl: Duration,
    },
    /// The user asked for it.
    Test {
        /// What it says.
        notification: TestNotification,
        /// Opens the web client.
        url: String,
    },
}

/// The JSON of a push: the notification with an address.
#[derive(Serialize)]
struct Payload<'a, T> {
    #[serde(flatten)]
    notification: &'a T,
    url: &'a str,
}

fn to_json<T: Serialize>(notification: &T, url: &str) -> Result<Vec<u8>, PushError> {
    serde_json::to_vec(&Payload { notification, url })
        .map_err(|error| PushError::Message(error.to_string()))
}

impl PushContent {
    /// The alert of `notification`, opened below `public_url`, kept for `ttl` at most.
    #[must_use]
    pub fn alert(notification: Notification, public_url: &str, ttl: Duration) -> Self {
        let (channel, seq) = (notification.channel_id, notification.seq);
        let url = format!("{public_url}/c/{channel}/{seq}");
        Self::Alert {
            notification,
            url,
            ttl,
        }
    }

    /// The same in fewer words, for a push service that takes less than others. `None`: a test
    /// notification has none to spare.
    #[must_use]
    pub fn shortened(mut self) -> Option<Self> {
        let Self::Alert { notification, .. } = &mut self else {
            return None;
        };
        notification.author.avatar_url = None;
        let short = notification.preview.chars().take(SHORT_PREVIEW);
        notification.preview = short.collect();
        Some(self)
    }

    /// A test notification, which opens `public_url`.
    #[must_use]
    pub fn test(public_url: &str) -> Self {
        Self::Test {
            notification: TestNotification::new(),
            url: format!("{public_url}/"),
        }
    }

    fn id(&self) -> NotificationId {
        match self {
            Self::Alert { notification, .. } => notification.id,
            Self::Test { notification, .. } => notification.id,
        }
    }

    fn ttl_seconds(&self) -> u32 {
        match self {
            Self::Alert { ttl, .. } => u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX),
            Self::Test { .. } => TEST_TTL_SECONDS,
        }
    }

    /// The JSON, in at most `MAX_PAYLOAD` bytes.
    fn payload(&self) -> Result<Vec<u8>, PushError> {
        match self {
            Self::Alert {
                notification, url, ..
            } => alert_payload(notification, url),
            Self::Test { notification, url } => {
                let payload = to_json(notification, url)?;
                if payload.len() > MAX_PAYLOAD {
                    return Err(PushError::TooLarge);
                }
                Ok(payload)
            }
        }
    }
}

/// Gives up the picture first, which may be long and is not what the alert says, and then the
/// end of the preview, a character at a time: in JSON one may take six bytes.
fn alert_payload(notification: &Notification, url: &str) -> Result<Vec<u8>, PushError> {
    let payload = to_json(notification, url)?;
    if payload.len() <= MAX_PAYLOAD {
        return Ok(payload);
    }
    let mut notification = notification.clone();
    notification.author.avatar_url = None;
    loop {
        let payload = to_json(&notification, url)?;
        if payload.len() <= MAX_PAYLOAD {
            return Ok(payload);
        }
        if notification.preview.pop().is_none() {
            return Err(PushError::TooLarge);
        }
    }
}

/// The same for every repeat of a notification, so that a repeat replaces what still waits at
/// the push service: at most 32 characters of base64url, and an id takes 22.
fn topic(id: NotificationId) -> String {
    URL_SAFE_NO_PAD.encode(id.0.as_bytes())
}

/// Builds the request for one device.
pub(super) fn build(
    vapid: &Vapid,
    endpoint: &PushEndpoint,
    keys: &DeviceKeys,
    content: &PushContent,
) -> Result<WebPushMessage, PushError> {
    let payload = content.payload()?;
    let signature = vapid.signature(endpoint)?;
    let mut message = encrypt(endpoint, keys, &payload, Some(signature))?;
    message.ttl = content.ttl_seconds();
    message.topic = Some(topic(content.id()));
    Ok(message)
}

/// Encrypts `payload`, which must not be empty: an empty push would go unsigned.
pub(super) fn encrypt(
    endpoint: &PushEndpoint,
    keys: &DeviceKeys,
    payload: &[u8],
    signature: Option<VapidSignature>,
) -> Result<WebPushMessage, PushError> {
    let info = SubscriptionInfo::new(endpoint.as_str(), keys.p256dh.reveal(), keys.auth.reveal());
    let mut builder = WebPushMessageBuilder::new(&info);
    builder.set_payload(ContentEncoding::Aes128Gcm, payload);
    builder.set_ttl(TEST_TTL_SECONDS);
    builder.set_urgency(Urgency::High);
    if let Some(signature) = signature {
        builder.set_vapid_signature(signature);
    }
    builder.build().map_err(|error| match error {
        WebPushError::InvalidUri => PushError::Endpoint,
        WebPushError::InvalidCryptoKeys => PushError::DeviceKeys,
        WebPushError::PayloadTooLarge => PushError::TooLarge,
        other => PushError::Message(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{ChannelId, CommunityId, MessageId, Seq};
    use crate::domain::message::WebhookAuthor;
    use crate::domain::notification::NotificationKind;
    use crate::domain::push_delivery::LIFETIME;

    fn alert(name: &str, preview: &str, avatar_url: Option<String>) -> PushContent {
        let notification = Notification {
            id: NotificationId::generate(),
            kind: NotificationKind::Mention,
            community_id: CommunityId::generate(),
            channel_id: ChannelId::generate(),
            channel_name: name.to_owned(),
            message_id: MessageId::generate(),
            seq: Seq(i64::MAX),
            author: WebhookAuthor {
                name: name.to_owned(),
                avatar_url,
            },
            preview: preview.to_owned(),
            created_at: Timestamp::now(),
            read_at: None,
        };
        PushContent::alert(notification, "https://chat.example.com", LIFETIME)
    }

    fn read(content: &PushContent) -> serde_json::Value {
        let payload = content.payload().unwrap();
        assert!(payload.len() <= MAX_PAYLOAD, "{}", payload.len());
        serde_json::from_slice(&payload).unwrap()
    }

    #[test]
    fn the_payload_is_the_notification_with_its_address() {
        let content = alert("ops", "hello", Some("https://example.com/a.png".to_owned()));
        let json = read(&content);
        assert_eq!(json["preview"], "hello");
        assert_eq!(json["author"]["avatar_url"], "https://example.com/a.png");
        let channel = json["channel_id"].as_str().unwrap();
        let url = format!("https://chat.example.com/c/{channel}/{}", i64::MAX);
        assert_eq!(json["url"], url);
        let test = read(&PushContent::test("https://chat.example.com"));
        assert_eq!(test["kind"], "test");
        assert_eq!(test["url"], "https://chat.example.com/");
    }

    #[test]
    fn the_payload_fits_whatever_the_content() {
        let avatar = Some(format!("https://e.co/{}", "🦀".repeat(2000)));
        let name = "🦀".repeat(64);
        for preview in ["\u{1}".repeat(120), "🦀".repeat(120), "é".repeat(120)] {
            let json = read(&alert(&name, &preview, avatar.clone()));
            assert_eq!(json["preview"], preview, "only the picture is given up");
            assert!(json["author"]["avatar_url"].is_null());
        }
        let json = read(&alert(&name, &"🦀".repeat(4000), None));
        let kept = json["preview"].as_str().unwrap();
        assert!(!kept.is_empty() && kept.chars().all(|c| c == '🦀'));
    }

    #[test]
    fn the_topic_is_22_characters_and_the_same_for_a_repeat() {
        let id = NotificationId::generate();
        assert_eq!(topic(id).len(), 22);
        assert_eq!(topic(id), topic(id));
        assert_ne!(topic(id), topic(NotificationId::generate()));
    }
}
