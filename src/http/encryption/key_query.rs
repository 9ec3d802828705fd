//! Asking for the keys of users.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::LARGE_BODY_BYTES;
use super::opaque::OpaqueObject;
use crate::domain::encryption::cross_signing::Usage;
use crate::domain::encryption::flaws::{Flaws, member};
use crate::domain::encryption::ids::{ServerName, device_id, parse_device};
use crate::domain::encryption::signatures::{AddedSignature, with_signatures};
use crate::domain::ids::{SessionId, UserId};
use crate::http::answer::Found;
use crate::http::extract::{Body, Device, request_body};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::store::{DevicesBound, QueriedKeys, StoreError};

/// Users that one call asks for at most.
const MAX_USERS: usize = 500;
const MEBIBYTE: i64 = 1024 * 1024;
/// What one answer holds at most. Above it a call is refused rather than answered in part: users who
/// are left out would be taken for users without devices.
const BOUND: DevicesBound = DevicesBound {
    devices: 5_000,
    bytes: 8 * MEBIBYTE,
};

request_body! {
    /// Whose keys.
    KeyQuery up to LARGE_BODY_BYTES; {
        /// User ids, each with device ids, or none for all devices.
        device_keys: required BTreeMap<String, Vec<String>>,
    }
}

/// What was found. Users whom one shares no channel with are left out, as if they had no keys.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(in crate::http) struct FoundKeys {
    /// The keys of devices, by user id and device id.
    device_keys: BTreeMap<String, BTreeMap<String, OpaqueObject>>,
    /// The master keys, by user id.
    master_keys: BTreeMap<String, OpaqueObject>,
    /// The self-signing keys, by user id.
    self_signing_keys: BTreeMap<String, OpaqueObject>,
    /// The caller's own user-signing key. Nobody else's is shown.
    user_signing_keys: BTreeMap<String, OpaqueObject>,
    /// Always empty: there is no other server to fail.
    failures: Map<String, Value>,
}

pub(in crate::http) async fn query(
    state: Data<ApiState>,
    device: Device,
    body: Body<KeyQuery>,
) -> Result<Found<FoundKeys>, Problem> {
    let asked = body.parse()?.device_keys;
    let server = state.server_name().await?;
    let users = parse_users("/device_keys", asked.keys(), &server)?;
    let viewer = device.user_id();
    let visible = state.store.sharing_a_channel(viewer, &users).await?;
    let wanted = wanted_devices(&visible, &asked, &server);
    let keys = state
        .store
        .query_keys(viewer, &visible, &wanted, BOUND)
        .await?;
    let keys = keys.ok_or_else(|| {
        let (devices, mebibytes) = (BOUND.devices, BOUND.bytes / MEBIBYTE);
        let detail = format!(
            "have more than {devices} devices, or {mebibytes} MiB of keys, together; ask for fewer users at once"
        );
        Problem::invalid_field("/device_keys", detail)
    })?;
    Ok(Found(assemble(viewer, &visible, keys, &server)?))
}

/// The devices asked for of the users that may be seen: `None` is all of a user.
fn wanted_devices(
    visible: &[UserId],
    asked: &BTreeMap<String, Vec<String>>,
    server: &ServerName,
) -> Vec<(UserId, Option<SessionId>)> {
    let mut wanted = Vec::with_capacity(visible.len());
    for user in visible {
        match asked.get(&server.user_id(*user)).map(Vec::as_slice) {
            None => {}
            Some([]) => wanted.push((*user, None)),
            Some(names) => {
                // Each once: a name that is repeated must not come back twice.
                let devices: BTreeSet<SessionId> =
                    names.iter().filter_map(|name| parse_device(name)).collect();
                wanted.extend(devices.into_iter().map(|device| (*user, Some(device))));
            }
        }
    }
    wanted
}

/// Reads the user ids that are the members of the object at `pointer`.
pub(super) fn parse_users<'a>(
    pointer: &str,
    names: impl ExactSizeIterator<Item = &'a String>,
    server: &ServerName,
) -> Result<Vec<UserId>, Flaws> {
    if names.len() > MAX_USERS {
        let detail = format!("must name at most {MAX_USERS} users");
        return Err(Flaws::one(pointer, detail));
    }
    let (mut users, mut flaws) = (Vec::with_capacity(names.len()), Flaws::default());
    for name in names {
        match server.parse_user(name) {
            Some(user) => users.push(user),
            None => flaws.note(member(pointer, name), "must be a user id of this server"),
        }
    }
    flaws.or(users)
}

fn assemble(
    viewer: UserId,
    visible: &[UserId],
    keys: QueriedKeys,
    server: &ServerName,
) -> Result<FoundKeys, StoreError> {
    let mut added: HashMap<(UserId, String), Vec<AddedSignature>> = HashMap::new();
    for one in keys.signatures {
        added
            .entry((one.target_user_id, one.target_key))
            .or_default()
            .push(AddedSignature {
                signer: server.user_id(one.signer_user_id),
                key_id: one.signer_key_id,
                signature: one.signature,
            });
    }
    let mut signed = |user: UserId, key: &str, json: String| {
        let added = added.remove(&(user, key.to_owned())).unwrap_or_default();
        OpaqueObject::kept(with_signatures(json, &added))
    };
    let mut found = FoundKeys::default();
    for user in visible {
        found
            .device_keys
            .insert(server.user_id(*user), BTreeMap::new());
    }
    for stored in keys.devices {
        let user = server.user_id(stored.device.user_id);
        let id = device_id(stored.device.session_id);
        let key = signed(stored.device.user_id, &id, stored.device_keys)?;
        found.device_keys.entry(user).or_default().insert(id, key);
    }
    for stored in keys.cross_signing_keys {
        let keys = match stored.usage {
            Usage::Master => &mut found.master_keys,
            Usage::SelfSigning => &mut found.self_signing_keys,
            Usage::UserSigning if stored.user_id == viewer => &mut found.user_signing_keys,
            Usage::UserSigning => continue,
        };
        let key = signed(stored.user_id, &stored.public_key, stored.key)?;
        keys.insert(server.user_id(stored.user_id), key);
    }
    Ok(found)
}
