//! What a client sends: frames of the protocol and of WebSocket itself.

use std::sync::Arc;
use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, StreamHandler, WrapFuture};
use actix_web_actors::ws::{self, ProtocolError};

use super::watches::Start;
use super::{SessionActor, Socket};
use crate::actors::history::Watchable;
use crate::actors::subscriber::Subscriber;
use crate::domain::ids::{ChannelId, Epoch, Seq};
use crate::metrics::Metrics;
use crate::protocol::{ClientFrame, Close, ErrorCode, Reference, ServerFrame, SubscribeChannel};
use crate::store::StoreError;

/// Subscribes that may wait for the one being checked.
const WAITING_SUBSCRIBES: usize = 32;

/// A subscribe that waits.
pub(super) struct SubscribeRequest {
    channels: Vec<SubscribeChannel>,
    epoch: Option<Epoch>,
    reference: Option<Reference>,
}

/// A channel of a subscribe that is being checked.
struct Asked {
    channel_id: ChannelId,
    after: Option<Seq>,
    subscriber: Arc<Subscriber>,
}

impl StreamHandler<Result<ws::Message, ProtocolError>> for SessionActor {
    fn handle(&mut self, item: Result<ws::Message, ProtocolError>, ctx: &mut Self::Context) {
        if self.is_ending() {
            return;
        }
        self.last_sign_of_life = Instant::now();
        match item {
            Ok(ws::Message::Text(text)) => self.on_text(&text, ctx),
            Ok(ws::Message::Ping(payload)) => {
                if self.admit(None, ctx) {
                    ctx.pong(&payload);
                }
            }
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            Ok(ws::Message::Close(_)) => self.end(Close::Normal, ctx),
            Ok(ws::Message::Binary(_) | ws::Message::Continuation(_)) => {
                self.end(Close::UnsupportedData, ctx)
            }
            Err(ProtocolError::Overflow) => self.end(Close::TooBig, ctx),
            // Also text that is not UTF-8; on a connection that is gone no code arrives.
            Err(ProtocolError::Io(_)) => self.end(Close::UnsupportedData, ctx),
            Err(_) => self.end(Close::ProtocolError, ctx),
        }
    }
}

impl SessionActor {
    fn on_text(&mut self, text: &str, ctx: &mut Socket) {
        let parsed = ClientFrame::parse(text);
        let reference = match &parsed {
            Ok(
                ClientFrame::Subscribe { reference, .. }
                | ClientFrame::Ack { reference, .. }
                | ClientFrame::ToDeviceAck { reference, .. }
                | ClientFrame::Ping { reference },
            ) => reference.clone(),
            Ok(ClientFrame::Unsubscribe { .. }) => None,
            Err(refused) => refused.reference.clone(),
        };
        if !self.admit(reference, ctx) {
            return;
        }
        match parsed {
            Ok(ClientFrame::Subscribe {
                channels,
                epoch,
                reference,
            }) => {
                self.on_subscribe(
                    SubscribeRequest {
                        channels,
                        epoch,
                        reference,
                    },
                    ctx,
                );
            }
            Ok(ClientFrame::Unsubscribe { channels }) => {
                // Of the subscribes that were sent before, some still wait.
                for request in &mut self.subscribes {
                    request
                        .channels
                        .retain(|wanted| !channels.contains(&wanted.id));
                }
                for channel in channels {
                    if let Some(subscriber) = self.watches.remove(channel) {
                        self.context.channels.unsubscribe(channel, &subscriber);
                    }
                }
            }
            Ok(ClientFrame::Ack {
                notifications,
                reference,
            }) => {
                if !self.context.acknowledgements.accept(
                    self.user_id,
                    notifications,
                    &self.acknowledgements,
                ) {
                    self.refuse(
                        ErrorCode::Overloaded,
                        "acknowledge again later",
                        reference,
                        None,
                        ctx,
                    );
                }
            }
            Ok(ClientFrame::ToDeviceAck { up_to, .. }) => self.acknowledge_mail(up_to, ctx),
            Ok(ClientFrame::Ping { reference }) => self.send(&ServerFrame::Pong { reference }, ctx),
            Err(refused) => {
                self.refuse(refused.code, &refused.detail, refused.reference, None, ctx)
            }
        }
    }

    /// Counts a frame against the client's rate. Refuses it, and in the end the client.
    fn admit(&mut self, reference: Option<Reference>, ctx: &mut Socket) -> bool {
        let (Some(rate), Some(bucket)) = (self.context.frame_rate, self.frames.as_mut()) else {
            return true;
        };
        let now = Instant::now();
        if bucket.take(rate, now).is_ok() {
            // Some patience comes back with every frame that keeps the rate.
            self.refused_frames = self.refused_frames.saturating_sub(1);
            return true;
        }
        self.refused_frames = self.refused_frames.saturating_add(2);
        if f64::from(self.refused_frames) > 2.0 * rate.burst() {
            self.end(Close::Policy, ctx);
        } else {
            self.refuse(
                ErrorCode::RateLimited,
                "too many frames; send more slowly",
                reference,
                None,
                ctx,
            );
        }
        false
    }

    fn refuse(
        &self,
        code: ErrorCode,
        detail: &str,
        reference: Option<Reference>,
        channel_id: Option<ChannelId>,
        ctx: &mut Socket,
    ) {
        let label = match code {
            ErrorCode::BadFrame => "bad_frame",
            ErrorCode::UnknownType => "unknown_type",
            ErrorCode::NotAMember => "not_a_member",
            ErrorCode::TooManyChannels => "too_many_channels",
            ErrorCode::RateLimited => "rate_limited",
            ErrorCode::Overloaded => "overloaded",
        };
        Metrics::count(&self.context.metrics.frames_refused, label);
        self.send(
            &ServerFrame::Error {
                code,
                detail,
                reference,
                channel_id,
            },
            ctx,
        );
    }

