//! Channels: who is in them, and what was said.

use std::collections::HashSet;

use serde::Deserialize;

use crate::device::Device;
use crate::error::Error;
use crate::ids::{ChannelId, UserId};
use crate::messages::Page;

/// Of how many channels the members are remembered. Beyond that they are asked for again.
const MOST_REMEMBERED: usize = 1000;

/// The members of a channel in one of the states that they were in.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    /// Which state that is.
    pub(crate) version: i64,
    /// Who was in the channel.
    pub(crate) users: Vec<UserId>,
}

#[derive(Deserialize)]
struct Channel {
    members_version: i64,
}

#[derive(Deserialize)]
struct User {
    id: UserId,
}

impl Device {
    /// The next messages of a channel after a place in it, at most 200; 0 is before the first.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the user is not in the channel.
    pub async fn messages_after(&self, channel: ChannelId, seq: i64) -> Result<Page, Error> {
        let after = seq.to_string();
        self.page(channel, &[("after", &after)]).await
    }

    /// The messages of a channel before a place in it, at most 200, or the newest. `has_more` tells
    /// then whether there are more before them.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the user is not in the channel.
    pub async fn messages_before(
        &self,
        channel: ChannelId,
        seq: Option<i64>,
    ) -> Result<Page, Error> {
        match seq {
            Some(seq) => self.page(channel, &[("before", &seq.to_string())]).await,
            None => self.page(channel, &[]).await,
        }
    }

    async fn page(&self, channel: ChannelId, part: &[(&str, &str)]) -> Result<Page, Error> {
        let channel = channel.to_string();
        let call = self.api.get(&["channels", &channel, "messages"]);
        let call = part
            .iter()
            .fold(call, |call, (name, value)| call.query(name, value));
        call.query("limit", "200").fetch().await
    }

    /// The members of a channel, as they were when they were last asked for.
    pub(crate) async fn members(&self, channel: ChannelId) -> Result<Members, Error> {
        let known = self.state.members.lock().await.get(&channel).cloned();
        match known {
            Some(members) => Ok(members),
            None => self.ask_for_members(channel).await,
        }
    }

    /// The members of a channel as they are now.
    ///
    /// The version is asked for first. Had it been the other way round, somebody who left in between
    /// would be among the members of the newer version, and would be given the key.
    pub(crate) async fn ask_for_members(&self, channel: ChannelId) -> Result<Members, Error> {
        let id = channel.to_string();
        let now: Channel = self.api.get(&["channels", &id]).fetch().await?;
        let users: Vec<User> = self.api.get(&["channels", &id, "members"]).fetch().await?;
        let members = Members {
            version: now.members_version,
            users: users.into_iter().map(|user| user.id).collect(),
        };
        self.may_ask_for(&self.names.users(&members.users)?).await;
        let mut remembered = self.state.members.lock().await;
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(channel, members.clone());
        Ok(members)
    }

    /// The members as they are now, because a send was for others than these. Those who were not there
    /// are expected to have other devices than those that are known of them: what this device is told
    /// of a join may come after the join.
    pub(crate) async fn renew_members(&self, channel: ChannelId) -> Result<(), Error> {
        let before = self.state.members.lock().await.remove(&channel);
        let before = before.map(|members| members.users).unwrap_or_default();
        let before: HashSet<UserId> = before.into_iter().collect();
        let mut users = self.ask_for_members(channel).await?.users;
        users.retain(|user| !before.contains(user));
        self.expect_new_devices_of(&users).await
    }

    /// What is known of the members of any channel is out of date.
    pub(crate) async fn forget_all_members(&self) {
        self.state.members.lock().await.clear();
    }

    /// What is known of the members is out of date.
    pub(crate) async fn forget_members(&self, channel: ChannelId) {
        self.state.members.lock().await.remove(&channel);
    }
}
