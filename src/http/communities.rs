//! Communities.

use actix_web::web::Data;

use super::answer::{Created, Done, Found};
use super::extract::{Body, Caller, Path, request_body};
use super::problem::{Code, Problem};
use super::state::ApiState;
use crate::domain::access::Role;
use crate::domain::community::{Community, MAX_COMMUNITIES_PER_USER};
use crate::domain::ids::CommunityId;
use crate::domain::names::Name;

request_body! {
    /// A new community.
    NewCommunity {
        /// Its name.
        name: required Name,
    }
}

request_body! {
    /// What to change of a community.
    CommunityChange {
        /// The new name.
        name: optional Name,
    }
}

impl ApiState {
    /// The community, if the caller is in it.
    pub(super) async fn community_of(
        &self,
        caller: &Caller,
        id: CommunityId,
    ) -> Result<Community, Problem> {
        self.store
            .find_community(id, caller.id())
            .await?
            .ok_or_else(Problem::not_found)
    }

    /// The community, if the caller administers it.
    pub(super) async fn administered_community(
        &self,
        caller: &Caller,
        id: CommunityId,
    ) -> Result<Community, Problem> {
        let community = self.community_of(caller, id).await?;
        if !community.role.administers() {
            return Err(Problem::forbidden(
                "Only owners and admins of the community may do this.",
            ));
        }
        Ok(community)
    }
}

pub(super) async fn create(
    state: Data<ApiState>,
    caller: Caller,
    body: Body<NewCommunity>,
) -> Result<Created<Community>, Problem> {
    let body = body.parse()?;
    let community = state
        .store
        .create_community(&body.name, caller.id())
        .await?;
    let community = community.ok_or_else(|| {
        Problem::new(
            Code::TooManyCommunities,
            format!("Leave one first; at most {MAX_COMMUNITIES_PER_USER} are possible."),
        )
    })?;
    state.announce_membership_to(community.id, caller.id());
    Ok(Created(community))
}

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
) -> Result<Found<Vec<Community>>, Problem> {
    Ok(Found(state.store.list_communities(caller.id()).await?))
}

pub(super) async fn show(
    state: Data<ApiState>,
    caller: Caller,
    Path(id): Path<CommunityId>,
) -> Result<Found<Community>, Problem> {
    Ok(Found(state.community_of(&caller, id).await?))
}

pub(super) async fn update(
    state: Data<ApiState>,
    caller: Caller,
    Path(id): Path<CommunityId>,
    body: Body<CommunityChange>,
) -> Result<Found<Community>, Problem> {
    state.administered_community(&caller, id).await?;
    if let Some(name) = body.parse()?.name {
        state.store.rename_community(id, &name).await?;
        state.announce_membership(id).await;
    }
    Ok(Found(state.community_of(&caller, id).await?))
}

pub(super) async fn remove(
    state: Data<ApiState>,
    caller: Caller,
    Path(id): Path<CommunityId>,
) -> Result<Done, Problem> {
    if state.community_of(&caller, id).await?.role != Role::Owner {
        return Err(Problem::forbidden(
            "Only the owner may delete the community.",
        ));
    }
    let channels = state.store.delete_community(id).await?;
    for channel in channels {
        // Those who watch it are told of each; everybody else's list of communities is enough.
        state.channels.drop_channel(channel);
    }
    state.announce_membership(id).await;
    Ok(Done)
}
