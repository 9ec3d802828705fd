//! Writing posts: what the ledger's actors do to PostgreSQL.
//!
//! One transaction takes the posts of many channels in two round trips of plain statements,
//! pipelined. One large statement was measured at four to eight times the cost: PostgreSQL
//! cannot guess the size of arrays and reads whole tables.

mod batch;
mod doubt;
mod members;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;

use super::connect::{self, DatabaseUrl};
use super::{StoreError, StoreSettings};
use crate::domain::message::Message;
use crate::domain::notification::Alert;
use crate::domain::webhook::WebhookPost;
use members::MembersCache;
use transaction::Attempt;

/// How often a transaction is tried that the database asks to try again.
const CONTENTION_RETRIES: u32 = 5;

/// Writes posts. Has connections of its own, so that nothing else can keep them waiting.
#[derive(Clone)]
pub struct LedgerStore {
    pool: Pool,
    /// How long one round trip may take before the connection counts as lost. Longer than the
    /// database's own limits, so that normally the database decides.
    round_trip: Duration,
    members: Arc<MembersCache>,
}

/// A post that is in the database.
#[derive(Debug)]
pub struct CommittedPost {
    /// As a message, with its place.
    pub message: Message,
    /// Whom it alerts.
    pub alerts: Vec<Alert>,
}

/// What became of one post of a batch.
#[derive(Debug)]
pub enum PostOutcome {
    /// It is in the database.
    Committed(Box<CommittedPost>),
    /// Its webhook is deleted or disabled, or its channel is gone. Nothing was written.
    WebhookGone,
    /// The database refused this post's data. Nothing was written.
    Refused(String),
    /// This post, written singly, has no outcome although earlier ones of its batch do.
    Failed(WriteError),
}

/// Why a whole batch has no outcomes.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing was written; the same posts may be sent again.
    #[error("nothing was written: {0}")]
    NotWritten(#[source] StoreError),
    /// The connection was lost while committing, and the database stays unreachable.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(#[source] StoreError),
}

impl LedgerStore {
    /// Opens the connections of one lane; connects on demand.
    ///
    /// # Errors
    /// When the URL or the TLS set-up cannot be used.
    pub fn open(url: &DatabaseUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        let settings = StoreSettings {
            // One writes; the second is for finding out what became of a lost first one.
            pool_size: 2,
            session_settings: [&connect::LOOK_UP_BY_KEY[..], &[connect::PLAN_ONCE]].concat(),
            ..settings.clone()
        };
        let round_trip = settings.patience();
        Ok(Self {
            pool: connect::pool(url, &settings)?,
            round_trip,
            members: Arc::new(MembersCache::new()),
        })
    }

    /// Closes the connections.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Writes `posts` in one transaction, in their order within each channel, and returns an
    /// outcome for each, in the same order. Returns only after the commit.
    ///
    /// A post whose data the database refuses fails alone: the others are written singly.
    ///
    /// # Errors
    /// When nothing was written, or when that cannot be known.
    pub async fn write(&self, posts: &[Arc<WebhookPost>]) -> Result<Vec<PostOutcome>, WriteError> {
        match self.write_together(posts).await? {
            Together::Written(outcomes) => Ok(outcomes),
            Together::DataRefused(reason) if posts.len() <= 1 => {
                Ok(vec![PostOutcome::Refused(reason)])
            }
            Together::DataRefused(_) => self.write_singly(posts).await,
        }
    }

    async fn write_singly(
        &self,
        posts: &[Arc<WebhookPost>],
    ) -> Result<Vec<PostOutcome>, WriteError> {
        let mut outcomes = Vec::with_capacity(posts.len());
        for post in posts {
            let outcome = match self.write_together(std::slice::from_ref(post)).await {
                Ok(Together::Written(mut written)) => written.pop(),
                Ok(Together::DataRefused(reason)) => Some(PostOutcome::Refused(reason)),
                // Earlier ones are written; they must not be reported as lost.
                Err(error) if outcomes.is_empty() => return Err(error),
                Err(error) => Some(PostOutcome::Failed(error)),
            };
            outcomes.extend(outcome);
        }
        Ok(outcomes)
    }

    async fn write_together(&self, posts: &[Arc<WebhookPost>]) -> Result<Together, WriteError> {
        let mut tries = 0;
        loop {
            match transaction::attempt(&self.pool, self.round_trip, &self.members, posts).await {
                Attempt::Committed(outcomes) => return Ok(Together::Written(outcomes)),
                Attempt::DataRefused(reason) => return Ok(Together::DataRefused(reason)),
                Attempt::Unwritten(error @ StoreError::Contended(_))
                    if tries < CONTENTION_RETRIES =>
                {
                    tracing::debug!(%error, tries, "a batch of posts is tried again");
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(5 << tries)).await;
                }
                Attempt::Unwritten(error) => return Err(WriteError::NotWritten(error)),
                Attempt::InDoubt(error) => {
                    tracing::warn!(%error, posts = posts.len(), "the connection was lost while committing");
                    return doubt::resolve(&self.pool, self.round_trip, posts)
                        .await
                        .map(Together::Written);
                }
            }
        }
    }

    /// Finds out what became of posts whose transaction may or may not have been committed.
    ///
    /// # Errors
    /// As [`LedgerStore::write`].
    pub async fn find_out(
        &self,
        posts: &[Arc<WebhookPost>],
    ) -> Result<Vec<PostOutcome>, WriteError> {
        doubt::resolve(&self.pool, self.round_trip, posts).await
    }
}

/// What trying to write posts in one transaction came to.
enum Together {
    Written(Vec<PostOutcome>),
    DataRefused(String),
}
