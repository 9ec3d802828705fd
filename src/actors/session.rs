//! The session actor: speaks the protocol for one user on one connection.
//!
//! Frames reach it by its outbox alone. It asks the history for what must be read and never
//! touches the database itself. It is polled only while its client takes data, so nothing
//! that must happen in time is left to it: slowness is found by the outbox, a dead peer by
//! the kernel.
//!
//! On overload it is cut off with 4001 and comes back. On panic its connection ends, and the
//! client comes back too.

mod heartbeat;
mod inbound;
mod mailbox;
mod watches;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Handler, WrapFuture};
use actix_web_actors::ws;
use bytestring::ByteString;
use fail::fail_point;

use self::inbound::SubscribeRequest;
use self::mailbox::Mailbox;
pub use self::mailbox::one_time_keys_frame;
use self::watches::{PageToRead, Watches};
use super::acknowledgements::{Acknowledgements, Share};
use super::channels::ChannelDirectory;
use super::history::{Greeting, History, ReplayPage};
use super::outbox::{About, Deliver, EndSession, Outbox};
use super::sessions::{MailboxSignal, Seat, SessionDirectory, SessionHandle};
use crate::domain::ids::{ConnectionId, SessionId, UserId};
use crate::domain::token_bucket::{Rate, TokenBucket};
use crate::metrics::Metrics;
use crate::protocol::{Close, ServerFrame};
use crate::store::{MembersChange, MissedMessages, StoreError};

/// How long to wait after a read failed.
const READ_PAUSE: Duration = Duration::from_millis(500);

/// What every session works with.
#[derive(Debug)]
pub struct SessionContext {
    /// The open sockets.
    pub sessions: Arc<SessionDirectory>,
    /// The channels.
    pub channels: Arc<ChannelDirectory>,
    /// Reads from the database.
    pub history: Arc<History>,
    /// Where acknowledgements go.
    pub acknowledgements: Arc<Acknowledgements>,
    /// Where things are counted.
    pub metrics: Arc<Metrics>,
    /// Bytes that may wait for a session.
    pub budget_bytes: usize,
    /// How often to ping.
    pub heartbeat_interval: Duration,
    /// How long a client may take to give a sign of life after that.
    pub heartbeat_timeout: Duration,
    /// How fast a client may send frames; `None` for any speed.
    pub frame_rate: Option<Rate>,
    /// Channels that one connection may watch.
    pub max_subscriptions: usize,
    /// Channels in one subscribe.
    pub max_subscriptions_per_frame: usize,
    /// Missed messages that are replayed at most.
    pub replay_messages: i64,
}

/// See the module.
pub struct SessionActor {
    context: Arc<SessionContext>,
    user_id: UserId,
    session_id: SessionId,
    connection_id: ConnectionId,
    /// Made when the actor starts.
    handle: Option<Arc<SessionHandle>>,
    watches: Watches,
    /// Whether a page is being read; one at a time.
    reading: bool,
    /// Subscribes that wait for the one being checked.
    subscribes: VecDeque<SubscribeRequest>,
    checking: bool,
    acknowledgements: Share,
    mailbox: Mailbox,
    frames: Option<TokenBucket>,
    refused_frames: u32,
    last_sign_of_life: Instant,
    _seat: Seat,
}

impl SessionActor {
    /// The actor of a new socket of `user_id`, signed in with `session_id`.
    #[must_use]
    pub fn new(
        context: Arc<SessionContext>,
        user_id: UserId,
        session_id: SessionId,
        seat: Seat,
    ) -> Self {
        let now = Instant::now();
        Self {
            user_id,
            session_id,
            connection_id: ConnectionId::generate(),
            handle: None,
            watches: Watches::default(),
            reading: false,
            subscribes: VecDeque::new(),
            checking: false,
            acknowledgements: Share::default(),
            mailbox: Mailbox::default(),
            frames: context.frame_rate.map(|rate| TokenBucket::full(rate, now)),
            refused_frames: 0,
            last_sign_of_life: now,
            _seat: seat,
            context,
        }
    }
}

type Socket = ws::WebsocketContext<SessionActor>;

impl Actor for SessionActor {
    type Context = Socket;

    fn started(&mut self, ctx: &mut Self::Context) {
        let frames = ctx.address().recipient::<Deliver>();
        let control = ctx.address().recipient::<EndSession>();
        let handle = Arc::new(SessionHandle {
            connection_id: self.connection_id,
            session_id: self.session_id,
            user_id: self.user_id,
            outbox: Outbox::new(frames, control, self.context.budget_bytes),
            mailbox: MailboxSignal::default(),
        });
        // Registered first, then checked: whatever order a sign-out comes in, either it finds
        // the socket, or the check finds the sign-in gone.
        self.context.sessions.register(Arc::clone(&handle));
        self.handle = Some(handle);
        let greeting = self.context.history.greet(self.user_id, self.session_id);
        // Nothing else is handled until the hello is sent.
        ctx.wait(
            greeting
                .into_actor(self)
                .map(|greeting, actor, ctx| match greeting {
                    Ok(Ok(Some(greeting))) => actor.greet(&greeting, ctx),
                    Ok(Ok(None)) => actor.end(Close::SignedOut, ctx),
                    Ok(Err(error)) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "a socket could not begin"
                        );
                        actor.end(Close::ServerError, ctx);
                    }
                    Err(_) => actor.end(Close::ServerError, ctx),
                }),
        );
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        // Synchronous, because a dropped connection polls nothing any more.
        self.leave();
    }
}

impl Drop for SessionActor {
    fn drop(&mut self) {
        // After a panic `stopped` is not called.
        self.leave();
    }
}

