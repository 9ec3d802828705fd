//! Sending and editing encrypted messages.
//!
//! What is sent is checked once, for being an encrypted message of the device that sends it. Whether
//! its author may write, and whether it was encrypted for those who are in the channel, is checked
//! where it is written.

use std::sync::Arc;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::{Created, Found};
use super::extract::{Author, Body, Caller, Path, RequestBody};
use super::problem::{Code, FieldError, Problem};
use super::state::ApiState;
use crate::actors::posting::PostError;
use crate::domain::envelope::{Envelope, EnvelopeRefused};
use crate::domain::ids::{ChannelId, MembersVersion, MessageId, SessionId};
use crate::domain::message::{Message, UserAuthor};
use crate::domain::post::{Post, PostSource, Posted, Rejection};
use crate::domain::user_post::{MessageTransactionId, UserPost};
use crate::metrics::Metrics;
use crate::store::{Edited, MessageEdit};

/// What a body may hold beside the envelope, in bytes.
const BESIDE_ENVELOPE_BYTES: usize = 4 * 1024;

/// An encrypted message to send, or to put in the place of an earlier one.
#[derive(JsonSchema)]
pub(super) struct EncryptedMessage {
    /// The state of the channel's members that it was encrypted for: `members_version` of the
    /// channel.
    #[schemars(with = "MembersVersion")]
    members_version: Option<Value>,
    /// The encrypted message.
    #[schemars(with = "Envelope")]
    envelope: Option<Box<RawValue>>,
}

impl RequestBody for EncryptedMessage {
    const MAX_BYTES: usize = Envelope::MAX_BYTES + BESIDE_ENVELOPE_BYTES;

    fn parse(raw: &[u8]) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Fields {
            #[serde(default)]
            members_version: Option<Value>,
            #[serde(default)]
            envelope: Option<Box<RawValue>>,
        }

        // A list would be taken for the fields in their order.
        if raw.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Problem::invalid_field("", "must be a JSON object"));
        }
        let fields: Fields = serde_json::from_slice(raw)
            .map_err(|error| Problem::invalid_field("", format!("cannot be read: {error}")))?;
        Ok(Self {
            members_version: fields.members_version,
            envelope: fields.envelope,
        })
    }
}

impl EncryptedMessage {
    /// What it holds, if that is a message that `device` encrypted.
    fn check(self, device: SessionId) -> Result<(MembersVersion, Envelope), Problem> {
        let mut errors = Vec::new();
        let mut refuse = |pointer: String, detail: String| {
            errors.push(FieldError { pointer, detail });
        };
        let version = match self.members_version {
            None => Err("is required".to_owned()),
            Some(value) => serde_json::from_value::<MembersVersion>(value)
                .map_err(|_not_a_number| "must be a whole number".to_owned()),
        };
        if let Err(detail) = &version {
            refuse("/members_version".to_owned(), detail.clone());
        }
        let envelope = match self.envelope {
            None => {
                let detail = "is required: users write encrypted messages only";
                refuse("/envelope".to_owned(), detail.to_owned());
                None
            }
            Some(raw) => match Envelope::parse(raw, device) {
                Ok(envelope) => Some(envelope),
                Err(EnvelopeRefused::TooLarge) => return Err(envelope_too_large()),
                Err(EnvelopeRefused::NotEncrypted(faults)) => {
                    for fault in faults {
                        let pointer = match fault.key {
                            "" => "/envelope".to_owned(),
                            key => format!("/envelope/{key}"),
                        };
                        refuse(pointer, fault.detail);
                    }
                    None
                }
            },
        };
        match (version, envelope) {
            (Ok(version), Some(envelope)) => Ok((version, envelope)),
            (Err(_), Some(_)) => Err(Problem::invalid(Code::InvalidBody, errors)),
            (_, None) => Err(Problem::invalid(Code::NotEncrypted, errors)),
        }
    }
}

fn envelope_too_large() -> Problem {
    let max = Envelope::MAX_BYTES;
    Problem::new(
        Code::EnvelopeTooLarge,
        format!("An envelope has at most {max} bytes of JSON. Send the text in parts."),
    )
}

