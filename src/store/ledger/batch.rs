//! A batch between its two round trips: what was read, and what follows from it. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio_postgres::Row;

use super::members::{MembersState, Names};
use crate::domain::ids::{
    ChannelId, CommunityId, NotificationId, Seq, SessionId, UserId, WebhookId,
};
use crate::domain::message::{Message, MessageBody, UserAuthor, WebhookAuthor};
use crate::domain::notification::{Alert, Notification, NotificationKind, preview};
use crate::domain::post::{Post, PostSource, Posted, Rejection};
use crate::domain::user_post::UserPost;
use crate::domain::webhook::{AvatarUrl, WebhookPost};
use crate::store::{CommittedPost, Parameter, PostOutcome, StoreError};

/// A channel whose lock is held.
struct LockedChannel {
    community_id: CommunityId,
    name: String,
    last_seq: Seq,
    members: MembersState,
}

/// A webhook that exists and is active.
struct LiveWebhook {
    name: String,
    avatar_url: Option<String>,
    /// Whether its last use is to be noted.
    usage_due: bool,
}

/// What is known of who sent a user's post.
#[derive(Clone, Copy, Default)]
struct AuthorState {
    /// Whether the session has not ended.
    signed_in: bool,
    /// Where the message is that the device sent under the same transaction id.
    sent_before: Option<Posted>,
}

/// What the first round trip read.
pub(super) struct Facts {
    channels: BTreeMap<ChannelId, LockedChannel>,
    webhooks: HashMap<(ChannelId, WebhookId), LiveWebhook>,
    /// One for each post of a user, in their order.
    authors: Vec<AuthorState>,
}

/// What the first round trip looks up besides the channels: each webhook once, each post of a user.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    webhook_channels: Vec<ChannelId>,
    webhooks: Vec<WebhookId>,
    author_channels: Vec<ChannelId>,
    devices: Vec<SessionId>,
    txn_ids: Vec<&'a str>,
}

impl<'a> Wanted<'a> {
    pub(super) fn by(posts: &'a [Arc<Post>]) -> Self {
        let mut wanted = Self::default();
        let mut webhooks = BTreeSet::new();
        for post in posts {
            match &post.source {
                PostSource::Webhook(webhook) => {
                    webhooks.insert((post.channel_id, webhook.webhook_id));
                }
                PostSource::User(user) => {
                    wanted.author_channels.push(post.channel_id);
                    wanted.devices.push(user.author.device_id);
                    wanted.txn_ids.push(user.txn_id.as_str());
                }
            }
        }
        (wanted.webhook_channels, wanted.webhooks) = webhooks.into_iter().unzip();
        wanted
    }

    /// The parameters of the look at the webhooks, if there are any.
    pub(super) fn webhook_parameters(&self) -> Option<Vec<Parameter<'_>>> {
        (!self.webhooks.is_empty())
            .then(|| -> Vec<Parameter<'_>> { vec![&self.webhook_channels, &self.webhooks] })
    }

    /// The parameters of the look at the authors, if there are any.
    pub(super) fn author_parameters(&self) -> Option<Vec<Parameter<'_>>> {
        (!self.devices.is_empty()).then(|| -> Vec<Parameter<'_>> {
            vec![&self.author_channels, &self.devices, &self.txn_ids]
        })
    }
}

