//! Alerts that channels handed over and that are not written down as owed yet.

use std::collections::VecDeque;

use crate::domain::ids::{NotificationId, UserId};

/// How many may wait.
const MOST: usize = 50_000;

/// A bounded queue. What does not fit loses nothing but time: it is found in the database.
#[derive(Debug, Default)]
pub(super) struct HandedOver(VecDeque<(UserId, NotificationId)>);

impl HandedOver {
    /// Adds the alerts of a post, all or none. Returns whether there was room.
    #[must_use]
    pub(super) fn add(&mut self, alerts: Vec<(UserId, NotificationId)>) -> bool {
        let fits = self.0.len() + alerts.len() <= MOST;
        if fits {
            self.0.extend(alerts);
        }
        fits
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out the oldest, at most `count`.
    pub(super) fn take(&mut self, count: usize) -> Vec<(UserId, NotificationId)> {
        self.0.drain(..count.min(self.0.len())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alerts(count: usize) -> Vec<(UserId, NotificationId)> {
        let alert = || (UserId::generate(), NotificationId::generate());
        std::iter::repeat_with(alert).take(count).collect()
    }

    #[test]
    fn fifty_thousand_alerts_may_wait_and_no_more() {
        let mut queue = HandedOver::default();
        assert!(queue.add(alerts(MOST - 2)));
        assert!(queue.add(alerts(1)));
        assert!(!queue.add(alerts(2)), "all or none");
        assert!(queue.add(alerts(1)));
        assert!(!queue.add(alerts(1)));
        assert_eq!(queue.take(1).len(), 1);
        assert!(queue.add(alerts(1)));
    }

    #[test]
    fn the_oldest_alerts_leave_first() {
        let mut queue = HandedOver::default();
        let all = alerts(5);
        assert!(queue.add(all.clone()));
        assert_eq!(queue.take(2), all[..2]);
        assert_eq!(queue.take(10), all[2..]);
        assert!(queue.is_empty());
    }
}
