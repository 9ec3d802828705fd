//! The outbox: the only way a frame reaches a session, and the bound on what waits for one.
//!
//! `actix-web-actors` stops polling an actor whose socket takes no data, so what a slow client
//! has not taken piles up in the actor's mailbox. A permit for its bytes travels inside each
//! message and is freed when the frame is handed to the socket, so the mailbox is bounded in
//! bytes and the accounting cannot leak.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::{Message, Recipient};
use bytestring::ByteString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::ids::{ChannelId, Seq};
use crate::protocol::{Close, ServerFrame};
use crate::store::MembersChange;

/// What a frame costs beside its text: the message, its place in the mailbox, the permit.
const FRAME_OVERHEAD_BYTES: usize = 64;

/// What a frame is about, as far as a session must know to keep its promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The message at a place of a channel.
    Message(ChannelId, Seq),
    /// A change of the message at a place of a channel.
    MessageChange(ChannelId, Seq),
    /// Something waits in the device's mailbox, or was taken out of it. Without a text.
    Mailbox,
    /// The state of a channel's members.
    Members(MembersChange),
    /// Anything else.
    Other,
}

/// An encoded frame. Cloning it copies no bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it is about.
    pub about: About,
    /// The JSON text.
    pub text: ByteString,
}

impl Frame {
    /// A frame that no session treats specially.
    #[must_use]
    pub fn other(text: ByteString) -> Self {
        Self {
            about: About::Other,
            text,
        }
    }

    /// Says that the members of a channel changed.
    #[must_use]
    pub fn members_changed(change: MembersChange) -> Self {
        let frame = ServerFrame::MembersChanged {
            channel_id: change.channel_id,
            members_version: change.members_version,
        };
        Self {
            about: About::Members(change),
            text: frame.encode(),
        }
    }
}

/// A frame on its way to a session. Sent by [`Outbox::push`] alone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliver {
    /// The frame.
    pub frame: Frame,
    /// Held until the frame is handed to the socket.
    pub permit: OwnedSemaphorePermit,
}

/// Tells a session to end. Sent by [`Outbox::end`] alone, at most once.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct EndSession(pub Close);

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushRefused {
    /// This frame went beyond the budget: the session is to be cut off now.
    Slow,
    /// The session is ending already.
    Ending,
}

/// The way to one session.
#[derive(Debug)]
pub struct Outbox {
    frames: Recipient<Deliver>,
    control: Recipient<EndSession>,
    budget: Arc<Semaphore>,
    ending: AtomicBool,
}

impl Outbox {
    /// Makes the way to a session for which `budget_bytes` may wait.
    #[must_use]
    pub fn new(
        frames: Recipient<Deliver>,
        control: Recipient<EndSession>,
        budget_bytes: usize,
    ) -> Self {
        let budget = Arc::new(Semaphore::new(budget_bytes.min(Semaphore::MAX_PERMITS)));
        Self {
            frames,
            control,
            budget,
            ending: AtomicBool::new(false),
        }
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// [`PushRefused`]; the first refusal for slowness is told from later ones.
    pub fn push(&self, frame: Frame) -> Result<(), PushRefused> {
        if self.is_ending() {
            return Err(PushRefused::Ending);
        }
        let cost = u32::try_from(frame.text.len() + FRAME_OVERHEAD_BYTES).unwrap_or(u32::MAX);
        match Arc::clone(&self.budget).try_acquire_many_owned(cost) {
            Ok(permit) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the permit bounds what waits, in bytes"
                )]
                self.frames.do_send(Deliver { frame, permit });
                Ok(())
            }
            Err(_) if self.ending.swap(true, Ordering::SeqCst) => Err(PushRefused::Ending),
            Err(_) => {
                self.send_end(Close::TooSlow);
                Err(PushRefused::Slow)
            }
        }
    }

    /// Ends the session; frames that still wait are not sent any more.
    pub fn end(&self, close: Close) {
        if !self.ending.swap(true, Ordering::SeqCst) {
            self.send_end(close);
        }
    }

    /// Takes no more frames, for a session that ends by itself.
    pub fn stop_taking(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    /// Whether the session is to end.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    fn send_end(&self, close: Close) {
        #[expect(
            clippy::disallowed_methods,
            reason = "one small message in the life of a session"
        )]
        self.control.do_send(EndSession(close));
    }
}
