//! Who is in a channel.

use actix_web::web::Data;

use super::answer::{Done, Found};
use super::extract::{Caller, Path};
use super::problem::{Code, Problem};
use super::state::ApiState;
use crate::domain::ids::{ChannelId, UserId};
use crate::domain::user::User;
use crate::store::Joined;

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
) -> Result<Found<Vec<User>>, Problem> {
    state.seen_channel(&caller, channel).await?;
    Ok(Found(state.store.list_channel_members(channel).await?))
}

pub(super) async fn add(
    state: Data<ApiState>,
    caller: Caller,
    Path((channel, user)): Path<(ChannelId, UserId)>,
) -> Result<Done, Problem> {
    let (_, access) = state.seen_channel(&caller, channel).await?;
    let allowed = if user == caller.id() {
        access.may_join()
    } else {
        access.administers()
    };
    if !allowed {
        return Err(Problem::forbidden(
            "Only owners and admins of the community may add others.",
        ));
    }
    match state.store.add_channel_member(channel, user).await? {
        Joined::Now(change) => {
            // Whoever hears of the new members sends to them: first whose devices to ask for again.
            state.device_lists.announce_joined(user).await;
            state.announce_joined(change, user);
            Ok(Done)
        }
        Joined::Already => Ok(Done),
        Joined::Outsider if user == caller.id() => Err(Problem::not_found()),
        Joined::Outsider => Err(Problem::new(
            Code::NotACommunityMember,
            "Invite them to the community first.",
        )),
    }
}

pub(super) async fn remove(
    state: Data<ApiState>,
    caller: Caller,
    Path((channel, user)): Path<(ChannelId, UserId)>,
) -> Result<Done, Problem> {
    let (_, access) = state.seen_channel(&caller, channel).await?;
    if user != caller.id() && !access.administers() {
        return Err(Problem::forbidden(
            "Only owners and admins of the community may remove others.",
        ));
    }
    match state.store.remove_channel_member(channel, user).await {
        Ok(Some(change)) => {
            state.announce_left(&[change], user);
            state.device_lists.announce_left(user, &[channel]).await;
            Ok(Done)
        }
        Ok(None) => Err(Problem::not_found()),
        Err(error) => {
            state.announce_perhaps_left(channel, user);
            state.device_lists.announce_left(user, &[channel]).await;
            Err(error.into())
        }
    }
}
