//! What is owed to one device, and when nothing more is owed to it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::ids::{NotificationId, PushSubscriptionId, UserId};

/// How long after its message an alert is still pushed. What is older is read in the inbox.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How often a push is taken up at most. With the delays below, its lifetime ends before that,
/// unless the server is killed again and again while it sends.
pub const MAX_ATTEMPTS: i32 = 50;
/// The wait after the first failure. It doubles with each one.
const FIRST_DELAY: Duration = Duration::from_secs(5);
/// The longest wait, unless the push service asks for more.
const LONGEST_DELAY: Duration = Duration::from_secs(3600);
/// The delay is changed by up to a fifth, so that what failed together is not tried together.
const SPREAD_PERCENT: u64 = 20;

/// One notification for one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryKey {
    /// Whom it is for.
    pub user_id: UserId,
    /// What it says.
    pub notification_id: NotificationId,
    /// Where it goes.
    pub subscription_id: PushSubscriptionId,
}

/// Why a push became unnecessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// A client of the user has the alert.
    Acknowledged,
    /// The user has read it.
    Read,
    /// The push service does not know the device any more.
    Gone,
    /// The device unsubscribed, or its session ended.
    Unsubscribed,
}

/// Why a push is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushFailure {
    /// The user is not in the channel any more.
    NotAMember,
    /// The message was deleted.
    MessageDeleted,
    /// It is older than [`LIFETIME`].
    Expired,
    /// It was tried [`MAX_ATTEMPTS`] times.
    Attempts,
    /// The push service takes less than can be said.
    TooLarge,
    /// The push service does not accept how this server signs or asks.
    Refused,
    /// The push service answered what no push service should.
    Unexpected,
}

/// How a delivery ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// The push service took it.
    Pushed,
    /// It became unnecessary.
    Withdrawn(Withdrawal),
    /// It is given up.
    Failed(PushFailure),
}

impl DeliveryEnd {
    /// The state in the database.
    #[must_use]
    pub fn state(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Withdrawn(_) => "withdrawn",
            Self::Failed(_) => "failed",
        }
    }

    /// The reason in the database, if the state does not say it all.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Pushed => None,
            Self::Withdrawn(why) => Some(match why {
                Withdrawal::Acknowledged => "acknowledged",
                Withdrawal::Read => "read",
                Withdrawal::Gone => "gone",
                Withdrawal::Unsubscribed => "unsubscribed",
            }),
            Self::Failed(why) => Some(match why {
                PushFailure::NotAMember => "not_a_member",
                PushFailure::MessageDeleted => "message_deleted",
                PushFailure::Expired => "expired",
                PushFailure::Attempts => "attempts",
                PushFailure::TooLarge => "too_large",
                PushFailure::Refused => "refused",
                PushFailure::Unexpected => "unexpected",
            }),
        }
    }

    /// Its name in metrics: the reason, or the state where there is none.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.reason().unwrap_or_else(|| self.state())
    }
}

/// What follows from one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing more is owed.
    Ended(DeliveryEnd),
    /// It is tried again after this time.
    Again(Duration),
}

impl Verdict {
    /// What follows from an attempt that may work later. `attempts` counts it; `asked` is how
    /// long the push service wants to be left alone; `left` is how long the alert still lives.
    #[must_use]
    pub fn after_failure(
        key: DeliveryKey,
        attempts: i32,
        asked: Option<Duration>,
        left: Duration,
    ) -> Self {
        if attempts >= MAX_ATTEMPTS {
            return Self::Ended(DeliveryEnd::Failed(PushFailure::Attempts));
        }
        let delay = delay(key, attempts).max(asked.unwrap_or_default());
        if delay >= left {
            return Self::Ended(DeliveryEnd::Failed(PushFailure::Expired));
        }
        Self::Again(delay)
    }
}

/// How long to wait after so many attempts. The spread comes from the key, not from chance.
fn delay(key: DeliveryKey, attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or_default();
    let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
    let delay = FIRST_DELAY.saturating_mul(factor).min(LONGEST_DELAY);
    let mut hasher = DefaultHasher::new();
    (key, attempts).hash(&mut hasher);
    let percent = 100 - SPREAD_PERCENT + hasher.finish() % (2 * SPREAD_PERCENT + 1);
    delay.mul_f64(percent as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> DeliveryKey {
        DeliveryKey {
            user_id: UserId::generate(),
            notification_id: NotificationId::generate(),
            subscription_id: PushSubscriptionId::generate(),
        }
    }

    #[test]
    fn the_wait_doubles_from_five_seconds_to_an_hour_give_or_take_a_fifth() {
        let middles = [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (49, 3600)];
        for (attempts, middle) in middles {
            let middle = Duration::from_secs(middle);
            for _ in 0..200 {
                let delay = delay(key(), attempts);
                assert!(delay >= middle.mul_f64(0.8), "{attempts}: {delay:?}");
                assert!(delay <= middle.mul_f64(1.2), "{attempts}: {delay:?}");
            }
        }
    }

    #[test]
    fn pushes_that_failed_together_are_not_tried_together() {
        let delays: std::collections::BTreeSet<_> = (0..100).map(|_| delay(key(), 1)).collect();
        assert!(delays.len() > 20, "{delays:?}");
    }

    #[test]
    fn a_push_service_that_asks_for_more_time_gets_it() {
        let asked = Duration::from_secs(7200);
        assert_eq!(
            Verdict::after_failure(key(), 1, Some(asked), LIFETIME),
            Verdict::Again(asked)
        );
        let short = Verdict::after_failure(key(), 5, Some(Duration::from_secs(1)), LIFETIME);
        assert!(matches!(short, Verdict::Again(wait) if wait >= Duration::from_secs(64)));
    }

    #[test]
    fn a_push_ends_with_its_lifetime() {
        let expired = Verdict::Ended(DeliveryEnd::Failed(PushFailure::Expired));
        let asked = Some(Duration::from_secs(100));
        for (left, ends) in [(99, true), (100, true), (101, false)] {
            let verdict = Verdict::after_failure(key(), 1, asked, Duration::from_secs(left));
            assert_eq!(verdict == expired, ends, "{left}");
        }
    }

    #[test]
    fn a_push_is_tried_fifty_times_at_most() {
        let ended = Verdict::Ended(DeliveryEnd::Failed(PushFailure::Attempts));
        for (attempts, ends) in [(49, false), (50, true), (51, true)] {
            let verdict = Verdict::after_failure(key(), attempts, None, LIFETIME);
            assert_eq!(verdict == ended, ends, "{attempts}");
        }
    }

    #[test]
    fn the_lifetime_ends_before_the_attempts_do() {
        let slowest = |attempts| delay(key(), attempts).mul_f64(0.8 / 1.2);
        let total: Duration = (1..MAX_ATTEMPTS).map(slowest).sum();
        assert!(total > LIFETIME, "{total:?}");
    }
}
