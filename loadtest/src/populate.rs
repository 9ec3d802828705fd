//! Communities, channels, webhooks and members for a run. In a server that the driver started,
//! members are rows written straight into its database, because registering costs a password
//! hash each; elsewhere they register.

use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::api::{Api, text};
use crate::database::Database;
use crate::failure::{Doing, Failure, Outcome};
use crate::stage::Stage;

/// Requests side by side while a scene is set up.
const HANDS: usize = 8;

/// Members that register one after the other; more would take hours.
const MAX_REGISTERED: usize = 1000;

/// A channel with a webhook.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    /// Its id.
    pub(crate) id: String,
    /// The token of its webhook.
    pub(crate) webhook: String,
}

/// A member who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The id of the user.
    pub(crate) id: Uuid,
    /// What a mention calls it.
    pub(crate) name: String,
    /// Its password.
    pub(crate) password: String,
    /// Its session token.
    pub(crate) token: String,
    /// The id of the session, which is that of the device.
    pub(crate) device: Uuid,
}

/// Who is in which channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// Everybody in every one.
    Everywhere,
    /// Everybody in one, as many in each.
    Split,
}

/// What a run plays in.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The channels.
    pub(crate) channels: Vec<Channel>,
    /// The members.
    pub(crate) members: Vec<Member>,
    membership: Membership,
}

impl World {
    /// Makes a community with that many channels and members.
    pub(crate) async fn make(
        stage: &Stage,
        channels: usize,
        members: usize,
        membership: Membership,
    ) -> Outcome<Self> {
        let mut api = Api::new(&stage.target, Some(&stage.token));
        let community = api.post("/communities", &json!({"name": "Load"})).await?;
        let community = text(&community, "/id")?;
        let there = api
            .get(&format!("/communities/{community}/channels"))
            .await?;
        let general = text(&there, "/0/id")?;
        let mut world = Self {
            channels: make_channels(stage, &community, general, channels).await?,
            members: Vec::new(),
            membership,
        };
        match &stage.facts {
            Some(facts) => {
                world.members = new_members(members)?;
                for member in &mut world.members {
                    member.password.clone_from(&stage.password);
                }
                let database = Database::connect(&facts.postgres_socket()).await?;
                database.add_members(&community, &world).await?;
            }
            None => world.register(stage, &mut api, &community, members).await?,
        }
        Ok(world)
    }

    /// The tokens of all webhooks, by channel.
    pub(crate) fn webhooks(&self) -> Vec<String> {
        self.channels.iter().map(|it| it.webhook.clone()).collect()
    }

    /// The members of the channel at this place.
    pub(crate) fn members_of(&self, channel: usize) -> &[Member] {
        match self.membership {
            Membership::Everywhere => &self.members,
            Membership::Split => {
                let each = self.members.len() / self.channels.len().max(1);
                let members = self.members.get(channel * each..(channel + 1) * each);
                members.unwrap_or_default()
            }
        }
    }

    /// The names of all members, by channel.
    pub(crate) fn names(&self) -> Vec<Arc<[String]>> {
        let names = |members: &[Member]| members.iter().map(|it| it.name.clone()).collect();
        if self.membership == Membership::Everywhere {
            let everybody: Arc<[String]> = names(&self.members);
            return vec![everybody; self.channels.len()];
        }
        let channels = 0..self.channels.len();
        channels.map(|it| names(self.members_of(it))).collect()
    }

