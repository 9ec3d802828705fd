//! Why a run came to nothing, in a sentence.

use std::fmt::Display;

/// What ends a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something did not work; the sentence says what.
    #[error("{0}")]
    Said(String),
    /// Ctrl-C.
    #[error("stopped before the end; the server is stopped as well")]
    Interrupted,
}

/// A result whose error is a sentence.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure that `sentence` explains.
    pub(crate) fn said(sentence: impl Into<String>) -> Self {
        Self::Said(sentence.into())
    }
}

/// Says what was being done when an error happened.
pub(crate) trait Doing<T> {
    /// `what` completes the sentence "could not …".
    fn doing(self, what: impl Display) -> Outcome<T>;
}

impl<T, E: Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl Display) -> Outcome<T> {
        self.map_err(|error| Failure::Said(format!("could not {what}: {error}")))
    }
}
