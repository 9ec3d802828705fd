//! Frames from the server.

use std::collections::BTreeMap;

use bytestring::ByteString;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Reference;
use crate::domain::ids::{
    ChannelId, CommunityId, Epoch, MembersVersion, MessageId, NotificationId, Seq, SessionId,
    UserId,
};
use crate::domain::message::Message;
use crate::domain::notification::Notification;

/// Something the server tells a client.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame<'a> {
    /// First on every connection.
    Hello {
        /// The sign-in that the connection belongs to.
        session_id: SessionId,
        /// Whose it is.
        user_id: UserId,
        /// This history of the database; another one makes every position invalid.
        epoch: Epoch,
        /// How often the server pings.
        heartbeat_interval_ms: u64,
        /// How many notifications wait unread.
        unread_notifications: i64,
        /// Where the order of device list changes is: what comes later is told on this
        /// connection.
        device_lists_position: i64,
        /// The version of the server.
        server_version: &'static str,
    },
    /// A channel is watched from now on; what was asked to be replayed follows.
    Subscribed {
        /// The channel.
        channel_id: ChannelId,
        /// The place of its newest message at that moment.
        last_seq: Seq,
    },
    /// A message of a watched channel, in the order of `seq`.
    Message {
        /// The channel.
        channel_id: ChannelId,
        /// The message's place.
        seq: Seq,
        /// The message.
        message: &'a Message,
    },
    /// A message's author put another envelope in its place.
    MessageEdited {
        /// The channel.
        channel_id: ChannelId,
        /// The message's place.
        seq: Seq,
        /// The message as it is now.
        message: &'a Message,
    },
    /// The members of a channel changed. Comes before every message that was encrypted for them as
    /// they are now.
    MembersChanged {
        /// The channel.
        channel_id: ChannelId,
        /// The state that its members are in now.
        members_version: MembersVersion,
    },
    /// A message lost its content.
    MessageDeleted {
        /// The channel.
        channel_id: ChannelId,
        /// The message's place.
        seq: Seq,
        /// The message.
        message_id: MessageId,
    },
    /// The live alert of a mention.
    Mention {
        /// What happened.
        notification: &'a Notification,
    },
    /// The user has read a channel up to a place, on this or another device.
    ChannelRead {
        /// The channel.
        channel_id: ChannelId,
        /// The place.
        seq: Seq,
    },
    /// The answer to a ping.
    Pong {
        /// What the ping carried.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Reference>,
    },
    /// The user has read notifications, on this or another device.
    NotificationsRead(ReadNotifications<'a>),
    /// What was missed cannot be replayed: read it over HTTP.
    Resync {
        /// The channel.
        channel_id: ChannelId,
        /// Up to where to read; live messages follow after it.
        last_seq: Seq,
    },
    /// What the client knows of a channel is out of date.
    ChannelChanged {
        /// The channel.
        channel_id: ChannelId,
    },
    /// A channel is gone for this user.
    ChannelRemoved {
        /// The channel.
        channel_id: ChannelId,
    },
    /// What the client knows of a community is out of date.
    MembershipChanged {
        /// The community.
        community_id: CommunityId,
    },
    /// Messages for this device, in order. More follow when these are acknowledged.
    ToDevice {
        /// The messages.
        events: &'a [ToDeviceFrameEvent],
    },
    /// Whose device lists are to be asked for again.
    DeviceLists {
        /// Users whose devices or cross-signing keys changed, or who share a channel with this
        /// one only now.
        changed: &'a [String],
        /// Users who share no channel with this one any more.
        left: &'a [String],
        /// Whether there is more than is listed, which `keys/changes` tells.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        limited: bool,
    },
    /// What this device has left for others to begin encrypted sessions with.
    OneTimeKeys {
        /// How many keys of each algorithm.
        counts: BTreeMap<&'static str, i64>,
        /// The algorithms of which the fallback key was handed out to nobody yet.
        unused_fallback_key_types: &'a [&'static str],
    },
    /// A frame of the client, or one channel of a subscribe, was refused.
    Error {
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        detail: &'a str,
        /// What the refused frame carried.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Reference>,
        /// Which channel was refused.
        #[serde(skip_serializing_if = "Option::is_none")]
        channel_id: Option<ChannelId>,
    },
}

/// A message for a device.
#[derive(Debug, Serialize)]
pub struct ToDeviceFrameEvent {
    /// Its place in the device's mailbox, by which it is acknowledged.
    pub id: i64,
    /// What it is about.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The user id of who sent it.
    pub sender: String,
    /// The content, as it was sent.
    pub content: Box<RawValue>,
}

/// Which notifications were read.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ReadNotifications<'a> {
    /// These.
    Some {
        /// Their ids.
        ids: &'a [NotificationId],
    },
    /// All there are.
    All {
        /// Always true.
        all: bool,
    },
}

/// Why a frame was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not JSON, or not of the form its type asks for.
    BadFrame,
    /// A type that this server does not know.
    UnknownType,
    /// A channel that the user is not in.
    NotAMember,
    /// More channels than one frame or one connection may watch.
    TooManyChannels,
    /// More frames than a client may send.
    RateLimited,
    /// The server has too much to do; send it again later.
    Overloaded,
}

impl ServerFrame<'_> {
    /// Encodes the frame. Cloning the result copies no bytes.
    #[must_use]
    pub fn encode(&self) -> ByteString {
        // Frames hold strings, numbers and lists of them, which always encode.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}
