//! Reading a channel, and deleting from it.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Done, Found};
use super::extract::{Caller, Path, Query};
use super::problem::{Code, FieldError, Problem};
use super::state::ApiState;
use crate::domain::ids::{ChannelId, MessageId, Seq};
use crate::domain::message::Message;
use crate::store::{Deleted, PageRequest};

/// Entries in a page at most, and unless asked for.
pub(super) const MAX_LIMIT: usize = 200;
const DEFAULT_LIMIT: usize = 50;

/// Which page of a channel.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct MessageQuery {
    /// Only messages before this place.
    #[schemars(with = "Option<i64>")]
    before: Option<String>,
    /// Only messages after this place; not together with `before`.
    #[schemars(with = "Option<i64>")]
    after: Option<String>,
    /// How many at most: 1 to 200, 50 unless said.
    #[schemars(with = "Option<u8>")]
    limit: Option<String>,
}

/// A page of a channel, in ascending order.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Messages {
    /// The messages.
    messages: Vec<Message>,
    /// Whether there are more in the direction of the request.
    has_more: bool,
}

/// Reads a `limit` parameter.
pub(super) fn parse_limit(limit: Option<&str>, errors: &mut Vec<FieldError>) -> usize {
    let Some(text) = limit else {
        return DEFAULT_LIMIT;
    };
    match text.parse() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => limit,
        _ => {
            errors.push(FieldError {
                pointer: "/limit".to_owned(),
                detail: format!("must be a number from 1 to {MAX_LIMIT}"),
            });
            DEFAULT_LIMIT
        }
    }
}

impl MessageQuery {
    fn parse(&self) -> Result<(PageRequest, usize), Problem> {
        let mut errors = Vec::new();
        let limit = parse_limit(self.limit.as_deref(), &mut errors);
        let mut place = |name: &str, text: &Option<String>| {
            let text = text.as_deref()?;
            let parsed = text.parse().ok().filter(|seq| *seq >= 0).map(Seq);
            if parsed.is_none() {
                let detail = "must be a place: a whole number of at least 0".to_owned();
                errors.push(FieldError {
                    pointer: format!("/{name}"),
                    detail,
                });
            }
            parsed
        };
        let (before, after) = (place("before", &self.before), place("after", &self.after));
        if self.before.is_some() && self.after.is_some() {
            let detail = "cannot be given together with before".to_owned();
            errors.push(FieldError {
                pointer: "/after".to_owned(),
                detail,
            });
        }
        if !errors.is_empty() {
            return Err(Problem::invalid(Code::InvalidQuery, errors));
        }
        let request = match (before, after) {
            (Some(seq), _) => PageRequest::Before(seq),
            (None, Some(seq)) => PageRequest::After(seq),
            (None, None) => PageRequest::Newest,
        };
        Ok((request, limit))
    }
}

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
    Query(query): Query<MessageQuery>,
) -> Result<Found<Messages>, Problem> {
    let (request, limit) = query.parse()?;
    state.read_channel(&caller, channel).await?;
    let page = state.store.list_messages(channel, request, limit).await?;
    Ok(Found(Messages {
        messages: page.messages,
        has_more: page.has_more,
    }))
}

pub(super) async fn remove(
    state: Data<ApiState>,
    caller: Caller,
    Path((channel, message)): Path<(ChannelId, MessageId)>,
) -> Result<Done, Problem> {
    let (_, access) = state.seen_channel(&caller, channel).await?;
    let only_of = (!access.administers()).then(|| caller.id());
    let turn = state.channels.turn_to_change(channel).await?;
    match state.store.delete_message(channel, message, only_of).await {
        Ok(Deleted::At(seq)) => {
            turn.announce_deletion(seq, message).await;
            Ok(Done)
        }
        Ok(Deleted::Missing) => Err(Problem::not_found()),
        Ok(Deleted::NotTheAuthor) => Err(Problem::forbidden(
            "Only its author, and owners and admins of the community may do this.",
        )),
        Err(error) => {
            // It may be deleted all the same.
            if let Some(found) = state.message_in_doubt(channel, message).await
                && found.deleted
            {
                turn.announce_deletion(found.seq, message).await;
            }
            Err(error.into())
        }
    }
}