    /// Which member is in which channel.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Channel, &Member)> {
        let channels = self.channels.iter().enumerate();
        channels.flat_map(|(at, channel)| {
            let members = self.members_of(at).iter();
            members.map(move |member| (channel, member))
        })
    }

    async fn register(
        &mut self,
        stage: &Stage,
        api: &mut Api,
        community: &str,
        members: usize,
    ) -> Outcome<()> {
        if members > MAX_REGISTERED {
            return Err(Failure::Said(format!(
                "a server that was not started by this driver gets {MAX_REGISTERED} members at \
                 most, and {members} are asked for: give fewer with the flags of the scenario"
            )));
        }
        let path = format!("/communities/{community}/invites");
        let code = text(&api.post(&path, &json!({})).await?, "/code")?;
        let mut joining = Api::new(&stage.target, None);
        for mut member in new_members(members)? {
            stage
                .progress
                .at("members", self.members.len() as u64, members as u64);
            let body = json!({
                "username": member.name, "password": member.password,
                "invite": code, "session": "token",
            });
            let answer = joining.post("/auth/register", &body).await?;
            member.token = text(&answer, "/token")?;
            member.id = text(&answer, "/user/id")?.parse().doing("read an id")?;
            let mut own = Api::new(&stage.target, Some(&member.token));
            let sessions = own.get("/auth/sessions").await?;
            member.device = text(&sessions, "/0/id")?.parse().doing("read an id")?;
            self.members.push(member);
        }
        for (channel, member) in self.pairs() {
            api.put(&format!("/channels/{}/members/{}", channel.id, member.id))
                .await?;
        }
        Ok(())
    }
}

/// Makes channels until there are so many, with a webhook in each. The one that a community comes
/// with, `general`, is the first: a community may have a thousand in all.
async fn make_channels(
    stage: &Stage,
    community: &str,
    general: String,
    number: usize,
) -> Outcome<Vec<Channel>> {
    let mut tasks = JoinSet::new();
    for hand in 0..HANDS {
        let mut api = Api::new(&stage.target, Some(&stage.token));
        let path = format!("/communities/{community}/channels");
        let general = general.clone();
        tasks.spawn(async move {
            let mut made = Vec::new();
            for at in (hand..number).step_by(HANDS) {
                let id = if at == 0 {
                    general.clone()
                } else {
                    let body = json!({"name": format!("load-{at}")});
                    text(&api.post(&path, &body).await?, "/id")?
                };
                let body = json!({"name": "Load"});
                let webhook = api.post(&format!("/channels/{id}/webhooks"), &body).await?;
                let webhook = text(&webhook, "/token")?;
                made.push(Channel { id, webhook });
            }
            Outcome::Ok(made)
        });
    }
    let mut channels = Vec::with_capacity(number);
    while let Some(made) = tasks.join_next().await {
        channels.extend(made.doing("make channels")??);
        stage
            .progress
            .at("channels", channels.len() as u64, number as u64);
    }
    Ok(channels)
}

/// Members with new names, all of the same length, and new tokens.
fn new_members(number: usize) -> Outcome<Vec<Member>> {
    let run = random_text(4)?;
    let new = |at| {
        Ok(Member {
            id: Uuid::now_v7(),
            name: format!("load_{run}_{at:05}"),
            password: random_text(20)?,
            token: random_text(43)?,
            device: Uuid::now_v7(),
        })
    };
    (0..number).map(new).collect()
}

/// Random letters and digits. A few are a little likelier than others, which is no matter here.
pub(crate) fn random_text(length: usize) -> Outcome<String> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = vec![0; length];
    SystemRandom::new()
        .fill(&mut bytes)
        .doing("get random bytes")?;
    let letter = |byte: u8| LETTERS.get(usize::from(byte) % LETTERS.len()).copied();
    let letters = bytes.into_iter().filter_map(letter);
    Ok(letters.map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(membership: Membership) -> World {
        let channel = |at: usize| Channel {
            id: at.to_string(),
            webhook: String::new(),
        };
        World {
            channels: (0..3).map(channel).collect(),
            members: new_members(6).unwrap(),
            membership,
        }
    }

    #[test]
    fn split_members_are_in_one_channel_each() {
        let world = world(Membership::Split);
        assert_eq!(world.pairs().count(), 6);
        assert_eq!(world.members_of(2)[1].name, world.members[5].name);
        assert_eq!(world.names()[1][0], world.members[2].name);
    }

    #[test]
    fn otherwise_everybody_is_in_every_channel() {
        let world = world(Membership::Everywhere);
        assert_eq!(world.pairs().count(), 18);
        assert_eq!(world.names()[2][5], world.members[5].name);
    }
}
