//! Posting through a webhook: the call that automations make.
//!
//! The token is judged before anything else, and whatever is refused is refused
//! with 404 when the webhook is disabled: a disabled webhook cannot be told from an unknown one.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Data, Payload};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::Created;
use super::extract::{Path, RequestBody, read_body, request_body};
use super::openapi::{Describe, Document, Operation};
use super::problem::Problem;
use super::state::ApiState;
use crate::actors::posting::PostError;
use crate::domain::ids::{ChannelId, MessageId};
use crate::domain::message::MessageContent;
use crate::domain::names::SenderName;
use crate::domain::post::{self as domain, PostSource};
use crate::domain::secrets::WebhookToken;
use crate::domain::time::Timestamp;
use crate::domain::webhook::{AvatarUrl, WebhookPost};
use crate::metrics::Metrics;
use crate::store::WebhookTarget;

request_body! {
    /// A message to post.
    Post {
        /// The text, in Markdown. `@username` alerts a member of the channel.
        content: required MessageContent,
        /// The name for this message; the webhook's if absent, null or blank.
        username: nullable SenderName,
        /// The picture for this message; the webhook's if absent or null.
        avatar_url: nullable AvatarUrl,
    }
}

/// Where a post ended up.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Receipt {
    message_id: MessageId,
    channel_id: ChannelId,
    created_at: Timestamp,
    /// Always `ok`.
    status: &'static str,
}

/// The body of a post, which is JSON whatever its Content-Type says.
pub(super) struct PostBody(Payload);

impl actix_web::FromRequest for PostBody {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut actix_web::dev::Payload) -> Self::Future {
        std::future::ready(
            Payload::from_request(request, payload)
                .into_inner()
                .map(Self),
        )
    }
}

impl Describe for PostBody {
    fn describe(operation: &mut Operation, document: &mut Document) {
        operation.takes::<Post>(document);
    }
}

pub(super) async fn execute(
    state: Data<ApiState>,
    request: HttpRequest,
    Path(token): Path<String>,
    PostBody(payload): PostBody,
) -> Result<Created<Receipt>, Problem> {
    // Read first, so that a refusal leaves the connection in the same state whatever the token.
    let body = read_body(&request, &mut payload.into_inner(), Post::MAX_BYTES).await;
    let target = find_target(&state, &token).await?;
    match post(&state, body, target).await {
        Ok(receipt) => Ok(Created(receipt)),
        // A disabled webhook answers as an unknown one does, also when there is no room. When
        // the database is away both answer that.
        Err(Refused::AfterAll(PostError::Overloaded(_)))
            if !state.store.is_webhook_active(target).await? =>
        {
            Err(Problem::not_found())
        }
        Err(Refused::AfterAll(error)) => {
            Metrics::count(&state.metrics.posts_refused, error.label());
            Err(error.into())
        }
        Err(Refused::Before(problem)) => {
            // Only a refusal costs this look: a post that is taken is checked where it is written.
            if !state.store.is_webhook_active(target).await? {
                return Err(Problem::not_found());
            }
            Metrics::count(&state.metrics.posts_refused, problem.label());
            Err(problem)
        }
    }
}

/// Where a refusal happened.
enum Refused {
    /// Before the post was on its way.
    Before(Problem),
    /// By the actors or the database.
    AfterAll(PostError),
}

async fn find_target(state: &ApiState, token: &str) -> Result<WebhookTarget, Problem> {
    let hash = WebhookToken::parse(token)
        .ok_or_else(Problem::not_found)?
        .hash();
    if let Some(target) = state.webhook_targets.get(&hash) {
        return Ok(target);
    }
    let target = state
        .store
        .find_webhook_by_token(hash)
        .await?
        .ok_or_else(Problem::not_found)?;
    state.webhook_targets.insert(hash, target);
    Ok(target)
}

async fn post(
    state: &ApiState,
    body: Result<Bytes, Problem>,
    target: WebhookTarget,
) -> Result<Receipt, Refused> {
    state.refuse_while_stopping().map_err(Refused::Before)?;
    let body: Post = body
        .and_then(|raw| Post::parse(&raw))
        .map_err(Refused::Before)?;
    state
        .limits
        .charge_webhook(target.webhook_id)
        .map_err(Refused::Before)?;
    let post = WebhookPost::new(
        target.webhook_id,
        body.content,
        body.username.and_then(SenderName::into_name),
        body.avatar_url,
    );
    let post = domain::Post::new(target.channel_id, PostSource::Webhook(post));
    match state.channels.post(post).await {
        Ok(posted) => Ok(Receipt {
            message_id: posted.message_id,
            channel_id: posted.channel_id,
            created_at: posted.created_at,
            status: "ok",
        }),
        Err(error) => {
            // What was not posted does not count; a disabled webhook in particular never
            // comes to its limit, by which it could be told from an unknown one.
            state.limits.give_back_webhook(target.webhook_id);
            Err(Refused::AfterAll(error))
        }
    }
}
