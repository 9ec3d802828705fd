//! Asking for keys of others, in as many calls as the server's bounds ask for.

use std::collections::BTreeMap;

use matrix_sdk_crypto::types::requests::{AnyIncomingResponse, KeysQueryRequest};
use ruma::api::client::keys::{claim_keys, get_keys};
use ruma::encryption::{CrossSigningKey, DeviceKeys, OneTimeKey};
use ruma::serde::Raw;
use ruma::{DeviceId, OwnedDeviceId, OwnedOneTimeKeyId, OwnedUserId, TransactionId, UserId};
use serde::Deserialize;
use serde_json::json;

use crate::device::Device;
use crate::error::Error;

/// Of how many devices one-time keys are taken at once. The server's bounds are 1,000 devices, and
/// the devices of 500 users.
const MOST_CLAIMED: usize = 500;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Queried {
    device_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>>,
    master_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    self_signing_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    user_signing_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
}

type DeviceOneTimeKeys = BTreeMap<OwnedDeviceId, BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>>;

#[derive(Deserialize)]
struct Claimed {
    one_time_keys: BTreeMap<OwnedUserId, DeviceOneTimeKeys>,
}

impl Device {
    /// Asks for the keys of users, and gives the answer to the library and to the caller.
    ///
    /// How many users one call may name depends on how many devices they have, which only the server
    /// knows: when it is too many, half of them are asked for at a time.
    pub(crate) async fn query_keys(
        &self,
        id: &TransactionId,
        request: &KeysQueryRequest,
    ) -> Result<get_keys::v3::Response, Error> {
        let mut answer = get_keys::v3::Response::new();
        let mut waiting = vec![request.device_keys.clone()];
        while let Some(mut users) = waiting.pop() {
            let call = self.api.post(&["e2ee", "keys", "query"]);
            let keys: Queried = match call.send(&json!({"device_keys": users})).await {
                Err(error) if error.code() == Some("invalid_body") && users.len() > 1 => {
                    let middle = users.keys().nth(users.len() / 2).cloned();
                    waiting.extend(middle.map(|middle| users.split_off(&middle)));
                    waiting.push(users);
                    continue;
                }
                keys => keys?,
            };
            answer.device_keys.extend(keys.device_keys);
            answer.master_keys.extend(keys.master_keys);
            answer.self_signing_keys.extend(keys.self_signing_keys);
            answer.user_signing_keys.extend(keys.user_signing_keys);
        }
        self.mark(id, AnyIncomingResponse::KeysQuery(&answer))
            .await?;
        Ok(answer)
    }

    /// Takes one-time keys, and gives them to the library.
    pub(crate) async fn claim_keys(
        &self,
        id: &TransactionId,
        request: &claim_keys::v3::Request,
    ) -> Result<(), Error> {
        let devices = request.one_time_keys.iter().flat_map(|(user, devices)| {
            let of_user = devices.iter();
            of_user.map(move |(device, algorithm)| (&**user, &**device, algorithm.as_str()))
        });
        let devices: Vec<(&UserId, &DeviceId, &str)> = devices.collect();
        let mut answer = claim_keys::v3::Response::new(BTreeMap::new());
        for part in devices.chunks(MOST_CLAIMED) {
            match self.claim_some(part).await {
                Ok(claimed) => {
                    for (user, keys) in claimed {
                        let of_user = answer.one_time_keys.entry(user);
                        of_user.or_default().extend(keys);
                    }
                }
                Err(error) => {
                    // What was taken is used: nobody else is given it any more. Under another id,
                    // because the library would take the rest for devices without keys.
                    let other_id = TransactionId::new();
                    self.mark(&other_id, AnyIncomingResponse::KeysClaim(&answer))
                        .await?;
                    return Err(error);
                }
            }
        }
        self.mark(id, AnyIncomingResponse::KeysClaim(&answer)).await
    }

    async fn claim_some(
        &self,
        devices: &[(&UserId, &DeviceId, &str)],
    ) -> Result<BTreeMap<OwnedUserId, DeviceOneTimeKeys>, Error> {
        let mut asked: BTreeMap<&UserId, BTreeMap<&DeviceId, &str>> = BTreeMap::new();
        for (user, device, algorithm) in devices {
            asked.entry(user).or_default().insert(device, algorithm);
        }
        let call = self.api.post(&["e2ee", "keys", "claim"]);
        let claimed: Claimed = call.send(&json!({"one_time_keys": asked})).await?;
        Ok(claimed.one_time_keys)
    }
}
