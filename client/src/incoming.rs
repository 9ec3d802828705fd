//! What the server tells this device, taken into its store.

use std::collections::BTreeMap;

use matrix_sdk_crypto::{DecryptionSettings, EncryptionSyncChanges, TrustRequirement};
use ruma::api::client::sync::sync_events::DeviceLists;
use ruma::events::AnyToDeviceEvent;
use ruma::serde::Raw;
use ruma::{OneTimeKeyAlgorithm, OwnedUserId, UInt};
use serde::Deserialize;
use serde_json::json;

use crate::device::Device;
use crate::error::Error;
use crate::frames::{Frame, ToDeviceEvent};
use crate::ids::UserId;
use crate::names::user_id_in;

/// Where it is kept up to which place in the order of changes of users' devices this device knows
/// them, with the epoch that the place belongs to.
const POSITION: &str = "chatalot.device_lists_position";

/// What the server tells a device.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// A new connection: where the order of changes of users' devices is, and the epoch that this
    /// belongs to. What was missed is asked for.
    pub position: Option<(i64, String)>,
    /// More has changed than is listed.
    pub limited: bool,
    /// Messages to this device, in order.
    pub events: Vec<ToDeviceEvent>,
    /// Users whose devices are to be asked for again, by their full names.
    pub changed: Vec<String>,
    /// Users with whom no channel is shared any more.
    pub left: Vec<String>,
    /// How many one-time keys the server has, by their algorithm; empty when it said nothing.
    pub one_time_keys: BTreeMap<String, u32>,
    /// The algorithms whose fallback key nobody was given yet, if the server said so.
    pub unused_fallback_keys: Option<Vec<String>>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Messages to this device up to here are in the store: the server need not keep them.
    pub acknowledge: Option<i64>,
    /// The sessions whose keys came: their messages can be tried again.
    pub sessions: Vec<String>,
}

