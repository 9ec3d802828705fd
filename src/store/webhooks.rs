//! Webhooks: managing them, and finding one by its token.
//!
//! Every change holds the fence of the channel, so a post accepted after the answer obeys it.

use tokio_postgres::Row;

use super::{Store, StoreError, fence};
use crate::domain::ids::{ChannelId, UserId, WebhookId};
use crate::domain::names::Name;
use crate::domain::secrets::TokenHash;
use crate::domain::webhook::{AvatarUrl, MAX_WEBHOOKS_PER_CHANNEL, Webhook};

const INSERT: &str = include_str!("../../sql/queries/webhooks/insert.sql");
const INSERT_TOKEN: &str = include_str!("../../sql/queries/webhooks/insert_token.sql");
const COUNT: &str = include_str!("../../sql/queries/webhooks/count.sql");
const LIST: &str = include_str!("../../sql/queries/webhooks/list.sql");
const FIND_CHANNEL: &str = include_str!("../../sql/queries/webhooks/find_channel.sql");
const FIND_BY_TOKEN: &str = include_str!("../../sql/queries/webhooks/find_by_token.sql");
const IS_ACTIVE: &str = include_str!("../../sql/queries/webhooks/is_active.sql");
const UPDATE: &str = include_str!("../../sql/queries/webhooks/update.sql");
const DELETE: &str = include_str!("../../sql/queries/webhooks/delete.sql");

/// Where a token leads. It never changes, so it may be remembered; whether the webhook is
/// still there and active is checked with every post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookTarget {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The channel it posts to.
    pub channel_id: ChannelId,
}

/// A webhook about to be made.
#[derive(Debug)]
pub struct NewWebhook {
    /// Its id.
    pub id: WebhookId,
    /// The channel it posts to.
    pub channel_id: ChannelId,
    /// Its name.
    pub name: Name,
    /// Its picture.
    pub avatar_url: Option<AvatarUrl>,
    /// What its token is known by.
    pub token_hash: TokenHash,
    /// Who makes it.
    pub created_by: UserId,
}

/// What to change of a webhook; what is absent stays.
#[derive(Debug, Default)]
pub struct WebhookChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new picture, or `Some(None)` for none.
    pub avatar_url: Option<Option<AvatarUrl>>,
    /// Whether its URL works.
    pub active: Option<bool>,
}

impl Store {
    /// Makes a webhook. `None`: the channel has as many as may be.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_webhook(
        &self,
        webhook: &NewWebhook,
    ) -> Result<Option<Webhook>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if fence::lock_channel(&transaction, webhook.channel_id)
            .await?
            .is_none()
        {
            return Err(StoreError::Gone);
        }
        let statement = transaction.prepare_cached(COUNT).await?;
        let count: i64 = transaction
            .query_one(&statement, &[&webhook.channel_id])
            .await?
            .try_get("count")?;
        if count >= MAX_WEBHOOKS_PER_CHANNEL {
            return Ok(None);
        }
        let statement = transaction.prepare_cached(INSERT).await?;
        let avatar_url = webhook.avatar_url.as_ref().map(AvatarUrl::as_str);
        let row = transaction
            .query_one(
                &statement,
                &[
                    &webhook.channel_id,
                    &webhook.id,
                    &webhook.name.as_str(),
                    &avatar_url,
                    &webhook.created_by,
                ],
            )
            .await?;
        let statement = transaction.prepare_cached(INSERT_TOKEN).await?;
        transaction
            .execute(
                &statement,
                &[&webhook.token_hash, &webhook.id, &webhook.channel_id],
            )
            .await?;
        transaction.commit().await?;
        read(&row).map(Some)
    }

    /// Lists the webhooks of a channel, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_webhooks(&self, channel: ChannelId) -> Result<Vec<Webhook>, StoreError> {
        self.rows(LIST, &[&channel])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Finds the channel of a webhook.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_webhook_channel(
        &self,
        webhook: WebhookId,
    ) -> Result<Option<ChannelId>, StoreError> {
        let row = self.row(FIND_CHANNEL, &[&webhook]).await?;
        row.map(|row| Ok(row.try_get("channel_id")?)).transpose()
    }

    /// Finds where a token leads, active or not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_webhook_by_token(
        &self,
        token: TokenHash,
    ) -> Result<Option<WebhookTarget>, StoreError> {
        let row = self.row(FIND_BY_TOKEN, &[&token]).await?;
        row.map(|row| {
            Ok(WebhookTarget {
                webhook_id: row.try_get("webhook_id")?,
                channel_id: row.try_get("channel_id")?,
            })
        })
        .transpose()
    }

    /// Whether a webhook is there, active, and in a channel that is there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_webhook_active(&self, target: WebhookTarget) -> Result<bool, StoreError> {
        Ok(self
            .row(IS_ACTIVE, &[&target.channel_id, &target.webhook_id])
            .await?
            .is_some())
    }

    /// Changes a webhook. `None`: there is no such webhook any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn update_webhook(
        &self,
        target: WebhookTarget,
        change: &WebhookChange,
    ) -> Result<Option<Webhook>, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if fence::lock_channel(&transaction, target.channel_id)
            .await?
            .is_none()
        {
            return Ok(None);
        }
        let statement = transaction.prepare_cached(UPDATE).await?;
        let name = change.name.as_ref().map(Name::as_str);
        let sets_avatar = change.avatar_url.is_some();
        let avatar_url = change
            .avatar_url
            .as_ref()
            .and_then(Option::as_ref)
            .map(AvatarUrl::as_str);
        let row = transaction
            .query_opt(
                &statement,
                &[
                    &target.channel_id,
                    &target.webhook_id,
                    &name,
                    &sets_avatar,
                    &avatar_url,
                    &change.active,
                ],
            )
            .await?;
        transaction.commit().await?;
        row.as_ref().map(read).transpose()
    }

    /// Deletes a webhook for good. Returns whether there was one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_webhook(&self, target: WebhookTarget) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if fence::lock_channel(&transaction, target.channel_id)
            .await?
            .is_none()
        {
            return Ok(false);
        }
        let statement = transaction.prepare_cached(DELETE).await?;
        let deleted = transaction
            .execute(&statement, &[&target.channel_id, &target.webhook_id])
            .await?
            > 0;
        transaction.commit().await?;
        Ok(deleted)
    }
}

fn read(row: &Row) -> Result<Webhook, StoreError> {
    Ok(Webhook {
        id: row.try_get("id")?,
        channel_id: row.try_get("channel_id")?,
        name: row.try_get("name")?,
        avatar_url: row.try_get("avatar_url")?,
        active: row.try_get("active")?,
        created_by: row.try_get("created_by")?,
        created_at: row.try_get("created_at")?,
        last_used_at: row.try_get("last_used_at")?,
    })
}
