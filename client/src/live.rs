//! A device that follows what happens.

use std::fmt;
use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;

use crate::device::Device;
use crate::error::Error;
use crate::frames::Frame;
use crate::ids::ChannelId;
use crate::incoming::News;
use crate::session::Session;
use crate::socket::Socket;

/// A connection whose news the device takes in by itself.
///
/// It ends with the first error, whatever that is: the server keeps what was not acknowledged, and
/// tells it again on the next connection.
pub struct Live {
    device: Device,
    /// Gone when the connection has ended.
    socket: Option<Socket>,
    /// There as long as the device is told what happens.
    followed: Option<Followed>,
    /// A frame that is being taken in. It is here, so that a caller who stops waiting loses nothing.
    taking: Option<BoxFuture<'static, Result<Taken, Error>>>,
    /// Up to where messages to the device were taken in, if the server was not told yet.
    acknowledge: Option<i64>,
    epoch: String,
}

/// A device that is told what happens.
struct Followed(Device);

impl Followed {
    fn new(device: Device) -> Self {
        device.state.connections.fetch_add(1, Ordering::Relaxed);
        Self(device)
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.0.state.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A frame whose news are in the device's store.
struct Taken {
    frame: Frame,
    /// Up to where messages to the device were among them.
    acknowledge: Option<i64>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut it = f.debug_struct("Live");
        it.field("device", &self.device).finish_non_exhaustive()
    }
}

impl Device {
    /// Connects, learns what this device missed, and watches channels: each from after a `seq` on, or
    /// with `None` only what is new. [`Live::watch`] adds others, and says more.
    ///
    /// # Errors
    ///
    /// Those of [`Socket::connect`] and [`Device::receive`].
    pub async fn follow(&self, channels: &[(ChannelId, Option<i64>)]) -> Result<Live, Error> {
        self.follow_at(&self.session(), channels).await
    }

    /// The same with a socket to another address of the server than calls are made to.
    ///
    /// # Errors
    ///
    /// As [`Device::follow`].
    pub async fn follow_at(
        &self,
        session: &Session,
        channels: &[(ChannelId, Option<i64>)],
    ) -> Result<Live, Error> {
        let mut live = Live {
            device: self.clone(),
            socket: Some(Socket::connect(session).await?),
            followed: None,
            taking: None,
            acknowledge: None,
            epoch: String::new(),
        };
        let Frame::Hello { epoch, .. } = live.next().await? else {
            let text = "a socket that does not begin with hello";
            return Err(Error::Unexpected(text.to_owned()));
        };
        live.epoch = epoch;
        live.followed = Some(Followed::new(self.clone()));
        if !channels.is_empty() {
            live.watch(channels, None).await?;
        }
        Ok(live)
    }

    /// Whether a connection tells this device whose devices change.
    pub(crate) fn is_followed(&self) -> bool {
        self.state.connections.load(Ordering::Relaxed) > 0
    }
}

impl Live {
    /// The next frame. What it tells the device is in its store by then; after [`Frame::ToDevice`]
    /// messages that waited for their key can be tried again. The next call acknowledges it, so call
    /// again soon.
    ///
    /// Waiting may be given up at any time, with a time-out say: the next call goes on with the same
    /// frame.
    ///
    /// # Errors
    ///
    /// Those of [`Socket::next`] and of [`Device::receive`]. The connection has ended then, and every
    /// further call fails with [`Error::Closed`]: had it gone on, a later acknowledgement would have
    /// told the server to forget what was not taken in. Connect again, with [`Device::follow`].
    pub async fn next(&mut self) -> Result<Frame, Error> {
        let next = self.advance().await;
        self.end_with(next)
    }

    /// Watches channels as well, each from after a `seq` on or with `None` only what is new. At most
    /// 100 at once, and 1,000 in all.
    ///
    /// `epoch` is the [`Live::epoch`] that the places were learned in, if they were learned on an
    /// earlier connection: in another one they mean nothing, and the server answers with
    /// [`Frame::Resync`].
    ///
    /// # Errors
    ///
    /// Those of [`Socket::subscribe`]; the connection has ended then, as with [`Live::next`]. A
    /// refusal comes as [`Frame::Refused`].
    pub async fn watch(
        &mut self,
        channels: &[(ChannelId, Option<i64>)],
        epoch: Option<&str>,
    ) -> Result<(), Error> {
        let socket = self.socket.as_mut().ok_or(Error::Closed(None))?;
        let watched = socket.subscribe(channels, epoch).await;
        self.end_with(watched)
    }

    /// The history that the places in channels belong to. It is another one after the server's
    /// database was restored from a backup.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    async fn advance(&mut self) -> Result<Frame, Error> {
        let socket = self.socket.as_mut().ok_or(Error::Closed(None))?;
        if let Some(up_to) = self.acknowledge {
            socket.acknowledge(up_to).await?;
            self.acknowledge = None;
        }
        let taking = match &mut self.taking {
            Some(taking) => taking,
            None => {
                let frame = socket.next().await?;
                let taking = take_in(self.device.clone(), frame);
                self.taking.insert(Box::pin(taking))
            }
        };
        let taken = taking.await;
        self.taking = None;
        let Taken { frame, acknowledge } = taken?;
        self.acknowledge = acknowledge;
        Ok(frame)
    }

    /// Ends the connection with an error.
    fn end_with<T>(&mut self, done: Result<T, Error>) -> Result<T, Error> {
        if done.is_err() {
            self.socket = None;
            self.followed = None;
        }
        done
    }
}

/// Takes in what a frame tells the device.
async fn take_in(device: Device, frame: Frame) -> Result<Taken, Error> {
    let mut acknowledge = None;
    if let Some(news) = News::of(&frame) {
        acknowledge = device.receive(news).await?.acknowledge;
        // What cannot be sent now is tried again with the next news.
        let _later = device.flush().await;
    }
    if let Frame::MembersChanged { channel_id, .. } = frame {
        device.forget_members(channel_id).await;
    }
    Ok(Taken { frame, acknowledge })
}
