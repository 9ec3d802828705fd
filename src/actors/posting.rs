//! What becomes of a post: the answer, and who else learns of it.

use std::sync::Arc;

use actix::Message;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::fan_out::Audience;
use crate::domain::post::{Post, Posted, Rejection};
use crate::metrics::Metrics;
use crate::store::{CommittedPost, PostOutcome, WriteError};

/// Why a post is not in the database, or may not be.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// It may not be written. Nothing was.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Too many posts wait already. Nothing was written.
    #[error("too many posts wait for {0}")]
    Overloaded(&'static str),
    /// The database does not answer. Nothing was written.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// The database was lost while committing and stays away.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(String),
    /// The database refused this post. Nothing was written.
    #[error("the database refused the post: {0}")]
    Refused(String),
}

impl PostError {
    /// The word under which refusals are counted.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.label(),
            Self::Overloaded(_) => "overloaded",
            Self::Unavailable(_) => "unavailable",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::Refused(_) => "refused",
        }
    }
}

impl From<&WriteError> for PostError {
    fn from(error: &WriteError) -> Self {
        match error {
            WriteError::NotWritten(source) if source.is_transient() => {
                Self::Unavailable(source.to_string())
            }
            WriteError::NotWritten(source) => Self::Refused(source.to_string()),
            WriteError::OutcomeUnknown(source) => Self::OutcomeUnknown(source.to_string()),
        }
    }
}

/// The right to have a post on its way; given back when dropped.
#[derive(Debug)]
pub struct Admission {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    /// Counts a permit as a pending post.
    #[must_use]
    pub fn new(permit: OwnedSemaphorePermit, metrics: Arc<Metrics>) -> Self {
        metrics.posts_pending.inc();
        Self {
            metrics,
            _permit: permit,
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.metrics.posts_pending.dec();
    }
}

/// A post on its way, with whoever waits for its answer.
#[derive(Debug)]
pub struct PendingPost {
    /// The post.
    pub post: Arc<Post>,
    /// Dropped without an answer only when an actor panics; who waits then looks the post up.
    pub reply: oneshot::Sender<Result<Posted, PostError>>,
    /// Held until the answer.
    pub admission: Admission,
}

/// Posts of one channel for the ledger, in their order. Sent by the channel's actor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WriteBatch {
    /// The posts.
    pub posts: Vec<PendingPost>,
    /// Where they come back to, with what became of them. When nobody is there any more, the
    /// ledger answers them itself.
    pub written: oneshot::Sender<Written>,
    /// Whom the ledger tells of them in that case.
    pub audience: Audience,
}

/// What to answer to a post, and the post if it was written just now. Counts it.
pub fn answer_to(
    outcome: PostOutcome,
    metrics: &Metrics,
) -> (Result<Posted, PostError>, Option<CommittedPost>) {
    match outcome {
        PostOutcome::Committed(post) => {
            metrics.posts.inc();
            (Ok(post.posted()), Some(*post))
        }
        PostOutcome::Repeated(posted) => {
            metrics.posts_repeated.inc();
            (Ok(posted), None)
        }
        PostOutcome::Rejected(rejection) => (Err(rejection.into()), None),
        PostOutcome::Refused(reason) => (Err(PostError::Refused(reason)), None),
        PostOutcome::Failed(error) => (Err(PostError::from(&error)), None),
    }
}

/// Posts that came back from the ledger.
#[derive(Debug)]
pub struct Written {
    /// Each post with its outcome, in order.
    pub posts: Vec<(PendingPost, Result<PostOutcome, Arc<WriteError>>)>,
}

impl Written {
    /// Posts none of which was written, all for one reason.
    #[must_use]
    pub fn failed(posts: Vec<PendingPost>, error: WriteError) -> Self {
        let error = Arc::new(error);
        Self {
            posts: posts
                .into_iter()
                .map(|post| (post, Err(Arc::clone(&error))))
                .collect(),
        }
    }

    /// Answers every post, and returns those that are in the database.
    pub fn answer(self, metrics: &Metrics) -> Vec<CommittedPost> {
        let mut committed = Vec::with_capacity(self.posts.len());
        for (pending, outcome) in self.posts {
            let (answer, post) = match outcome {
                Ok(outcome) => answer_to(outcome, metrics),
                Err(error) => (Err(PostError::from(&*error)), None),
            };
            committed.extend(post);
            // Nobody waits any more when the client hung up; the post stands all the same.
            let _ = pending.reply.send(answer);
        }
        committed
    }
}
