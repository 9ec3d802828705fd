//! The mailboxes of devices: in order, until acknowledged, within bounds.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;

use super::DeviceRef;
use super::device_keys::lock_session;
use crate::domain::encryption::to_device::{
    EventType, MAX_RECIPIENTS, MAX_WAITING_BYTES, MAX_WAITING_MESSAGES, ToDeviceMessage,
    ToDeviceTransactionId,
};
use crate::domain::ids::{SessionId, UserId};
use crate::store::{Parameter, Store, StoreError};

const INSERT_TRANSACTION: &str =
    include_str!("../../../sql/queries/to_device/insert_transaction.sql");
const FIND_RECIPIENTS: &str = include_str!("../../../sql/queries/to_device/find_recipients.sql");
pub(in crate::store) const LOCK_MAILBOXES: &str =
    include_str!("../../../sql/queries/to_device/lock_mailboxes.sql");
const NOTE_UNDELIVERED: &str = include_str!("../../../sql/queries/to_device/note_undelivered.sql");
const FIND_UNDELIVERED: &str = include_str!("../../../sql/queries/to_device/find_undelivered.sql");
const INSERT: &str = include_str!("../../../sql/queries/to_device/insert.sql");
const FILL_MAILBOXES: &str = include_str!("../../../sql/queries/to_device/fill_mailboxes.sql");
const LIST: &str = include_str!("../../../sql/queries/to_device/list.sql");
const ACKNOWLEDGE: &str = include_str!("../../../sql/queries/to_device/acknowledge.sql");

/// What sending came to.
#[derive(Debug)]
pub enum SentToDevice {
    /// The messages wait for their devices.
    Done {
        /// The devices that have mail now.
        delivered: Vec<DeviceRef>,
        /// The devices that were passed over, because their mailboxes are full.
        full: Vec<DeviceRef>,
    },
    /// It was sent before; nothing was done.
    Repeated {
        /// The devices that were passed over then.
        full: Vec<DeviceRef>,
    },
    /// The messages are for more devices than one call reaches; nothing was done.
    TooManyRecipients,
    /// The session ended meanwhile.
    SessionEnded,
}

/// A message that waits for a device.
#[derive(Debug)]
pub struct ToDeviceEvent {
    /// Its place in the mailbox.
    pub position: i64,
    /// The user id of who sent it.
    pub sender: String,
    /// What it is about.
    pub event_type: String,
    /// The content, as JSON text.
    pub content: String,
}

impl Store {
    /// Puts messages into the mailboxes of devices, once for each transaction id of the sender.
    /// Whether the sender may write to the users was asked before; devices that do not exist are
    /// passed over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn send_to_devices(
        &self,
        sender: DeviceRef,
        event_type: &EventType,
        transaction_id: &ToDeviceTransactionId,
        messages: &[ToDeviceMessage],
    ) -> Result<SentToDevice, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        if !lock_session(&transaction, sender).await? {
            return Ok(SentToDevice::SessionEnded);
        }
        let statement = transaction.prepare_cached(INSERT_TRANSACTION).await?;
        let name = transaction_id.as_str();
        // A repeat that comes while the first is under way waits here for its end.
        if transaction
            .query_opt(&statement, &[&sender.session_id, &name])
            .await?
            .is_none()
        {
            let full = find_undelivered(&transaction, sender, transaction_id).await?;
            return Ok(SentToDevice::Repeated { full });
        }
        let Some(recipients) = find_recipients(&transaction, messages).await? else {
            return Ok(SentToDevice::TooManyRecipients);
        };
        if recipients.is_empty() {
            // Nothing was done that a repeat could do twice, so nothing is remembered.
            return Ok(SentToDevice::Done {
                delivered: Vec::new(),
                full: Vec::new(),
            });
        }
        let mail = put_in(&transaction, &recipients).await?;
        let statement = transaction.prepare_cached(INSERT).await?;
        let parameters: [Parameter<'_>; 5] = [
            &sender.user_id,
            &event_type.as_str(),
            &mail.sessions,
            &mail.positions,
            &mail.contents,
        ];
        transaction.execute(&statement, &parameters).await?;
        let statement = transaction.prepare_cached(FILL_MAILBOXES).await?;
        transaction
            .execute(&statement, &[&mail.sessions, &mail.bytes])
            .await?;
        note_undelivered(&transaction, sender, transaction_id, &mail.full).await?;
        transaction.commit().await?;
        Ok(SentToDevice::Done {
            delivered: mail.delivered,
            full: mail.full,
        })
    }

    /// Lists what waits for a device behind the place `after`, in order: at most `limit` messages,
    /// and none that begins after `bytes` of contents.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_to_device(
        &self,
        session: SessionId,
        after: i64,
        limit: i64,
        bytes: i64,
    ) -> Result<Vec<ToDeviceEvent>, StoreError> {
        let rows = self.rows(LIST, &[&session, &after, &limit, &bytes]).await?;
        rows.iter()
            .map(|row| {
                Ok(ToDeviceEvent {
                    position: row.try_get("position")?,
                    sender: row.try_get("sender")?,
                    event_type: row.try_get("event_type")?,
                    content: row.try_get("content")?,
                })
            })
            .collect()
    }

    /// Forgets what a device has, up to the place `up_to`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn acknowledge_to_device(
        &self,
        session: SessionId,
        up_to: i64,
    ) -> Result<(), StoreError> {
        self.execute(ACKNOWLEDGE, &[&session, &up_to]).await?;
        Ok(())
    }
}

