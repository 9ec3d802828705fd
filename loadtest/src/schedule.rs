//! When posts are meant to leave, fixed before the first one does: a server that is slow gets
//! no fewer posts for it, and its slowness shows in every one of them.

use std::io;
use std::thread;

use tokio::sync::mpsc;

use crate::clock::{self, SECOND};
use crate::stamp::Stamp;

/// Between the decision to start and the first post, so that every connection is waiting.
const LEAD: u64 = SECOND / 10;

/// Times in nanoseconds after the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule(Vec<u64>);

impl Schedule {
    /// Posts in equal distances.
    pub(crate) fn constant(per_second: f64, seconds: f64) -> Self {
        let gap = SECOND as f64 / per_second.max(0.001);
        let number = (per_second * seconds).round() as u64;
        Self((0..number).map(|at| (at as f64 * gap) as u64).collect())
    }

    /// Posts that come at random, as many on average. The same every time.
    pub(crate) fn poisson(per_second: f64, seconds: f64) -> Self {
        let gap = SECOND as f64 / per_second.max(0.001);
        let end = (seconds * SECOND as f64) as u64;
        let (mut state, mut at, mut times) = (0x9e37_79b9_7f4a_7c15_u64, 0.0, Vec::new());
        loop {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
            at -= (1.0 - uniform).ln() * gap;
            if at as u64 >= end {
                return Self(times);
            }
            times.push(at as u64);
        }
    }

    /// How many posts there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// When the last one is due, after the beginning.
    pub(crate) fn length(&self) -> u64 {
        LEAD + self.0.last().copied().unwrap_or_default()
    }

    /// Starts a thread that hands every post out when it is due, with the time it was meant
    /// to leave. A thread of its own, because the timer of tokio is a millisecond late.
    pub(crate) fn keep(self, due: mpsc::Sender<Stamp>) -> io::Result<()> {
        let start = clock::now() + LEAD;
        let hand_out = move || {
            for (number, after) in self.0.into_iter().enumerate() {
                let stamp = Stamp {
                    intended: start + after,
                    number: number as u64,
                };
                wait_until(stamp.intended);
                // The queue has room for all; an error means that nobody posts any more.
                if due.try_send(stamp).is_err() {
                    return;
                }
            }
        };
        let named = thread::Builder::new().name("schedule".to_owned());
        named.spawn(hand_out).map(drop)
    }
}

fn wait_until(at: u64) {
    loop {
        let left = clock::until(at);
        if left.is_zero() {
            return;
        }
        // Nobody unparks this thread; it may wake up early all the same.
        thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_schedule_has_equal_distances() {
        let schedule = Schedule::constant(1000.0, 0.005);
        assert_eq!(schedule.0, [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000]);
        assert_eq!(Schedule::constant(200.0, 30.0).len(), 6000);
    }

    #[test]
    fn a_random_schedule_has_its_rate_its_order_and_no_other_next_time() {
        let schedule = Schedule::poisson(1000.0, 60.0);
        assert!(
            (58_000..62_000).contains(&schedule.len()),
            "{}",
            schedule.len()
        );
        assert!(schedule.0.is_sorted());
        assert_eq!(schedule, Schedule::poisson(1000.0, 60.0));
    }

    #[test]
    fn every_post_is_handed_out_with_the_time_it_was_meant_to_leave() {
        let (due, mut queue) = mpsc::channel(10);
        Schedule::constant(1000.0, 0.01).keep(due).unwrap();
        let mut last = None;
        for number in 0..10 {
            let stamp = queue.blocking_recv().unwrap();
            assert_eq!(stamp.number, number);
            assert!(stamp.intended <= clock::now());
            assert_eq!(
                stamp.intended - last.unwrap_or(stamp.intended - 1_000_000),
                1_000_000
            );
            last = Some(stamp.intended);
        }
        assert_eq!(queue.blocking_recv(), None);
    }
}
