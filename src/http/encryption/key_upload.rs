//! Uploading the keys of one's device.

use std::collections::BTreeMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::actors::session::one_time_keys_frame;
use crate::domain::encryption::key_upload::{
    KeyUpload, MAX_ONE_TIME_KEYS, ONE_TIME_KEY_ALGORITHM, SentKeys,
};
use crate::domain::ids::SessionId;
use crate::http::answer::Found;
use crate::http::extract::{Body, Device, request_body};
use crate::http::problem::{Code, Problem};
use crate::http::state::ApiState;
use crate::store::KeysUploaded;

request_body! {
    /// Keys of the calling device.
    DeviceUpload {
        /// The device's identity, signed by itself. Written once: later uploads must have the same
        /// keys.
        #[schemars(with = "Option<Map<String, Value>>")]
        device_keys: nullable Value,
        /// Signed keys to hand out once, by `signed_curve25519:<key id>`.
        one_time_keys: nullable Map<String, Value>,
        /// The signed key to hand out when no other is left.
        fallback_keys: nullable Map<String, Value>,
    }
}

/// What is left to be handed out.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct KeyCounts {
    /// How many one-time keys of each algorithm.
    one_time_key_counts: BTreeMap<String, i64>,
}

pub(in crate::http) async fn upload(
    state: Data<ApiState>,
    device: Device,
    body: Body<DeviceUpload>,
) -> Result<Found<KeyCounts>, Problem> {
    let body = body.parse()?;
    let sent = SentKeys {
        device_keys: body.device_keys,
        one_time_keys: body.one_time_keys,
        fallback_keys: body.fallback_keys,
    };
    let name = device.name(&state.server_name().await?);
    let upload = KeyUpload::parse(sent, &name)?;
    let uploaded = state.store.upload_keys(device.reference(), &upload).await;
    // After an error it may have been committed all the same.
    let perhaps = uploaded.is_err() && upload.device_keys.is_some();
    if perhaps || matches!(uploaded, Ok(KeysUploaded::Done { changed: true, .. })) {
        state
            .device_lists
            .announce_changed(&[device.user_id()])
            .await;
    }
    let count = match uploaded? {
        KeysUploaded::Done { one_time_keys, .. } => one_time_keys,
        refused => return Err(refusal(refused)),
    };
    if upload.fallback_key.is_some() {
        // The answer has no place for it.
        state
            .tell_one_time_keys(&[device.reference().session_id])
            .await;
    }
    Ok(Found(KeyCounts {
        one_time_key_counts: BTreeMap::from([(ONE_TIME_KEY_ALGORITHM.to_owned(), count)]),
    }))
}

fn refusal(refused: KeysUploaded) -> Problem {
    match refused {
        KeysUploaded::OtherIdentity => Problem::new(
            Code::IdentityKeyChanged,
            "A device keeps its identity keys for life. Sign in again to become a new device.",
        ),
        KeysUploaded::OtherOneTimeKey(key_id) => Problem::new(
            Code::OneTimeKeyExists,
            format!("{ONE_TIME_KEY_ALGORITHM}:{key_id} is another key. Give a new key a new id."),
        ),
        KeysUploaded::TooManyOneTimeKeys => Problem::new(
            Code::TooManyOneTimeKeys,
            format!("Nothing was kept. At most {MAX_ONE_TIME_KEYS} may wait; upload fewer."),
        ),
        KeysUploaded::NoIdentity => Problem::invalid_field(
            "/device_keys",
            "is required: this device has uploaded none before",
        ),
        KeysUploaded::SessionEnded | KeysUploaded::Done { .. } => Problem::new(
            Code::Unauthenticated,
            "The session ended meanwhile. Sign in again.",
        ),
    }
}

impl ApiState {
    /// Tells devices that are connected what they have left to be handed out. When it fails, they
    /// learn it at their next upload or connection.
    pub(super) async fn tell_one_time_keys(&self, sessions: &[SessionId]) {
        if sessions.is_empty() {
            return;
        }
        match self.store.one_time_key_counts(sessions).await {
            Ok(counts) => {
                for count in counts {
                    let frame = one_time_keys_frame(count.one_time_keys, count.fallback_unused);
                    let (user, session) = (count.device.user_id, count.device.session_id);
                    self.sessions
                        .push_to_session(user, session, &frame.encode());
                }
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "devices were not told how many one-time keys they have left"
            ),
        }
    }
}
