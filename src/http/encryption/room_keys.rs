//! The keys in a backup.

use std::collections::BTreeMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::LARGE_BODY_BYTES;
use super::opaque::OpaqueObject;
use super::room_key_stream::{Rooms, Sessions, StreamedKeys, key_text};
use crate::domain::encryption::key_backup::{
    BackupVersion, MAX_BYTES, MAX_KEYS, RoomKey, SentRoom, SentRoomKey, is_name, parse_rooms,
    parse_session, parse_sessions,
};
use crate::domain::ids::{ChannelId, UserId};
use crate::http::answer::Found;
use crate::http::extract::{Body, Device, Fields, Path, Query, RequestBody, request_body};
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::state::ApiState;
use crate::store::BackupChanged;

/// Which backup.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(in crate::http) struct BackupQuery {
    /// Its version; required.
    version: Option<String>,
}

/// A key of a backup, as the documentation shows it.
#[derive(JsonSchema)]
#[expect(
    dead_code,
    reason = "read and written as the domain's types and as streamed text"
)]
pub(super) struct KeyShape {
    /// The first message that it reads.
    first_message_index: u32,
    /// How often it was forwarded.
    forwarded_count: u32,
    /// Whether it came from a verified device.
    is_verified: bool,
    /// The sealed key.
    session_data: Map<String, Value>,
}

/// The keys of a room, as the documentation shows them.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read as the domain's type")]
struct RoomShape {
    /// By the ids of the encrypted sessions.
    sessions: BTreeMap<String, KeyShape>,
}

request_body! {
    /// Keys of several rooms.
    RoomsToKeep up to LARGE_BODY_BYTES; {
        /// By room id.
        #[schemars(with = "BTreeMap<String, RoomShape>")]
        rooms: required BTreeMap<String, SentRoom>,
    }
}

request_body! {
    /// Keys of one room.
    SessionsToKeep up to LARGE_BODY_BYTES; {
        /// By the ids of the encrypted sessions.
        #[schemars(with = "BTreeMap<String, KeyShape>")]
        sessions: required BTreeMap<String, SentRoomKey>,
    }
}

/// One key.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(in crate::http) struct KeyToKeep(#[schemars(with = "KeyShape")] SentRoomKey);

impl RequestBody for KeyToKeep {
    fn parse(raw: &[u8]) -> Result<Self, Problem> {
        Fields::parse(raw)?.into_body(|fields| fields.whole().map(Self))
    }
}

/// How a backup is after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct BackupState {
    /// How many keys it has.
    count: i32,
    /// Changes with its keys.
    etag: String,
}

pub(in crate::http) async fn put_all(
    state: Data<ApiState>,
    device: Device,
    Query(query): Query<BackupQuery>,
    body: Body<RoomsToKeep>,
) -> Result<Found<BackupState>, Problem> {
    let version = query.parse()?;
    let server = state.server_name().await?;
    let keys = parse_rooms(body.parse()?.rooms, &server)?;
    state.put_room_keys(device.user_id(), version, &keys).await
}

pub(in crate::http) async fn put_room(
    state: Data<ApiState>,
    device: Device,
    Path(room): Path<String>,
    Query(query): Query<BackupQuery>,
    body: Body<SessionsToKeep>,
) -> Result<Found<BackupState>, Problem> {
    let channel = state.parse_room(&room).await?;
    let version = query.parse()?;
    let keys = parse_sessions(channel, body.parse()?.sessions)?;
    state.put_room_keys(device.user_id(), version, &keys).await
}

pub(in crate::http) async fn put_one(
    state: Data<ApiState>,
    device: Device,
    Path((room, session)): Path<(String, String)>,
    Query(query): Query<BackupQuery>,
    body: Body<KeyToKeep>,
) -> Result<Found<BackupState>, Problem> {
    let channel = state.parse_room(&room).await?;
    let version = query.parse()?;
    let KeyToKeep(key) = body.parse()?;
    let keys = parse_session(channel, session, key)?;
    state.put_room_keys(device.user_id(), version, &keys).await
}

pub(in crate::http) async fn all(
    state: Data<ApiState>,
    device: Device,
    Query(query): Query<BackupQuery>,
) -> Result<StreamedKeys<Rooms>, Problem> {
    let (user, version) = (device.user_id(), query.parse()?);
    state.check_backup(user, version).await?;
    let server = state.server_name().await?;
    Ok(StreamedKeys::of_all(&state.store, user, version, server))
}

