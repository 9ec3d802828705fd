//! Taking one-time keys, to begin encrypted sessions with devices.

use std::collections::BTreeMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::LARGE_BODY_BYTES;
use super::key_query::parse_users;
use super::opaque::OpaqueObject;
use crate::domain::encryption::ids::{device_id, parse_device};
use crate::domain::encryption::key_upload::ONE_TIME_KEY_ALGORITHM;
use crate::domain::ids::SessionId;
use crate::http::answer::Found;
use crate::http::extract::{Body, Device, request_body};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::store::DeviceRef;

/// Devices that one call takes keys of at most.
const MAX_CLAIMED_DEVICES: usize = 1_000;

request_body! {
    /// Of which devices.
    KeyClaim up to LARGE_BODY_BYTES; {
        /// User ids, device ids and for each the algorithm, `signed_curve25519`.
        one_time_keys: required BTreeMap<String, BTreeMap<String, String>>,
    }
}

/// The keys.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct ClaimedKeys {
    /// By user id and device id: one signed key under its id. Devices that have none, that do
    /// not exist or that the caller shares no channel with are left out.
    one_time_keys: BTreeMap<String, BTreeMap<String, BTreeMap<String, OpaqueObject>>>,
    /// Always empty: there is no other server to fail.
    failures: Map<String, Value>,
}

pub(in crate::http) async fn claim(
    state: Data<ApiState>,
    device: Device,
    body: Body<KeyClaim>,
) -> Result<Found<ClaimedKeys>, Problem> {
    let asked = body.parse()?.one_time_keys;
    if asked.values().map(BTreeMap::len).sum::<usize>() > MAX_CLAIMED_DEVICES {
        let detail = format!("must name at most {MAX_CLAIMED_DEVICES} devices");
        return Err(Problem::invalid_field("/one_time_keys", detail));
    }
    let server = state.server_name().await?;
    let users = parse_users("/one_time_keys", asked.keys(), &server)?;
    let visible = state
        .store
        .sharing_a_channel(device.user_id(), &users)
        .await?;
    let wanted: Vec<DeviceRef> = users
        .iter()
        .zip(asked.values())
        .filter(|(user, _)| visible.contains(user))
        .flat_map(|(user, devices)| {
            let of_user = devices
                .iter()
                .filter(|(_, algorithm)| *algorithm == ONE_TIME_KEY_ALGORITHM)
                .filter_map(|(name, _)| parse_device(name));
            of_user.map(|session_id| DeviceRef {
                user_id: *user,
                session_id,
            })
        })
        .collect();
    let claimed = state.store.claim_keys(&wanted).await?;
    let sessions: Vec<SessionId> = claimed.iter().map(|key| key.device.session_id).collect();
    let mut one_time_keys: BTreeMap<_, BTreeMap<_, BTreeMap<_, _>>> = BTreeMap::new();
    for key in claimed {
        let id = format!("{ONE_TIME_KEY_ALGORITHM}:{}", key.key_id);
        one_time_keys
            .entry(server.user_id(key.device.user_id))
            .or_default()
            .entry(device_id(key.device.session_id))
            .or_default()
            .insert(id, OpaqueObject::kept(key.key)?);
    }
    state.tell_one_time_keys(&sessions).await;
    Ok(Found(ClaimedKeys {
        one_time_keys,
        failures: Map::new(),
    }))
}
