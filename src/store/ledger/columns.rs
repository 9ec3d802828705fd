//! What a batch inserts, by column: each statement takes one array for each of its parameters.

use super::batch::Decided;
use crate::domain::ids::{
    ChannelId, CommunityId, MessageId, NotificationId, Seq, SessionId, UserId, WebhookId,
};
use crate::domain::message::MessageBody;
use crate::domain::notification::Alert;
use crate::domain::time::Timestamp;
use crate::store::{CommittedPost, Parameter, PostOutcome};

/// The messages of webhooks.
#[derive(Default)]
pub(super) struct WebhookMessages<'a> {
    channel_ids: Vec<ChannelId>,
    seqs: Vec<Seq>,
    ids: Vec<MessageId>,
    webhook_ids: Vec<WebhookId>,
    author_names: Vec<&'a str>,
    author_avatar_urls: Vec<Option<&'a str>>,
    contents: Vec<&'a str>,
    /// As array literals: `unnest` flattens arrays of arrays.
    mentions: Vec<String>,
    created_at: Vec<Timestamp>,
}

/// The messages of users.
#[derive(Default)]
pub(super) struct UserMessages<'a> {
    channel_ids: Vec<ChannelId>,
    seqs: Vec<Seq>,
    ids: Vec<MessageId>,
    user_ids: Vec<UserId>,
    device_ids: Vec<SessionId>,
    envelopes: Vec<&'a str>,
    created_at: Vec<Timestamp>,
}

/// The notifications.
#[derive(Default)]
pub(super) struct Notifications<'a> {
    user_ids: Vec<UserId>,
    ids: Vec<NotificationId>,
    community_ids: Vec<CommunityId>,
    channel_ids: Vec<ChannelId>,
    message_ids: Vec<MessageId>,
    seqs: Vec<Seq>,
    author_names: Vec<&'a str>,
    author_avatar_urls: Vec<Option<&'a str>>,
    previews: Vec<&'a str>,
    created_at: Vec<Timestamp>,
}

/// Everything that a batch inserts.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) webhook_messages: WebhookMessages<'a>,
    pub(super) user_messages: UserMessages<'a>,
    pub(super) notifications: Notifications<'a>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(decided: &'a Decided) -> Self {
        let mut columns = Self::default();
        for outcome in &decided.outcomes {
            if let PostOutcome::Committed(post) = outcome {
                columns.add_message(post);
                for alert in &post.alerts {
                    columns.notifications.add(alert);
                }
            }
        }
        columns
    }

    fn add_message(&mut self, post: &'a CommittedPost) {
        let message = &post.message;
        match &message.body {
            MessageBody::Webhook {
                webhook_id,
                author,
                content,
                mentions,
                ..
            } => {
                let columns = &mut self.webhook_messages;
                columns.channel_ids.push(message.channel_id);
                columns.seqs.push(message.seq);
                columns.ids.push(message.id);
                columns.webhook_ids.push(*webhook_id);
                columns.author_names.push(&author.name);
                columns
                    .author_avatar_urls
                    .push(author.avatar_url.as_deref());
                columns
                    .contents
                    .push(content.as_deref().unwrap_or_default());
                columns.mentions.push(array_literal(mentions));
                columns.created_at.push(message.created_at);
            }
            MessageBody::User {
                author, envelope, ..
            } => {
                let columns = &mut self.user_messages;
                columns.channel_ids.push(message.channel_id);
                columns.seqs.push(message.seq);
                columns.ids.push(message.id);
                columns.user_ids.push(author.user_id);
                columns.device_ids.push(author.device_id);
                columns
                    .envelopes
                    .push(envelope.as_ref().map_or("", |it| it.as_str()));
                columns.created_at.push(message.created_at);
            }
        }
    }
}

impl WebhookMessages<'_> {
    /// The parameters of their insert, if there are any.
    pub(super) fn parameters(&self) -> Option<Vec<Parameter<'_>>> {
        (!self.ids.is_empty()).then(|| -> Vec<Parameter<'_>> {
            vec![
                &self.channel_ids,
                &self.seqs,
                &self.ids,
                &self.webhook_ids,
                &self.author_names,
                &self.author_avatar_urls,
                &self.contents,
                &self.mentions,
                &self.created_at,
            ]
        })
    }
}

impl UserMessages<'_> {
    /// The parameters of their insert, if there are any.
    pub(super) fn parameters(&self) -> Option<Vec<Parameter<'_>>> {
        (!self.ids.is_empty()).then(|| -> Vec<Parameter<'_>> {
            vec![
                &self.channel_ids,
                &self.seqs,
                &self.ids,
                &self.user_ids,
                &self.device_ids,
                &self.envelopes,
                &self.created_at,
            ]
        })
    }
}

impl<'a> Notifications<'a> {
    /// The parameters of their insert, if there are any.
    pub(super) fn parameters(&self) -> Option<Vec<Parameter<'_>>> {
        (!self.ids.is_empty()).then(|| -> Vec<Parameter<'_>> {
            vec![
                &self.user_ids,
                &self.ids,
                &self.community_ids,
                &self.channel_ids,
                &self.message_ids,
                &self.seqs,
                &self.author_names,
                &self.author_avatar_urls,
                &self.previews,
                &self.created_at,
            ]
        })
    }

    fn add(&mut self, alert: &'a Alert) {
        let notification = &alert.notification;
        self.user_ids.push(alert.user_id);
        self.ids.push(notification.id);
        self.community_ids.push(notification.community_id);
        self.channel_ids.push(notification.channel_id);
        self.message_ids.push(notification.message_id);
        self.seqs.push(notification.seq);
        self.author_names.push(&notification.author.name);
        self.author_avatar_urls
            .push(notification.author.avatar_url.as_deref());
        self.previews.push(&notification.preview);
        self.created_at.push(notification.created_at);
    }
}

fn array_literal(users: &[UserId]) -> String {
    let ids: Vec<String> = users.iter().map(ToString::to_string).collect();
    format!("{{{}}}", ids.join(","))
}
