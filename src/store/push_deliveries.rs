//! What is owed to devices: writing it down, taking it up, and noting what came of it.
//!
//! Everything happens for many at once. Locks are taken in the order notifications by key,
//! then what is owed, then devices; who takes something up skips what others hold.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::push::{PushDeviceRef, StoredPushTarget, target};
use super::{Parameter, Store, StoreError, days, rows};
use crate::domain::ids::{NotificationId, PushSubscriptionId, UserId};
use crate::domain::notification::Notification;
use crate::domain::push::DeviceKeys;
use crate::domain::push_delivery::{DeliveryEnd, DeliveryKey};
use crate::domain::time::Timestamp;

const TAKE_THESE: &str = include_str!("../../sql/queries/notifications/take_these.sql");
const TAKE_OVERDUE: &str = include_str!("../../sql/queries/notifications/take_overdue.sql");
const BEGIN_PUSHING: &str = include_str!("../../sql/queries/notifications/begin_pushing.sql");
const LOCK: &str = include_str!("../../sql/queries/notifications/lock.sql");
const SETTLE: &str = include_str!("../../sql/queries/notifications/settle.sql");
const INSERT: &str = include_str!("../../sql/queries/push_deliveries/insert.sql");
const CLAIM: &str = include_str!("../../sql/queries/push_deliveries/claim.sql");
const END: &str = include_str!("../../sql/queries/push_deliveries/end.sql");
const POSTPONE: &str = include_str!("../../sql/queries/push_deliveries/postpone.sql");
const NOTE_SUCCESS: &str = include_str!("../../sql/queries/push_subscriptions/note_success.sql");
const NOTE_FAILURE: &str = include_str!("../../sql/queries/push_subscriptions/note_failure.sql");
const DELETE_GONE: &str = include_str!("../../sql/queries/push_subscriptions/delete_gone.sql");

/// How long what was taken up is left alone by others. Longer than sending it, twice if it has to
/// be shortened, and noting what came of it take, so that it is sent twice only when its server
/// or the database is lost.
const LEASE: Duration = Duration::from_secs(60);

/// How many pushes may be taken up.
#[derive(Clone, Debug, Default)]
pub struct PushRoom {
    /// In all.
    pub free: usize,
    /// For any push service that has none on its way.
    pub per_origin: usize,
    /// For those that have, by their origins.
    pub by_origin: Vec<(String, usize)>,
}

impl PushRoom {
    /// Whether some push service has no place left.
    #[must_use]
    pub fn is_full_somewhere(&self) -> bool {
        self.by_origin.iter().any(|(_, room)| *room == 0)
    }

    /// Whether taking up these left no place somewhere: then more may be due.
    #[must_use]
    pub fn is_filled_by(&self, claimed: &[ClaimedPush]) -> bool {
        let mut taken: HashMap<&str, usize> = HashMap::new();
        for push in claimed {
            *taken.entry(&push.origin).or_default() += 1;
        }
        let room_of = |origin: &str| {
            let known = self.by_origin.iter().find(|(known, _)| known == origin);
            known.map_or(self.per_origin, |(_, room)| *room)
        };
        claimed.len() >= self.free
            || taken
                .iter()
                .any(|(origin, taken)| *taken >= room_of(origin))
    }
}

/// A push that was taken up, with what is to be checked before it leaves.
#[derive(Debug)]
pub struct ClaimedPush {
    /// Which.
    pub key: DeliveryKey,
    /// Scheme, host and port of the push service.
    pub origin: String,
    /// How often it was taken up, this time included.
    pub attempts: i32,
    /// What it says.
    pub notification: Notification,
    /// Whether a client has the alert already.
    pub acknowledged: bool,
    /// Whether the user is in the channel.
    pub is_member: bool,
    /// Whether the message has not been deleted.
    pub message_exists: bool,
    /// Where the device is reached; `None`: it unsubscribed, or its session ended.
    pub target: Option<StoredPushTarget>,
}

/// What came of sending to devices, as far as it concerns the devices.
#[derive(Debug, Default)]
pub struct DevicesTold {
    /// Those that were reached.
    pub reached: BTreeSet<PushDeviceRef>,
    /// Those that were not, with when it was tried.
    pub unreached: Vec<(PushDeviceRef, Timestamp)>,
    /// Those that their push service does not know, with the keys that were used.
    pub gone: Vec<(PushDeviceRef, DeviceKeys)>,
}

