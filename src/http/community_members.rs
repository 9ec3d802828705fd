//! Members of a community and their roles.

use actix_web::web::Data;

use super::answer::{Done, Found};
use super::extract::{Body, Caller, Path, request_body};
use super::problem::Problem;
use super::state::ApiState;
use crate::domain::access::Role;
use crate::domain::community::CommunityMember;
use crate::domain::ids::{ChannelId, CommunityId, UserId};
use crate::protocol::Close;

request_body! {
    /// A member's new role.
    RoleAssignment {
        /// The role; `owner` hands the community over.
        role: required Role,
    }
}

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
    Path(community): Path<CommunityId>,
) -> Result<Found<Vec<CommunityMember>>, Problem> {
    state.community_of(&caller, community).await?;
    Ok(Found(state.store.list_community_members(community).await?))
}

pub(super) async fn update(
    state: Data<ApiState>,
    caller: Caller,
    Path((community, user)): Path<(CommunityId, UserId)>,
    body: Body<RoleAssignment>,
) -> Result<Found<CommunityMember>, Problem> {
    if state.community_of(&caller, community).await?.role != Role::Owner {
        return Err(Problem::forbidden("Only the owner may change roles."));
    }
    let role = body.parse()?.role;
    let member = state
        .store
        .change_role(community, caller.id(), user, role)
        .await??;
    state.announce_membership(community).await;
    Ok(Found(member))
}

pub(super) async fn remove(
    state: Data<ApiState>,
    caller: Caller,
    Path((community, user)): Path<(CommunityId, UserId)>,
) -> Result<Done, Problem> {
    let removal = state
        .store
        .remove_community_member(community, caller.id(), user)
        .await;
    if removal.is_err() {
        // It may have happened all the same, in channels that are not known now: their
        // sockets begin anew and are checked again.
        state.sessions.end_user(user, Close::ServerError);
    }
    let channels = removal??.channels;
    state.announce_left(&channels, user);
    let left: Vec<ChannelId> = channels.iter().map(|change| change.channel_id).collect();
    state.device_lists.announce_left(user, &left).await;
    state.announce_membership_to(community, user);
    state.announce_membership(community).await;
    Ok(Done)
}
