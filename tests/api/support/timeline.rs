//! What happened around a test, in one order: what a browser said, what its push service saw.
//! It is read when something does not happen in time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::time::timeout;

/// How long anything that a browser does may take on a busy machine, its start above all.
const DEADLINE: Duration = Duration::from_secs(60);
/// What is older is of no use to whoever reads it.
const KEPT: usize = 200;

/// A record that everybody who takes part writes into.
#[derive(Clone)]
pub(crate) struct Timeline {
    begin: Instant,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self {
            begin: Instant::now(),
            lines: Arc::default(),
        }
    }

    /// Writes down that `who` did or said `what`.
    pub(super) fn note(&self, who: &str, what: impl fmt::Display) {
        let at = self.begin.elapsed().as_secs_f32();
        let mut lines = self.lines.lock();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(format!("{at:8.3} {who}: {what}"));
    }

    /// What `future` comes to, which must be in time; `what` names it.
    pub(super) async fn in_time<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        match timeout(DEADLINE, future).await {
            Ok(value) => value,
            Err(_elapsed) => self.fail(&format!("not within {DEADLINE:?}: {what}")),
        }
    }

    /// Fails the test with everything that is written down.
    #[track_caller]
    pub(super) fn fail(&self, why: &str) -> ! {
        panic!("{why}\nWhat happened, with the seconds since the start:\n{self}")
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines.lock();
        lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
