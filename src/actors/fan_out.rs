//! Telling everybody of a post that is in the database.

use std::sync::Arc;

use fail::fail_point;

use super::outbox::{About, Frame};
use super::pushes::Pushes;
use super::sessions::SessionDirectory;
use super::subscribers::Subscribers;
use crate::domain::ids::ChannelId;
use crate::metrics::Metrics;
use crate::protocol::ServerFrame;
use crate::store::{CommittedPost, MembersChange};

/// Who learns of a channel's posts. Travels with a batch, so that its posts are told of even
/// when the actor that sent them is lost.
#[derive(Clone, Debug)]
pub struct Audience {
    /// The channel.
    pub channel_id: ChannelId,
    /// Those who watch it.
    pub subscribers: Arc<Subscribers>,
    /// The open sockets of those it mentions.
    pub sessions: Arc<SessionDirectory>,
    /// Where alerts go that no session took.
    pub pushes: Arc<Pushes>,
    /// Where things are counted.
    pub metrics: Arc<Metrics>,
}

impl Audience {
    /// Sends a post to every subscriber, and an alert to every session of each mentioned member.
    /// Those who have none get a push; those who have get one if no client acknowledges.
    pub fn tell(&self, post: &CommittedPost) {
        let message = &post.message;
        let text = ServerFrame::Message {
            channel_id: self.channel_id,
            seq: message.seq,
            message,
        }
        .encode();
        let frame = Frame {
            about: About::Message(self.channel_id, message.seq),
            text,
        };
        self.subscribers.fan_out(
            MembersChange {
                channel_id: self.channel_id,
                members_version: post.members_version,
            },
            message.seq,
            &frame,
            &self.sessions,
        );
        let mut unreached = Vec::new();
        for alert in &post.alerts {
            let text = ServerFrame::Mention {
                notification: &alert.notification,
            }
            .encode();
            let offered = self.sessions.push_to_user(alert.user_id, &text);
            self.metrics.alerts_offered.inc_by(offered as u64);
            if offered == 0 {
                unreached.push((alert.user_id, alert.notification.id));
            }
        }
        fail_point!("push_hand_over");
        self.pushes.hand_over(unreached);
    }
}
