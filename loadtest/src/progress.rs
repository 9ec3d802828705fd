//! What goes on, on stderr: one line that changes where there is a terminal, else a line every
//! few seconds.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::{self, SECOND};

/// Tells how far a run is.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    terminal: bool,
    scene: Mutex<String>,
    last: AtomicU64,
}

impl Progress {
    /// Finds out whether somebody watches.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            terminal: stderr().is_terminal(),
            scene: Mutex::default(),
            last: AtomicU64::new(0),
        }))
    }

    /// A new scene begins.
    pub(crate) fn scene(&self, name: impl Into<String>) {
        let name = name.into();
        self.write(&name);
        *self.0.scene.lock().unwrap_or_else(PoisonError::into_inner) = name;
        self.0.last.store(clock::now(), Ordering::Relaxed);
    }

    /// How far something is. Most calls print nothing.
    pub(crate) fn at(&self, what: &str, done: u64, of: u64) {
        let pause = if self.0.terminal {
            SECOND / 5
        } else {
            5 * SECOND
        };
        let now = clock::now();
        let last = self.0.last.load(Ordering::Relaxed);
        if now < last + pause {
            return;
        }
        self.0.last.store(now, Ordering::Relaxed);
        let scene = self.0.scene.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&format!("{scene}: {done} of {of} {what}"));
    }

    /// Leaves the line free for the results.
    pub(crate) fn end(&self) {
        if self.0.terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }

    fn write(&self, line: &str) {
        let mut out = stderr().lock();
        // Nobody is there to be told when even this fails.
        let _ = match self.0.terminal {
            true => write!(out, "\r\x1b[K{line}").and_then(|()| out.flush()),
            false => writeln!(out, "{line}"),
        };
    }
}
