//! Managing webhooks. Posting through them is in `execute`.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Created, Done, Found};
use super::extract::{Body, Caller, Path, request_body};
use super::problem::{Code, Problem};
use super::state::ApiState;
use crate::domain::ids::{ChannelId, WebhookId};
use crate::domain::names::Name;
use crate::domain::secrets::WebhookToken;
use crate::domain::webhook::{AvatarUrl, MAX_WEBHOOKS_PER_CHANNEL, Webhook};
use crate::store::{NewWebhook, WebhookChange, WebhookTarget};

request_body! {
    /// A new webhook.
    WebhookTerms {
        /// The name its messages carry unless they bring their own.
        name: required Name,
        /// The picture its messages carry unless they bring their own.
        avatar_url: nullable AvatarUrl,
    }
}

request_body! {
    /// What to change of a webhook; what is absent stays.
    WebhookUpdate {
        /// The new name.
        name: optional Name,
        /// The new picture; null for none.
        avatar_url: patch AvatarUrl,
        /// Whether its URL works.
        active: optional bool,
    }
}

/// A new webhook with its secret, which is shown only now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CreatedWebhook {
    /// The webhook.
    #[serde(flatten)]
    webhook: Webhook,
    /// The token: whoever has it can post to the channel.
    token: String,
    /// The URL to post to; ends with the token.
    url: String,
}

pub(super) async fn create(
    state: Data<ApiState>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
    body: Body<WebhookTerms>,
) -> Result<Created<CreatedWebhook>, Problem> {
    state.administered_channel(&caller, channel).await?;
    let body = body.parse()?;
    let token = WebhookToken::generate();
    let webhook = NewWebhook {
        id: WebhookId::generate(),
        channel_id: channel,
        name: body.name,
        avatar_url: body.avatar_url,
        token_hash: token.hash(),
        created_by: caller.id(),
    };
    let webhook = state.store.insert_webhook(&webhook).await?.ok_or_else(|| {
        Problem::new(
            Code::TooManyWebhooks,
            format!("Delete one first; at most {MAX_WEBHOOKS_PER_CHANNEL} are possible."),
        )
    })?;
    let url = format!(
        "{}/api/webhooks/execute/{}",
        state.public_url,
        token.reveal()
    );
    Ok(Created(CreatedWebhook {
        webhook,
        token: token.reveal().to_owned(),
        url,
    }))
}

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
) -> Result<Found<Vec<Webhook>>, Problem> {
    state.administered_channel(&caller, channel).await?;
    Ok(Found(state.store.list_webhooks(channel).await?))
}

pub(super) async fn update(
    state: Data<ApiState>,
    caller: Caller,
    Path(webhook): Path<WebhookId>,
    body: Body<WebhookUpdate>,
) -> Result<Found<Webhook>, Problem> {
    let target = administered(&state, &caller, webhook).await?;
    let body = body.parse()?;
    let change = WebhookChange {
        name: body.name,
        avatar_url: body.avatar_url,
        active: body.active,
    };
    let webhook = state
        .store
        .update_webhook(target, &change)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(Found(webhook))
}

pub(super) async fn remove(
    state: Data<ApiState>,
    caller: Caller,
    Path(webhook): Path<WebhookId>,
) -> Result<Done, Problem> {
    let target = administered(&state, &caller, webhook).await?;
    if state.store.delete_webhook(target).await? {
        Ok(Done)
    } else {
        Err(Problem::not_found())
    }
}

async fn administered(
    state: &ApiState,
    caller: &Caller,
    webhook: WebhookId,
) -> Result<WebhookTarget, Problem> {
    let channel = state
        .store
        .find_webhook_channel(webhook)
        .await?
        .ok_or_else(Problem::not_found)?;
    state.administered_channel(caller, channel).await?;
    Ok(WebhookTarget {
        webhook_id: webhook,
        channel_id: channel,
    })
}
