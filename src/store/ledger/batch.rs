//! A batch between its two round trips: what was read, and what follows from it. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio_postgres::Row;

use super::members::{MembersVersion, Names};
use crate::domain::ids::{ChannelId, CommunityId, NotificationId, Seq, UserId, WebhookId};
use crate::domain::message::{Message, MessageBody, WebhookAuthor};
use crate::domain::notification::{Alert, Notification, NotificationKind, preview};
use crate::domain::webhook::{AvatarUrl, WebhookPost};
use crate::store::{CommittedPost, PostOutcome, StoreError};

/// A channel whose lock is held.
struct LockedChannel {
    community_id: CommunityId,
    name: String,
    last_seq: Seq,
    members: MembersVersion,
}

/// A webhook that exists and is active.
struct LiveWebhook {
    name: String,
    avatar_url: Option<String>,
    /// Whether its last use is to be noted.
    usage_due: bool,
}

/// What the first round trip read.
pub(super) struct Facts {
    channels: BTreeMap<ChannelId, LockedChannel>,
    webhooks: HashMap<(ChannelId, WebhookId), LiveWebhook>,
}

impl Facts {
    pub(super) fn read(channels: &[Row], webhooks: &[Row]) -> Result<Self, StoreError> {
        let channels = channels.iter().map(|row| {
            let channel = LockedChannel {
                community_id: row.try_get("community_id")?,
                name: row.try_get("name")?,
                last_seq: row.try_get("last_seq")?,
                members: MembersVersion {
                    epoch: row.try_get("epoch")?,
                    number: row.try_get("members_version")?,
                },
            };
            Ok((row.try_get("id")?, channel))
        });
        let webhooks = webhooks.iter().map(|row| {
            let webhook = LiveWebhook {
                name: row.try_get("name")?,
                avatar_url: row.try_get("avatar_url")?,
                usage_due: row.try_get("usage_due")?,
            };
            Ok(((row.try_get("channel_id")?, row.try_get("id")?), webhook))
        });
        Ok(Self {
            channels: channels.collect::<Result<_, StoreError>>()?,
            webhooks: webhooks.collect::<Result<_, StoreError>>()?,
        })
    }

    /// Which state the members of each channel are in.
    pub(super) fn members_versions(&self) -> HashMap<ChannelId, MembersVersion> {
        let versions = self.channels.iter();
        versions
            .map(|(id, channel)| (*id, channel.members))
            .collect()
    }

    /// Gives each post that stands its place, and decides whom it alerts.
    pub(super) fn decide(mut self, posts: &[Arc<WebhookPost>], names: &Names<'_>) -> Decided {
        let mut decided = Decided::default();
        for post in posts {
            let outcome = self.decide_one(post, names, &mut decided);
            decided
                .outcomes
                .push(outcome.unwrap_or(PostOutcome::WebhookGone));
        }
        decided
    }

    fn decide_one(
        &mut self,
        post: &WebhookPost,
        names: &Names<'_>,
        decided: &mut Decided,
    ) -> Option<PostOutcome> {
        let webhook = self.webhooks.get(&(post.channel_id, post.webhook_id))?;
        let channel = self.channels.get_mut(&post.channel_id)?;
        channel.last_seq = channel.last_seq.next();
        decided.heads.insert(post.channel_id, channel.last_seq);
        if webhook.usage_due {
            decided.used.insert((post.channel_id, post.webhook_id));
        }
        let mentioned = post.mentioned(|username| names.member(post.channel_id, username));
        let author = WebhookAuthor {
            name: post
                .sender_name
                .as_ref()
                .map_or_else(|| webhook.name.clone(), |name| name.as_str().to_owned()),
            avatar_url: post
                .avatar_url
                .as_ref()
                .map(AvatarUrl::as_str)
                .or(webhook.avatar_url.as_deref())
                .map(str::to_owned),
        };
        let alerts = mentioned
            .iter()
            .map(|user_id| alert(post, channel, &author, *user_id))
            .collect();
        let message = Message {
            id: post.message_id,
            channel_id: post.channel_id,
            seq: channel.last_seq,
            body: MessageBody::Webhook {
                webhook_id: post.webhook_id,
                author,
                content: Some(post.content.as_str().to_owned()),
                mentions: mentioned,
                encrypted: false,
            },
            deleted: false,
            created_at: post.created_at,
        };
        Some(PostOutcome::Committed(Box::new(CommittedPost {
            message,
            alerts,
        })))
    }
}

