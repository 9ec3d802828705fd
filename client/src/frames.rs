//! What the server tells on the socket.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::ids::{ChannelId, MessageId};
use crate::messages::Message;

/// A frame.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Frame {
    /// The first one.
    Hello {
        /// Where the order of changes of users' devices is.
        device_lists_position: i64,
        /// This history of the database.
        epoch: String,
    },
    /// A channel is watched.
    Subscribed {
        /// Which.
        channel_id: ChannelId,
        /// The place of its newest message then.
        last_seq: i64,
    },
    /// A message of a watched channel.
    Message(Message),
    /// It has another content than it had.
    MessageEdited(Message),
    /// It lost its content.
    MessageDeleted {
        /// Where.
        channel_id: ChannelId,
        /// Which.
        message_id: MessageId,
    },
    /// Somebody joined or left.
    MembersChanged {
        /// Where.
        channel_id: ChannelId,
        /// The state that the members are in now.
        members_version: i64,
    },
    /// Messages to this device.
    ToDevice(Vec<ToDeviceEvent>),
    /// Whose devices are to be asked for again.
    DeviceLists {
        /// Users by their full names.
        changed: Vec<String>,
        /// Users with whom no channel is shared any more.
        left: Vec<String>,
        /// There is more than is listed.
        limited: bool,
    },
    /// What this device has left for others to begin sessions with.
    OneTimeKeys {
        /// How many of each algorithm.
        counts: BTreeMap<String, u32>,
        /// The algorithms whose fallback key nobody was given yet.
        unused_fallback_keys: Vec<String>,
    },
    /// What was missed is not replayed: it is to be read over HTTP.
    Resync {
        /// Which channel.
        channel_id: ChannelId,
        /// Up to where.
        last_seq: i64,
    },
    /// Something was refused.
    Refused {
        /// Which channel it was about, if it was about one.
        channel_id: Option<ChannelId>,
        /// Why, for programs.
        code: String,
        /// Why, for people.
        detail: String,
    },
    /// Anything else.
    Other(String),
}

/// A message to this device.
#[derive(Clone, Debug, Deserialize)]
pub struct ToDeviceEvent {
    /// Its place in the mailbox.
    pub id: i64,
    /// What it is about.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The full name of who sent it.
    pub sender: String,
    /// What was sent.
    pub content: Box<RawValue>,
}

impl Frame {
    /// Reads a frame.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when it is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Kind {
            r#type: String,
        }
        let Kind { r#type: kind } = read(text)?;
        Ok(match kind.as_str() {
            "hello" => {
                #[derive(Deserialize)]
                struct Hello {
                    device_lists_position: i64,
                    epoch: String,
                }
                let hello: Hello = read(text)?;
                Self::Hello {
                    device_lists_position: hello.device_lists_position,
                    epoch: hello.epoch,
                }
            }
            "message" => Self::Message(read::<OfMessage>(text)?.message),
            "message_edited" => Self::MessageEdited(read::<OfMessage>(text)?.message),
            "to_device" => {
                #[derive(Deserialize)]
                struct ToDevice {
                    events: Vec<ToDeviceEvent>,
                }
                Self::ToDevice(read::<ToDevice>(text)?.events)
            }
            "device_lists" => {
                #[derive(Deserialize)]
                struct DeviceLists {
                    changed: Vec<String>,
                    left: Vec<String>,
                    #[serde(default)]
                    limited: bool,
                }
                let lists: DeviceLists = read(text)?;
                Self::DeviceLists {
                    changed: lists.changed,
                    left: lists.left,
                    limited: lists.limited,
                }
            }
            "one_time_keys" => {
                #[derive(Deserialize)]
                struct OneTimeKeys {
                    counts: BTreeMap<String, u32>,
                    unused_fallback_key_types: Vec<String>,
                }
                let keys: OneTimeKeys = read(text)?;
                Self::OneTimeKeys {
                    counts: keys.counts,
                    unused_fallback_keys: keys.unused_fallback_key_types,
                }
            }
            "error" => {
                #[derive(Deserialize)]
                struct Refused {
                    #[serde(default)]
                    channel_id: Option<ChannelId>,
                    code: String,
                    detail: String,
                }
                let refused: Refused = read(text)?;
                Self::Refused {
                    channel_id: refused.channel_id,
                    code: refused.code,
                    detail: refused.detail,
                }
            }
            _ => Self::of_channel(kind, text)?,
        })
    }

    /// The frames about a channel without a message.
    fn of_channel(kind: String, text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct AtSeq {
            channel_id: ChannelId,
            last_seq: i64,
        }
        #[derive(Deserialize)]
        struct Deleted {
            channel_id: ChannelId,
            message_id: MessageId,
        }
        #[derive(Deserialize)]
        struct Members {
            channel_id: ChannelId,
            members_version: i64,
        }
        Ok(match kind.as_str() {
            "subscribed" => {
                let AtSeq {
                    channel_id,
                    last_seq,
                } = read(text)?;
                Self::Subscribed {
                    channel_id,
                    last_seq,
                }
            }
            "resync" => {
                let AtSeq {
                    channel_id,
                    last_seq,
                } = read(text)?;
                Self::Resync {
                    channel_id,
                    last_seq,
                }
            }
            "message_deleted" => {
                let Deleted {
                    channel_id,
                    message_id,
                } = read(text)?;
                Self::MessageDeleted {
                    channel_id,
                    message_id,
                }
            }
            "members_changed" => {
                let Members {
                    channel_id,
                    members_version,
                } = read(text)?;
                Self::MembersChanged {
                    channel_id,
                    members_version,
                }
            }
            _ => Self::Other(kind),
        })
    }
}

#[derive(Deserialize)]
struct OfMessage {
    message: Message,
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Unexpected(format!("a frame: {error}")))
}
