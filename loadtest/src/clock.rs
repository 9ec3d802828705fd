//! The one clock of a run: every time is in nanoseconds since the driver started.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A second in the unit of this clock.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// What time it is. Starts at one second, so that a time a little in the past can be named.
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed();
    SECOND + u64::try_from(since.as_nanos()).unwrap_or(u64::MAX / 2)
}

/// How long it is until `at`; nothing when it is past.
pub(crate) fn until(at: u64) -> Duration {
    Duration::from_nanos(at.saturating_sub(now()))
}

/// The seconds between two times.
pub(crate) fn seconds(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / SECOND as f64
}