async fn note_undelivered(
    transaction: &Transaction<'_>,
    sender: DeviceRef,
    transaction_id: &ToDeviceTransactionId,
    full: &[DeviceRef],
) -> Result<(), StoreError> {
    if full.is_empty() {
        return Ok(());
    }
    let sessions: Vec<SessionId> = full.iter().map(|device| device.session_id).collect();
    let statement = transaction.prepare_cached(NOTE_UNDELIVERED).await?;
    let parameters: [Parameter<'_>; 3] = [&sender.session_id, &transaction_id.as_str(), &sessions];
    transaction.execute(&statement, &parameters).await?;
    Ok(())
}

async fn find_undelivered(
    transaction: &Transaction<'_>,
    sender: DeviceRef,
    transaction_id: &ToDeviceTransactionId,
) -> Result<Vec<DeviceRef>, StoreError> {
    let statement = transaction.prepare_cached(FIND_UNDELIVERED).await?;
    let parameters: [Parameter<'_>; 2] = [&sender.session_id, &transaction_id.as_str()];
    let rows = transaction.query(&statement, &parameters).await?;
    rows.iter()
        .map(|row| {
            Ok(DeviceRef {
                user_id: row.try_get("user_id")?,
                session_id: row.try_get("session_id")?,
            })
        })
        .collect()
}

/// What goes where: each device once.
type Recipients<'a> = BTreeMap<SessionId, (UserId, &'a str)>;

async fn find_recipients<'a>(
    transaction: &Transaction<'_>,
    messages: &'a [ToDeviceMessage],
) -> Result<Option<Recipients<'a>>, StoreError> {
    let users: Vec<UserId> = messages.iter().map(|message| message.user_id).collect();
    let sessions: Vec<Option<SessionId>> = messages.iter().map(|message| message.device).collect();
    let statement = transaction.prepare_cached(FIND_RECIPIENTS).await?;
    // A device may be named beside the star of its user, and is counted once.
    let limit = i64::try_from(2 * MAX_RECIPIENTS + 1).unwrap_or(i64::MAX);
    let rows = transaction
        .query(&statement, &[&users, &sessions, &limit])
        .await?;
    let mut recipients = Recipients::new();
    for row in &rows {
        let place: i64 = row.try_get("place")?;
        let place = usize::try_from(place - 1).ok();
        let Some(message) = place.and_then(|place| messages.get(place)) else {
            continue;
        };
        // Those that are named come first: what is for one device goes before what is for all.
        recipients
            .entry(row.try_get("session_id")?)
            .or_insert((row.try_get("user_id")?, message.content.as_str()));
    }
    Ok((recipients.len() <= MAX_RECIPIENTS).then_some(recipients))
}

/// Rows to insert, in step, and what becomes of each device.
#[derive(Default)]
struct Mail<'a> {
    sessions: Vec<SessionId>,
    positions: Vec<i64>,
    contents: Vec<&'a str>,
    bytes: Vec<i64>,
    delivered: Vec<DeviceRef>,
    full: Vec<DeviceRef>,
}

/// Locks the mailboxes and gives each message its place, if there is room for it.
async fn put_in<'a>(
    transaction: &Transaction<'_>,
    recipients: &Recipients<'a>,
) -> Result<Mail<'a>, StoreError> {
    let sessions: Vec<SessionId> = recipients.keys().copied().collect();
    let statement = transaction.prepare_cached(LOCK_MAILBOXES).await?;
    let mut mail = Mail::default();
    for row in transaction.query(&statement, &[&sessions]).await? {
        let session_id: SessionId = row.try_get("session_id")?;
        let Some(&(user_id, content)) = recipients.get(&session_id) else {
            continue;
        };
        let device = DeviceRef {
            user_id,
            session_id,
        };
        let bytes = i64::try_from(content.len()).unwrap_or(i64::MAX);
        let (waiting, waiting_bytes): (i32, i64) = (
            row.try_get("waiting_messages")?,
            row.try_get("waiting_bytes")?,
        );
        if waiting >= MAX_WAITING_MESSAGES
            || waiting_bytes.saturating_add(bytes) > MAX_WAITING_BYTES
        {
            mail.full.push(device);
            continue;
        }
        mail.delivered.push(device);
        mail.sessions.push(session_id);
        mail.positions
            .push(row.try_get::<_, i64>("last_position")? + 1);
        mail.contents.push(content);
        mail.bytes.push(bytes);
    }
    Ok(mail)
}
