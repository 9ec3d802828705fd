//! A device that follows what happens.

use crate::device::Device;
use crate::error::Error;
use crate::frames::Frame;
use crate::ids::ChannelId;
use crate::incoming::News;
use crate::session::Session;
use crate::socket::Socket;

/// A connection whose news the device takes in by itself.
#[derive(Debug)]
pub struct Live {
    device: Device,
    socket: Socket,
}

impl Device {
    /// Connects, learns what this device missed, and watches channels, each from a place on or only
    /// what is new.
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
        let socket = Socket::connect(session).await?;
        let mut live = Live {
            device: self.clone(),
            socket,
        };
        let hello = live.next().await?;
        if !matches!(hello, Frame::Hello { .. }) {
            let text = "a socket that does not begin with hello";
            return Err(Error::Unexpected(text.to_owned()));
        }
        live.socket.subscribe(channels, None).await?;
        Ok(live)
    }
}

impl Live {
    /// The next frame. What it tells the device is in its store by then, and acknowledged; after
    /// [`Frame::ToDevice`] messages that waited for their key can be tried again.
    ///
    /// # Errors
    ///
    /// Those of [`Socket::next`]; [`Error::Library`] when the store fails.
    pub async fn next(&mut self) -> Result<Frame, Error> {
        let frame = self.socket.next().await?;
        if let Some(news) = News::of(&frame) {
            let received = self.device.receive(news).await?;
            if let Some(up_to) = received.acknowledge {
                self.socket.acknowledge(up_to).await?;
            }
            // What cannot be sent now is tried again with the next news.
            let _later = self.device.flush().await;
        }
        if let Frame::MembersChanged { channel_id, .. } = frame {
            self.device.forget_members(channel_id).await;
        }
        Ok(frame)
    }
}
