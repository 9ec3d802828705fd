//! Web Push: the instance's signing key, and the devices of its users.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{Store, StoreError, days, fence};
use crate::domain::ids::{PushSubscriptionId, SessionId, UserId};
use crate::domain::push::{AuthSecret, DeviceKeys, MAX_DEVICES_PER_USER, P256dh, PushDevice};
use crate::domain::push_endpoint::PushEndpoint;

const INSERT_KEY: &str = include_str!("../../sql/queries/vapid_keys/insert.sql");
const FIND_KEY: &str = include_str!("../../sql/queries/vapid_keys/find.sql");
const LOCK_SESSION: &str = include_str!("../../sql/queries/sessions/lock.sql");
const COUNT_OTHERS: &str = include_str!("../../sql/queries/push_subscriptions/count_others.sql");
const DELETE_FOREIGN: &str =
    include_str!("../../sql/queries/push_subscriptions/delete_foreign.sql");
const UPSERT: &str = include_str!("../../sql/queries/push_subscriptions/upsert.sql");
const LIST: &str = include_str!("../../sql/queries/push_subscriptions/list.sql");
const FIND: &str = include_str!("../../sql/queries/push_subscriptions/find.sql");
const DELETE: &str = include_str!("../../sql/queries/push_subscriptions/delete.sql");

/// A device about to be subscribed.
#[derive(Debug)]
pub struct NewPushSubscription {
    /// Whose it is.
    pub user_id: UserId,
    /// The sign-in that it ends with.
    pub session_id: SessionId,
    /// Where it is reached.
    pub endpoint: PushEndpoint,
    /// How to encrypt to it.
    pub keys: DeviceKeys,
}

/// What became of subscribing a device.
#[derive(Debug)]
pub enum Subscribed {
    /// It is subscribed.
    Device(PushDevice),
    /// The user has as many as may be.
    TooMany,
    /// The session ended meanwhile.
    SessionEnded,
}

/// One device of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PushDeviceRef {
    /// Whose it is.
    pub user_id: UserId,
    /// Which.
    pub subscription_id: PushSubscriptionId,
}

/// Where a device is reached, as it was stored. The endpoint is checked again before use: the
/// rules may have changed.
#[derive(Clone)]
pub struct StoredPushTarget {
    /// Scheme, host and port of the push service.
    pub origin: String,
    /// The endpoint's text. Not shown.
    pub endpoint: String,
    /// How to encrypt to it.
    pub keys: DeviceKeys,
}

impl std::fmt::Debug for StoredPushTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredPushTarget(..)")
    }
}

impl Store {
    /// The key that all servers on this database sign with. `fresh` becomes it if there is
    /// none yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn shared_vapid_key(&self, fresh: &str) -> Result<String, StoreError> {
        if self.row(FIND_KEY, &[]).await?.is_none() {
            self.execute(INSERT_KEY, &[&fresh]).await?;
        }
        let row = self.row(FIND_KEY, &[]).await?;
        let row =
            row.ok_or_else(|| StoreError::Unexpected("the table vapid_keys is empty".to_owned()))?;
        Ok(row.try_get("private_key")?)
    }

    /// Subscribes a device, or brings it up to date: it belongs to the given session from
    /// here on, whoever had it before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn upsert_push_subscription(
        &self,
        subscription: &NewPushSubscription,
        idle_days: u32,
    ) -> Result<Subscribed, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let user = subscription.user_id;
        // Two devices at once must not both find room for one.
        fence::lock_user(&transaction, user).await?;
        let statement = transaction.prepare_cached(LOCK_SESSION).await?;
        let session = transaction
            .query_opt(&statement, &[&subscription.session_id, &user])
            .await?;
        if session.is_none() {
            return Ok(Subscribed::SessionEnded);
        }
        let statement = transaction.prepare_cached(COUNT_OTHERS).await?;
        let hash = subscription.endpoint.hash();
        let others: i64 = transaction
            .query_one(&statement, &[&user, &hash, &days(idle_days)])
            .await?
            .try_get("count")?;
        if others >= MAX_DEVICES_PER_USER {
            return Ok(Subscribed::TooMany);
        }
        let device = take_over(&transaction, subscription).await?;
        transaction.commit().await?;
        Ok(Subscribed::Device(device))
    }

    /// Lists a user's devices in sessions that were used within `idle_days`, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_push_subscriptions(
        &self,
        user: UserId,
        idle_days: u32,
    ) -> Result<Vec<PushDevice>, StoreError> {
        let rows = self.rows(LIST, &[&user, &days(idle_days)]).await?;
        rows.iter().map(device).collect()
    }

    /// Finds where a device is reached, unless its session ended or went unused for
    /// `idle_days`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_push_target(
        &self,
        device: PushDeviceRef,
        idle_days: u32,
    ) -> Result<Option<StoredPushTarget>, StoreError> {
        let parameters: [super::Parameter<'_>; 3] =
            [&device.user_id, &device.subscription_id, &days(idle_days)];
        let row = self.row(FIND, &parameters).await?;
        row.as_ref().map(target).transpose()
    }

    /// Ends a device's subscription. Returns whether there was one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_push_subscription(
        &self,
        device: PushDeviceRef,
    ) -> Result<bool, StoreError> {
        let parameters: [super::Parameter<'_>; 2] = [&device.user_id, &device.subscription_id];
        Ok(self.execute(DELETE, &parameters).await? > 0)
    }
}

/// How often another user may win the race for one endpoint before this one gives up.
const TAKE_OVER_ATTEMPTS: usize = 3;

async fn take_over(
    transaction: &Transaction<'_>,
    subscription: &NewPushSubscription,
) -> Result<PushDevice, StoreError> {
    let NewPushSubscription {
        user_id,
        session_id,
        endpoint,
        keys,
    } = subscription;
    let (id, hash) = (PushSubscriptionId::generate(), endpoint.hash());
    let (endpoint, p256dh, auth) = (endpoint.as_str(), keys.p256dh.reveal(), keys.auth.reveal());
    for _ in 0..TAKE_OVER_ATTEMPTS {
        let statement = transaction.prepare_cached(DELETE_FOREIGN).await?;
        transaction.execute(&statement, &[&hash, user_id]).await?;
        let statement = transaction.prepare_cached(UPSERT).await?;
        let parameters: [super::Parameter<'_>; 7] =
            [user_id, &id, session_id, &endpoint, &hash, &p256dh, &auth];
        // No row: another user took the endpoint between the two statements.
        if let Some(row) = transaction.query_opt(&statement, &parameters).await? {
            return device(&row);
        }
    }
    let message = "one endpoint is subscribed by many users at once";
    Err(StoreError::Unexpected(message.to_owned()))
}

fn device(row: &Row) -> Result<PushDevice, StoreError> {
    Ok(PushDevice {
        id: row.try_get("id")?,
        created_at: row.try_get("created_at")?,
        last_success_at: row.try_get("last_success_at")?,
        failing_since: row.try_get("failing_since")?,
    })
}

pub(super) fn target(row: &Row) -> Result<StoredPushTarget, StoreError> {
    let unexpected =
        |refused| StoreError::Unexpected(format!("the key of a push subscription {refused}"));
    Ok(StoredPushTarget {
        origin: row.try_get("origin")?,
        endpoint: row.try_get("endpoint")?,
        keys: DeviceKeys {
            p256dh: P256dh::parse(row.try_get("p256dh")?).map_err(unexpected)?,
            auth: AuthSecret::parse(row.try_get("auth")?).map_err(unexpected)?,
        },
    })
}
