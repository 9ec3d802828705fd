//! Frames from a client.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ErrorCode;
use crate::domain::ids::{ChannelId, Epoch, NotificationId, Seq};

/// The greatest length of a reference.
const MAX_REFERENCE_CHARS: usize = 64;

/// What a client marks a frame with, to recognise the answer: a string of at most 64
/// characters, or a number.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Reference(Value);

/// The greatest number of ids in one ack or unsubscribe.
const MAX_IDS: usize = 1000;

/// Something a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientFrame {
    /// Watch channels.
    Subscribe {
        /// Which, and from where.
        channels: Vec<SubscribeChannel>,
        /// The history that the places belong to; the present one if absent.
        epoch: Option<Epoch>,
        /// Comes back in errors.
        reference: Option<Reference>,
    },
    /// Stop watching channels.
    Unsubscribe {
        /// Which.
        channels: Vec<ChannelId>,
    },
    /// These alerts reached the client.
    Ack {
        /// Which.
        notifications: Vec<NotificationId>,
        /// Comes back in errors.
        reference: Option<Reference>,
    },
    /// The device has these messages; they are not sent again.
    ToDeviceAck {
        /// The place of the last of them.
        up_to: i64,
        /// Comes back in errors.
        reference: Option<Reference>,
    },
    /// Are you there?
    Ping {
        /// Comes back in the pong.
        reference: Option<Reference>,
    },
}

/// One channel of a subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct SubscribeChannel {
    /// Which.
    pub id: ChannelId,
    /// The last place the client has; what follows it is replayed.
    pub after_seq: Option<Seq>,
}

/// Why a frame cannot be understood.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameRefused {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub detail: String,
    /// What the frame carried, if that much was understood.
    pub reference: Option<Reference>,
}

#[derive(Deserialize)]
struct SubscribeFields {
    channels: Vec<SubscribeChannel>,
    #[serde(default)]
    epoch: Option<Epoch>,
}

#[derive(Deserialize)]
struct UnsubscribeFields {
    channels: Vec<ChannelId>,
}

#[derive(Deserialize)]
struct AckFields {
    notifications: Vec<NotificationId>,
}

#[derive(Deserialize)]
struct ToDeviceAckFields {
    up_to: i64,
}

