//! Many watchers at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::board::Board;
use crate::clock;
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::target::Target;
use crate::watcher::{Seat, watch};

/// Connections that are opened side by side while a scene is set up.
const DOORS: usize = 64;

/// How long a crowd may take to gather.
const PATIENCE: Duration = Duration::from_secs(180);

/// Watchers, each with a task of its own. Dropping this drops their connections.
#[derive(Debug)]
pub(crate) struct Crowd {
    target: Target,
    board: Arc<Board>,
    seats: Vec<Seat>,
    tasks: JoinSet<()>,
}

impl Crowd {
    /// Connects every seat and waits until each has its channel.
    pub(crate) async fn gather(
        target: &Target,
        board: &Arc<Board>,
        seats: Vec<Seat>,
        progress: &Progress,
    ) -> Outcome<Self> {
        let mut crowd = Self {
            target: target.clone(),
            board: Arc::clone(board),
            seats,
            tasks: JoinSet::new(),
        };
        board.drop_now();
        crowd.connect(DOORS);
        let number = crowd.seats.len() as u64;
        let gathered = wait_until(PATIENCE, || {
            progress.at("sockets", board.caught_up.count(), number);
            board.caught_up.count() >= number
        });
        if gathered.await {
            return Ok(crowd);
        }
        let arrived = board.caught_up.count();
        let complaint = board.complaint().unwrap_or_default();
        Err(Failure::Said(format!(
            "only {arrived} of {number} sockets opened in {} s: {complaint}",
            PATIENCE.as_secs()
        )))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    /// Drops every connection without a word.
    pub(crate) async fn drop_all(&mut self) {
        self.board.drop_now();
        self.tasks.shutdown().await;
    }

    /// Connects everybody, at most `doors` at a time.
    pub(crate) fn connect(&mut self, doors: usize) {
        let doors = Arc::new(Semaphore::new(doors));
        for seat in &self.seats {
            self.tasks.spawn(watch(
                self.target.clone(),
                seat.clone(),
                Arc::clone(&self.board),
                Arc::clone(&doors),
            ));
        }
    }
}

/// Looks fifty times a second whether `done`, for as long as `patience`.
pub(crate) async fn wait_until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = clock::now() + u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX / 2);
    loop {
        if done() {
            return true;
        }
        if clock::now() > end {
            return false;
        }
        sleep(Duration::from_millis(20)).await;
    }
}