/// What came of pushes.
#[derive(Debug, Default)]
pub struct PushSettlement {
    /// Those that ended.
    pub ended: Vec<(DeliveryKey, DeliveryEnd)>,
    /// Those that are tried again, with when.
    pub again: Vec<(DeliveryKey, Duration)>,
    /// What it means for the devices.
    pub devices: DevicesTold,
}

impl Store {
    /// Writes down that alerts are owed to their users' devices, unless something became of
    /// them already. Returns for how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn owe_pushes(
        &self,
        alerts: &[(UserId, NotificationId)],
        idle_days: u32,
    ) -> Result<usize, StoreError> {
        let (users, ids): (Vec<UserId>, Vec<NotificationId>) = alerts.iter().copied().unzip();
        self.owe(TAKE_THESE, &[&users, &ids], idle_days).await
    }

    /// Writes down the same of alerts accepted no later than `until` that nothing became of,
    /// at most `limit`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn owe_overdue_pushes(
        &self,
        until: Timestamp,
        limit: i64,
        idle_days: u32,
    ) -> Result<usize, StoreError> {
        self.owe(TAKE_OVERDUE, &[&until, &limit], idle_days).await
    }

    async fn owe(
        &self,
        take: &'static str,
        parameters: &[Parameter<'_>],
        idle_days: u32,
    ) -> Result<usize, StoreError> {
        self.patiently(async |connection| {
            let transaction = connection.transaction().await?;
            let statement = transaction.prepare_cached(take).await?;
            let taken = transaction.query(&statement, parameters).await?;
            if taken.is_empty() {
                return Ok(0);
            }
            let (mut users, mut ids) = (Vec::new(), Vec::new());
            for row in &taken {
                users.push(row.try_get::<_, UserId>("user_id")?);
                ids.push(row.try_get::<_, NotificationId>("id")?);
            }
            run(&transaction, INSERT, &[&users, &ids, &days(idle_days)]).await?;
            run(&transaction, BEGIN_PUSHING, &[&users, &ids]).await?;
            transaction.commit().await?;
            Ok(taken.len())
        })
        .await
    }

    /// Takes up pushes that are due, as many as there is room for.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim_pushes(
        &self,
        room: &PushRoom,
        idle_days: u32,
    ) -> Result<Vec<ClaimedPush>, StoreError> {
        let (full, with_room): (Vec<_>, Vec<_>) =
            room.by_origin.iter().partition(|(_, room)| *room == 0);
        let full: Vec<&str> = full.iter().map(|(origin, _)| origin.as_str()).collect();
        let origins: Vec<&str> = with_room
            .iter()
            .map(|(origin, _)| origin.as_str())
            .collect();
        let rooms: Vec<i64> = with_room.iter().map(|(_, room)| count(*room)).collect();
        let parameters: [Parameter<'_>; 7] = [
            &count(room.free),
            &full,
            &origins,
            &rooms,
            &count(room.per_origin),
            &LEASE.as_secs_f64(),
            &days(idle_days),
        ];
        let claimed = self.rows(CLAIM, &parameters).await?;
        claimed.iter().map(claimed_push).collect()
    }

    /// Notes what came of pushes: of each, of the alerts they belong to, and of the devices.
    ///
    /// # Errors
    /// When the database does not answer. Then nothing is noted.
    pub async fn settle_pushes(&self, settlement: &PushSettlement) -> Result<(), StoreError> {
        self.patiently(async |connection| {
            let transaction = connection.transaction().await?;
            note_ends(&transaction, &settlement.ended).await?;
            postpone(&transaction, &settlement.again).await?;
            note_devices(&transaction, &settlement.devices).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }
}

async fn run(
    transaction: &Transaction<'_>,
    sql: &'static str,
    parameters: &[Parameter<'_>],
) -> Result<(), StoreError> {
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, parameters).await?;
    Ok(())
}

async fn note_ends(
    transaction: &Transaction<'_>,
    ended: &[(DeliveryKey, DeliveryEnd)],
) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    let alerts: BTreeSet<(UserId, NotificationId)> = ended
        .iter()
        .map(|(key, _)| (key.user_id, key.notification_id))
        .collect();
    let (alert_users, alert_ids): (Vec<UserId>, Vec<NotificationId>) = alerts.into_iter().unzip();
    run(transaction, LOCK, &[&alert_users, &alert_ids]).await?;
    let keys = KeyColumns::of(ended.iter().map(|(key, _)| key));
    let states: Vec<&str> = ended.iter().map(|(_, end)| end.state()).collect();
    let reasons: Vec<Option<&str>> = ended.iter().map(|(_, end)| end.reason()).collect();
    let (users, ids, devices) = keys.parameters();
    run(transaction, END, &[users, ids, devices, &states, &reasons]).await?;
    run(transaction, SETTLE, &[&alert_users, &alert_ids]).await
}

