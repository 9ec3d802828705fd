//! Whether posts of users are looked for before they are written.
//!
//! A device repeats a send only when it lost the answer. Looking for each would cost PostgreSQL a
//! tenth of what writing does, so normally nothing is looked for: the unique key of the messages
//! refuses a repeat, and with it the whole transaction, which is then done again with a look. So is
//! one in which a send is to be refused, because a repeat gets its first answer whatever has changed
//! since. Neither comes alone, so for a while after it every transaction looks first. Repeating on
//! purpose therefore has no more than one transaction in that time done twice.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long every transaction looks after one that had to.
const LOOK: Duration = Duration::from_secs(10);

/// When it was last necessary to look, in one lane.
#[derive(Default)]
pub(super) struct Repeats {
    needed: Mutex<Option<Instant>>,
}

impl Repeats {
    /// Whether posts are to be looked for before they are written.
    pub(super) fn are_expected(&self, now: Instant) -> bool {
        let needed = *self.needed.lock();
        needed.is_some_and(|needed| now.saturating_duration_since(needed) < LOOK)
    }

    /// A transaction had to look.
    pub(super) fn expect(&self, now: Instant) {
        *self.needed.lock() = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_expected_for_ten_seconds_after_the_last_need() {
        let repeats = Repeats::default();
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        assert!(!repeats.are_expected(start));
        repeats.expect(start);
        for (millis, expected) in [(0, true), (9_999, true), (10_000, false), (10_001, false)] {
            assert_eq!(repeats.are_expected(after(millis)), expected, "{millis}");
        }
        repeats.expect(after(20_000));
        assert!(repeats.are_expected(after(20_001)));
    }
}
