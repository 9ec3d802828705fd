//! What the server says of itself to whoever arrives.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::Found;
use super::problem::Problem;
use super::state::ApiState;
use crate::config::Registration;

/// The server, as one sees it who has not signed in.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Instance {
    /// The server's version.
    server_version: &'static str,
    /// Who may register: `invite`, `open` or `closed`.
    registration: Registration,
    /// Whether nobody has registered yet. The first to do so becomes the owner, whatever
    /// `registration` says.
    first_run: bool,
}

pub(super) async fn show(state: Data<ApiState>) -> Result<Found<Instance>, Problem> {
    Ok(Found(Instance {
        server_version: env!("CARGO_PKG_VERSION"),
        registration: state.registration,
        first_run: !state.store.users_exist().await?,
    }))
}
