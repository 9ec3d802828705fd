//! Where all watchers of a run write down what reached them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock;
use crate::series::Series;
use crate::stamp::Stamp;

/// Mentions of posts with greater numbers are counted, but not told apart from repeats.
const NUMBERS: usize = 1 << 23;

/// Latencies of one kind, and how many there were.
#[derive(Debug)]
pub(crate) struct Tally {
    count: AtomicU64,
    series: Mutex<Series>,
}

impl Tally {
    fn new(name: &str) -> Self {
        Self {
            count: AtomicU64::new(0),
            series: Mutex::new(Series::new(name)),
        }
    }

    /// Adds a wait in nanoseconds.
    pub(crate) fn record(&self, nanoseconds: u64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        locked(&self.series).record(nanoseconds);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The waits, with those missing that make up `expected`.
    pub(crate) fn against(&self, expected: u64) -> Series {
        let mut series = locked(&self.series).clone();
        series.add_missing(expected.saturating_sub(self.count()));
        series
    }

    /// The waits.
    pub(crate) fn series(&self) -> Series {
        locked(&self.series).clone()
    }

    fn clear(&self) {
        let mut series = locked(&self.series);
        *series = Series::new(series.name.clone());
        self.count.store(0, Ordering::Relaxed);
    }
}

/// A panic elsewhere leaves numbers behind that are still numbers.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What reached the watchers.
#[derive(Debug)]
pub(crate) struct Board {
    /// Posts meant to leave before this do not count.
    from: AtomicU64,
    /// When all sockets were dropped, for the time until everybody is back.
    pub(crate) dropped_at: AtomicU64,
    /// Messages at watching members.
    pub(crate) messages: Tally,
    /// Alerts at mentioned members, each post once.
    pub(crate) mentions: Tally,
    /// Sockets that have everything up to the head that they were told of.
    pub(crate) caught_up: Tally,
    seen: Box<[AtomicU64]>,
    /// Connections closed by the server.
    pub(crate) closed: AtomicU64,
    /// Connections that the server did not open.
    pub(crate) refused: AtomicU64,
    /// Messages that came without the one before.
    pub(crate) gaps: AtomicU64,
    /// Channels that a client has to read anew.
    pub(crate) resyncs: AtomicU64,
    complaint: Mutex<Option<String>>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            from: AtomicU64::new(0),
            dropped_at: AtomicU64::new(clock::now()),
            messages: Tally::new("message"),
            mentions: Tally::new("mention"),
            caught_up: Tally::new("caught up"),
            seen: (0..NUMBERS / 64).map(|_| AtomicU64::new(0)).collect(),
            closed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            resyncs: AtomicU64::new(0),
            complaint: Mutex::new(None),
        }
    }
}

impl Board {
    /// Starts over: only what is posted from now on counts.
    pub(crate) fn begin(&self) {
        self.from.store(clock::now(), Ordering::Relaxed);
        self.messages.clear();
        self.mentions.clear();
        for word in &self.seen {
            word.store(0, Ordering::Relaxed);
        }
        self.closed.store(0, Ordering::Relaxed);
        self.gaps.store(0, Ordering::Relaxed);
        self.resyncs.store(0, Ordering::Relaxed);
    }

    /// From now on the way back is measured.
    pub(crate) fn drop_now(&self) {
        self.caught_up.clear();
        self.refused.store(0, Ordering::Relaxed);
        self.dropped_at.store(clock::now(), Ordering::Relaxed);
    }

    /// A message came.
    pub(crate) fn message(&self, stamp: Stamp) {
        if stamp.intended >= self.from.load(Ordering::Relaxed) {
            let now = clock::now();
            self.messages.record(now.saturating_sub(stamp.intended));
        }
    }

    /// An alert came. The same one may come twice, and counts once.
    pub(crate) fn mention(&self, stamp: Stamp) {
        let fresh = stamp.intended >= self.from.load(Ordering::Relaxed);
        if fresh && self.is_first(stamp.number) {
            let now = clock::now();
            self.mentions.record(now.saturating_sub(stamp.intended));
        }
    }

    fn is_first(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
        let Some(word) = self.seen.get(word) else {
            return true;
        };
        let bit = 1 << (number % 64);
        word.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// Keeps the first thing that somebody complained about.
    pub(crate) fn complain(&self, what: impl Into<String>) {
        locked(&self.complaint).get_or_insert_with(|| what.into());
    }

    /// What was complained about first.
    pub(crate) fn complaint(&self) -> Option<String> {
        locked(&self.complaint).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(number: u64) -> Stamp {
        let intended = clock::now();
        Stamp { intended, number }
    }

    #[test]
    fn an_alert_that_comes_twice_counts_once() {
        let board = Board::default();
        for number in [0, 1, 1, 63, 64, 63] {
            board.mention(stamp(number));
        }
        assert_eq!(board.mentions.count(), 4);
        assert_eq!(board.mentions.against(6).missing, 2);
    }

    #[test]
    fn posts_from_before_the_beginning_do_not_count() {
        let board = Board::default();
        let earlier = stamp(0);
        std::hint::spin_loop();
        board.begin();
        let before = Stamp {
            intended: earlier.intended.saturating_sub(1),
            ..earlier
        };
        board.message(before);
        board.message(stamp(1));
        assert_eq!(board.messages.count(), 1);
    }
}