fn invalid_txn_id(detail: impl ToString) -> Problem {
    let error = FieldError {
        pointer: "/txn_id".to_owned(),
        detail: detail.to_string(),
    };
    Problem::invalid(Code::InvalidPath, vec![error])
}

/// Where sending was refused.
enum Refused {
    /// Before the message was on its way, for anybody who may not even know the channel too.
    Before(Problem),
    /// By the actors or the database.
    AfterAll(PostError),
}

pub(super) async fn send(
    state: Data<ApiState>,
    author: Author,
    Path((channel, txn_id)): Path<(ChannelId, String)>,
    body: Body<EncryptedMessage>,
) -> Result<Created<Posted>, Problem> {
    let problem = match post(&state, author.shown(), channel, &txn_id, body).await {
        Ok(posted) => return Ok(Created(posted)),
        Err(Refused::AfterAll(error)) => {
            Metrics::count(&state.metrics.posts_refused, error.label());
            if !matches!(error, PostError::Rejected(Rejection::NotAMember)) {
                return Err(error.into());
            }
            error.into()
        }
        Err(Refused::Before(problem)) => {
            Metrics::count(&state.metrics.posts_refused, problem.label());
            problem
        }
    };
    // Only a refusal costs this look: what is accepted is checked where it is written.
    let caller = author.confirm(&state).await?;
    state.read_channel(&caller, channel).await?;
    Err(problem)
}

async fn post(
    state: &ApiState,
    author: &Arc<UserAuthor>,
    channel: ChannelId,
    txn_id: &str,
    body: Body<EncryptedMessage>,
) -> Result<Posted, Refused> {
    state.refuse_while_stopping().map_err(Refused::Before)?;
    let txn_id = MessageTransactionId::parse(txn_id)
        .map_err(invalid_txn_id)
        .map_err(Refused::Before)?;
    let (members_version, envelope) = body
        .parse()
        .and_then(|body| body.check(author.device_id))
        .map_err(Refused::Before)?;
    state
        .limits
        .charge_message(author.user_id)
        .map_err(Refused::Before)?;
    let post = UserPost {
        author: Arc::clone(author),
        txn_id,
        members_version,
        envelope,
    };
    let posted = state
        .channels
        .post(Post::new(channel, PostSource::User(post)))
        .await;
    if let Err(PostError::Overloaded(_) | PostError::Unavailable(_)) = posted {
        state.limits.give_back_message(author.user_id);
    }
    posted.map_err(Refused::AfterAll)
}

pub(super) async fn edit(
    state: Data<ApiState>,
    caller: Caller,
    Path((channel, message)): Path<(ChannelId, MessageId)>,
    body: Body<EncryptedMessage>,
) -> Result<Found<Message>, Problem> {
    state.read_channel(&caller, channel).await?;
    let (members_version, envelope) = body.parse()?.check(caller.session_id)?;
    state.limits.charge_message(caller.id())?;
    let edit = MessageEdit {
        channel_id: channel,
        message_id: message,
        user_id: caller.id(),
        device_id: caller.session_id,
        members_version,
        envelope,
    };
    let turn = state.channels.turn_to_change(channel).await;
    // What the server could not do does not count.
    let turn = turn.inspect_err(|_| state.limits.give_back_message(caller.id()))?;
    let edited = match state.store.edit_message(&edit).await {
        Ok(edited) => edited,
        Err(error) => {
            state.limits.give_back_message(caller.id());
            // It may be edited all the same.
            if let Some(found) = state.message_in_doubt(channel, message).await
                && !found.deleted
            {
                turn.announce_edit(&found, members_version).await;
            }
            return Err(error.into());
        }
    };
    match edited {
        Edited::Done {
            message,
            members_version,
        } => {
            turn.announce_edit(&message, members_version).await;
            Ok(Found(*message))
        }
        Edited::Missing => Err(Problem::not_found()),
        Edited::NotAMember => Err(PostError::from(Rejection::NotAMember).into()),
        Edited::NotTheAuthor => Err(Problem::forbidden("Only its author may edit a message.")),
        Edited::Deleted => Err(Problem::new(
            Code::MessageDeleted,
            "What was deleted cannot be edited. Send a new message.",
        )),
        Edited::MembersChanged(now) => Err(Problem::members_changed(now)),
        Edited::SessionEnded => Err(Problem::unauthenticated()),
    }
}