pub(in crate::http) async fn of_room(
    state: Data<ApiState>,
    device: Device,
    Path(room): Path<String>,
    Query(query): Query<BackupQuery>,
) -> Result<StreamedKeys<Sessions>, Problem> {
    let server = state.server_name().await?;
    let channel = server.parse_room(&room).ok_or_else(Problem::not_found)?;
    let (user, version) = (device.user_id(), query.parse()?);
    state.check_backup(user, version).await?;
    Ok(StreamedKeys::of_room(
        &state.store,
        user,
        version,
        server,
        channel,
    ))
}

pub(in crate::http) async fn one(
    state: Data<ApiState>,
    device: Device,
    Path((room, session)): Path<(String, String)>,
    Query(query): Query<BackupQuery>,
) -> Result<Found<OpaqueObject>, Problem> {
    let channel = state.parse_room(&room).await?;
    let version = query.parse()?;
    let key = state
        .store
        .find_room_key(
            device.user_id(),
            version,
            channel,
            parse_session_id(&session)?,
        )
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(Found(OpaqueObject::kept(key_text(&key))?))
}

pub(in crate::http) async fn delete_all(
    state: Data<ApiState>,
    device: Device,
    Query(query): Query<BackupQuery>,
) -> Result<Found<BackupState>, Problem> {
    let deleted = state
        .store
        .delete_room_keys(device.user_id(), query.parse()?, None, None)
        .await?;
    BackupState::after(deleted)
}

pub(in crate::http) async fn delete_room(
    state: Data<ApiState>,
    device: Device,
    Path(room): Path<String>,
    Query(query): Query<BackupQuery>,
) -> Result<Found<BackupState>, Problem> {
    let channel = Some(state.parse_room(&room).await?);
    let version = query.parse()?;
    let deleted = state
        .store
        .delete_room_keys(device.user_id(), version, channel, None)
        .await?;
    BackupState::after(deleted)
}

pub(in crate::http) async fn delete_one(
    state: Data<ApiState>,
    device: Device,
    Path((room, session)): Path<(String, String)>,
    Query(query): Query<BackupQuery>,
) -> Result<Found<BackupState>, Problem> {
    let channel = Some(state.parse_room(&room).await?);
    let version = query.parse()?;
    let session = Some(parse_session_id(&session)?);
    let deleted = state
        .store
        .delete_room_keys(device.user_id(), version, channel, session)
        .await?;
    BackupState::after(deleted)
}

impl ApiState {
    async fn put_room_keys(
        &self,
        user: UserId,
        version: BackupVersion,
        keys: &[RoomKey],
    ) -> Result<Found<BackupState>, Problem> {
        BackupState::after(self.store.put_room_keys(user, version, keys).await?)
    }

    /// What cannot be a room id of this server names nothing.
    async fn parse_room(&self, room: &str) -> Result<ChannelId, Problem> {
        let server = self.server_name().await?;
        server.parse_room(room).ok_or_else(Problem::not_found)
    }

    async fn check_backup(&self, user: UserId, version: BackupVersion) -> Result<(), Problem> {
        let found = self.store.find_backup(user, Some(version)).await?;
        found.map(|_| ()).ok_or_else(Problem::not_found)
    }
}

impl BackupState {
    fn after(changed: BackupChanged) -> Result<Found<Self>, Problem> {
        match changed {
            BackupChanged::Done { etag, keys } => Ok(Found(Self {
                count: keys,
                etag: etag.to_string(),
            })),
            BackupChanged::NoBackup => Err(Problem::not_found()),
            BackupChanged::NotCurrent => Err(Problem::new(
                Code::WrongRoomKeysVersion,
                "Keys go into the newest backup only. GET /api/e2ee/room_keys/version tells which that is.",
            )),
            BackupChanged::Full => Err(Problem::new(
                Code::BackupFull,
                format!(
                    "Nothing was kept. It has at most {MAX_KEYS} keys and {MAX_BYTES} bytes; begin another backup."
                ),
            )),
        }
    }
}

impl BackupQuery {
    fn parse(&self) -> Result<BackupVersion, Problem> {
        let Some(text) = &self.version else {
            let error = FieldError {
                pointer: "/version".to_owned(),
                detail: "is required: the version of the backup".to_owned(),
            };
            return Err(Problem::invalid(Code::InvalidQuery, vec![error]));
        };
        // What cannot be a version names no backup.
        BackupVersion::parse(text).ok_or_else(Problem::not_found)
    }
}

fn parse_session_id(text: &str) -> Result<&str, Problem> {
    is_name(text).then_some(text).ok_or_else(Problem::not_found)
}
