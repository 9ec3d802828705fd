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
    // Whoever hears of new members sends to them: first whose devices to ask for again.
    match state.store.add_channel_member(channel, user).await {
        Ok(Joined::Now(change)) => {
            state.device_lists.announce_joined(user).await;
            state.announce_joined(change, user);
            Ok(Done)
        }
        Ok(Joined::Already) => Ok(Done),
        Ok(Joined::Outsider) if user == caller.id() => Err(Problem::not_found()),
        Ok(Joined::Outsider) => Err(Problem::new(
            Code::NotACommunityMember,
            "Invite them to the community first.",
        )),
        Err(error) => {
            state.device_lists.announce_joined(user).await;
            state.announce_perhaps_joined(channel, user);
            Err(error.into())
        }
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
