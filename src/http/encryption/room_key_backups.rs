//! Backups of keys: beginning, showing, deleting them.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::opaque::{Empty, OpaqueObject};
use crate::domain::encryption::key_backup::{BackupTerms, BackupVersion, MAX_BACKUPS};
use crate::http::answer::Found;
use crate::http::extract::{Body, Device, Path, request_body};
use crate::http::problem::{Code, Problem};
use crate::http::state::ApiState;
use crate::store::BackupInfo;

request_body! {
    /// How a backup is sealed.
    Sealing {
        /// Such as `m.megolm_backup.v1.curve25519-aes-sha2`.
        algorithm: required String,
        /// What the algorithm needs.
        auth_data: required Map<String, Value>,
    }
}

/// Which backup was begun.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct BackupBegun {
    /// Its version.
    version: String,
}

/// A backup without its keys.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Backup {
    /// Its version.
    version: String,
    /// How it is sealed.
    algorithm: String,
    /// What that needs.
    auth_data: OpaqueObject,
    /// How many keys it has.
    count: i32,
    /// Changes with its keys.
    etag: String,
}

impl Backup {
    fn of(info: Option<BackupInfo>) -> Result<Found<Self>, Problem> {
        let info = info.ok_or_else(Problem::not_found)?;
        Ok(Found(Self {
            version: info.version.to_string(),
            algorithm: info.algorithm,
            auth_data: OpaqueObject::kept(info.auth_data)?,
            count: info.keys,
            etag: info.etag.to_string(),
        }))
    }
}

pub(in crate::http) async fn create(
    state: Data<ApiState>,
    device: Device,
    body: Body<Sealing>,
) -> Result<Found<BackupBegun>, Problem> {
    let terms = terms(body)?;
    let version = state.store.create_backup(device.user_id(), &terms).await?;
    let version = version.ok_or_else(|| {
        Problem::new(
            Code::TooManyBackups,
            format!("Delete one first; at most {MAX_BACKUPS} are possible."),
        )
    })?;
    Ok(Found(BackupBegun {
        version: version.to_string(),
    }))
}

pub(in crate::http) async fn newest(
    state: Data<ApiState>,
    device: Device,
) -> Result<Found<Backup>, Problem> {
    Backup::of(state.store.find_backup(device.user_id(), None).await?)
}

pub(in crate::http) async fn show(
    state: Data<ApiState>,
    device: Device,
    Path(version): Path<String>,
) -> Result<Found<Backup>, Problem> {
    let version = Some(parse_version(&version)?);
    Backup::of(state.store.find_backup(device.user_id(), version).await?)
}

pub(in crate::http) async fn update(
    state: Data<ApiState>,
    device: Device,
    Path(version): Path<String>,
    body: Body<Sealing>,
) -> Result<Found<Empty>, Problem> {
    let (user, version) = (device.user_id(), parse_version(&version)?);
    let terms = terms(body)?;
    if state.store.update_backup(user, version, &terms).await? {
        return Ok(Found(Empty {}));
    }
    match state.store.find_backup(user, Some(version)).await? {
        Some(_) => Err(Problem::invalid_field(
            "/algorithm",
            "must be that of the backup; begin another backup to change it",
        )),
        None => Err(Problem::not_found()),
    }
}

pub(in crate::http) async fn remove(
    state: Data<ApiState>,
    device: Device,
    Path(version): Path<String>,
) -> Result<Found<Empty>, Problem> {
    let version = parse_version(&version)?;
    if state.store.delete_backup(device.user_id(), version).await? {
        Ok(Found(Empty {}))
    } else {
        Err(Problem::not_found())
    }
}

fn terms(body: Body<Sealing>) -> Result<BackupTerms, Problem> {
    let body = body.parse()?;
    Ok(BackupTerms::parse(body.algorithm, &body.auth_data)?)
}

/// What cannot be a version names no backup.
fn parse_version(text: &str) -> Result<BackupVersion, Problem> {
    BackupVersion::parse(text).ok_or_else(Problem::not_found)
}
