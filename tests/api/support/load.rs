//! Posting under failures: many posters that remember what they were answered, and the
//! audit that compares it with what is there afterwards.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::fixtures::{User, Webhook};
use super::history::{id_of, seq_of};

/// What one poster was answered.
#[derive(Default)]
pub(crate) struct Record {
    /// Channel and message id of the posts answered 201, in the order of posting.
    pub(crate) accepted: Vec<(String, String)>,
    /// The contents answered 503 or 429: nothing was written.
    pub(crate) refused: Vec<String>,
    /// The contents whose fate the server could not tell, or whose answer never came.
    pub(crate) unknown: Vec<String>,
    /// Answers that no post may get.
    pub(crate) wrong: Vec<String>,
}

/// Posters at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    posters: Vec<JoinHandle<Record>>,
}

impl Load {
    /// Starts `posters` tasks; each posts to the webhooks in turn, one post at a time, each
    /// with `suffix` at its end (a mention, say).
    pub(crate) fn start(webhooks: &[Webhook], posters: usize, suffix: &str) -> Self {
        let http = client();
        let stop = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(AtomicUsize::new(0));
        let posters = (0..posters).map(|poster| {
            let (http, webhooks, suffix) = (http.clone(), webhooks.to_vec(), suffix.to_owned());
            let (stop, accepted) = (stop.clone(), accepted.clone());
            tokio::spawn(async move {
                let mut record = Record::default();
                let run = uuid::Uuid::now_v7();
                let mut number = poster;
                while !stop.load(Ordering::SeqCst) {
                    let webhook = &webhooks[number % webhooks.len()];
                    let content = format!("{run} poster {poster} number {number}{suffix}");
                    if post(&http, webhook, content, &mut record).await {
                        accepted.fetch_add(1, Ordering::SeqCst);
                    } else {
                        // A refused poster that came back at once would only heat the machine.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    number += 1;
                }
                record
            })
        });
        let posters = posters.collect();
        Self {
            stop,
            accepted,
            posters,
        }
    }

    /// How many posts were answered 201 so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits until `count` more posts than now were answered 201.
    pub(crate) async fn wait_for_more(&self, count: usize) {
        let goal = self.accepted() + count;
        let reached = async {
            while self.accepted() < goal {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(60), reached).await;
        assert!(reached.is_ok(), "posting should go on, or begin again");
    }

    /// Stops posting, and gives what each poster was answered once every answer is there.
    pub(crate) async fn stop(self) -> Vec<Record> {
        self.stop.store(true, Ordering::SeqCst);
        let mut records = Vec::new();
        for poster in self.posters {
            records.push(poster.await.expect("a poster's record"));
        }
        records
    }
}

/// An HTTP client that keeps its connections, as whoever posts much does.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(Duration::from_secs(60))
        .build()
        .expect("an HTTP client")
}

/// The answer to a post.
pub(crate) struct Posted {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) has_retry_after: bool,
}

/// Posts `content`; `None` when no whole answer came.
pub(crate) async fn try_post(
    http: &reqwest::Client,
    webhook: &Webhook,
    content: &str,
) -> Option<Posted> {
    // The name would be looked up, and its IPv6 address tried, for every connection.
    let url = webhook.url.replacen("localhost", "127.0.0.1", 1);
    let request = http.post(url).json(&json!({"content": content}));
    let answer = request.send().await.ok()?;
    Some(Posted {
        status: answer.status().as_u16(),
        has_retry_after: answer.headers().contains_key("retry-after"),
        body: answer.json().await.ok()?,
    })
}

/// Posts `content` and notes the answer; whether it was accepted.
pub(crate) async fn post(
    http: &reqwest::Client,
    webhook: &Webhook,
    content: String,
    record: &mut Record,
) -> bool {
    let Some(answer) = try_post(http, webhook, &content).await else {
        record.unknown.push(content);
        return false;
    };
    match answer.status {
        201 => {
            let id = answer.body["message_id"].as_str().expect("an id");
            let channel_id = webhook.channel_id.clone();
            record.accepted.push((channel_id, id.to_owned()));
            return true;
        }
        503 | 429 if answer.has_retry_after => record.refused.push(content),
        500 if answer.body["code"] == "outcome_unknown" && !answer.has_retry_after => {
            record.unknown.push(content);
        }
        status => record.wrong.push(format!("{status} {}", answer.body)),
    }
    false
}

/// What a message says, or what it says it in.
fn content_of(message: &Value) -> &str {
    match message["kind"].as_str() {
        Some("user") => super::writer::ciphertext_of(message),
        _ => message["content"].as_str().expect("content"),
    }
}

/// Reads the channels as `reader` and holds them against the records: every accepted post is there
/// once, nothing refused is there, nothing is there that nobody posted, and each channel's
/// seq has no gap. Gives each channel's message ids in order.
pub(crate) async fn audit(
    reader: &User,
    channels: &[&str],
    records: &[Record],
) -> HashMap<String, Vec<String>> {
    let mut found = HashMap::new();
    let mut places: HashMap<String, i64> = HashMap::new();
    let mut contents: HashSet<String> = HashSet::new();
    for channel in channels {
        let history = reader.history_after(channel, 0).await;
        for (message, seq) in history.iter().zip(1..) {
            assert_eq!(seq_of(message), seq, "the seq of a channel has no gap");
            let previous = places.insert(id_of(message), seq);
            assert_eq!(previous, None, "a message is there once: {message}");
            let content = content_of(message).to_owned();
            let new = contents.insert(content);
            assert!(new, "a post that was made once is there once: {message}");
        }
        found.insert((*channel).to_owned(), history.iter().map(id_of).collect());
    }
    let (mut accepted, mut unknown) = (0, 0);
    for record in records {
        assert_eq!(record.wrong, Vec::<String>::new(), "answers to posts");
        let mut last: HashMap<&str, i64> = HashMap::new();
        for (channel, id) in &record.accepted {
            let seq = places.get(id).copied();
            let seq = seq.unwrap_or_else(|| panic!("{id} was answered 201 and is not there"));
            let before = last.insert(channel, seq).unwrap_or(0);
            assert!(before < seq, "one poster's posts stand in their order");
        }
        for content in &record.refused {
            assert!(!contents.contains(content), "refused, yet there: {content}");
        }
        accepted += record.accepted.len();
        let written = |content: &&String| contents.contains(*content);
        unknown += record.unknown.iter().filter(written).count();
    }
    assert_eq!(
        accepted + unknown,
        contents.len(),
        "everything there was posted by somebody, and counted once"
    );
    found
}