impl Facts {
    pub(super) fn read(
        channels: &[Row],
        webhooks: &[Row],
        authors: &[Row],
        wanted: &Wanted<'_>,
    ) -> Result<Self, StoreError> {
        let channels = channels.iter().map(|row| {
            let channel = LockedChannel {
                community_id: row.try_get("community_id")?,
                name: row.try_get("name")?,
                last_seq: row.try_get("last_seq")?,
                members: MembersState {
                    epoch: row.try_get("epoch")?,
                    version: row.try_get("members_version")?,
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
            authors: read_authors(authors, &wanted.author_channels)?,
        })
    }

    /// Which state the members of each channel are in.
    pub(super) fn members_states(&self) -> HashMap<ChannelId, MembersState> {
        let channels = self.channels.iter();
        channels
            .map(|(id, channel)| (*id, channel.members))
            .collect()
    }

    /// Gives each post that stands its place, and decides whom it alerts.
    pub(super) fn decide<'a>(mut self, posts: &'a [Arc<Post>], names: &Names<'_>) -> Decided<'a> {
        let mut decided = Decided::default();
        // What this batch writes for devices, which may send the same twice in it.
        let mut sent = HashMap::new();
        let mut authors = std::mem::take(&mut self.authors).into_iter();
        for post in posts {
            let outcome = match &post.source {
                PostSource::Webhook(webhook) => {
                    self.decide_webhook(post, webhook, names, &mut decided)
                }
                PostSource::User(user) => {
                    let mut author = authors.next().unwrap_or_default();
                    let key = (post.channel_id, user.author.device_id, user.txn_id.as_str());
                    author.sent_before = author.sent_before.or(sent.get(&key).copied());
                    let outcome = self.decide_user(post, user, author, names, &mut decided);
                    if let Ok(committed) = &outcome {
                        sent.insert(key, committed.posted());
                    }
                    outcome
                }
            };
            decided.outcomes.push(
                outcome.map_or_else(|refused| refused, |it| PostOutcome::Committed(it.into())),
            );
        }
        decided
    }

    fn decide_webhook(
        &mut self,
        post: &Post,
        webhook_post: &WebhookPost,
        names: &Names<'_>,
        decided: &mut Decided<'_>,
    ) -> Result<CommittedPost, PostOutcome> {
        let gone = PostOutcome::Rejected(Rejection::WebhookGone);
        let key = (post.channel_id, webhook_post.webhook_id);
        let (Some(webhook), Some(channel)) = (
            self.webhooks.get(&key),
            self.channels.get_mut(&post.channel_id),
        ) else {
            return Err(gone);
        };
        channel.take_place(post.channel_id, decided);
        if webhook.usage_due {
            decided.used.insert(key);
        }
        let author = author_of(webhook_post, webhook);
        let mentions = webhook_post.mentioned(|username| names.member(post.channel_id, username));
        let alerts = mentions
            .iter()
            .map(|user_id| alert(post, webhook_post, channel, &author, *user_id))
            .collect();
        let body = MessageBody::Webhook {
            webhook_id: webhook_post.webhook_id,
            author,
            content: Some(webhook_post.content.as_str().to_owned()),
            mentions,
            encrypted: false,
        };
        Ok(channel.commit(post, body, alerts))
    }

    fn decide_user<'a>(
        &mut self,
        post: &Post,
        user_post: &'a UserPost,
        author: AuthorState,
        names: &Names<'_>,
        decided: &mut Decided<'a>,
    ) -> Result<CommittedPost, PostOutcome> {
        if !author.signed_in {
            return Err(PostOutcome::Rejected(Rejection::SignedOut));
        }
        // Before anything that may have changed since: a repeat gets the first answer.
        if let Some(posted) = author.sent_before {
            return Err(PostOutcome::Repeated(posted));
        }
        let UserAuthor {
            user_id, username, ..
        } = &*user_post.author;
        let is_member = names.member(post.channel_id, username) == Some(*user_id);
        let channel = self.channels.get_mut(&post.channel_id);
        let Some(channel) = channel.filter(|_| is_member) else {
            return Err(PostOutcome::Rejected(Rejection::NotAMember));
        };
        if user_post.members_version != channel.members.version {
            let changed = Rejection::MembersChanged(channel.members.version);
            return Err(PostOutcome::Rejected(changed));
        }
        channel.take_place(post.channel_id, decided);
        decided.txn_ids.push(user_post.txn_id.as_str());
        let body = MessageBody::User {
            author: user_post.author.clone(),
            encrypted: true,
            envelope: Some(user_post.envelope.clone()),
            edited_at: None,
        };
        Ok(channel.commit(post, body, Vec::new()))
    }
}

/// Reads what is known of the authors, whose posts are to the channels in `channels`. There is a row
/// where something is special.
fn read_authors(rows: &[Row], channels: &[ChannelId]) -> Result<Vec<AuthorState>, StoreError> {
    let usual = AuthorState {
        signed_in: true,
        sent_before: None,
    };
    let mut authors = vec![usual; channels.len()];
    for row in rows {
        let at: i64 = row.try_get("at")?;
        // Counted from 1.
        let at = usize::try_from(at - 1).unwrap_or(usize::MAX);
        let (Some(author), Some(channel_id)) = (authors.get_mut(at), channels.get(at)) else {
            let unasked = format!("a row about post {at} of {}", channels.len());
            return Err(StoreError::Unexpected(unasked));
        };
        author.signed_in = row.try_get("signed_in")?;
        if let Some(message_id) = row.try_get("message_id")? {
            author.sent_before = Some(Posted {
                message_id,
                channel_id: *channel_id,
                seq: row.try_get("seq")?,
                created_at: row.try_get("created_at")?,
            });
        }
    }
    Ok(authors)
}

impl LockedChannel {
    /// Moves the channel's head to the next place.
    fn take_place(&mut self, id: ChannelId, decided: &mut Decided<'_>) {
        self.last_seq = self.last_seq.next();
        decided.heads.insert(id, self.last_seq);
    }

    /// A post as a message at the channel's head.
    fn commit(&self, post: &Post, body: MessageBody, alerts: Vec<Alert>) -> CommittedPost {
        CommittedPost {
            message: Message {
                id: post.message_id,
                channel_id: post.channel_id,
                seq: self.last_seq,
                body,
                deleted: false,
                created_at: post.created_at,
            },
            alerts,
            members_version: self.members.version,
        }
    }
}

fn author_of(post: &WebhookPost, webhook: &LiveWebhook) -> WebhookAuthor {
    let own_name = post.sender_name.as_ref().map(|name| name.as_str());
    let own_avatar = post.avatar_url.as_ref().map(AvatarUrl::as_str);
    WebhookAuthor {
        name: own_name.unwrap_or(&webhook.name).to_owned(),
        avatar_url: own_avatar
            .or(webhook.avatar_url.as_deref())
            .map(str::to_owned),
    }
}

fn alert(
    post: &Post,
    webhook_post: &WebhookPost,
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
        preview: preview(webhook_post.content.as_str()).to_owned(),
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
pub(super) struct Decided<'a> {
    pub(super) outcomes: Vec<PostOutcome>,
    /// What devices call the posts of users that are written, in their order.
    pub(super) txn_ids: Vec<&'a str>,
    pub(super) heads: BTreeMap<ChannelId, Seq>,
    pub(super) used: BTreeSet<(ChannelId, WebhookId)>,
}
