//! Token buckets: a steady rate with a burst saved up.

use std::time::{Duration, Instant};

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// A rate of `count` in `period`, of which `burst` may be saved up. `None` when `count`
    /// is 0, which switches a limit off.
    #[must_use]
    pub fn new(count: u32, period: Duration, burst: u32) -> Option<Self> {
        (count > 0).then(|| Self {
            per_second: f64::from(count) / period.as_secs_f64(),
            burst: f64::from(burst.max(1)),
        })
    }

    /// How many may be saved up.
    #[must_use]
    pub fn burst(&self) -> f64 {
        self.burst
    }

    /// Seconds in which an empty bucket fills: the window of the rate-limit headers.
    #[must_use]
    pub fn window_seconds(&self) -> f64 {
        self.burst / self.per_second
    }
}

/// One bucket, full at first.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    tokens: f64,
    updated: Instant,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self {
            tokens: rate.burst,
            updated: now,
        }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// How long to wait until there is one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64();
        self.tokens = (self.tokens + elapsed * rate.per_second).min(rate.burst);
        self.updated = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64(
                (1.0 - self.tokens) / rate.per_second,
            ))
        }
    }

    /// Gives back a token that was taken for something that did not happen.
    pub fn give_back(&mut self, rate: Rate) {
        self.tokens = (self.tokens + 1.0).min(rate.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let rate = Rate::new(10, Duration::from_secs(1), 3).unwrap();
        let start = Instant::now();
        let mut bucket = TokenBucket::full(rate, start);
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, start), Ok(()));
        }
        let wait = bucket.take(rate, start).unwrap_err();
        assert!((0.099..=0.101).contains(&wait.as_secs_f64()), "{wait:?}");
        assert_eq!(
            bucket.take(rate, start + wait + Duration::from_millis(1)),
            Ok(())
        );
        assert!(
            bucket
                .take(rate, start + wait + Duration::from_millis(1))
                .is_err()
        );
    }

    #[test]
    fn a_bucket_never_saves_up_more_than_its_burst() {
        let rate = Rate::new(10, Duration::from_secs(1), 2).unwrap();
        let start = Instant::now();
        let mut bucket = TokenBucket::full(rate, start);
        bucket.give_back(rate);
        let later = start + Duration::from_secs(3600);
        let taken = (0..5).filter(|_| bucket.take(rate, later).is_ok()).count();
        assert_eq!(taken, 2);
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        assert_eq!(Rate::new(0, Duration::from_secs(1), 5), None);
    }
}