    fn on_subscribe(&mut self, request: SubscribeRequest, ctx: &mut Socket) {
        if request.channels.len() > self.context.max_subscriptions_per_frame {
            let detail = format!(
                "at most {} channels in a frame",
                self.context.max_subscriptions_per_frame
            );
            self.refuse(
                ErrorCode::TooManyChannels,
                &detail,
                request.reference,
                None,
                ctx,
            );
        } else if self.subscribes.len() >= WAITING_SUBSCRIBES {
            self.refuse(
                ErrorCode::Overloaded,
                "too many subscribes wait",
                request.reference,
                None,
                ctx,
            );
        } else {
            self.subscribes.push_back(request);
            self.check_next(ctx);
        }
    }

    /// Checks the next subscribe, unless one is being checked.
    fn check_next(&mut self, ctx: &mut Socket) {
        if self.checking {
            return;
        }
        let Some(request) = self.subscribes.pop_front() else {
            return;
        };
        let asked = self.register(&request, ctx);
        if asked.is_empty() {
            return self.check_next(ctx);
        }
        self.checking = true;
        let channels = asked.iter().map(|asked| asked.channel_id).collect();
        let check = self.context.history.watchable(self.user_id, channels);
        ctx.spawn(check.into_actor(self).map(move |checked, actor, ctx| {
            actor.checking = false;
            match checked {
                Ok(Ok(watchable)) => actor.on_checked(&request, asked, &watchable, ctx),
                Ok(Err(error)) => actor.on_unchecked(&request, asked, &error, ctx),
                Err(_) => {
                    let error = StoreError::Unavailable("the read was dropped".into());
                    actor.on_unchecked(&request, asked, &error, ctx);
                }
            }
            actor.check_next(ctx);
        }));
    }

    /// Registers with every channel before anything is checked, so that nothing posted from
    /// here on is missed.
    fn register(&mut self, request: &SubscribeRequest, ctx: &mut Socket) -> Vec<Asked> {
        let Some(handle) = self.handle.clone() else {
            return Vec::new();
        };
        let mut asked: Vec<Asked> = Vec::with_capacity(request.channels.len());
        for wanted in &request.channels {
            if asked.iter().any(|other| other.channel_id == wanted.id) {
                continue;
            }
            if !self.watches.contains(wanted.id)
                && self.watches.count() >= self.context.max_subscriptions
            {
                let detail = format!(
                    "at most {} channels on a connection",
                    self.context.max_subscriptions
                );
                self.refuse(
                    ErrorCode::TooManyChannels,
                    &detail,
                    request.reference.clone(),
                    Some(wanted.id),
                    ctx,
                );
                continue;
            }
            let Some(subscriber) = self.context.channels.subscribe(wanted.id, &handle) else {
                Metrics::count(&self.context.metrics.overloads, "channels_in_use");
                self.refuse(
                    ErrorCode::Overloaded,
                    "too many channels are in use on this server",
                    request.reference.clone(),
                    Some(wanted.id),
                    ctx,
                );
                continue;
            };
            if let Some(replaced) = self.watches.add(wanted.id, Arc::clone(&subscriber)) {
                self.context.channels.unsubscribe(wanted.id, &replaced);
            }
            asked.push(Asked {
                channel_id: wanted.id,
                after: wanted.after_seq,
                subscriber,
            });
        }
        asked
    }

    fn on_checked(
        &mut self,
        request: &SubscribeRequest,
        asked: Vec<Asked>,
        watchable: &Watchable,
        ctx: &mut Socket,
    ) {
        for Asked {
            channel_id,
            after,
            subscriber,
        } in asked
        {
            let found = watchable
                .channels
                .iter()
                .find(|found| found.channel_id == channel_id);
            let start = Start {
                after,
                same_history: request.epoch.is_none_or(|epoch| epoch == watchable.epoch),
                replay_messages: self.context.replay_messages,
            };
            let frames = found.map_or_else(Vec::new, |found| {
                self.watches
                    .confirmed(channel_id, &subscriber, found, start)
            });
            // A removal that comes up to this moment, from another thread, counts as if it had come
            // before. So it is looked for behind the confirmation, which it prevents.
            let ended = frames.is_empty() && self.watches.was_ended(channel_id, &subscriber);
            if found.is_none() || ended {
                self.drop_watch(channel_id, &subscriber);
                let detail = "you are not in this channel";
                self.refuse(
                    ErrorCode::NotAMember,
                    detail,
                    request.reference.clone(),
                    Some(channel_id),
                    ctx,
                );
                continue;
            }
            for frame in frames {
                self.send(&frame, ctx);
            }
        }
        self.read_next(ctx);
    }

    fn on_unchecked(
        &mut self,
        request: &SubscribeRequest,
        asked: Vec<Asked>,
        error: &StoreError,
        ctx: &mut Socket,
    ) {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "a subscribe could not be checked"
        );
        for Asked {
            channel_id,
            subscriber,
            ..
        } in asked
        {
            self.drop_watch(channel_id, &subscriber);
            let detail = "the database does not answer; subscribe again later";
            self.refuse(
                ErrorCode::Overloaded,
                detail,
                request.reference.clone(),
                Some(channel_id),
                ctx,
            );
        }
    }

    /// Ends a watch, unless it was replaced meanwhile.
    fn drop_watch(&mut self, channel: ChannelId, subscriber: &Arc<Subscriber>) {
        self.context.channels.unsubscribe(channel, subscriber);
        self.watches.forget(channel, subscriber);
    }
}