fn alert(
    post: &WebhookPost,
    channel: &LockedChannel,
    author: &WebhookAuthor,
    user_id: UserId,
) -> Alert {
    let notification = Notification {
        id: NotificationId::generate(),
        kind: NotificationKind::Mention,
        community_id: channel.community_id,
        channel_id: post.channel_id,
        channel_name: channel.name.clone(),
        message_id: post.message_id,
        seq: channel.last_seq,
        author: author.clone(),
        preview: preview(post.content.as_str()).to_owned(),
        created_at: post.created_at,
        read_at: None,
    };
    Alert {
        user_id,
        notification,
    }
}

/// What the second round trip writes.
#[derive(Default)]
pub(super) struct Decided {
    pub(super) outcomes: Vec<PostOutcome>,
    pub(super) heads: BTreeMap<ChannelId, Seq>,
    pub(super) used: BTreeSet<(ChannelId, WebhookId)>,
}

/// The columns of the messages to insert.
#[derive(Default)]
pub(super) struct MessageColumns<'a> {
    pub(super) channel_ids: Vec<ChannelId>,
    pub(super) seqs: Vec<Seq>,
    pub(super) ids: Vec<crate::domain::ids::MessageId>,
    pub(super) webhook_ids: Vec<WebhookId>,
    pub(super) author_names: Vec<&'a str>,
    pub(super) author_avatar_urls: Vec<Option<&'a str>>,
    pub(super) contents: Vec<&'a str>,
    /// As array literals: `unnest` flattens arrays of arrays.
    pub(super) mentions: Vec<String>,
    pub(super) created_at: Vec<crate::domain::time::Timestamp>,
}

/// The columns of the notifications to insert.
#[derive(Default)]
pub(super) struct NotificationColumns<'a> {
    pub(super) user_ids: Vec<UserId>,
    pub(super) ids: Vec<NotificationId>,
    pub(super) community_ids: Vec<CommunityId>,
    pub(super) channel_ids: Vec<ChannelId>,
    pub(super) message_ids: Vec<crate::domain::ids::MessageId>,
    pub(super) seqs: Vec<Seq>,
    pub(super) author_names: Vec<&'a str>,
    pub(super) author_avatar_urls: Vec<Option<&'a str>>,
    pub(super) previews: Vec<&'a str>,
    pub(super) created_at: Vec<crate::domain::time::Timestamp>,
}

impl Decided {
    fn committed(&self) -> impl Iterator<Item = &CommittedPost> {
        self.outcomes.iter().filter_map(|outcome| match outcome {
            PostOutcome::Committed(post) => Some(&**post),
            PostOutcome::WebhookGone | PostOutcome::Refused(_) | PostOutcome::Failed(_) => None,
        })
    }

    pub(super) fn messages(&self) -> MessageColumns<'_> {
        let mut columns = MessageColumns::default();
        for CommittedPost { message, .. } in self.committed() {
            let MessageBody::Webhook {
                webhook_id,
                author,
                content,
                mentions,
                ..
            } = &message.body;
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
        columns
    }

    pub(super) fn notifications(&self) -> NotificationColumns<'_> {
        let mut columns = NotificationColumns::default();
        for Alert {
            user_id,
            notification,
        } in self.committed().flat_map(|post| &post.alerts)
        {
            columns.user_ids.push(*user_id);
            columns.ids.push(notification.id);
            columns.community_ids.push(notification.community_id);
            columns.channel_ids.push(notification.channel_id);
            columns.message_ids.push(notification.message_id);
            columns.seqs.push(notification.seq);
            columns.author_names.push(&notification.author.name);
            columns
                .author_avatar_urls
                .push(notification.author.avatar_url.as_deref());
            columns.previews.push(&notification.preview);
            columns.created_at.push(notification.created_at);
        }
        columns
    }
}

fn array_literal(users: &[UserId]) -> String {
    let ids: Vec<String> = users.iter().map(ToString::to_string).collect();
    format!("{{{}}}", ids.join(","))
}