impl News {
    /// What a frame tells a device, if it does.
    #[must_use]
    pub fn of(frame: &Frame) -> Option<Self> {
        let nothing = Self::default();
        match frame {
            Frame::Hello {
                device_lists_position,
                epoch,
            } => Some(Self {
                position: Some((*device_lists_position, epoch.clone())),
                ..nothing
            }),
            Frame::ToDevice(events) => Some(Self {
                events: events.clone(),
                ..nothing
            }),
            Frame::DeviceLists {
                changed,
                left,
                limited,
            } => Some(Self {
                changed: changed.clone(),
                left: left.clone(),
                limited: *limited,
                ..nothing
            }),
            Frame::OneTimeKeys {
                counts,
                unused_fallback_keys,
            } => Some(Self {
                one_time_keys: counts.clone(),
                unused_fallback_keys: Some(unused_fallback_keys.clone()),
                ..nothing
            }),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Changes {
    changed: Vec<OwnedUserId>,
}

impl Device {
    /// Takes news in, after those that came before. Messages that were taken already are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when the store fails; what [`Error::is_transient`]. Nothing is to be
    /// acknowledged then, also not with later news: end the connection, and the server tells it
    /// again on the next one.
    pub async fn receive(&self, news: News) -> Result<Received, Error> {
        let mut taken = self.state.taken.lock().await;
        let mut changed = names(&news.changed);
        if news.position.is_some() || news.limited {
            let mut known: Option<(i64, String)> = self.stored(POSITION).await?;
            let epoch = news.position.as_ref().map(|(_, epoch)| epoch);
            if known
                .take_if(|(_, known)| epoch.is_some_and(|it| it != known))
                .is_some()
            {
                // Places and states of an earlier history mean nothing in this one.
                *taken = 0;
                self.forget_all_members().await;
            }
            let since = known.map(|(since, _)| since);
            changed.extend(self.missed(since).await?);
        }
        self.may_ask_for(&changed).await;
        let last = news.events.last().map(|event| event.id);
        let fresh = news.events.iter().filter(|event| event.id > *taken);
        let fresh: Vec<&ToDeviceEvent> = fresh.collect();
        self.know_senders(&fresh).await?;
        let events = fresh.into_iter().map(raw);
        let events = events.collect::<Result<Vec<_>, _>>()?;
        let mut lists = DeviceLists::new();
        lists.changed = changed;
        lists.left = names(&news.left);
        let counts = news.one_time_keys.iter();
        let counts: BTreeMap<OneTimeKeyAlgorithm, UInt> = counts
            .map(|(algorithm, count)| (algorithm.as_str().into(), (*count).into()))
            .collect();
        let unused: Option<Vec<OneTimeKeyAlgorithm>> = news
            .unused_fallback_keys
            .map(|keys| keys.iter().map(|it| it.as_str().into()).collect());
        let changes = EncryptionSyncChanges {
            to_device_events: events,
            changed_devices: &lists,
            one_time_keys_counts: &counts,
            unused_fallback_keys: unused.as_deref(),
            next_batch_token: None,
        };
        // Keys are taken from devices that nobody vouches for yet: whether what they open is
        // believed is asked for each message.
        let settings = DecryptionSettings {
            sender_device_trust_requirement: TrustRequirement::Untrusted,
        };
        let received = self.machine.receive_sync_changes(changes, &settings).await;
        let (_, keys) = received.map_err(Error::library)?;
        if let Some(position) = news.position {
            self.store(POSITION, &position).await?;
        }
        *taken = (*taken).max(last.unwrap_or_default());
        Ok(Received {
            acknowledge: last,
            sessions: keys.into_iter().map(|key| key.session_id).collect(),
        })
    }

    /// Has the devices of these users asked for again, where nobody has told this one what changed.
    pub(crate) async fn expect_new_devices_of(&self, users: &[UserId]) -> Result<(), Error> {
        let names = self.names.users(users)?;
        let changed = News {
            changed: names.into_iter().map(Into::into).collect(),
            ..News::default()
        };
        self.receive(changed).await.map(drop)
    }

    /// Learns the identities of those who sent keys. A key is believed by who vouched for its sender's
    /// device when the key came: later, that device may be gone.
    async fn know_senders(&self, events: &[&ToDeviceEvent]) -> Result<(), Error> {
        let names = events
            .iter()
            .filter_map(|event| <&ruma::UserId>::try_from(event.sender.as_str()).ok());
        let mut senders: Vec<_> = names.filter_map(user_id_in).collect();
        senders.sort_unstable();
        senders.dedup();
        if senders.is_empty() {
            return Ok(());
        }
        // Who sends something is there.
        self.may_ask_for(&self.names.users(&senders)?).await;
        match self.know(&senders).await {
            // The messages are not taken then, and come again.
            Err(error) if error.is_transient() => Err(error),
            // A server that does not tell whose devices these are must not stop the mailbox.
            _ => Ok(()),
        }
    }

    /// Users whose devices changed since a place in their order, while nobody told this device. When
    /// there is no such place, it is everybody: that is more than the server could name.
    async fn missed(&self, since: Option<i64>) -> Result<Vec<OwnedUserId>, Error> {
        if let Some(since) = since {
            let call = self.api.get(&["e2ee", "keys", "changes"]);
            let changes = call.query("from", &since.to_string()).fetch::<Changes>();
            // Without an answer it is not known who they are: then it may be anybody.
            if let Ok(Changes { changed }) = changes.await {
                return Ok(changed);
            }
        }
        let marked = self.machine.mark_all_tracked_users_as_dirty().await;
        marked.map_err(Error::library)?;
        self.may_ask_for_all().await;
        Ok(Vec::new())
    }
}

/// Those of the names that are some. A server that makes names up harms nobody but itself.
fn names(names: &[String]) -> Vec<OwnedUserId> {
    names.iter().filter_map(|it| it.parse().ok()).collect()
}

/// A message to this device as the library reads it.
fn raw(event: &ToDeviceEvent) -> Result<Raw<AnyToDeviceEvent>, Error> {
    let event = json!({
        "type": event.event_type, "sender": event.sender, "content": event.content,
    });
    Raw::from_json_string(event.to_string()).map_err(Error::library)
}
