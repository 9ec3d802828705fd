//! The mailbox of the device: pages of it, each after the one before was acknowledged.
//!
//! Nothing of the mailbox waits in memory. A socket is told that there is something, and reads it
//! from the database when its client has what it was sent before: so the order is that of the
//! database, a client that stops costs nothing, and what is not acknowledged comes again on the
//! next connection.

use std::collections::BTreeMap;

use actix::{ActorFutureExt, AsyncContext, WrapFuture};

use super::{READ_PAUSE, SessionActor, Socket};
use crate::domain::encryption::key_upload::ONE_TIME_KEY_ALGORITHM;
use crate::protocol::{ServerFrame, ToDeviceFrameEvent};
use crate::store::{DeviceStatus, StoreError};

/// How far this connection is with its device's mailbox.
#[derive(Default)]
pub(super) struct Mailbox {
    /// The place up to which everything was sent here.
    sent: i64,
    /// The place up to which the device has everything.
    acknowledged: i64,
    /// Whether a page is being read.
    reading: bool,
    /// Whether something came since that read began.
    look_again: bool,
    /// Up to where an acknowledgement is to be written down.
    to_write: Option<i64>,
    writing: bool,
}

impl SessionActor {
    /// Tells the device what it has left for others, and begins with what waits for it.
    pub(super) fn greet_device(&mut self, device: &DeviceStatus, ctx: &mut Socket) {
        self.send(
            &one_time_keys_frame(device.one_time_keys, device.fallback_unused),
            ctx,
        );
        self.look_into_mailbox(ctx);
    }

    /// Reads the next page, unless one is being read or waits to be acknowledged.
    pub(super) fn look_into_mailbox(&mut self, ctx: &mut Socket) {
        let Some(handle) = &self.handle else {
            return;
        };
        handle.mailbox.take();
        // Another connection of the device may have acknowledged more than was sent here.
        let acknowledged = handle.mailbox.acknowledged();
        self.mailbox.acknowledged = self.mailbox.acknowledged.max(acknowledged);
        self.mailbox.sent = self.mailbox.sent.max(acknowledged);
        if self.mailbox.reading {
            self.mailbox.look_again = true;
            return;
        }
        if self.mailbox.sent > self.mailbox.acknowledged {
            return;
        }
        self.mailbox.reading = true;
        self.mailbox.look_again = false;
        let read = self
            .context
            .history
            .mail(self.session_id, self.mailbox.sent);
        ctx.spawn(read.into_actor(self).map(|read, actor, ctx| {
            let read = read
                .unwrap_or_else(|_| Err(StoreError::Unavailable("the read was dropped".into())));
            actor.on_mail(read, ctx);
        }));
    }

    fn on_mail(&mut self, read: Result<Vec<ToDeviceFrameEvent>, StoreError>, ctx: &mut Socket) {
        match read {
            Ok(mut events) => {
                self.mailbox.reading = false;
                // What another connection acknowledged meanwhile is not repeated.
                events.retain(|event| event.id > self.mailbox.sent);
                if let Some(last) = events.last() {
                    self.mailbox.sent = last.id;
                    if !self.is_ending() {
                        self.send(&ServerFrame::ToDevice { events: &events }, ctx);
                    }
                } else if self.mailbox.look_again {
                    self.look_into_mailbox(ctx);
                }
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a mailbox waits");
                ctx.run_later(READ_PAUSE, |actor, ctx| {
                    actor.mailbox.reading = false;
                    actor.look_into_mailbox(ctx);
                });
            }
        }
    }

    /// The client has what was sent up to a place. What was not sent here it cannot have.
    pub(super) fn acknowledge_mail(&mut self, up_to: i64, ctx: &mut Socket) {
        let up_to = up_to.min(self.mailbox.sent);
        if up_to <= self.mailbox.acknowledged {
            return;
        }
        self.mailbox.to_write = self.mailbox.to_write.max(Some(up_to));
        self.write_acknowledgement(ctx);
    }

    fn write_acknowledgement(&mut self, ctx: &mut Socket) {
        if self.mailbox.writing {
            return;
        }
        let Some(up_to) = self.mailbox.to_write.take() else {
            return;
        };
        self.mailbox.writing = true;
        let write = self
            .context
            .history
            .acknowledge_mail(self.session_id, up_to);
        ctx.spawn(write.into_actor(self).map(move |written, actor, ctx| {
            if let Ok(Ok(())) = written {
                actor.mailbox.writing = false;
                actor
                    .context
                    .sessions
                    .note_acknowledged(actor.user_id, actor.session_id, up_to);
                actor.write_acknowledgement(ctx);
            } else {
                // The database is away. The client may wait: its next page comes after this.
                actor.mailbox.to_write = actor.mailbox.to_write.max(Some(up_to));
                ctx.run_later(READ_PAUSE, |actor, ctx| {
                    actor.mailbox.writing = false;
                    actor.write_acknowledgement(ctx);
                });
            }
        }));
    }
}

/// What a device has left for others, as it is told.
#[must_use]
pub fn one_time_keys_frame(one_time_keys: i64, fallback_unused: bool) -> ServerFrame<'static> {
    ServerFrame::OneTimeKeys {
        counts: BTreeMap::from([(ONE_TIME_KEY_ALGORITHM, one_time_keys)]),
        unused_fallback_key_types: if fallback_unused {
            &[ONE_TIME_KEY_ALGORITHM]
        } else {
            &[]
        },
    }
}
