//! Adding signatures to keys.

use std::collections::BTreeMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::LARGE_BODY_BYTES;
use crate::domain::encryption::signatures::{SentSignatures, parse_upload};
use crate::domain::ids::UserId;
use crate::http::answer::Found;
use crate::http::extract::{Body, Device, Fields, RequestBody};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::store::SignatureRefused;

/// Signed keys, by user id and by device id or public key.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(in crate::http) struct SignatureUpload(
    #[schemars(with = "BTreeMap<String, BTreeMap<String, Map<String, Value>>>")] SentSignatures,
);

impl RequestBody for SignatureUpload {
    const MAX_BYTES: usize = LARGE_BODY_BYTES;

    fn parse(raw: &[u8]) -> Result<Self, Problem> {
        Fields::parse(raw)?.into_body(|fields| fields.whole().map(Self))
    }
}

/// Why the signatures on one key were not kept.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct SignatureFailure {
    /// As in Matrix.
    errcode: &'static str,
    /// For people.
    error: &'static str,
}

/// What was not kept; all else was.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(in crate::http) struct SignatureFailures {
    /// By user id and by device id or public key.
    failures: BTreeMap<String, BTreeMap<String, SignatureFailure>>,
}

pub(in crate::http) async fn upload(
    state: Data<ApiState>,
    device: Device,
    body: Body<SignatureUpload>,
) -> Result<Found<SignatureFailures>, Problem> {
    let SignatureUpload(sent) = body.parse()?;
    let server = state.server_name().await?;
    let signer = device.user_id();
    let keys = parse_upload(sent, &server.user_id(signer), &server)?;
    let users: Vec<UserId> = keys.iter().map(|key| key.user_id).collect();
    let visible = state.store.sharing_a_channel(signer, &users).await?;
    let added = state.store.add_signatures(signer, &visible, &keys).await;
    // After an error it may have been committed all the same.
    if added.as_ref().map_or(true, |added| added.own_changed) {
        state.device_lists.announce_changed(&[signer]).await;
    }
    let others = match &added {
        Ok(added) => added.others_changed.as_slice(),
        Err(_) => visible.as_slice(),
    };
    if !others.is_empty() {
        state.device_lists.announce_signed(signer, others).await;
    }
    let mut answer = SignatureFailures::default();
    for (place, refused) in added?.refused {
        if let Some(key) = keys.get(place) {
            let (user, name) = key.names.clone();
            let failures = answer.failures.entry(user).or_default();
            failures.insert(name, failure(refused));
        }
    }
    Ok(Found(answer))
}

fn failure(refused: SignatureRefused) -> SignatureFailure {
    let (errcode, error) = match refused {
        SignatureRefused::UnknownKey => {
            ("M_NOT_FOUND", "there is no such key, or you may not see it")
        }
        SignatureRefused::OtherKey => (
            "M_INVALID_SIGNATURE",
            "what was signed is not the key as it is now; ask for it again",
        ),
        SignatureRefused::UnknownSigner => (
            "M_INVALID_SIGNATURE",
            "the signing key is neither a device of yours nor a cross-signing key of yours",
        ),
        SignatureRefused::NotAMasterKey => (
            "M_FORBIDDEN",
            "of another user only the master key can be signed",
        ),
    };
    SignatureFailure { errcode, error }
}
