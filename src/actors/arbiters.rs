//! The threads that channels and the ledger run on, apart from those of HTTP.

use std::hash::{DefaultHasher, Hash, Hasher};

use actix::dev::channel;
use actix::{Actor, Addr, Arbiter, ArbiterHandle, Context};

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

/// Starts an actor whose mailbox takes `capacity` messages from the first moment on. One
/// started in the usual way takes 16 until its thread comes round to `started`, which under
/// load is when it matters.
pub fn start_with_mailbox<A>(arbiter: &ArbiterHandle, capacity: usize, actor: A) -> Addr<A>
where
    A: Actor<Context = Context<A>> + Send,
{
    let (sender, receiver) = channel::channel(capacity);
    arbiter.spawn_fn(move || {
        actix_rt::spawn(Context::with_receiver(receiver).into_future(actor));
    });
    Addr::new(sender)
}
