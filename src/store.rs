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
mod encryption;
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
mod push_deliveries;
mod rows;
mod sessions;
mod sql_types;
mod users;
mod webhooks;

use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

pub use channel_members::{Joined, MembersChange, WatchedChannel};
pub use channels::ChannelChange;
pub use community_members::Removal;
pub use connect::{DatabaseUrl, StoreSettings};
pub use encryption::{
    BackupChanged, BackupInfo, ClaimedKey, CrossSigned, DeviceRef, DeviceStatus, DevicesBound,
    Kept, KeysUploaded, OneTimeKeyCount, QueriedKeys, SentToDevice, SignatureRefused,
    SignaturesAdded, StoredDevice, StoredRoomKey, ToDeviceEvent, Told,
};
pub use error::StoreError;
pub use housekeeping::Swept;
pub use invites::{NewInvite, Redeemed};
pub use ledger::{CommittedPost, LedgerStore, PostOutcome, WriteError};
pub use messages::{
    Deleted, Edited, MessageEdit, MessagePage, MissedMessages, PageRequest, Replayed,
};
pub use migrations::{MigrateError, migrate};
pub use notifications::{Acknowledgement, InboxPage, ReadUpTo};
pub use push::{NewPushSubscription, PushDeviceRef, StoredPushTarget, Subscribed};
pub use push_deliveries::{ClaimedPush, DevicesTold, PushRoom, PushSettlement};
pub use sessions::{Caller, EndedSessions, NewSession};
pub use users::{Credentials, Registered};
pub use webhooks::{NewWebhook, WebhookChange, WebhookTarget};

/// A parameter of a statement.
type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Everything but the writing of posts, which [`LedgerStore`] does. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    /// How long one statement may take, longer than the database's own limits.
    patience: Duration,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store(..)")
    }
}

impl Store {
    /// Opens a pool of connections to `url`; connects on demand.
    ///
    /// # Errors
    /// When the URL or the TLS set-up cannot be used.
    pub fn open(url: &DatabaseUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        Ok(Self {
            pool: connect::pool(url, settings)?,
            patience: settings.patience(),
        })
    }

    /// Opens two connections for work on many rows at once, so that it neither waits for the
    /// rest of the server nor keeps it waiting.
    ///
    /// # Errors
    /// When the URL or the TLS set-up cannot be used.
    pub fn open_for_batches(
        url: &DatabaseUrl,
        settings: &StoreSettings,
    ) -> Result<Self, StoreError> {
        let further = [connect::IN_ORDER_OF_INDEX, connect::PLAN_ANEW];
        let settings = StoreSettings {
            pool_size: 2,
            session_settings: [&connect::LOOK_UP_BY_KEY[..], &further].concat(),
            ..settings.clone()
        };
        Self::open(url, &settings)
    }

    /// Opens a connection for notes that may be lost in a power cut, because what they say will
    /// be said again.
    ///
    /// # Errors
    /// When the URL or the TLS set-up cannot be used.
    pub fn open_for_notes(url: &DatabaseUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        let further = [connect::PLAN_ANEW, connect::NOT_FLUSHED];
        let session_settings = [&connect::LOOK_UP_BY_KEY[..], &further].concat();
        let settings = StoreSettings {
            pool_size: 1,
            session_settings,
            ..settings.clone()
        };
        Self::open(url, &settings)
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
        self.run(sql, async |connection, statement| {
            connection.query(statement, parameters).await
        })
        .await
    }

    async fn row(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<Row>, StoreError> {
        self.run(sql, async |connection, statement| {
            connection.query_opt(statement, parameters).await
        })
        .await
    }

    async fn execute(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, StoreError> {
        self.run(sql, async |connection, statement| {
            connection.execute(statement, parameters).await
        })
        .await
    }

    /// Runs one statement. The database has time-outs of its own; when even those are not
    /// heard of, the connection leads nowhere and is thrown away.
    async fn run<T>(
        &self,
        sql: &'static str,
        work: impl AsyncFnOnce(&Object, &Statement) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        let connection = self.connection().await?;
        let result = timeout(self.patience, async {
            let statement = connection.prepare_cached(sql).await?;
            work(&connection, &statement).await
        })
        .await;
        match result {
            Ok(result) => Ok(result?),
            Err(elapsed) => {
                drop(Object::take(connection));
                Err(StoreError::Unavailable(Box::new(elapsed)))
            }
        }
    }

    /// Runs the statements of a transaction; as with one statement, a connection that nothing
    /// is heard of is thrown away.
    async fn patiently<T>(
        &self,
        work: impl AsyncFnOnce(&mut Object) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection().await?;
        let result = timeout(self.patience, work(&mut connection)).await;
        result.unwrap_or_else(|elapsed| {
            drop(Object::take(connection));
            Err(StoreError::Unavailable(Box::new(elapsed)))
        })
    }
}

/// A number of days as PostgreSQL's `make_interval` takes it.
fn days(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
