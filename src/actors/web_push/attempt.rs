//! One attempt at one push: what is checked before it leaves, the sending, and what follows.

use std::time::Duration;

use fail::fail_point;

use super::slots::Slot;
use crate::domain::push::DeviceKeys;
use crate::domain::push_delivery::{
    DeliveryEnd, DeliveryKey, LIFETIME, MAX_ATTEMPTS, PushFailure, Verdict, Withdrawal,
};
use crate::domain::time::Timestamp;
use crate::metrics::Metrics;
use crate::push::{Outcome, PushContent, WebPush};
use crate::store::{ClaimedPush, PushDeviceRef, PushSettlement, StoredPushTarget};

/// What was sent to a device, and what its push service said.
#[derive(Debug)]
pub(super) struct Sent {
    device: PushDeviceRef,
    keys: DeviceKeys,
    at: Timestamp,
    outcome: Outcome,
}

/// A push that is dealt with for now.
#[derive(Debug)]
pub(super) struct Attempted {
    /// Nothing when it was decided without sending.
    sent: Option<Sent>,
    /// Nothing for a test notification, which is not kept.
    verdict: Option<(DeliveryKey, Verdict)>,
    /// Held until what came of it is noted, so that what waits for the database is bounded.
    _slot: Option<Slot>,
}

impl Attempted {
    /// A push that was not sent.
    pub(super) fn unsent(key: DeliveryKey, verdict: Verdict) -> Self {
        Self {
            sent: None,
            verdict: Some((key, verdict)),
            _slot: None,
        }
    }

    /// Adds what came of it to what is noted.
    pub(super) fn add_to(&self, settlement: &mut PushSettlement) {
        match self.verdict {
            Some((key, Verdict::Ended(end))) => settlement.ended.push((key, end)),
            Some((key, Verdict::Again(wait))) => settlement.again.push((key, wait)),
            None => {}
        }
        let devices = &mut settlement.devices;
        match &self.sent {
            None => {}
            Some(sent) if sent.outcome == Outcome::Delivered => {
                devices.reached.insert(sent.device);
            }
            Some(sent) if sent.outcome == Outcome::Gone => {
                devices.gone.push((sent.device, sent.keys.clone()));
            }
            Some(sent) => devices.unreached.push((sent.device, sent.at)),
        }
    }

    /// What its push service said, if the device was not reached.
    pub(super) fn failure(&self) -> Option<&'static str> {
        let outcome = self.sent.as_ref()?.outcome;
        (outcome != Outcome::Delivered).then(|| outcome.kind())
    }

    /// How it ended, if it did.
    pub(super) fn end(&self) -> Option<DeliveryEnd> {
        match self.verdict {
            Some((_, Verdict::Ended(end))) => Some(end),
            _ => None,
        }
    }
}

/// A push that may leave.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) key: DeliveryKey,
    pub(super) origin: String,
    attempts: i32,
    left: Duration,
    target: StoredPushTarget,
    content: PushContent,
}

/// Checks whether a push still has to leave; if not, says how it ends.
pub(super) fn check(push: ClaimedPush, public_url: &str) -> Result<Ready, DeliveryEnd> {
    let left = LIFETIME.saturating_sub(Timestamp::now().since(push.notification.created_at));
    let end = if push.acknowledged {
        DeliveryEnd::Withdrawn(Withdrawal::Acknowledged)
    } else if push.notification.read_at.is_some() {
        DeliveryEnd::Withdrawn(Withdrawal::Read)
    } else if !push.is_member {
        DeliveryEnd::Failed(PushFailure::NotAMember)
    } else if !push.message_exists {
        DeliveryEnd::Failed(PushFailure::MessageDeleted)
    } else if left.as_secs() == 0 {
        DeliveryEnd::Failed(PushFailure::Expired)
    } else if push.attempts > MAX_ATTEMPTS {
        DeliveryEnd::Failed(PushFailure::Attempts)
    } else if let Some(target) = push.target {
        return Ok(Ready {
            key: push.key,
            origin: push.origin,
            attempts: push.attempts,
            left,
            target,
            content: PushContent::alert(push.notification, public_url, left),
        });
    } else {
        DeliveryEnd::Withdrawn(Withdrawal::Unsubscribed)
    };
    Err(end)
}

/// Sends a push that is ready.
pub(super) async fn send(push: &WebPush, metrics: &Metrics, ready: Ready, slot: Slot) -> Attempted {
    let Ready {
        key,
        attempts,
        left,
        target,
        content,
        ..
    } = ready;
    let device = PushDeviceRef {
        user_id: key.user_id,
        subscription_id: key.subscription_id,
    };
    let sent = send_to(push, metrics, device, target, content).await;
    fail_point!("push_sent");
    let verdict = match sent.outcome {
        Outcome::Delivered => Verdict::Ended(DeliveryEnd::Pushed),
        Outcome::Gone => Verdict::Ended(DeliveryEnd::Withdrawn(Withdrawal::Gone)),
        Outcome::RetryLater { after } => Verdict::after_failure(key, attempts, after, left),
        Outcome::TooLarge => Verdict::Ended(DeliveryEnd::Failed(PushFailure::TooLarge)),
        Outcome::Misconfigured => Verdict::Ended(DeliveryEnd::Failed(PushFailure::Refused)),
        Outcome::Failed => Verdict::Ended(DeliveryEnd::Failed(PushFailure::Unexpected)),
    };
    Attempted {
        sent: Some(sent),
        verdict: Some((key, verdict)),
        _slot: Some(slot),
    }
}

/// Sends a test notification, which is tried once.
pub(super) async fn send_test(
    push: &WebPush,
    metrics: &Metrics,
    device: PushDeviceRef,
    target: StoredPushTarget,
    public_url: &str,
    slot: Slot,
) -> Attempted {
    let content = PushContent::test(public_url);
    Attempted {
        sent: Some(send_to(push, metrics, device, target, content).await),
        verdict: None,
        _slot: Some(slot),
    }
}

/// Sends something to a device, in fewer words if its push service asks for that.
async fn send_to(
    push: &WebPush,
    metrics: &Metrics,
    device: PushDeviceRef,
    target: StoredPushTarget,
    content: PushContent,
) -> Sent {
    let at = Timestamp::now();
    let StoredPushTarget { endpoint, keys, .. } = target;
    let mut outcome = push.send(&endpoint, &keys, &content).await;
    Metrics::count(&metrics.pushes, outcome.kind());
    if outcome == Outcome::TooLarge
        && let Some(shorter) = content.shortened()
    {
        outcome = push.send(&endpoint, &keys, &shorter).await;
        Metrics::count(&metrics.pushes, outcome.kind());
    }
    Sent {
        device,
        keys,
        at,
        outcome,
    }
}
