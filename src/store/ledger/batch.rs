//! A batch between its two round trips: what was read, and what follows from it. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tokio_postgres::Row;

use super::members::{MembersState, Names};
use crate::domain::ids::{
    ChannelId, CommunityId, MessageId, NotificationId, Seq, SessionId, UserId, WebhookId,
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

/// What the first round trip read.
pub(super) struct Facts {
    channels: BTreeMap<ChannelId, LockedChannel>,
    webhooks: HashMap<(ChannelId, WebhookId), LiveWebhook>,
    /// Devices whose sessions have ended.
    signed_out: HashSet<SessionId>,
    /// Users' messages that were sent before, as far as they were looked for.
    sent: HashMap<(ChannelId, MessageId), Posted>,
}

/// What the first round trip looks up besides the channels: webhooks and devices, each once, and
/// perhaps the messages that posts of users would be.
#[derive(Default)]
pub(super) struct Wanted {
    webhook_channels: Vec<ChannelId>,
    webhooks: Vec<WebhookId>,
    message_channels: Vec<ChannelId>,
    messages: Vec<MessageId>,
    devices: Vec<SessionId>,
}

impl Wanted {
    pub(super) fn by(posts: &[Arc<Post>], look_for_repeats: bool) -> Self {
        let mut wanted = Self::default();
        let (mut webhooks, mut devices) = (BTreeSet::new(), BTreeSet::new());
        for post in posts {
            match &post.source {
                PostSource::Webhook(webhook) => {
                    webhooks.insert((post.channel_id, webhook.webhook_id));
                }
                PostSource::User(user) => {
                    devices.insert(user.author.device_id);
                    if look_for_repeats {
                        wanted.message_channels.push(post.channel_id);
                        wanted.messages.push(post.message_id);
                    }
                }
            }
        }
        (wanted.webhook_channels, wanted.webhooks) = webhooks.into_iter().unzip();
        wanted.devices = devices.into_iter().collect();
        wanted
    }

    /// The parameters of the look at the webhooks, if there are any.
    pub(super) fn webhook_parameters(&self) -> Option<Vec<Parameter<'_>>> {
        (!self.webhooks.is_empty())
            .then(|| -> Vec<Parameter<'_>> { vec![&self.webhook_channels, &self.webhooks] })
    }

    /// The parameters of the look at the devices, if there are any.
    pub(super) fn device_parameters(&self) -> Option<Vec<Parameter<'_>>> {
        (!self.devices.is_empty()).then(|| -> Vec<Parameter<'_>> { vec![&self.devices] })
    }

    /// The parameters of the look for messages that are there already, if they are looked for.
    pub(super) fn message_parameters(&self) -> Option<Vec<Parameter<'_>>> {
        (!self.messages.is_empty())
            .then(|| -> Vec<Parameter<'_>> { vec![&self.message_channels, &self.messages] })
    }
}

impl Facts {
    pub(super) fn read(
        channels: &[Row],
        webhooks: &[Row],
        signed_out: &[Row],
        repeated: &[Row],
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
        let signed_out = signed_out.iter().map(|row| Ok(row.try_get("id")?));
        let repeated = repeated.iter().map(|row| {
            let posted = Posted {
                message_id: row.try_get("id")?,
                channel_id: row.try_get("channel_id")?,
                seq: row.try_get("seq")?,
                created_at: row.try_get("created_at")?,
            };
            Ok(((posted.channel_id, posted.message_id), posted))
        });
        Ok(Self {
            channels: channels.collect::<Result<_, StoreError>>()?,
            webhooks: webhooks.collect::<Result<_, StoreError>>()?,
            signed_out: signed_out.collect::<Result<_, StoreError>>()?,
            sent: repeated.collect::<Result<_, StoreError>>()?,
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
    pub(super) fn decide(mut self, posts: &[Arc<Post>], names: &Names<'_>) -> Decided {
        let mut decided = Decided::default();
        let of_users = posts.iter().filter(|post| post.is_of_user()).count();
        self.sent.reserve(of_users);
        for post in posts {
            let outcome = match &post.source {
                PostSource::Webhook(webhook) => {
                    self.decide_webhook(post, webhook, names, &mut decided)
                }
                PostSource::User(user) => self.decide_user(post, user, names, &mut decided),
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
        decided: &mut Decided,
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

    fn decide_user(
        &mut self,
        post: &Post,
        user_post: &UserPost,
        names: &Names<'_>,
        decided: &mut Decided,
    ) -> Result<CommittedPost, PostOutcome> {
        let UserAuthor {
            user_id,
            username,
            device_id,
            ..
        } = &*user_post.author;
        if self.signed_out.contains(device_id) {
            return Err(PostOutcome::Rejected(Rejection::SignedOut));
        }
        // Before anything that may have changed since: a repeat gets the first answer.
        let key = (post.channel_id, post.message_id);
        if let Some(posted) = self.sent.get(&key) {
            return Err(PostOutcome::Repeated(*posted));
        }
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
        let body = MessageBody::User {
            author: user_post.author.clone(),
            encrypted: true,
            envelope: Some(user_post.envelope.clone()),
            edited_at: None,
        };
        let committed = channel.commit(post, body, Vec::new());
        // A device may send the same twice in one batch.
        self.sent.insert(key, committed.posted());
        Ok(committed)
    }
}

impl LockedChannel {
    /// Moves the channel's head to the next place.
    fn take_place(&mut self, id: ChannelId, decided: &mut Decided) {
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
pub(super) struct Decided {
    pub(super) outcomes: Vec<PostOutcome>,
    pub(super) heads: BTreeMap<ChannelId, Seq>,
    pub(super) used: BTreeSet<(ChannelId, WebhookId)>,
}

impl Decided {
    /// Whether a post was refused for what may have changed since it was sent for the first time, if
    /// it was: a repeat gets its first answer.
    pub(super) fn refuses_unless_repeated(&self) -> bool {
        self.outcomes.iter().any(|outcome| {
            matches!(
                outcome,
                PostOutcome::Rejected(Rejection::NotAMember | Rejection::MembersChanged(_))
            )
        })
    }
}
