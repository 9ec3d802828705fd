//! One's own devices that are reached by Web Push.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::{Accepted, Created, Done, Found};
use super::extract::{Body, Caller, Path, request_body};
use super::problem::{Code, FieldError, Problem};
use super::state::ApiState;
use crate::domain::ids::PushSubscriptionId;
use crate::domain::push::{AuthSecret, DeviceKeys, MAX_DEVICES_PER_USER, P256dh, PushDevice};
use crate::domain::push_endpoint::PushEndpoint;
use crate::push::PushError;
use crate::store::{NewPushSubscription, PushDeviceRef, Subscribed};

/// What a browser subscribes with.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PushKey {
    /// The server's public key: an uncompressed point of the curve P-256, in base64url.
    public_key: String,
}

/// The keys of a browser's subscription, as the documentation shows them.
#[derive(JsonSchema)]
#[expect(
    dead_code,
    reason = "read field by field, so that one answer names all that is wrong"
)]
struct SentKeys {
    /// The browser's public key, in base64url without padding.
    p256dh: String,
    /// The secret shared with the browser, in base64url without padding.
    auth: String,
}

request_body! {
    /// What `PushSubscription.toJSON()` gives in a browser.
    PushTerms {
        /// Where the browser is reached: an https URL of at most 1,024 characters at a push
        /// service that the server knows.
        #[schemars(with = "String")]
        endpoint: nullable Value,
        /// How to encrypt to it.
        #[schemars(with = "SentKeys")]
        keys: nullable Value,
    }
}

pub(super) async fn key(state: Data<ApiState>) -> Result<Found<PushKey>, Problem> {
    Ok(Found(PushKey {
        public_key: state.push.public_key().to_owned(),
    }))
}

pub(super) async fn subscribe(
    state: Data<ApiState>,
    caller: Caller,
    body: Body<PushTerms>,
) -> Result<Created<PushDevice>, Problem> {
    let (endpoint, keys) = checked(&state, body.parse()?)?;
    let subscription = NewPushSubscription {
        user_id: caller.id(),
        session_id: caller.session_id,
        endpoint,
        keys,
    };
    let idle_days = state.session_idle_days;
    match state
        .store
        .upsert_push_subscription(&subscription, idle_days)
        .await?
    {
        Subscribed::Device(device) => Ok(Created(device)),
        Subscribed::TooMany => Err(Problem::new(
            Code::TooManyDevices,
            format!("Remove one first; at most {MAX_DEVICES_PER_USER} are possible."),
        )),
        Subscribed::SessionEnded => Err(Problem::new(
            Code::Unauthenticated,
            "The session ended meanwhile. Sign in again.",
        )),
    }
}

/// Checks every field, so that one answer names all that is wrong, and then whether a message
/// for the device can be made of them.
fn checked(state: &ApiState, sent: PushTerms) -> Result<(PushEndpoint, DeviceKeys), Problem> {
    let mut errors = Vec::new();
    let mut keys = match sent.keys {
        Some(Value::Object(keys)) => Some(keys),
        None => Some(Map::new()),
        Some(_) => {
            let detail = "must be an object with p256dh and auth".to_owned();
            errors.push(FieldError {
                pointer: "/keys".to_owned(),
                detail,
            });
            None
        }
    };
    let mut key = |name| keys.as_mut().map(|keys| keys.remove(name));
    let (p256dh, auth) = (key("p256dh"), key("auth"));
    let endpoint = field("/endpoint", sent.endpoint, &mut errors, |text| {
        PushEndpoint::parse(text, state.push.rules())
    });
    let p256dh = p256dh.and_then(|sent| field("/keys/p256dh", sent, &mut errors, P256dh::parse));
    let auth = auth.and_then(|sent| field("/keys/auth", sent, &mut errors, AuthSecret::parse));
    let (Some(endpoint), Some(p256dh), Some(auth)) = (endpoint, p256dh, auth) else {
        return Err(Problem::invalid(Code::InvalidBody, errors));
    };
    let keys = DeviceKeys { p256dh, auth };
    match state.push.try_build(&endpoint, &keys) {
        Ok(()) => Ok((endpoint, keys)),
        Err(PushError::Endpoint) => Err(Problem::invalid_field(
            "/endpoint",
            "has characters that cannot be sent",
        )),
        // The form of both keys is right, so it is the point that is not on the curve.
        Err(_) => Err(Problem::invalid_field(
            "/keys/p256dh",
            "must be a point of the curve P-256",
        )),
    }
}

fn field<T, E: std::fmt::Display>(
    pointer: &str,
    sent: Option<Value>,
    errors: &mut Vec<FieldError>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let parsed = match sent {
        None => Err("is required".to_owned()),
        Some(Value::String(text)) => parse(&text).map_err(|refused| refused.to_string()),
        Some(_) => Err("must be a string".to_owned()),
    };
    parsed
        .map_err(|detail| {
            errors.push(FieldError {
                pointer: pointer.to_owned(),
                detail,
            });
        })
        .ok()
}

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
) -> Result<Found<Vec<PushDevice>>, Problem> {
    let devices = state
        .store
        .list_push_subscriptions(caller.id(), state.session_idle_days)
        .await?;
    Ok(Found(devices))
}

pub(super) async fn remove(
    state: Data<ApiState>,
    caller: Caller,
    Path(subscription): Path<PushSubscriptionId>,
) -> Result<Done, Problem> {
    let device = device(&caller, subscription);
    if state.store.delete_push_subscription(device).await? {
        Ok(Done)
    } else {
        Err(Problem::not_found())
    }
}

pub(super) async fn test(
    state: Data<ApiState>,
    caller: Caller,
    Path(subscription): Path<PushSubscriptionId>,
) -> Result<Accepted, Problem> {
    state.refuse_while_stopping()?;
    let device = device(&caller, subscription);
    let target = state
        .store
        .find_push_target(device, state.session_idle_days)
        .await?
        .ok_or_else(Problem::not_found)?;
    // Nobody waits for the push itself: what came of it is read from the list of devices.
    if state.pushes.send_test(device, target).await {
        Ok(Accepted)
    } else {
        Err(Problem::retry(Code::Overloaded, "Try again in a moment."))
    }
}

fn device(caller: &Caller, subscription: PushSubscriptionId) -> PushDeviceRef {
    PushDeviceRef {
        user_id: caller.id(),
        subscription_id: subscription,
    }
}
