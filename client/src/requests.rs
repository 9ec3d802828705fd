//! What the encryption library wants to tell the server.

use std::collections::BTreeMap;
use std::iter;

use matrix_sdk_crypto::types::requests::{
    AnyIncomingResponse, AnyOutgoingRequest, ToDeviceRequest,
};
use ruma::api::client::keys::{upload_keys, upload_signatures};
use ruma::api::client::to_device::send_event_to_device;
use ruma::{OneTimeKeyAlgorithm, TransactionId, UInt};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::device::Device;
use crate::error::Error;

/// How often the library is asked for more at once: an answer may give rise to new requests.
const MOST_ROUNDS: usize = 10;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    KeysUpload,
    KeysQuery,
    KeysClaim,
    ToDevice,
    Signatures,
    RoomMessage,
}

impl Kind {
    fn of(request: &AnyOutgoingRequest) -> Self {
        match request {
            AnyOutgoingRequest::KeysUpload(_) => Self::KeysUpload,
            AnyOutgoingRequest::KeysQuery(_) => Self::KeysQuery,
            AnyOutgoingRequest::KeysClaim(_) => Self::KeysClaim,
            AnyOutgoingRequest::ToDeviceRequest(_) => Self::ToDevice,
            AnyOutgoingRequest::SignatureUpload(_) => Self::Signatures,
            AnyOutgoingRequest::RoomMessage(_) => Self::RoomMessage,
        }
    }
}

#[derive(Deserialize)]
struct Uploaded {
    one_time_key_counts: BTreeMap<OneTimeKeyAlgorithm, UInt>,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    undelivered: BTreeMap<String, Vec<String>>,
}

impl Device {
    /// Sends everything that waits, such as new one-time keys after others have used some up. To be
    /// called after [`Device::receive`]; [`Live`](crate::Live) does that by itself.
    ///
    /// # Errors
    ///
    /// The first thing that could not be sent, after trying all. It waits, and is tried again with
    /// the next call.
    pub async fn flush(&self) -> Result<(), Error> {
        match self.drain().await?.into_iter().next() {
            None => Ok(()),
            Some((_, error)) => Err(error),
        }
    }

    /// The same, but only what cannot be done without counts: a refusal of something else does not
    /// keep the caller from going on.
    pub(crate) async fn flush_needing(&self, needed: &[Kind]) -> Result<(), Error> {
        let failures = self.drain().await?;
        let mut needed = failures
            .into_iter()
            .filter(|(kind, _)| needed.contains(kind));
        match needed.next() {
            None => Ok(()),
            Some((_, error)) => Err(error),
        }
    }

    /// What could not be sent, by its kind.
    async fn drain(&self) -> Result<Vec<(Kind, Error)>, Error> {
        let mut left_out = self.state.requests.lock().await;
        let mut failures: Vec<(Kind, Error)> = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let requests = self.machine.outgoing_requests().await;
            let mut sent = 0;
            for request in requests.map_err(Error::library)? {
                let kind = Kind::of(request.request());
                if failures.iter().any(|(failed, _)| *failed == kind) {
                    continue;
                }
                let (id, request) = (request.request_id(), request.request());
                let exchanged = if let AnyOutgoingRequest::KeysQuery(query) = request {
                    let Some(query) = left_out.worth_asking(query) else {
                        continue;
                    };
                    let answer = self.query_keys(id, &query).await;
                    answer.map(|answer| left_out.note(&query, &answer))
                } else {
                    self.exchange(id, request).await
                };
                match exchanged {
                    Ok(()) => sent += 1,
                    Err(error) => failures.push((kind, error)),
                }
            }
            if sent == 0 {
                break;
            }
        }
        // Sessions that broke are begun anew.
        if let Err(error) = self.claim(iter::empty()).await {
            failures.push((Kind::KeysClaim, error));
        }
        Ok(failures)
    }

    /// Takes one-time keys for devices with which there is no session yet, those of `users` and
    /// those whose session broke. Only one such request may be on its way: the caller holds
    /// `state.requests`.
    pub(crate) async fn claim<'a>(
        &self,
        users: impl Iterator<Item = &'a ruma::UserId>,
    ) -> Result<(), Error> {
        let missing = self.machine.get_missing_sessions(users).await;
        match missing.map_err(Error::library)? {
            None => Ok(()),
            Some((id, request)) => {
                self.exchange(&id, &AnyOutgoingRequest::KeysClaim(request))
                    .await
            }
        }
    }

    /// Sends one request and tells the library what came of it.
    pub(crate) async fn exchange(
        &self,
        id: &TransactionId,
        request: &AnyOutgoingRequest,
    ) -> Result<(), Error> {
        match request {
            AnyOutgoingRequest::KeysUpload(request) => {
                let answer = self.upload_keys(request).await?;
                self.mark(id, AnyIncomingResponse::KeysUpload(&answer))
                    .await
            }
            AnyOutgoingRequest::KeysQuery(request) => self.query_keys(id, request).await.map(drop),
            AnyOutgoingRequest::KeysClaim(request) => self.claim_keys(id, request).await,
            AnyOutgoingRequest::ToDeviceRequest(request) => {
                self.send_to_devices(id, request).await.map(drop)
            }
            AnyOutgoingRequest::SignatureUpload(request) => {
                let call = self.api.post(&["e2ee", "keys", "signatures", "upload"]);
                let _failures: Value = call.send(&request.signed_keys).await?;
                let answer = upload_signatures::v3::Response::new();
                self.mark(id, AnyIncomingResponse::SignatureUpload(&answer))
                    .await
            }
            AnyOutgoingRequest::RoomMessage(_) => Err(Error::Library(
                "it wants to verify somebody in a channel, which is not done here".to_owned(),
            )),
        }
    }

    async fn upload_keys(
        &self,
        request: &upload_keys::v3::Request,
    ) -> Result<upload_keys::v3::Response, Error> {
        let mut body = json!({
            "one_time_keys": request.one_time_keys,
            "fallback_keys": request.fallback_keys,
        });
        if let (Some(keys), Some(body)) = (&request.device_keys, body.as_object_mut()) {
            body.insert("device_keys".to_owned(), json!(keys));
        }
        let call = self.api.post(&["e2ee", "keys", "upload"]);
        let Uploaded {
            one_time_key_counts,
        } = call.send(&body).await?;
        Ok(upload_keys::v3::Response::new(one_time_key_counts))
    }

    /// Sends messages to devices. A repeat is recognised by its transaction. The library makes
    /// requests for 250 devices at most, with 2.5 KiB for each, which the server takes.
    ///
    /// Gives back the devices of users whose mailbox was full. The library takes them for reached: as
    /// long as nobody reads there, to send it again would be for nothing.
    pub(crate) async fn send_to_devices(
        &self,
        id: &TransactionId,
        request: &ToDeviceRequest,
    ) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let event_type = request.event_type.to_string();
        let segments = ["e2ee", "to_device", &event_type, request.txn_id.as_str()];
        let body = json!({"messages": request.messages});
        let Sent { undelivered } = self.api.put(&segments).send(&body).await?;
        let answer = send_event_to_device::v3::Response::new();
        self.mark(id, AnyIncomingResponse::ToDevice(&answer))
            .await?;
        Ok(undelivered)
    }

    pub(crate) async fn mark(
        &self,
        id: &TransactionId,
        answer: AnyIncomingResponse<'_>,
    ) -> Result<(), Error> {
        self.machine
            .mark_request_as_sent(id, answer)
            .await
            .map_err(Error::library)
    }
}
