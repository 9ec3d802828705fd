//! Channels.

use actix_web::web::Data;

use super::answer::{Created, Done, Found};
use super::extract::{Body, Caller, Path, request_body};
use super::problem::{Code, Problem};
use super::state::ApiState;
use crate::domain::access::ChannelAccess;
use crate::domain::community::{Channel, MAX_CHANNELS_PER_COMMUNITY};
use crate::domain::ids::{ChannelId, CommunityId};
use crate::domain::names::{Name, Topic};
use crate::store::ChannelChange;

request_body! {
    /// A new channel.
    NewChannel {
        /// Its name.
        name: required Name,
        /// What it is about.
        topic: nullable Topic,
        /// Whether only its members and the admins see it; false if absent.
        private: nullable bool,
    }
}

request_body! {
    /// What to change of a channel.
    ChannelUpdate {
        /// The new name.
        name: optional Name,
        /// The new topic; null for none.
        topic: patch Topic,
    }
}

impl ApiState {
    /// The channel, if the caller sees it, and what they may do there.
    pub(super) async fn seen_channel(
        &self,
        caller: &Caller,
        id: ChannelId,
    ) -> Result<(Channel, ChannelAccess), Problem> {
        let found = self.store.find_channel(id, caller.id()).await?;
        found
            .filter(|(_, access)| access.sees())
            .ok_or_else(Problem::not_found)
    }

    /// The channel, if the caller reads it.
    pub(super) async fn read_channel(
        &self,
        caller: &Caller,
        id: ChannelId,
    ) -> Result<(Channel, ChannelAccess), Problem> {
        let (channel, access) = self.seen_channel(caller, id).await?;
        if !access.reads() {
            return Err(Problem::forbidden("Join the channel first."));
        }
        Ok((channel, access))
    }

    /// The channel, if the caller administers it.
    pub(super) async fn administered_channel(
        &self,
        caller: &Caller,
        id: ChannelId,
    ) -> Result<Channel, Problem> {
        let (channel, access) = self.seen_channel(caller, id).await?;
        if !access.administers() {
            return Err(Problem::forbidden(
                "Only owners and admins of the community may do this.",
            ));
        }
        Ok(channel)
    }
}

pub(super) async fn create(
    state: Data<ApiState>,
    caller: Caller,
    Path(community): Path<CommunityId>,
    body: Body<NewChannel>,
) -> Result<Created<Channel>, Problem> {
    state.administered_community(&caller, community).await?;
    let body = body.parse()?;
    let (topic, private) = (
        body.topic.unwrap_or_default(),
        body.private.unwrap_or(false),
    );
    let channel = state
        .store
        .create_channel(community, caller.id(), &body.name, &topic, private)
        .await?;
    let channel = channel.ok_or_else(|| {
        Problem::new(
            Code::TooManyChannels,
            format!("Delete one first; at most {MAX_CHANNELS_PER_COMMUNITY} are possible."),
        )
    })?;
    state.announce_channel(channel.id).await;
    Ok(Created(channel))
}

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
    Path(community): Path<CommunityId>,
) -> Result<Found<Vec<Channel>>, Problem> {
    state.community_of(&caller, community).await?;
    Ok(Found(
        state.store.list_channels(community, caller.id()).await?,
    ))
}

pub(super) async fn show(
    state: Data<ApiState>,
    caller: Caller,
    Path(id): Path<ChannelId>,
) -> Result<Found<Channel>, Problem> {
    Ok(Found(state.seen_channel(&caller, id).await?.0))
}

pub(super) async fn update(
    state: Data<ApiState>,
    caller: Caller,
    Path(id): Path<ChannelId>,
    body: Body<ChannelUpdate>,
) -> Result<Found<Channel>, Problem> {
    state.administered_channel(&caller, id).await?;
    let body = body.parse()?;
    let change = ChannelChange {
        name: body.name,
        topic: body.topic.map(Option::unwrap_or_default),
    };
    state.store.update_channel(id, &change).await?;
    state.announce_channel(id).await;
    Ok(Found(state.seen_channel(&caller, id).await?.0))
}

pub(super) async fn remove(
    state: Data<ApiState>,
    caller: Caller,
    Path(id): Path<ChannelId>,
) -> Result<Done, Problem> {
    state.administered_channel(&caller, id).await?;
    if !state.store.delete_channel(id).await? {
        return Err(Problem::not_found());
    }
    state.announce_channel_gone(id).await;
    Ok(Done)
}
