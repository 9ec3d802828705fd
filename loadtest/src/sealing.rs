//! Encrypted posts: envelopes that real devices made, ahead of the measurement, because making them
//! takes this driver longer than taking them takes the server.

use std::sync::Arc;

use chatalot_client::{ChannelId, Device, Draft, MemoryStore, Sealed, Session};
use tokio::task::JoinSet;

use crate::failure::{Doing, Failure, Outcome};
use crate::populate::{Member, World};
use crate::stage::Stage;

/// How many members write, each on one device.
const SENDERS: usize = 4;

/// The most digits that a version of a channel's members has here.
const VERSION_DIGITS: usize = 8;

/// What is encrypted: letters, of which the library makes a ciphertext that looks like any other.
const LETTERS: &str = "all is well, and the checks of every service have passed; ";

/// Envelopes, and how they are sent. They are sent in turn, and again when all of them were: the
/// server cannot tell, since each time they have another transaction id.
#[derive(Clone, Debug)]
pub(crate) struct Envelopes {
    /// Who writes.
    pub(crate) senders: Vec<Sender>,
    /// Where.
    pub(crate) channels: Vec<SealedChannel>,
    /// Of the first sender to the first channel, to the second, and so on; then of the second
    /// sender. Each has as many, and all have the same length.
    pub(crate) sealed: Vec<Arc<[String]>>,
}

/// A member who sends envelopes.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// What the member is signed in with; all have the same length.
    pub(crate) token: String,
}

/// A channel that envelopes are sent to.
#[derive(Clone, Debug)]
pub(crate) struct SealedChannel {
    /// Its id.
    pub(crate) id: String,
    /// The version of its members, in as many characters as any other.
    pub(crate) members_version: String,
}

impl Envelopes {
    /// How long each of them is, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let first = self.sealed.first().and_then(|sealed| sealed.first());
        first.map_or(0, String::len)
    }
}

impl World {
    /// Lets members encrypt, `each` times for each channel, envelopes of at most `bytes` bytes. Each
    /// gives its keys to the devices of the others before; nothing of that is measured.
    pub(crate) async fn seal(
        &self,
        stage: &Stage,
        bytes: usize,
        each: usize,
    ) -> Outcome<Envelopes> {
        let members = self.members.get(..SENDERS).unwrap_or(&self.members);
        let mut devices = Vec::new();
        // They end with this function.
        let mut connections = JoinSet::new();
        for member in members {
            let device = set_up(stage, member).await?;
            // Without one a device asks for the others' keys before each message.
            let mut live = device.follow(&[]).await.doing("connect a device")?;
            connections.spawn(async move { while live.next().await.is_ok() {} });
            devices.push(device);
        }
        let channels: Vec<ChannelId> = self
            .channels
            .iter()
            .map(|channel| channel.id.parse().doing("read an id"))
            .collect::<Outcome<_>>()?;
        let text = text_for(&devices, &channels, bytes).await?;
        let mut tasks = JoinSet::new();
        for (at, device) in devices.into_iter().enumerate() {
            let (text, channels) = (text.clone(), channels.clone());
            tasks.spawn(async move {
                let mut sealed = Vec::with_capacity(channels.len());
                for channel in channels {
                    sealed.push(seal_for(&device, channel, &text, each).await?);
                }
                Outcome::Ok((at, sealed))
            });
        }
        let mut of_senders = Vec::new();
        let total = tasks.len() as u64;
        while let Some(done) = tasks.join_next().await {
            of_senders.push(done.doing("encrypt")??);
            stage.progress.at("senders", of_senders.len() as u64, total);
        }
        of_senders.sort_by_key(|(at, _)| *at);
        let versions: Vec<String> = of_senders
            .first()
            .into_iter()
            .flat_map(|(_, sealed)| sealed.iter().map(|(version, _)| version.clone()))
            .collect();
        let envelopes = Envelopes {
            senders: members
                .iter()
                .map(|member| Sender {
                    token: member.token.clone(),
                })
                .collect(),
            channels: self
                .channels
                .iter()
                .zip(versions)
                .map(|(channel, members_version)| SealedChannel {
                    id: channel.id.clone(),
                    members_version,
                })
                .collect(),
            sealed: of_senders
                .into_iter()
                .flat_map(|(_, sealed)| sealed.into_iter().map(|(_, envelopes)| envelopes))
                .collect(),
        };
        let length = envelopes.bytes();
        let mut all = envelopes.sealed.iter().flat_map(|sealed| sealed.iter());
        match all.all(|envelope| envelope.len() == length) {
            true => Ok(envelopes),
            false => Err(Failure::said("envelopes of one text differ in length")),
        }
    }
}

/// The device of a member's session, with an identity that vouches for it.
async fn set_up(stage: &Stage, member: &Member) -> Outcome<Device> {
    let url = format!("http://{}", stage.target.host);
    let session = Session::resume(&url, &member.token).doing("use a session")?;
    let device = Device::open(session, MemoryStore::new()).await;
    let device = device.doing("publish the keys of a device")?;
    let done = device.set_up(&member.password).await;
    done.doing("publish the identity of a member")?;
    Ok(device)
}

/// A text whose envelope has as many of these bytes as possible. Ciphertext comes in blocks.
async fn text_for(devices: &[Device], channels: &[ChannelId], bytes: usize) -> Outcome<String> {
    let (Some(device), Some(channel)) = (devices.first(), channels.first()) else {
        return Err(Failure::said("there is nobody who could encrypt"));
    };
    let (_, empty) = seal_one(device, *channel, String::new()).await?;
    // Base64 has four letters for three bytes.
    let mut length = bytes.saturating_sub(empty.len()) * 3 / 4;
    loop {
        let text: String = LETTERS.chars().cycle().take(length).collect();
        let (_, envelope) = seal_one(device, *channel, text.clone()).await?;
        if envelope.len() <= bytes || length == 0 {
            return Ok(text);
        }
        length = length.saturating_sub(8);
    }
}

async fn seal_for(
    device: &Device,
    channel: ChannelId,
    text: &str,
    each: usize,
) -> Outcome<(String, Arc<[String]>)> {
    let mut members_version = String::new();
    let mut envelopes = Vec::with_capacity(each);
    for _ in 0..each {
        let (version, envelope) = seal_one(device, channel, text.to_owned()).await?;
        members_version = version;
        envelopes.push(envelope);
    }
    Ok((members_version, envelopes.into()))
}

async fn seal_one(device: &Device, channel: ChannelId, text: String) -> Outcome<(String, String)> {
    let sealed = device.seal(channel, &Draft::of(text)).await;
    let Sealed {
        members_version,
        envelope,
    } = sealed.doing("encrypt a message")?;
    let version = format!("{members_version:>VERSION_DIGITS$}");
    Ok((version, envelope.get().to_owned()))
}
