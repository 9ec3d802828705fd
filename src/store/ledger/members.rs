//! Who the names in posts are: the members of channels, remembered between transactions.
//!
//! What is remembered of a channel holds for one version of its members, and the version is read
//! under the channel's fence, so a name never resolves to somebody who left. Usernames do not
//! change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio_postgres::Row;

use crate::domain::ids::{ChannelId, Epoch, UserId};
use crate::store::StoreError;

/// Members of a channel up to which all of them are remembered. In a larger one the names in
/// posts are looked up each time: reading everybody for one name would cost more than it saves
/// whenever somebody joins.
pub(super) const MAX_REMEMBERED: usize = 2_000;
/// Members of all remembered channels together, at most, for one lane. A name and an id take
/// about 80 bytes.
const MAX_REMEMBERED_IN_ALL: u64 = 500_000;
/// Channels whose members one transaction reads at most; in further ones it looks names up.
const MAX_READ_AT_ONCE: usize = 32;

/// Which state of a channel's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MembersVersion {
    /// A restored database may count to the same number with other members.
    pub(super) epoch: Epoch,
    pub(super) number: i64,
}

enum Remembered {
    All {
        version: MembersVersion,
        by_name: HashMap<Box<str>, UserId>,
    },
    /// More than [`MAX_REMEMBERED`].
    TooMany,
}

#[derive(Clone)]
struct ByMembers;

impl Weighter<ChannelId, Arc<Remembered>> for ByMembers {
    fn weight(&self, _: &ChannelId, remembered: &Arc<Remembered>) -> u64 {
        match &**remembered {
            Remembered::All { by_name, .. } => by_name.len() as u64 + 1,
            Remembered::TooMany => 1,
        }
    }
}

/// The members of the channels that were posted to with a name in the post.
pub(super) struct MembersCache(Cache<ChannelId, Arc<Remembered>, ByMembers>);

impl MembersCache {
    pub(super) fn new() -> Self {
        // A guess of how many channels share the room; the room is what is bounded.
        Self(Cache::with_weighter(
            5_000,
            MAX_REMEMBERED_IN_ALL,
            ByMembers,
        ))
    }

    /// Begins to resolve the names of a batch of posts, which come with their channels.
    pub(super) fn resolve<'a>(
        &'a self,
        posts: impl Iterator<Item = (ChannelId, impl Iterator<Item = &'a str>)>,
    ) -> Names<'a> {
        let mut wanted: BTreeMap<ChannelId, Vec<&str>> = BTreeMap::new();
        for (channel, names) in posts {
            let mut names = names.peekable();
            if names.peek().is_some() {
                wanted.entry(channel).or_default().extend(names);
            }
        }
        Names {
            cache: self,
            wanted,
            known: HashMap::new(),
        }
    }
}

/// The names in a batch of posts on their way to being ids of members.
pub(super) struct Names<'a> {
    cache: &'a MembersCache,
    wanted: BTreeMap<ChannelId, Vec<&'a str>>,
    known: HashMap<ChannelId, Known>,
}

enum Known {
    Remembered(Arc<Remembered>),
    LookedUp(HashMap<Box<str>, UserId>),
}

/// Names to look up in their channels, in step.
#[derive(Default)]
pub(super) struct NamesToLookUp<'a> {
    pub(super) channels: Vec<ChannelId>,
    pub(super) names: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// Whether nothing has to be read, however the channels' versions turn out.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Takes what is remembered of the channels, whose fences are held and whose members are at
    /// `versions`. Returns the channels whose members are to be read.
    pub(super) fn recall(
        &mut self,
        versions: &HashMap<ChannelId, MembersVersion>,
    ) -> Vec<ChannelId> {
        // Nobody posts to a channel that is gone.
        self.wanted
            .retain(|channel, _| versions.contains_key(channel));
        let mut to_read = Vec::new();
        for channel in self.wanted.keys() {
            match self.cache.0.get(channel) {
                Some(remembered) => match &*remembered {
                    Remembered::All { version, .. } if versions.get(channel) == Some(version) => {
                        self.known.insert(*channel, Known::Remembered(remembered));
                    }
                    Remembered::All { .. } => to_read.push(*channel),
                    Remembered::TooMany => {}
                },
                None => to_read.push(*channel),
            }
        }
        to_read.truncate(MAX_READ_AT_ONCE);
        to_read
    }

    /// Takes in and remembers the members of `channels` that were read.
    pub(super) fn take_members(
        &mut self,
        channels: &[ChannelId],
        versions: &HashMap<ChannelId, MembersVersion>,
        members: &[Row],
    ) -> Result<(), StoreError> {
        let mut by_channel = by_channel(members)?;
        for channel in channels {
            let Some(version) = versions.get(channel).copied() else {
                continue;
            };
            let by_name = by_channel.remove(channel).unwrap_or_default();
            let remembered = if by_name.len() > MAX_REMEMBERED {
                Arc::new(Remembered::TooMany)
            } else {
                let all = Arc::new(Remembered::All { version, by_name });
                self.known
                    .insert(*channel, Known::Remembered(Arc::clone(&all)));
                all
            };
            self.cache.0.insert(*channel, remembered);
        }
        Ok(())
    }

    /// The names in channels of which nothing is remembered, each once.
    pub(super) fn to_look_up(&mut self) -> NamesToLookUp<'a> {
        let mut unknown = NamesToLookUp::default();
        for (channel, names) in &mut self.wanted {
            if !self.known.contains_key(channel) {
                names.sort_unstable();
                names.dedup();
                unknown.channels.extend(names.iter().map(|_| *channel));
                unknown.names.extend_from_slice(names);
            }
        }
        unknown
    }

    /// Takes in the members that were found by name.
    pub(super) fn take_found(&mut self, found: &[Row]) -> Result<(), StoreError> {
        let found = by_channel(found)?.into_iter();
        self.known
            .extend(found.map(|(channel, by_name)| (channel, Known::LookedUp(by_name))));
        Ok(())
    }

    /// The member of a channel with this name.
    pub(super) fn member(&self, channel: ChannelId, name: &str) -> Option<UserId> {
        let by_name = match self.known.get(&channel)? {
            Known::LookedUp(by_name) => by_name,
            Known::Remembered(remembered) => match &**remembered {
                Remembered::All { by_name, .. } => by_name,
                Remembered::TooMany => return None,
            },
        };
        by_name.get(name).copied()
    }
}

fn by_channel(
    members: &[Row],
) -> Result<HashMap<ChannelId, HashMap<Box<str>, UserId>>, StoreError> {
    let mut channels: HashMap<ChannelId, HashMap<Box<str>, UserId>> = HashMap::new();
    for row in members {
        let name: &str = row.try_get("username")?;
        channels
            .entry(row.try_get("channel_id")?)
            .or_default()
            .insert(name.into(), row.try_get("user_id")?);
    }
    Ok(channels)
}
