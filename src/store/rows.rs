//! Rows that several entities read in the same form. A statement that returns one names its
//! columns as here.

use std::sync::Arc;

use tokio_postgres::Row;

use super::StoreError;
use crate::domain::access::Role;
use crate::domain::envelope::Envelope;
use crate::domain::message::{Message, MessageBody, UserAuthor, WebhookAuthor};
use crate::domain::notification::{Notification, NotificationKind};
use crate::domain::user::{InstanceRole, User};

pub(super) fn user(row: &Row) -> Result<User, StoreError> {
    let role: &str = row.try_get("instance_role")?;
    Ok(User {
        id: row.try_get("user_id")?,
        username: row.try_get("username")?,
        display_name: row.try_get("display_name")?,
        instance_role: if role == InstanceRole::Owner.as_str() {
            InstanceRole::Owner
        } else {
            InstanceRole::Member
        },
        created_at: row.try_get("user_created_at")?,
    })
}

pub(super) fn role(row: &Row) -> Result<Role, StoreError> {
    known_role(row.try_get("role")?)
}

pub(super) fn optional_role(row: &Row) -> Result<Option<Role>, StoreError> {
    row.try_get::<_, Option<&str>>("role")?
        .map(known_role)
        .transpose()
}

fn known_role(word: &str) -> Result<Role, StoreError> {
    Role::from_word(word).ok_or_else(|| StoreError::Unexpected(format!("role {word}")))
}

pub(super) fn message(row: &Row) -> Result<Message, StoreError> {
    let (body, deleted) = match row.try_get("kind")? {
        "user" => user_body(row)?,
        _ => webhook_body(row)?,
    };
    Ok(Message {
        id: row.try_get("id")?,
        channel_id: row.try_get("channel_id")?,
        seq: row.try_get("seq")?,
        deleted,
        body,
        created_at: row.try_get("created_at")?,
    })
}

/// The part of a webhook's message, and whether it was deleted.
fn webhook_body(row: &Row) -> Result<(MessageBody, bool), StoreError> {
    let content: Option<String> = row.try_get("content")?;
    let deleted = content.is_none();
    let body = MessageBody::Webhook {
        webhook_id: row.try_get("webhook_id")?,
        author: author(row)?,
        content,
        mentions: row.try_get("mentions")?,
        encrypted: false,
    };
    Ok((body, deleted))
}

/// The part of a user's message, and whether it was deleted.
fn user_body(row: &Row) -> Result<(MessageBody, bool), StoreError> {
    let envelope: Option<String> = row.try_get("envelope")?;
    let deleted = envelope.is_none();
    let envelope = envelope
        .map(Envelope::stored)
        .transpose()
        .map_err(|error| StoreError::Unexpected(format!("envelope: {error}")))?;
    let body = MessageBody::User {
        author: Arc::new(UserAuthor {
            user_id: row.try_get("user_id")?,
            username: row.try_get("username")?,
            display_name: row.try_get("display_name")?,
            device_id: row.try_get("device_id")?,
        }),
        encrypted: true,
        envelope,
        edited_at: row.try_get("edited_at")?,
    };
    Ok((body, deleted))
}

pub(super) fn notification(row: &Row) -> Result<Notification, StoreError> {
    Ok(Notification {
        id: row.try_get("id")?,
        kind: NotificationKind::Mention,
        community_id: row.try_get("community_id")?,
        channel_id: row.try_get("channel_id")?,
        channel_name: row.try_get("channel_name")?,
        message_id: row.try_get("message_id")?,
        seq: row.try_get("seq")?,
        author: author(row)?,
        preview: row.try_get("preview")?,
        created_at: row.try_get("created_at")?,
        read_at: row.try_get("read_at")?,
    })
}

fn author(row: &Row) -> Result<WebhookAuthor, StoreError> {
    Ok(WebhookAuthor {
        name: row.try_get("author_name")?,
        avatar_url: row.try_get("author_avatar_url")?,
    })
}
