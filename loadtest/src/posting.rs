//! Sending posts: as fast as they are answered (closed loop), or at times fixed beforehand (open
//! loop).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::clock::{self, SECOND};
use crate::connection::Connection;
use crate::failure::{Doing, Outcome};
use crate::progress::Progress;
use crate::schedule::Schedule;
use crate::script::{Request, Script};
use crate::series::Series;
use crate::stamp::Stamp;
use crate::target::Target;

/// What became of the posts.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    /// Answered with 201.
    pub(crate) accepted: u64,
    /// Answered otherwise, or not at all.
    pub(crate) rejected: u64,
    /// The first of those.
    pub(crate) complaint: Option<String>,
    /// From the intended time to the answer.
    pub(crate) answers: Series,
    /// How late the driver was by its own fault: from the intended time, or from when a
    /// connection was free if that came later, to the write.
    pub(crate) lateness: Series,
    /// When posting began.
    pub(crate) from: u64,
    /// When the last answer was there.
    pub(crate) until: u64,
}

impl Posted {
    fn nothing() -> Self {
        Self {
            accepted: 0,
            rejected: 0,
            complaint: None,
            answers: Series::new("answer"),
            lateness: Series::new("lateness"),
            from: clock::now(),
            until: clock::now(),
        }
    }

    /// Seconds from the first post to the last answer.
    pub(crate) fn seconds(&self) -> f64 {
        clock::seconds(self.from, self.until)
    }

    fn merge(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.complaint = self.complaint.take().or(other.complaint);
        self.answers.merge(&other.answers);
        self.lateness.merge(&other.lateness);
        self.until = self.until.max(other.until);
    }

    fn note(&mut self, answer: Outcome<u16>, intended: u64) {
        let now = clock::now();
        match answer {
            Ok(201) => {
                self.accepted += 1;
                self.answers.record(now.saturating_sub(intended));
            }
            Ok(status) => self.reject(format!("a post was answered with {status}")),
            Err(error) => self.reject(error.to_string()),
        }
        self.until = now;
    }

    fn reject(&mut self, why: String) {
        self.rejected += 1;
        self.answers.add_missing(1);
        self.complaint.get_or_insert(why);
    }
}

/// Who posts what to whom.
#[derive(Clone, Debug)]
pub(crate) struct Poster {
    /// The server.
    pub(crate) target: Target,
    /// The posts.
    pub(crate) script: Arc<Script>,
    /// How many connections are open.
    pub(crate) connections: usize,
    /// Who is told.
    pub(crate) progress: Progress,
}

impl Poster {
    /// Each connection posts again as soon as it is answered, for as long as `duration`.
    pub(crate) async fn closed_loop(&self, duration: Duration) -> Outcome<Posted> {
        let counter = Arc::new(AtomicU64::new(0));
        let mut connections = self.open().await?;
        let mut all = Posted::nothing();
        let length = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2);
        let end = all.from + length;
        let mut tasks = JoinSet::new();
        for connection in connections.drain(..) {
            let (script, counter) = (Arc::clone(&self.script), Arc::clone(&counter));
            tasks.spawn(post_until(end, connection, script, counter));
        }
        while let Some(posted) = self.next(&mut tasks, all.from, length).await {
            all.merge(posted.doing("post")?);
        }
        Ok(all)
    }

    /// Posts leave at the times of `schedule`, whether those before were answered or not.
    pub(crate) async fn open_loop(&self, schedule: Schedule) -> Outcome<Posted> {
        let connections = self.open().await?;
        let mut all = Posted::nothing();
        let length = schedule.length();
        let (due, queue) = mpsc::channel(schedule.len().max(1));
        let queue = Arc::new(Mutex::new(queue));
        schedule.keep(due).doing("start a thread")?;
        let mut tasks = JoinSet::new();
        for connection in connections {
            let script = Arc::clone(&self.script);
            tasks.spawn(post_when_due(Arc::clone(&queue), connection, script));
        }
        while let Some(posted) = self.next(&mut tasks, all.from, length).await {
            all.merge(posted.doing("post")?);
        }
        Ok(all)
    }

    async fn open(&self) -> Outcome<Vec<Connection>> {
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            let mut connection = Connection::new(&self.target);
            connection.open().await?;
            connections.push(connection);
        }
        Ok(connections)
    }

    /// The next task that has ended; tells how far the run is meanwhile.
    async fn next(
        &self,
        tasks: &mut JoinSet<Posted>,
        from: u64,
        length: u64,
    ) -> Option<Result<Posted, tokio::task::JoinError>> {
        loop {
            let pause = tokio::time::sleep(Duration::from_millis(500));
            tokio::select! {
                ended = tasks.join_next() => return ended,
                () = pause => {
                    let passed = clock::now().saturating_sub(from).min(length);
                    self.progress.at("seconds", passed / SECOND, length / SECOND);
                }
            }
        }
    }
}

async fn post_until(
    end: u64,
    mut connection: Connection,
    script: Arc<Script>,
    counter: Arc<AtomicU64>,
) -> Posted {
    let mut request = Request::new(&script);
    let mut posted = Posted::nothing();
    loop {
        let intended = clock::now();
        if intended >= end {
            return posted;
        }
        let number = counter.fetch_add(1, Ordering::Relaxed);
        let bytes = request.write(&script, Stamp { intended, number });
        let answer = connection.exchange(bytes).await;
        let failed = answer.is_err();
        posted.note(answer, intended);
        if failed {
            // A server that is gone would be asked thousands of times a second.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn post_when_due(
    queue: Arc<Mutex<mpsc::Receiver<Stamp>>>,
    mut connection: Connection,
    script: Arc<Script>,
) -> Posted {
    let mut request = Request::new(&script);
    let mut posted = Posted::nothing();
    loop {
        let free_since = clock::now();
        let due = queue.lock().await.recv().await;
        let Some(stamp) = due else {
            return posted;
        };
        let bytes = request.write(&script, stamp);
        let own_fault = clock::now().saturating_sub(stamp.intended.max(free_since));
        posted.lateness.record(own_fault);
        let answer = connection.exchange(bytes).await;
        posted.note(answer, stamp.intended);
    }
}
