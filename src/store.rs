//! PostgreSQL: the only ledger and the only sequencer, and the only module besides the
//! private PostgreSQL that names its driver.
//!
//! One file an entity. Every statement stands in a file of its own under `sql/queries` and is
//! prepared once a connection. Whatever changes a channel's members, webhooks or existence
//! holds the channel's row lock while it does: see `fence`.

mod channel_members;
mod channels;
mod communities;
mod community_members;
mod connect;
mod error;
mod fence;
mod housekeeping;
mod instance;
mod invites;
mod ledger;
mod messages;
mod migrations;
mod notifications;
mod push;
mod rows;
mod sessions;
mod sql_types;
mod users;
mod webhooks;

use std::sync::Arc;

use deadpool_postgres::{Object, Pool};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

pub use channel_members::{Joined, WatchedChannel};
pub use channels::ChannelChange;
pub use community_members::Removal;
pub use connect::{DatabaseUrl, StoreSettings};
pub use error::StoreError;
pub use housekeeping::Swept;
pub use invites::{NewInvite, Redeemed};
pub use ledger::{CommittedPost, LedgerStore, PostOutcome, WriteError};
pub use messages::{MessagePage, PageRequest};
pub use migrations::{MigrateError, migrate};
pub use notifications::{Acknowledgement, InboxPage, ReadUpTo};
pub use push::{NewPushSubscription, PushDeviceRef, StoredPushTarget, Subscribed};
pub use sessions::{Caller, NewSession};
pub use users::{Credentials, Registered};
pub use webhooks::{NewWebhook, WebhookChange, WebhookTarget};

/// A parameter of a statement.
type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Everything but the writing of posts, which [`LedgerStore`] does. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
}

impl Store {
    /// Opens a pool of connections to `url`; connects on demand.
    ///
    /// # Errors
    /// When the URL or the TLS set-up cannot be used.
    pub fn open(url: &DatabaseUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        Ok(Self {
            pool: connect::pool(url, settings)?,
        })
    }

    /// Closes every connection; what still uses one finishes first.
    pub fn close(&self) {
        self.pool.close();
    }

    /// How many connections are open, idle ones included, and how many requests wait.
    #[must_use]
    pub fn pool_usage(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.waiting)
    }

    async fn connection(&self) -> Result<Object, StoreError> {
        Ok(self.pool.get().await?)
    }

    async fn rows(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(sql).await?;
        Ok(connection.query(&statement, parameters).await?)
    }

    async fn row(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<Row>, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(sql).await?;
        Ok(connection.query_opt(&statement, parameters).await?)
    }

    async fn execute(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, StoreError> {
        let connection = self.connection().await?;
        let statement = connection.prepare_cached(sql).await?;
        Ok(connection.execute(&statement, parameters).await?)
    }
}

/// The store as actors and handlers share it.
pub type SharedStore = Arc<Store>;

/// A number of days as PostgreSQL's `make_interval` takes it.
fn days(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
