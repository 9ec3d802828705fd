//! Answers with many keys of a backup, written page by page: a backup may have more than should
//! be in memory at once.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use actix_web::http::header::{self, ContentType};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, Responder};
use futures_util::stream;
use schemars::JsonSchema;
use serde_json::Value;

use super::room_keys::KeyShape;
use crate::domain::encryption::ids::ServerName;
use crate::domain::encryption::key_backup::BackupVersion;
use crate::domain::ids::{ChannelId, UserId};
use crate::http::openapi::{DescribeAnswer, Document, Operation};
use crate::store::{Store, StoreError, StoredRoomKey};

/// Keys in a page. Between pages no connection to the database is held, however slowly the
/// client takes them.
const PAGE_KEYS: i64 = 200;

/// The keys of several rooms.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "written as a stream")]
pub(in crate::http) struct Rooms {
    /// By room id.
    rooms: BTreeMap<String, Sessions>,
}

/// The keys of one room.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "written as a stream")]
pub(in crate::http) struct Sessions {
    /// By the ids of the encrypted sessions.
    sessions: BTreeMap<String, KeyShape>,
}

/// 200 with keys, in the form `T`. A failure half way breaks the connection off, so that nobody
/// takes a part for the whole.
pub(in crate::http) struct StreamedKeys<T> {
    reader: Reader,
    form: PhantomData<T>,
}

impl StreamedKeys<Rooms> {
    pub(super) fn of_all(
        store: &Store,
        user: UserId,
        version: BackupVersion,
        server: ServerName,
    ) -> Self {
        let reader = Reader::new(store, user, version, server, None);
        let form = PhantomData;
        Self { reader, form }
    }
}

impl StreamedKeys<Sessions> {
    pub(super) fn of_room(
        store: &Store,
        user: UserId,
        version: BackupVersion,
        server: ServerName,
        channel: ChannelId,
    ) -> Self {
        let reader = Reader::new(store, user, version, server, Some(channel));
        let form = PhantomData;
        Self { reader, form }
    }
}

impl<T> Responder for StreamedKeys<T> {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let chunks = stream::try_unfold(self.reader, |mut reader| async move {
            let chunk = reader.next_chunk().await?;
            Ok::<_, StoreError>(chunk.map(|chunk| (chunk, reader)))
        });
        HttpResponse::Ok()
            .insert_header(ContentType::json())
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .streaming(chunks)
    }
}

impl<T: JsonSchema> DescribeAnswer for StreamedKeys<T> {
    fn describe(operation: &mut Operation, document: &mut Document) {
        operation.answers("200", "Here they are", Some(document.schema_of_sent::<T>()));
    }
}

/// How far the answer is written.
struct Reader {
    store: Store,
    user: UserId,
    version: BackupVersion,
    server: ServerName,
    /// The only channel; all of them if absent.
    channel: Option<ChannelId>,
    /// The last key that was written. The nil channel comes before all others, and no session's id is
    /// empty.
    after: (ChannelId, String),
    /// The channel whose object is open.
    open: Option<ChannelId>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Begin,
    Keys,
    End,
}

impl Reader {
    fn new(
        store: &Store,
        user: UserId,
        version: BackupVersion,
        server: ServerName,
        channel: Option<ChannelId>,
    ) -> Self {
        Self {
            store: store.clone(),
            user,
            version,
            server,
            channel,
            after: (
                channel.unwrap_or(ChannelId(uuid::Uuid::nil())),
                String::new(),
            ),
            open: None,
            phase: Phase::Begin,
        }
    }

    /// The next part of the answer. `None`: it is whole.
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.phase == Phase::End {
            return Ok(None);
        }
        let mut out = String::new();
        if self.phase == Phase::Begin {
            out.push_str(match self.channel {
                None => r#"{"rooms":{"#,
                Some(_) => r#"{"sessions":{"#,
            });
            self.phase = Phase::Keys;
        }
        let after = (self.after.0, self.after.1.as_str());
        let page = self
            .store
            .list_room_keys(self.user, self.version, self.channel, after, PAGE_KEYS)
            .await?;
        for key in &page {
            self.write(key, &mut out);
        }
        if let Some(last) = page.last() {
            self.after = (last.channel_id, last.session_id.clone());
        }
        if page.len() < usize::try_from(PAGE_KEYS).unwrap_or(usize::MAX) {
            if self.channel.is_none() && self.open.is_some() {
                out.push_str("}}");
            }
            out.push_str("}}");
            self.phase = Phase::End;
        }
        Ok(Some(Bytes::from(out)))
    }

    fn write(&mut self, key: &StoredRoomKey, out: &mut String) {
        let first = self.open.is_none();
        if self.open == Some(key.channel_id) {
            out.push(',');
        } else if self.channel.is_none() {
            if !first {
                out.push_str("}},");
            }
            let room = self.server.room_id(key.channel_id);
            out.push_str(&Value::from(room).to_string());
            out.push_str(r#":{"sessions":{"#);
        }
        self.open = Some(key.channel_id);
        out.push_str(&Value::from(key.session_id.as_str()).to_string());
        out.push(':');
        out.push_str(&key_text(key));
    }
}

/// A key as JSON text; what is sealed is not encoded again.
pub(super) fn key_text(key: &StoredRoomKey) -> String {
    format!(
        r#"{{"first_message_index":{},"forwarded_count":{},"is_verified":{},"session_data":{}}}"#,
        key.first_message_index, key.forwarded_count, key.is_verified, key.session_data
    )
}
