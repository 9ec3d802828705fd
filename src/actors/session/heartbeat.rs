//! Pings, and noticing a peer that vanished.

use std::time::Instant;

use actix::AsyncContext;

use super::{SessionActor, Socket};
use crate::protocol::Close;

impl SessionActor {
    pub(super) fn start_heartbeat(&mut self, ctx: &mut Socket) {
        ctx.run_interval(self.context.heartbeat_interval, |actor, ctx| {
            let pinged = Instant::now();
            ctx.ping(b"");
            ctx.run_later(actor.context.heartbeat_timeout, move |actor, ctx| {
                if actor.last_sign_of_life < pinged && !actor.is_ending() {
                    actor.end(Close::NoSignOfLife, ctx);
                }
            });
        });
    }
}
