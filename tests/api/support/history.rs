//! Reading what there is to its end, page by page, and filling a channel.

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::fixtures::{User, Webhook};

impl User {
    /// Every message of the channel after `seq`, oldest first.
    pub(crate) async fn history_after(&self, channel_id: &str, seq: i64) -> Vec<Value> {
        let history = self.try_history_after(channel_id, seq).await;
        history.unwrap_or_else(|| panic!("{} may not read {channel_id}", self.username))
    }

    /// The same; `None` when the user may not read it (any more).
    pub(crate) async fn try_history_after(
        &self,
        channel_id: &str,
        mut seq: i64,
    ) -> Option<Vec<Value>> {
        let mut messages = Vec::new();
        loop {
            let query = format!("?after={seq}&limit=200");
            let page = self.messages(channel_id, &query).await;
            if matches!(page.status, 403 | 404) {
                return None;
            }
            let page = page.expect_status(200);
            let page_messages = page.body["messages"].as_array().expect("messages");
            messages.extend(page_messages.iter().cloned());
            match page_messages.last() {
                Some(last) if page.body["has_more"] == true => seq = seq_of(last),
                _ => return Some(messages),
            }
        }
    }

    /// Every alert of the inbox, newest first.
    pub(crate) async fn whole_inbox(&self) -> Vec<Value> {
        let mut inbox: Vec<Value> = Vec::new();
        loop {
            let query = match inbox.last() {
                Some(oldest) => format!("?limit=100&before={}", id_of(oldest)),
                None => "?limit=100".to_owned(),
            };
            let page = self.notifications(&query).await.expect_status(200);
            let alerts = page.body["notifications"].as_array().expect("alerts");
            inbox.extend(alerts.iter().cloned());
            if page.body["has_more"] != true {
                return inbox;
            }
        }
    }
}

impl Webhook {
    /// Posts `count` messages, several at a time, so in no particular order.
    pub(crate) async fn fill(&self, count: usize) {
        let posts = futures_util::stream::iter(0..count).map(|number| async move {
            self.says(&format!("filling {number}")).await;
        });
        posts.buffer_unordered(8).collect::<Vec<()>>().await;
    }

    /// Posts `{name} 1` to `{name} {count}`, one after the other.
    pub(crate) async fn says_in_turn(&self, name: &str, count: usize) {
        for number in 1..=count {
            self.execute(&json!({"content": format!("{name} {number}")}))
                .await
                .expect_status(201);
        }
    }
}

/// The id of anything that has one.
pub(crate) fn id_of(thing: &Value) -> String {
    thing["id"].as_str().expect("an id").to_owned()
}

/// The place of a message, in a frame or an answer.
pub(crate) fn seq_of(thing: &Value) -> i64 {
    thing["seq"].as_i64().expect("a seq")
}
