//! Uploading cross-signing keys. Whoever replaces them takes over the user's identity, so a
//! session alone is not enough: the password is asked for again.

use actix_web::HttpRequest;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::opaque::Empty;
use crate::domain::encryption::cross_signing::{Usage, parse_upload};
use crate::domain::names::Username;
use crate::domain::secrets::Password;
use crate::domain::user::User;
use crate::http::answer::Found;
use crate::http::extract::{Body, Device, request_body};
use crate::http::limits::ClientAddress;
use crate::http::problem::{Code, Problem};
use crate::http::state::ApiState;
use crate::store::CrossSigned;

/// The only way to prove oneself again (Matrix Client-Server API, "User-Interactive
/// Authentication").
const PASSWORD_STAGE: &str = "m.login.password";

/// The caller's password, again.
#[derive(Deserialize, JsonSchema)]
pub(in crate::http) struct PasswordAgain {
    /// `m.login.password`.
    r#type: String,
    /// The password.
    password: String,
}

request_body! {
    /// Cross-signing keys of the caller; those that are absent stay as they are.
    CrossSigningUpload {
        /// The password again.
        auth: nullable PasswordAgain,
        /// The key that is the user's identity. Another one takes the other two with it, unless
        /// they come along.
        #[schemars(with = "Option<Map<String, Value>>")]
        master_key: nullable Value,
        /// The key that signs the user's devices, signed by the master key.
        #[schemars(with = "Option<Map<String, Value>>")]
        self_signing_key: nullable Value,
        /// The key that signs other users, signed by the master key.
        #[schemars(with = "Option<Map<String, Value>>")]
        user_signing_key: nullable Value,
    }
}

pub(in crate::http) async fn upload(
    state: Data<ApiState>,
    request: HttpRequest,
    device: Device,
    body: Body<CrossSigningUpload>,
) -> Result<Found<Empty>, Problem> {
    let body = body.parse()?;
    let server = state.server_name().await?;
    let sent = [
        (Usage::Master, body.master_key),
        (Usage::SelfSigning, body.self_signing_key),
        (Usage::UserSigning, body.user_signing_key),
    ];
    let sent = sent
        .into_iter()
        .filter_map(|(usage, key)| Some((usage, key?)));
    let keys = parse_upload(sent, &server.user_id(device.user_id()))?;
    if keys.is_empty() {
        return Err(Problem::invalid_field(
            "/master_key",
            "is required, unless self_signing_key or user_signing_key is there",
        ));
    }
    let address = ClientAddress::of(&request, &state.trusted_proxies);
    check_password(&state, address, &device.caller.user, body.auth).await?;
    let user = device.user_id();
    let uploaded = state.store.upload_cross_signing_keys(user, &keys).await;
    // After an error it may have been committed all the same.
    if !matches!(
        uploaded,
        Ok(CrossSigned::Done { changed: false }
            | CrossSigned::NoMasterKey
            | CrossSigned::NotSignedByMaster(_))
    ) {
        state.device_lists.announce_changed(&[user]).await;
    }
    match uploaded? {
        CrossSigned::Done { .. } => Ok(Found(Empty {})),
        CrossSigned::NoMasterKey => Err(Problem::invalid_field(
            "/master_key",
            "is required: you have none yet",
        )),
        CrossSigned::NotSignedByMaster(usage) => Err(Problem::invalid_field(
            &format!("/{}/signatures", usage.field()),
            "must hold a signature by your master key: ed25519:<its public key>",
        )),
    }
}

async fn check_password(
    state: &ApiState,
    address: ClientAddress,
    user: &User,
    auth: Option<PasswordAgain>,
) -> Result<(), Problem> {
    let Some(auth) = auth else {
        return Err(Problem::new(
            Code::PasswordRequired,
            "Send it as \"auth\": {\"type\": \"m.login.password\", \"password\": …}.",
        ));
    };
    if auth.r#type != PASSWORD_STAGE {
        let detail = format!("must be {PASSWORD_STAGE:?}");
        return Err(Problem::invalid_field("/auth/type", detail));
    }
    // Guessing here is limited like guessing at the door.
    state.limits.charge_sign_in(address, &user.username)?;
    let credentials = match Username::parse(&user.username) {
        Ok(username) => state.store.find_credentials(&username).await?,
        Err(_) => None,
    };
    let hash = credentials.map(|found| found.password_hash);
    let right = match Password::parse(&auth.password) {
        Ok(password) => state.passwords.verify(&password, hash).await?,
        Err(_) => false,
    };
    if right {
        Ok(())
    } else {
        Err(Problem::new(
            Code::WrongPassword,
            "It is not that of this account. Nothing was changed.",
        ))
    }
}
