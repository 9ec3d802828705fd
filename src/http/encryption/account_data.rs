//! Sealed secrets of the caller.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::opaque::{Empty, OpaqueObject};
use crate::domain::encryption::account_data::{AccountDataType, MAX_TYPES};
use crate::http::answer::{Done, Found};
use crate::http::extract::{Body, Device, Fields, Path, RequestBody};
use crate::http::problem::{Code, Problem};
use crate::http::state::ApiState;
use crate::store::Kept;

/// What to keep.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(in crate::http) struct Content(Map<String, Value>);

impl RequestBody for Content {
    fn parse(raw: &[u8]) -> Result<Self, Problem> {
        Fields::parse(raw)?.into_body(|fields| fields.whole().map(Self))
    }
}

pub(in crate::http) async fn show(
    state: Data<ApiState>,
    device: Device,
    Path(kind): Path<String>,
) -> Result<Found<OpaqueObject>, Problem> {
    let content = state
        .store
        .find_account_data(device.user_id(), &parse(&kind)?)
        .await?;
    let content = content.ok_or_else(Problem::not_found)?;
    Ok(Found(OpaqueObject::kept(content)?))
}

pub(in crate::http) async fn keep(
    state: Data<ApiState>,
    device: Device,
    Path(kind): Path<String>,
    body: Body<Content>,
) -> Result<Found<Empty>, Problem> {
    let kind = parse(&kind)?;
    let Content(content) = body.parse()?;
    let content = kind.check(content)?;
    match state
        .store
        .put_account_data(device.user_id(), &kind, &content)
        .await?
    {
        Kept::Done => Ok(Found(Empty {})),
        Kept::TooMany => Err(Problem::new(
            Code::TooMuchAccountData,
            format!("Delete a type first; at most {MAX_TYPES} are possible."),
        )),
    }
}

pub(in crate::http) async fn remove(
    state: Data<ApiState>,
    device: Device,
    Path(kind): Path<String>,
) -> Result<Done, Problem> {
    let kind = parse(&kind)?;
    if state
        .store
        .delete_account_data(device.user_id(), &kind)
        .await?
    {
        Ok(Done)
    } else {
        Err(Problem::not_found())
    }
}

/// What is no type of sealed secrets names nothing.
fn parse(kind: &str) -> Result<AccountDataType, Problem> {
    AccountDataType::parse(kind).ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "The types are m.secret_storage.default_key, m.secret_storage.key.<id>, m.cross_signing.master, m.cross_signing.self_signing, m.cross_signing.user_signing and m.megolm_backup.v1.",
        )
    })
}
