//! Places for pushes on their way: so many in all, and so many at one push service, so that
//! one that hangs does not hold up the others.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Metrics;
use crate::store::PushRoom;

/// The places of this node.
#[derive(Debug)]
pub(in crate::actors) struct Slots {
    all: Arc<Semaphore>,
    total: usize,
    per_origin: usize,
    /// How many are taken, by origin; no entry is zero.
    taken: Mutex<HashMap<String, usize>>,
    metrics: Arc<Metrics>,
}

/// A place that is taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    origin: String,
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    pub(in crate::actors) fn new(
        total: usize,
        per_origin: usize,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(total)),
            total,
            per_origin,
            taken: Mutex::new(HashMap::new()),
            metrics,
        })
    }

    /// Takes a place for a push to `origin`, if one is free.
    pub(super) fn try_take(self: &Arc<Self>, origin: &str) -> Option<Slot> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut taken = self.taken.lock();
        let of_origin = taken.entry(origin.to_owned()).or_insert(0);
        if *of_origin >= self.per_origin {
            return None;
        }
        *of_origin += 1;
        self.metrics.pushes_in_flight.inc();
        Some(Slot {
            slots: Arc::clone(self),
            origin: origin.to_owned(),
            _permit: permit,
        })
    }

    /// How many places are free.
    pub(super) fn room(&self) -> PushRoom {
        let by_origin = self
            .taken
            .lock()
            .iter()
            .map(|(origin, taken)| (origin.clone(), self.per_origin.saturating_sub(*taken)))
            .collect();
        PushRoom {
            free: self.all.available_permits(),
            per_origin: self.per_origin,
            by_origin,
        }
    }

    /// Waits until every place was given back, and gives out none any more.
    pub(in crate::actors) async fn drained(&self) {
        let all = u32::try_from(self.total).unwrap_or(u32::MAX);
        if let Ok(permits) = self.all.acquire_many(all).await {
            permits.forget();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.metrics.pushes_in_flight.dec();
        let mut taken = self.slots.taken.lock();
        if let Some(of_origin) = taken.get_mut(&self.origin) {
            *of_origin -= 1;
            if *of_origin == 0 {
                taken.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(total: usize, per_origin: usize) -> Arc<Slots> {
        Slots::new(total, per_origin, Arc::new(Metrics::new()))
    }

    #[test]
    fn a_place_is_refused_only_when_all_are_taken() {
        let slots = slots(3, 10);
        let taken: Vec<_> = (0..2).map(|_| slots.try_take("a").unwrap()).collect();
        let last = slots.try_take("b").unwrap();
        assert!(slots.try_take("c").is_none());
        drop(last);
        assert!(slots.try_take("c").is_some());
        drop(taken);
        assert_eq!(slots.room().free, 3);
        assert!(slots.room().by_origin.is_empty(), "nothing is left behind");
    }

    #[test]
    fn one_push_service_cannot_take_the_places_of_another() {
        let slots = slots(10, 2);
        let taken: Vec<_> = (0..2).map(|_| slots.try_take("a").unwrap()).collect();
        assert!(slots.try_take("a").is_none());
        assert_eq!(slots.room().by_origin, [("a".to_owned(), 0)]);
        let other = slots.try_take("b").unwrap();
        assert_eq!(slots.room().free, 7);
        drop(taken);
        drop(other);
        assert!(slots.try_take("a").is_some());
    }

    #[tokio::test]
    async fn waiting_for_all_places_ends_when_the_last_is_given_back() {
        let slots = slots(2, 2);
        let slot = slots.try_take("a").unwrap();
        let waiting = Arc::clone(&slots);
        let waiting = tokio::spawn(async move { waiting.drained().await });
        drop(slot);
        waiting.await.unwrap();
        assert!(slots.try_take("a").is_none());
        assert_eq!(slots.room().free, 0);
    }
}