impl ClientFrame {
    /// Reads a frame. Unknown fields are ignored.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FrameRefused> {
        let bad = |detail: String, reference| FrameRefused {
            code: ErrorCode::BadFrame,
            detail,
            reference,
        };
        let frame: Value = serde_json::from_str(text)
            .map_err(|error| bad(format!("the frame is not JSON: {error}"), None))?;
        let reference = match frame.get("ref") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= MAX_REFERENCE_CHARS => {
                Some(Reference(Value::String(text.clone())))
            }
            Some(Value::Number(number)) => Some(Reference(Value::Number(number.clone()))),
            Some(_) => {
                let detail = format!(
                    "ref must be a number or a string of at most {MAX_REFERENCE_CHARS} characters"
                );
                return Err(bad(detail, None));
            }
        };
        let Some(kind) = frame.get("type").and_then(Value::as_str).map(str::to_owned) else {
            return Err(bad(
                "the frame must be an object with a string type".to_owned(),
                reference,
            ));
        };
        let too_many = |count: usize| {
            let detail = format!("{kind}: at most {MAX_IDS} ids in a frame");
            if count > MAX_IDS {
                Err(bad(detail, reference.clone()))
            } else {
                Ok(())
            }
        };
        let wrong = |error: serde_json::Error| bad(format!("{kind}: {error}"), reference.clone());
        match kind.as_str() {
            "subscribe" => {
                let fields: SubscribeFields = serde_json::from_value(frame).map_err(wrong)?;
                if fields
                    .channels
                    .iter()
                    .any(|channel| channel.after_seq.is_some_and(|seq| seq.0 < 0))
                {
                    return Err(bad(
                        "subscribe: after_seq must not be negative".to_owned(),
                        reference,
                    ));
                }
                Ok(Self::Subscribe {
                    channels: fields.channels,
                    epoch: fields.epoch,
                    reference,
                })
            }
            "unsubscribe" => {
                let fields: UnsubscribeFields = serde_json::from_value(frame).map_err(wrong)?;
                too_many(fields.channels.len())?;
                Ok(Self::Unsubscribe {
                    channels: fields.channels,
                })
            }
            "ack" => {
                let fields: AckFields = serde_json::from_value(frame).map_err(wrong)?;
                too_many(fields.notifications.len())?;
                Ok(Self::Ack {
                    notifications: fields.notifications,
                    reference,
                })
            }
            "to_device_ack" => {
                let fields: ToDeviceAckFields = serde_json::from_value(frame).map_err(wrong)?;
                Ok(Self::ToDeviceAck {
                    up_to: fields.up_to,
                    reference,
                })
            }
            "ping" => Ok(Self::Ping { reference }),
            _ => {
                let shown: String = kind.chars().take(64).collect();
                let detail = format!("unknown type {shown:?}");
                Err(FrameRefused {
                    code: ErrorCode::UnknownType,
                    detail,
                    reference,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> ErrorCode {
        ClientFrame::parse(text).unwrap_err().code
    }

    #[test]
    fn a_subscribe_names_channels_places_and_the_history_they_belong_to() {
        let (id, epoch) = (ChannelId::generate(), Epoch::generate());
        let text = format!(
            r#"{{"type":"subscribe","channels":[{{"id":"{id}","after_seq":7,"x":1}},{{"id":"{id}"}}],"epoch":"{epoch}","ref":"r","y":2}}"#
        );
        let expected = ClientFrame::Subscribe {
            channels: vec![
                SubscribeChannel {
                    id,
                    after_seq: Some(Seq(7)),
                },
                SubscribeChannel {
                    id,
                    after_seq: None,
                },
            ],
            epoch: Some(epoch),
            reference: Some(Reference(Value::from("r"))),
        };
        assert_eq!(ClientFrame::parse(&text), Ok(expected));
    }

    #[test]
    fn what_cannot_be_understood_is_a_bad_frame_and_what_is_new_an_unknown_type() {
        for text in [
            "",
            "x",
            "[]",
            "1",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"subscribe"}"#,
            r#"{"type":"subscribe","channels":[{"id":"x"}]}"#,
            r#"{"type":"ack","notifications":"all"}"#,
            r#"{"type":"ping","ref":{}}"#,
            r#"{"type":"to_device_ack"}"#,
            r#"{"type":"to_device_ack","up_to":"3"}"#,
        ] {
            assert_eq!(refused(text), ErrorCode::BadFrame, "{text}");
        }
        assert_eq!(refused(r#"{"type":"dance"}"#), ErrorCode::UnknownType);
    }

    #[test]
    fn an_ack_and_an_unsubscribe_name_at_most_1000_ids() {
        for (kind, field) in [("ack", "notifications"), ("unsubscribe", "channels")] {
            let frame = |count: usize| {
                let ids: Vec<_> = (0..count).map(|_| ChannelId::generate()).collect();
                ClientFrame::parse(&serde_json::json!({"type": kind, field: ids}).to_string())
            };
            assert!(frame(999).is_ok() && frame(1000).is_ok());
            assert_eq!(frame(1001).unwrap_err().code, ErrorCode::BadFrame);
        }
    }

    #[test]
    fn a_reference_has_at_most_64_characters() {
        let ping = |length: usize| {
            ClientFrame::parse(&format!(
                r#"{{"type":"ping","ref":"{}"}}"#,
                "é".repeat(length)
            ))
        };
        assert!(ping(63).is_ok() && ping(64).is_ok() && ping(65).is_err());
    }
}
