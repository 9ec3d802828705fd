//! The threads that channels and the ledger run on, apart from those of HTTP.

use std::hash::{DefaultHasher, Hash, Hasher};

use actix::{Arbiter, ArbiterHandle};

/// A few arbiters. The same key always gets the same one.
#[derive(Debug)]
pub struct Arbiters {
    arbiters: Vec<Arbiter>,
}

impl Arbiters {
    /// Starts `count` threads, at least one.
    #[must_use]
    pub fn start(count: usize) -> Self {
        Self {
            arbiters: (0..count.max(1)).map(|_| Arbiter::new()).collect(),
        }
    }

    /// The arbiter of `key`.
    #[must_use]
    pub fn pick(&self, key: impl Hash) -> ArbiterHandle {
        let slot = slot_of(key, self.arbiters.len());
        self.arbiters
            .get(slot)
            .map_or_else(Arbiter::current, Arbiter::handle)
    }

    /// Ends the threads; what runs on them is dropped.
    pub fn stop(&self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

/// Which of `slots` belongs to `key`.
#[must_use]
pub fn slot_of(key: impl Hash, slots: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % slots.max(1) as u64).unwrap_or(0)
}