async fn postpone(
    transaction: &Transaction<'_>,
    again: &[(DeliveryKey, Duration)],
) -> Result<(), StoreError> {
    if again.is_empty() {
        return Ok(());
    }
    let keys = KeyColumns::of(again.iter().map(|(key, _)| key));
    let seconds: Vec<f64> = again.iter().map(|(_, wait)| wait.as_secs_f64()).collect();
    let (users, ids, devices) = keys.parameters();
    run(transaction, POSTPONE, &[users, ids, devices, &seconds]).await
}

async fn note_devices(
    transaction: &Transaction<'_>,
    devices: &DevicesTold,
) -> Result<(), StoreError> {
    if !devices.reached.is_empty() {
        let (users, ids) = device_columns(devices.reached.iter());
        run(transaction, NOTE_SUCCESS, &[&users, &ids]).await?;
    }
    if !devices.unreached.is_empty() {
        let (users, ids) = device_columns(devices.unreached.iter().map(|(device, _)| device));
        let sent: Vec<Timestamp> = devices.unreached.iter().map(|(_, at)| *at).collect();
        run(transaction, NOTE_FAILURE, &[&users, &ids, &sent]).await?;
    }
    if !devices.gone.is_empty() {
        let (users, ids) = device_columns(devices.gone.iter().map(|(device, _)| device));
        let tried = devices.gone.iter().map(|(_, keys)| keys.p256dh.reveal());
        let tried: Vec<&str> = tried.collect();
        run(transaction, DELETE_GONE, &[&users, &ids, &tried]).await?;
    }
    Ok(())
}

fn device_columns<'a>(
    devices: impl Iterator<Item = &'a PushDeviceRef>,
) -> (Vec<UserId>, Vec<PushSubscriptionId>) {
    devices
        .map(|device| (device.user_id, device.subscription_id))
        .unzip()
}

/// Keys as the columns of a statement's arrays.
#[derive(Default)]
struct KeyColumns {
    users: Vec<UserId>,
    notifications: Vec<NotificationId>,
    subscriptions: Vec<PushSubscriptionId>,
}

impl KeyColumns {
    fn of<'a>(keys: impl Iterator<Item = &'a DeliveryKey>) -> Self {
        let mut columns = Self::default();
        for key in keys {
            columns.users.push(key.user_id);
            columns.notifications.push(key.notification_id);
            columns.subscriptions.push(key.subscription_id);
        }
        columns
    }

    fn parameters(&self) -> (Parameter<'_>, Parameter<'_>, Parameter<'_>) {
        (&self.users, &self.notifications, &self.subscriptions)
    }
}

fn claimed_push(row: &Row) -> Result<ClaimedPush, StoreError> {
    let subscribed: bool = row.try_get("subscribed")?;
    let notification = rows::notification(row)?;
    Ok(ClaimedPush {
        key: DeliveryKey {
            user_id: row.try_get("user_id")?,
            notification_id: notification.id,
            subscription_id: row.try_get("subscription_id")?,
        },
        origin: row.try_get("origin")?,
        attempts: row.try_get("attempts")?,
        notification,
        acknowledged: row.try_get("acknowledged")?,
        is_member: row.try_get("is_member")?,
        message_exists: row.try_get("message_exists")?,
        target: subscribed.then(|| readable_target(row)).flatten(),
    })
}

/// Keys were checked before they were stored. Should some not be readable all the same, they
/// must not hold up the pushes that were taken up with them.
fn readable_target(row: &Row) -> Option<StoredPushTarget> {
    let target = target(row);
    if let Err(error) = &target {
        tracing::error!(%error, "a device cannot be reached");
    }
    target.ok()
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
