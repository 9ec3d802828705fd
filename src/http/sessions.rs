//! One's own sign-ins.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Done, Found};
use super::extract::{Caller, Path};
use super::problem::Problem;
use super::state::ApiState;
use crate::domain::ids::SessionId;
use crate::domain::user::{Session, User};

/// Who asks.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CurrentSession {
    /// The account.
    user: User,
}

pub(super) async fn current(caller: Caller) -> Result<Found<CurrentSession>, Problem> {
    Ok(Found(CurrentSession { user: caller.user }))
}

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
) -> Result<Found<Vec<Session>>, Problem> {
    let sessions = state
        .store
        .list_sessions(caller.id(), caller.session_id, state.session_idle_days)
        .await?;
    Ok(Found(sessions))
}

pub(super) async fn revoke(
    state: Data<ApiState>,
    caller: Caller,
    Path(session): Path<SessionId>,
) -> Result<Done, Problem> {
    if state.end_session(caller.id(), session).await? {
        Ok(Done)
    } else {
        Err(Problem::not_found())
    }
}
