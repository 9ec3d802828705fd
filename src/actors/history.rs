//! Reads from the database for sessions, which never hold a connection themselves.
//!
//! A session whose client takes no data is not polled, so a read must not be its own future:
//! it would keep a pooled connection for as long as the client likes. Each read is a task of
//! its own, with a bound on how many run at once; its result waits for the session.

use std::sync::Arc;

use bytestring::ByteString;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, oneshot};

use super::subscriber::Subscriber;
use crate::domain::ids::{ChannelId, Epoch, MembersVersion, Seq, SessionId, UserId};
use crate::domain::notification::Notification;
use crate::metrics::Metrics;
use crate::protocol::{ServerFrame, ToDeviceFrameEvent};
use crate::store::{
    DeviceStatus, MissedMessages, Store, StoreError, ToDeviceEvent, WatchedChannel,
};

/// Messages in one page of a replay.
const PAGE_MESSAGES: i64 = 100;
/// Messages to a device in one page.
const PAGE_EVENTS: i64 = 100;
/// Bytes of texts after which a page ends early.
const PAGE_BYTES: i64 = 128 * 1024;
/// Alerts that are offered again at connect.
const OFFERED_AGAIN: i64 = 100;

/// What a session needs to begin.
#[derive(Debug)]
pub struct Greeting {
    /// Which history of the database this is.
    pub epoch: Epoch,
    /// How many notifications wait unread.
    pub unread: i64,
    /// The newest alerts that nobody acknowledged, the oldest of them first.
    pub unacknowledged: Vec<Notification>,
    /// What the device has left for others, and where the order of device list changes is. Read
    /// after the socket was registered: of every later change it is told.
    pub device: DeviceStatus,
}

/// What a session may watch of what it asked for.
#[derive(Debug)]
pub struct Watchable {
    /// The channels that the user is in, with their heads.
    pub channels: Vec<WatchedChannel>,
    /// Which history of the database the heads belong to.
    pub epoch: Epoch,
}

/// Messages that a client missed, encoded, in order.
#[derive(Debug)]
pub struct ReplayPage {
    /// Each with its place.
    pub frames: Vec<(Seq, ByteString)>,
    /// The state of the channel's members when they were read; `None` without messages.
    pub members_version: Option<MembersVersion>,
}

/// See the module.
#[derive(Debug)]
pub struct History {
    store: Store,
    reads: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// The result of a read, when it is there.
pub type Reading<T> = oneshot::Receiver<Result<T, StoreError>>;

impl History {
    /// Reads from `store`, at most `reads` at once.
    #[must_use]
    pub fn new(store: Store, reads: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            store,
            reads: Arc::new(Semaphore::new(reads)),
            metrics,
        })
    }

    /// Reads what a session begins with. `None`: its sign-in has ended.
    #[must_use]
    pub fn greet(&self, user: UserId, session: SessionId) -> Reading<Option<Greeting>> {
        let store = self.store.clone();
        self.spawn(async move {
            if store.keep_sessions(&[session]).await?.is_empty() {
                return Ok(None);
            }
            let epoch = store.epoch().await?;
            let unacknowledged = store.list_unacknowledged(user, OFFERED_AGAIN).await?;
            // What was never acknowledged is unread: without any, most users have none.
            let unread = store.count_unread_notifications(user).await?;
            let device = store.device_status(session).await?;
            Ok(Some(Greeting {
                epoch,
                unread,
                unacknowledged,
                device,
            }))
        })
    }

    /// Reads which of `channels` a user is in, and how far each is.
    #[must_use]
    pub fn watchable(&self, user: UserId, channels: Vec<ChannelId>) -> Reading<Watchable> {
        let store = self.store.clone();
        self.spawn(async move {
            let epoch = store.epoch().await?;
            Ok(Watchable {
                channels: store.watched_channels(user, &channels).await?,
                epoch,
            })
        })
    }

    /// Reads a page of what a member missed.
    #[must_use]
    pub fn replay(&self, subscriber: &Subscriber, missed: MissedMessages) -> Reading<ReplayPage> {
        let (store, member) = (self.store.clone(), subscriber.user_id());
        self.metrics.replay_pages.inc();
        self.spawn(async move {
            let replayed = store
                .replay_messages(member, &missed, PAGE_MESSAGES, PAGE_BYTES)
                .await?;
            let frames = replayed.messages.iter().map(|message| {
                let text = ServerFrame::Message {
                    channel_id: missed.channel_id,
                    seq: message.seq,
                    message,
                }
                .encode();
                (message.seq, text)
            });
            Ok(ReplayPage {
                frames: frames.collect(),
                members_version: replayed.members_version,
            })
        })
    }

    /// Reads a page of what waits for a device behind a place.
    #[must_use]
    pub fn mail(&self, session: SessionId, after: i64) -> Reading<Vec<ToDeviceFrameEvent>> {
        let store = self.store.clone();
        self.spawn(async move {
            let events = store.list_to_device(session, after, PAGE_EVENTS, PAGE_BYTES);
            events.await?.into_iter().map(frame_event).collect()
        })
    }

    /// Writes down that a device has its mail up to a place.
    #[must_use]
    pub fn acknowledge_mail(&self, session: SessionId, up_to: i64) -> Reading<()> {
        let store = self.store.clone();
        self.spawn(async move { store.acknowledge_to_device(session, up_to).await })
    }

    fn spawn<T: 'static>(
        &self,
        read: impl Future<Output = Result<T, StoreError>> + 'static,
    ) -> Reading<T> {
        let (result, reading) = oneshot::channel();
        let reads = Arc::clone(&self.reads);
        actix_rt::spawn(async move {
            // The semaphore is never closed.
            let Ok(_permit) = reads.acquire_owned().await else {
                return;
            };
            if !result.is_closed() {
                let _ = result.send(read.await);
            }
        });
        reading
    }
}

fn frame_event(event: ToDeviceEvent) -> Result<ToDeviceFrameEvent, StoreError> {
    let content = RawValue::from_string(event.content)
        .map_err(|error| StoreError::Unexpected(format!("a message to a device: {error}")))?;
    Ok(ToDeviceFrameEvent {
        id: event.position,
        event_type: event.event_type,
        sender: event.sender,
        content,
    })
}
