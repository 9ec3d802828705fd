//! The inbox.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Done, Found};
use super::extract::{Body, Caller, Path, Query, request_body};
use super::messages::parse_limit;
use super::problem::{Code, FieldError, Problem};
use super::state::ApiState;
use crate::domain::ids::{ChannelId, NotificationId, Seq};
use crate::domain::notification::Notification;
use crate::protocol::{ReadNotifications, ServerFrame};

/// Notifications that one call may mark as read.
const MAX_IDS: usize = 1000;

/// Which page of the inbox.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct InboxQuery {
    /// Only notifications older than this one.
    #[schemars(with = "Option<NotificationId>")]
    before: Option<String>,
    /// How many at most: 1 to 200, 50 unless said.
    #[schemars(with = "Option<u8>")]
    limit: Option<String>,
}

/// A page of the inbox, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Inbox {
    /// The notifications.
    notifications: Vec<Notification>,
    /// How many are unread, in all.
    unread: i64,
    /// Whether there are older ones.
    has_more: bool,
}

request_body! {
    /// Which notifications were read: some, or all.
    ReadMark {
        /// These.
        ids: nullable Vec<NotificationId>,
        /// All there are, if true.
        all: nullable bool,
    }
}

request_body! {
    /// How far a channel was read.
    ChannelRead {
        /// The place of the last message read.
        seq: required Seq,
    }
}

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
    Query(query): Query<InboxQuery>,
) -> Result<Found<Inbox>, Problem> {
    let mut errors = Vec::new();
    let limit = parse_limit(query.limit.as_deref(), &mut errors);
    let before = query
        .before
        .map(|text| text.parse().map(NotificationId))
        .transpose()
        .unwrap_or_else(|_| {
            errors.push(FieldError {
                pointer: "/before".to_owned(),
                detail: "must be a notification's id".to_owned(),
            });
            None
        });
    if !errors.is_empty() {
        return Err(Problem::invalid(Code::InvalidQuery, errors));
    }
    let page = state
        .store
        .list_notifications(caller.id(), before, limit)
        .await?;
    Ok(Found(Inbox {
        notifications: page.notifications,
        unread: page.unread,
        has_more: page.has_more,
    }))
}

pub(super) async fn read(
    state: Data<ApiState>,
    caller: Caller,
    body: Body<ReadMark>,
) -> Result<Done, Problem> {
    let body = body.parse()?;
    match (body.ids, body.all) {
        (Some(ids), None | Some(false)) if ids.len() <= MAX_IDS => {
            let read = state.store.read_notifications(caller.id(), &ids).await?;
            state.announce_read(caller.id(), &read);
            Ok(Done)
        }
        (Some(_), None | Some(false)) => Err(Problem::invalid_field(
            "/ids",
            format!("must name at most {MAX_IDS} notifications"),
        )),
        (None, Some(true)) => {
            state.store.read_all_notifications(caller.id()).await?;
            let frame = ServerFrame::NotificationsRead(ReadNotifications::All { all: true });
            state.sessions.push_to_user(caller.id(), &frame.encode());
            Ok(Done)
        }
        (Some(_), Some(true)) => Err(Problem::invalid_field(
            "/all",
            "cannot be given together with ids",
        )),
        (None, _) => Err(Problem::invalid_field(
            "/ids",
            "is required, unless all is true",
        )),
    }
}

pub(super) async fn read_channel(
    state: Data<ApiState>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
    body: Body<ChannelRead>,
) -> Result<Done, Problem> {
    state.read_channel(&caller, channel).await?;
    let seq = body.parse()?.seq;
    if seq.0 < 0 {
        return Err(Problem::invalid_field("/seq", "must not be negative"));
    }
    let read = state
        .store
        .read_channel(channel, caller.id(), seq)
        .await?
        .ok_or_else(Problem::not_found)?;
    let frame = ServerFrame::ChannelRead {
        channel_id: channel,
        seq: read.read_seq,
    };
    state.sessions.push_to_user(caller.id(), &frame.encode());
    state.announce_read(caller.id(), &read.notifications);
    Ok(Done)
}
