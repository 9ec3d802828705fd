//! The names by which keys and signatures know the caller.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::answer::Found;
use crate::http::extract::Device;
use crate::http::problem::Problem;
use crate::http::state::ApiState;

/// Who asks.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct WhoAmI {
    /// The user id: `@<user uuid>:<server name>`.
    user_id: String,
    /// The device id: the id of the session.
    device_id: String,
    /// What stands behind the colon of every user id and room id of this server.
    server_name: String,
}

pub(in crate::http) async fn show(
    state: Data<ApiState>,
    device: Device,
) -> Result<Found<WhoAmI>, Problem> {
    let server = state.server_name().await?;
    let name = device.name(&server);
    Ok(Found(WhoAmI {
        user_id: name.user_id,
        device_id: name.device_id,
        server_name: server.as_str().to_owned(),
    }))
}
