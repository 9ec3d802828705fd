//! Writing posts: what the ledger's actors do to PostgreSQL.
//!
//! One transaction takes the posts of many channels in two round trips of plain statements,
//! pipelined. One large statement was measured at four to eight times the cost: PostgreSQL
//! cannot guess the size of arrays and reads whole tables.

mod batch;
mod columns;
mod doubt;
mod members;
mod repeats;
mod transaction;

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;

use super::connect::{self, DatabaseUrl};
use super::{StoreError, StoreSettings};
use crate::domain::ids::MembersVersion;
use crate::domain::message::Message;
use crate::domain::notification::Alert;
use crate::domain::post::{Post, Posted, Rejection};
use members::MembersCache;
use repeats::Repeats;
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
    repeats: Arc<Repeats>,
}

/// A post that is in the database.
#[derive(Debug)]
pub struct CommittedPost {
    /// As a message, with its place.
    pub message: Message,
    /// Whom it alerts.
    pub alerts: Vec<Alert>,
    /// The state that the channel's members are in, at that place or later.
    pub members_version: MembersVersion,
}

impl CommittedPost {
    /// Where it is, for whoever posted it.
    #[must_use]
    pub fn posted(&self) -> Posted {
        Posted {
            message_id: self.message.id,
            channel_id: self.message.channel_id,
            seq: self.message.seq,
            created_at: self.message.created_at,
        }
    }
}

/// What became of one post of a batch.
#[derive(Debug)]
pub enum PostOutcome {
    /// It is in the database.
    Committed(Box<CommittedPost>),
    /// Its device sent the same before, and this is where it is. Nothing was written again.
    Repeated(Posted),
    /// It may not be written. Nothing was.
    Rejected(Rejection),
    /// The database refused this post's data. Nothing was written.
    Refused(String),
    /// This post, written singly, has no outcome although earlier ones of its batch do.
    Failed(WriteError),
}

impl PostOutcome {
    /// Where the post was written, if it was.
    fn written_at(&self) -> Option<Posted> {
        match self {
            Self::Committed(post) => Some(post.posted()),
            _ => None,
        }
    }
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
            repeats: Arc::default(),
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
    pub async fn write(&self, posts: &[Arc<Post>]) -> Result<Vec<PostOutcome>, WriteError> {
        match self.write_together(posts).await? {
            Together::Written(outcomes) => Ok(outcomes),
            Together::DataRefused(reason) if posts.len() <= 1 => {
                Ok(vec![PostOutcome::Refused(reason)])
            }
            Together::DataRefused(_) => self.write_singly(posts).await,
        }
    }

    async fn write_singly(&self, posts: &[Arc<Post>]) -> Result<Vec<PostOutcome>, WriteError> {
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

    async fn write_together(&self, posts: &[Arc<Post>]) -> Result<Together, WriteError> {
        let mut tries = 0;
        let mut look = false;
        loop {
            look |= self.repeats.are_expected(Instant::now());
            let (pool, round_trip) = (&self.pool, self.round_trip);
            match transaction::attempt(pool, round_trip, &self.members, posts, look).await {
                Attempt::Committed(outcomes) => {
                    let repeated = |it: &PostOutcome| matches!(it, PostOutcome::Repeated(_));
                    if outcomes.iter().any(repeated) {
                        self.repeats.expect(Instant::now());
                    }
                    return Ok(Together::Written(outcomes));
                }
                Attempt::LookFirst => {
                    tracing::debug!(posts = posts.len(), "repeats are looked for");
                    look = true;
                    self.repeats.expect(Instant::now());
                }
                Attempt::DataRefused(reason) => return Ok(Together::DataRefused(reason)),
                Attempt::Unwritten(error @ StoreError::Contended(_))
                    if tries < CONTENTION_RETRIES =>
                {
                    tracing::debug!(%error, tries, "a batch of posts is tried again");
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(5 << tries)).await;
                }
                Attempt::Unwritten(error) => return Err(WriteError::NotWritten(error)),
                Attempt::InDoubt(error, outcomes) => {
                    tracing::warn!(%error, posts = posts.len(), "the connection was lost while committing");
                    let places: Vec<Posted> = outcomes
                        .iter()
                        .filter_map(PostOutcome::written_at)
                        .collect();
                    // If nothing was to be written, all is as decided in any case.
                    if !places.is_empty() {
                        let found = doubt::find(&self.pool, self.round_trip, posts).await?;
                        // One transaction wrote them, so if one is there as decided, all are.
                        let as_decided = |found: &CommittedPost| places.contains(&found.posted());
                        if !found.iter().any(as_decided) {
                            return Err(WriteError::NotWritten(error));
                        }
                    }
                    return Ok(Together::Written(outcomes));
                }
            }
        }
    }

    /// Finds a post of which nobody knows whether it was written.
    ///
    /// # Errors
    /// When it is not there, so that it may be sent again, or when that cannot be known.
    pub async fn find(&self, post: &Arc<Post>) -> Result<CommittedPost, WriteError> {
        let posts = std::slice::from_ref(post);
        let mut found = doubt::find(&self.pool, self.round_trip, posts).await?;
        found.pop().ok_or_else(|| {
            WriteError::NotWritten(StoreError::Unavailable("the post was not written".into()))
        })
    }
}

/// What trying to write posts in one transaction came to.
enum Together {
    Written(Vec<PostOutcome>),
    DataRefused(String),
}
