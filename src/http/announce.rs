//! Telling open sockets that something changed. Happens after the change was committed; when
//! it fails the change stands, and clients learn of it at their next request.

use crate::domain::ids::{ChannelId, CommunityId, MessageId, NotificationId, SessionId, UserId};
use crate::domain::message::Message;
use crate::domain::secrets::InviteCode;
use crate::http::state::ApiState;
use crate::protocol::{Close, ReadNotifications, ServerFrame};
use crate::store::{EndedSessions, MembersChange, Redeemed, StoreError};

/// Notifications named in one frame at most, and frames sent at once. More would fill the
/// budget of a healthy socket; beyond them the frame about the channel says enough.
const IDS_PER_FRAME: usize = 500;
const FRAMES: usize = 3;
/// Channels that somebody is told singly that they are out of. Who leaves more of them at once
/// has left the community, and is told that too; the frames of all would not fit the budget.
const REMOVALS_TOLD: usize = 300;

impl ApiState {
    /// Tells the members of a community who are online that its name, members or roles changed.
    pub(super) async fn announce_membership(&self, community: CommunityId) {
        let online = self.sessions.users_online();
        let members = self.store.community_members_among(community, &online).await;
        let text = ServerFrame::MembershipChanged {
            community_id: community,
        }
        .encode();
        for user in logged(members) {
            self.sessions.push_to_user(user, &text);
        }
    }

    /// Somebody used an invite: tells those whose lists of members changed.
    pub(super) async fn announce_newcomer(&self, user: UserId, redeemed: &Redeemed) {
        if let Redeemed::Joined { community, channel } = redeemed {
            if let Some(channel) = channel {
                self.device_lists.announce_joined(user).await;
                self.announce_joined(*channel, user);
            }
            self.announce_membership(community.id).await;
        }
    }

    /// Somebody used an invite, which may have been done or not: tells the same people, who look.
    pub(super) async fn announce_perhaps_newcomer(&self, user: UserId, code: &InviteCode) {
        self.device_lists.announce_joined(user).await;
        let Some(community) = logged(self.store.find_invite_community(code).await) else {
            return;
        };
        let channels = logged(self.store.list_channels(community, user).await);
        for channel in channels.iter().filter(|it| it.joined) {
            self.announce_perhaps_joined(channel.id, user);
        }
        self.announce_membership(community).await;
    }

    /// Tells somebody that their place in a community changed.
    pub(super) fn announce_membership_to(&self, community: CommunityId, user: UserId) {
        self.sessions.push_to_user(
            user,
            &ServerFrame::MembershipChanged {
                community_id: community,
            }
            .encode(),
        );
    }

    /// Tells everybody who sees a channel and is online that it is new or changed.
    pub(super) async fn announce_channel(&self, channel: ChannelId) {
        let text = ServerFrame::ChannelChanged {
            channel_id: channel,
        }
        .encode();
        for user in self.seers_online(channel).await {
            self.sessions.push_to_user(user, &text);
        }
    }

    /// Ends every subscription to a channel that is gone, and tells who saw it.
    pub(super) async fn announce_channel_gone(&self, channel: ChannelId) {
        self.channels.drop_channel(channel);
        let text = ServerFrame::ChannelRemoved {
            channel_id: channel,
        }
        .encode();
        for user in self.seers_online(channel).await {
            self.sessions.push_to_user(user, &text);
        }
    }

    /// Somebody is in a channel now: tells those who watch it, and them.
    pub(super) fn announce_joined(&self, change: MembersChange, user: UserId) {
        self.channels.announce_members(change);
        self.announce_perhaps_joined(change.channel_id, user);
    }

    /// The same where nobody could find out whether they are: who hears of it looks.
    pub(super) fn announce_perhaps_joined(&self, channel_id: ChannelId, user: UserId) {
        self.channels.announce_change(channel_id);
        let frame = ServerFrame::ChannelChanged { channel_id };
        self.sessions.push_to_user(user, &frame.encode());
    }

    /// Somebody is not in some channels any more: ends all their subscriptions first, then
    /// tells them and those who watch the channels.
    pub(super) fn announce_left(&self, changes: &[MembersChange], user: UserId) {
        for change in changes {
            self.channels.drop_user(change.channel_id, user);
        }
        for change in changes.iter().take(REMOVALS_TOLD) {
            let frame = ServerFrame::ChannelRemoved {
                channel_id: change.channel_id,
            };
            self.sessions.push_to_user(user, &frame.encode());
        }
        for change in changes {
            self.channels.announce_members(*change);
        }
        // Those who watch very many of them have heard enough by now.
        for change in changes.iter().take(REMOVALS_TOLD) {
            self.channels.announce_change(change.channel_id);
        }
    }

    /// Somebody may not be in a channel any more, which nobody could find out: better a subscription
    /// too few, which the client takes up again, than one too many.
    pub(super) fn announce_perhaps_left(&self, channel: ChannelId, user: UserId) {
        self.channels.drop_user(channel, user);
        let frame = ServerFrame::ChannelRemoved {
            channel_id: channel,
        };
        self.sessions.push_to_user(user, &frame.encode());
        self.channels.announce_change(channel);
    }

    /// Tells a user's devices what was read.
    pub(super) fn announce_read(&self, user: UserId, notifications: &[NotificationId]) {
        for ids in notifications.chunks(IDS_PER_FRAME).take(FRAMES) {
            let frame = ServerFrame::NotificationsRead(ReadNotifications::Some { ids });
            self.sessions.push_to_user(user, &frame.encode());
        }
    }

    /// Ends a sign-in with its device and its sockets. Returns whether there was one.
    pub(super) async fn end_session(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<bool, StoreError> {
        let ended = self.store.delete_session(user, session).await;
        // After an error it may have ended all the same: its sockets come back and are checked.
        let close = if ended.is_ok() {
            Close::SignedOut
        } else {
            Close::ServerError
        };
        self.sessions.end_session(user, session, close);
        self.announce_ended(user, &ended).await;
        Ok(!ended?.sessions.is_empty())
    }

    /// Sessions of a user ended: tells who shares a channel, if there was a device among them. After
    /// an error there may have been one.
    pub(super) async fn announce_ended(
        &self,
        user: UserId,
        ended: &Result<EndedSessions, StoreError>,
    ) {
        match ended {
            Ok(ended) => {
                let changed = &ended.device_lists_changed;
                self.device_lists.announce_changed(changed).await;
            }
            Err(_) => self.device_lists.announce_changed(&[user]).await,
        }
    }

    /// A message as it is now, after a change of it of which nobody knows whether it was made.
    pub(super) async fn message_in_doubt(
        &self,
        channel: ChannelId,
        message: MessageId,
    ) -> Option<Message> {
        logged(self.store.find_message(channel, message).await)
    }

    async fn seers_online(&self, channel: ChannelId) -> Vec<UserId> {
        let online = self.sessions.users_online();
        logged(self.store.channel_seers_among(channel, &online).await)
    }
}

fn logged<T: Default>(found: Result<T, StoreError>) -> T {
    found.unwrap_or_else(|error| {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a change could not be announced"
        );
        T::default()
    })
}
