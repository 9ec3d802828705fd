//! People who send under failures: each repeats a message, under the same transaction id, until it
//! is told that it is there, and then sends the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::load::{Record, client};
use super::writer::{Writer, fresh_txn_id};

/// Senders at work.
pub(crate) struct Senders {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    repeated: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<Record>>,
}

impl Senders {
    /// Starts one for each of `writers`; each sends to the channels in turn.
    pub(crate) fn start(writers: &[Writer], channels: &[String]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (accepted, repeated) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let tasks = writers.iter().map(|writer| {
            let sender = Sender {
                http: client(),
                writer: writer.clone(),
                repeated: repeated.clone(),
            };
            let (channels, stop, accepted) = (channels.to_vec(), stop.clone(), accepted.clone());
            tokio::spawn(async move {
                let mut record = Record::default();
                let mut versions = vec![0; channels.len()];
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    let at = number % channels.len();
                    sender
                        .send(&channels[at], &mut versions[at], &mut record)
                        .await;
                    accepted.fetch_add(1, Ordering::SeqCst);
                    number += 1;
                }
                record
            })
        });
        let tasks = tasks.collect();
        Self {
            stop,
            accepted,
            repeated,
            tasks,
        }
    }

    /// How many messages are there so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// How many sends were repeated so far.
    pub(crate) fn repeated(&self) -> usize {
        self.repeated.load(Ordering::SeqCst)
    }

    /// Waits until `count` more messages than now are there.
    pub(crate) async fn wait_for_more(&self, count: usize) {
        let (goal, start) = (self.accepted() + count, Instant::now());
        while self.accepted() < goal {
            assert!(start.elapsed() < Duration::from_secs(60), "sending goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops sending, and gives what each was answered once every message is there.
    pub(crate) async fn stop(self) -> Vec<Record> {
        self.stop.store(true, Ordering::SeqCst);
        let mut records = Vec::new();
        for task in self.tasks {
            records.push(task.await.expect("a sender's record"));
        }
        records
    }
}

struct Sender {
    http: reqwest::Client,
    writer: Writer,
    repeated: Arc<AtomicUsize>,
}

impl Sender {
    /// Sends one message until it is there. `version` is what the sender believes of the channel's
    /// members.
    async fn send(&self, channel: &str, version: &mut i64, record: &mut Record) {
        let (txn_id, start) = (fresh_txn_id(), Instant::now());
        loop {
            let body = self.writer.body(*version, &txn_id);
            match self.try_send(channel, &txn_id, &body).await {
                Some((201, answer)) => {
                    let id = answer["message_id"].as_str().expect("an id").to_owned();
                    record.accepted.push((channel.to_owned(), id));
                    return;
                }
                Some((409, answer)) => {
                    *version = answer["members_version"].as_i64().expect("a version");
                    continue;
                }
                None | Some((503 | 429, _)) => {}
                Some((500, answer)) if answer["code"] == "outcome_unknown" => {}
                Some((status, answer)) => record.wrong.push(format!("{status} {answer}")),
            }
            assert!(start.elapsed() < Duration::from_secs(90), "sent at last");
            self.repeated.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends once; `None` when no whole answer came.
    async fn try_send(&self, channel: &str, txn_id: &str, body: &Value) -> Option<(u16, Value)> {
        let origin = self.writer.user.origin();
        let url = format!("{origin}/api/channels/{channel}/messages/{txn_id}");
        let request = self.http.put(url).json(body);
        let request = request.bearer_auth(self.writer.user.token());
        let answer = request.send().await.ok()?;
        Some((answer.status().as_u16(), answer.json().await.ok()?))
    }
}