impl SessionActor {
    fn leave(&mut self) {
        self.context
            .sessions
            .unregister(self.user_id, self.connection_id);
        for (channel, subscriber) in self.watches.drain() {
            self.context.channels.unsubscribe(channel, &subscriber);
        }
    }

    fn greet(&mut self, greeting: &Greeting, ctx: &mut Socket) {
        // The sign-in may have ended while this was read: what was posted since is not for it.
        if self.is_ending() {
            return;
        }
        let hello = ServerFrame::Hello {
            session_id: self.session_id,
            user_id: self.user_id,
            epoch: greeting.epoch,
            heartbeat_interval_ms: u64::try_from(self.context.heartbeat_interval.as_millis())
                .unwrap_or(u64::MAX),
            unread_notifications: greeting.unread,
            device_lists_position: greeting.device.device_lists_position,
            server_version: env!("CARGO_PKG_VERSION"),
        };
        self.send(&hello, ctx);
        for notification in &greeting.unacknowledged {
            self.send(&ServerFrame::Mention { notification }, ctx);
        }
        self.context
            .metrics
            .alerts_offered
            .inc_by(greeting.unacknowledged.len() as u64);
        if greeting.device.has_keys {
            self.greet_device(&greeting.device, ctx);
        }
        self.start_heartbeat(ctx);
    }

    fn send(&self, frame: &ServerFrame<'_>, ctx: &mut Socket) {
        self.send_text(frame.encode(), ctx);
    }

    /// Sends nothing once the session is to end: a hello or a page that was being read when the
    /// user signed out may hold what was posted after that.
    fn send_text(&self, text: ByteString, ctx: &mut Socket) {
        if !self.is_ending() {
            ctx.text(text);
        }
    }

    fn end(&mut self, close: Close, ctx: &mut Socket) {
        Metrics::count(&self.context.metrics.sockets_closed, close.label());
        // What waits in the mailbox is still handled, and must not follow the close frame.
        if let Some(handle) = &self.handle {
            handle.outbox.stop_taking();
        }
        self.leave();
        ctx.close(Some(ws::CloseReason {
            code: close.code().into(),
            description: Some(close.reason().to_owned()),
        }));
        ctx.stop();
    }

    fn is_ending(&self) -> bool {
        self.handle
            .as_ref()
            .is_none_or(|handle| handle.outbox.is_ending())
    }

    /// Reads the next page of what the client missed, unless one is being read.
    fn read_next(&mut self, ctx: &mut Socket) {
        if self.reading {
            return;
        }
        let Some(page) = self.watches.next_page() else {
            return;
        };
        self.reading = true;
        let missed = MissedMessages {
            channel_id: page.channel_id,
            after: page.after,
            until: page.until,
        };
        let read = self.context.history.replay(&page.subscriber, missed);
        ctx.spawn(read.into_actor(self).map(move |read, actor, ctx| {
            let read = read
                .unwrap_or_else(|_| Err(StoreError::Unavailable("the read was dropped".into())));
            actor.on_page(page, read, ctx);
        }));
    }

    fn on_page(
        &mut self,
        page: PageToRead,
        read: Result<ReplayPage, StoreError>,
        ctx: &mut Socket,
    ) {
        match read {
            Ok(replayed) => {
                let mut went_on = self.watches.is_stale(&page) || page.subscriber.has_ended();
                if let Some(members_version) = replayed.members_version {
                    let channel_id = page.channel_id;
                    self.send_members(
                        MembersChange {
                            channel_id,
                            members_version,
                        },
                        ctx,
                    );
                }
                for (seq, text) in replayed.frames {
                    if self.watches.on_replayed(&page, seq) {
                        self.send_text(text, ctx);
                        went_on = true;
                    }
                }
                if !went_on && let Some(resync) = self.watches.give_up(&page) {
                    self.send(&resync, ctx);
                }
                self.go_on_reading(&page, ctx);
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a replay waits");
                ctx.run_later(READ_PAUSE, move |actor, ctx| {
                    actor.go_on_reading(&page, ctx)
                });
            }
        }
    }

    /// Tells the client of a change of a channel's members that was found with messages, before it
    /// gets them. The frame that says so may still be on its way, and comes to nothing then.
    fn send_members(&mut self, change: MembersChange, ctx: &mut Socket) {
        if self.watches.on_members(change) {
            let frame = ServerFrame::MembersChanged {
                channel_id: change.channel_id,
                members_version: change.members_version,
            };
            self.send(&frame, ctx);
        }
    }

    fn go_on_reading(&mut self, page: &PageToRead, ctx: &mut Socket) {
        self.reading = false;
        self.watches.after_page(page);
        self.read_next(ctx);
    }
}

impl Handler<Deliver> for SessionActor {
    type Result = ();

    fn handle(&mut self, Deliver { frame, permit }: Deliver, ctx: &mut Self::Context) {
        fail_point!("session_deliver");
        // A session that is cut off sends nothing more: what is missing is read again later.
        if self.is_ending() {
            return;
        }
        let wanted = match frame.about {
            About::Message(channel, seq) => self.watches.on_message(channel, seq),
            About::MessageChange(channel, seq) => self.watches.on_change(channel, seq),
            About::Mailbox => {
                self.look_into_mailbox(ctx);
                return;
            }
            About::Members(change) => self.watches.on_members(change),
            About::Other => true,
        };
        if wanted {
            self.send_text(frame.text, ctx);
        } else {
            self.read_next(ctx);
        }
        drop(permit);
    }
}

impl Handler<EndSession> for SessionActor {
    type Result = ();

    fn handle(&mut self, EndSession(close): EndSession, ctx: &mut Self::Context) {
        self.end(close, ctx);
    }
}
