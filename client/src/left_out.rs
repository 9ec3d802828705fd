//! Users whose devices the server does not tell, because no channel is shared with them any more.

use std::collections::HashSet;

use matrix_sdk_crypto::types::requests::KeysQueryRequest;
use ruma::OwnedUserId;
use ruma::api::client::keys::get_keys;

use crate::device::Device;

/// The users whom the server left out of its answers.
///
/// The library goes on asking for them, as it did not learn anything. They are not given to it
/// without devices instead: it would forget those that it knows, and could not tell any more whom
/// their messages are from.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(HashSet<OwnedUserId>);

impl LeftOut {
    /// The request without those whom it would be for nothing to ask for; `None` if that is all.
    pub(crate) fn worth_asking(&self, request: &KeysQueryRequest) -> Option<KeysQueryRequest> {
        let mut request = request.clone();
        request.device_keys.retain(|user, _| !self.0.contains(user));
        (!request.device_keys.is_empty()).then_some(request)
    }

    /// Takes note of who was asked for and is not in the answer.
    pub(crate) fn note(&mut self, request: &KeysQueryRequest, answer: &get_keys::v3::Response) {
        let asked = request.device_keys.keys();
        let missing = asked.filter(|user| !answer.device_keys.contains_key(*user));
        self.0.extend(missing.cloned());
    }
}

impl Device {
    /// The server may tell the devices of these users now.
    pub(crate) async fn may_ask_for(&self, users: &[OwnedUserId]) {
        let mut left_out = self.state.requests.lock().await;
        for user in users {
            left_out.0.remove(user);
        }
    }

    /// The server may tell the devices of anybody now.
    pub(crate) async fn may_ask_for_all(&self) {
        self.state.requests.lock().await.0.clear();
    }
}
