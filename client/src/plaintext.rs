//! What stands inside an envelope.

use serde::{Deserialize, Serialize};

use crate::draft::Draft;
use crate::ids::{ChannelId, MessageId, TransactionId, UserId};

/// What kind of event a message is, inside of its envelope.
pub(crate) const MESSAGE_TYPE: &str = "m.room.message";

/// A message as its author wrote it. The web client writes and reads the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plaintext {
    /// The channel it was written for; it counts in no other one.
    pub channel_id: ChannelId,
    /// Chosen by the author's device; a second message with the same one is a repeat.
    pub txn_id: String,
    /// The message that this is a new text of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<MessageId>,
    /// The text, in Markdown.
    pub body: String,
    format: Format,
    /// The users it mentions. Only the members learn of it.
    pub mentions: Vec<UserId>,
}

/// How a text is marked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Markdown,
}

/// The event's content: Matrix's own field first, then ours.
#[derive(Serialize)]
struct Content<'a> {
    msgtype: &'static str,
    #[serde(flatten)]
    plaintext: &'a Plaintext,
}

impl Plaintext {
    /// A new message.
    pub(crate) fn of(channel_id: ChannelId, draft: &Draft) -> Self {
        Self {
            channel_id,
            txn_id: draft.transaction_id.to_string(),
            replaces: None,
            body: draft.body.clone(),
            format: Format::Markdown,
            mentions: draft.mentions.clone(),
        }
    }

    /// A new text of a message. It is a transaction of its own: under that of a message, the readers
    /// would take it for a repeat if it were for another one.
    pub(crate) fn instead_of(message: MessageId, channel_id: ChannelId, draft: &Draft) -> Self {
        Self {
            txn_id: TransactionId::random().to_string(),
            replaces: Some(message),
            ..Self::of(channel_id, draft)
        }
    }

    /// As it is encrypted.
    pub(crate) fn content(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Content {
            msgtype: "m.text",
            plaintext: self,
        })
    }

    /// Reads a decrypted event; `None` when it is of another form.
    pub(crate) fn read(event: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Event {
            r#type: String,
            content: Plaintext,
        }
        let event: Event = serde_json::from_str(event).ok()?;
        (event.r#type == MESSAGE_TYPE).then_some(event.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the web client encrypts, to the byte.
    const OF_THE_WEB_CLIENT: &str = r#"{"msgtype":"m.text","channel_id":"0190163d-8694-739b-aea5-966c26f8ad91","txn_id":"t1","body":"**hi**","format":"markdown","mentions":["0190163d-8694-739b-aea5-966c26f8ad92"]}"#;

    fn event(content: &str) -> String {
        format!(r#"{{"type":"m.room.message","room_id":"!r:s","content":{content}}}"#)
    }

    #[test]
    fn a_text_is_written_as_the_web_client_writes_it_and_read_again() {
        let plaintext = Plaintext::read(&event(OF_THE_WEB_CLIENT)).unwrap();
        assert_eq!(plaintext.body, "**hi**");
        assert_eq!(plaintext.replaces, None);
        assert_eq!(plaintext.content().unwrap(), OF_THE_WEB_CLIENT);
    }

    #[test]
    fn what_is_of_another_form_is_not_read() {
        let without_channel = r#"{"msgtype":"m.text","body":"hi"}"#;
        assert_eq!(Plaintext::read(&event(without_channel)), None);
        let other_format = OF_THE_WEB_CLIENT.replace("\"markdown\"", "\"html\"");
        assert_eq!(Plaintext::read(&event(&other_format)), None);
        let other_type = event(OF_THE_WEB_CLIENT).replace("m.room.message", "m.reaction");
        assert_eq!(Plaintext::read(&other_type), None);
    }
}
