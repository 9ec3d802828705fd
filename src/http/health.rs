//! What operators and load balancers ask.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use super::answer::Found;
use super::problem::{Code, Problem};
use super::state::ApiState;

/// How long the database may take to answer before the server counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the server is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    /// Always `ok`.
    status: &'static str,
}

pub(super) async fn live() -> Result<Found<Health>, Problem> {
    Ok(Found(Health { status: "ok" }))
}

pub(super) async fn ready(state: Data<ApiState>) -> Result<Found<Health>, Problem> {
    if state.stopping.load(Ordering::SeqCst) {
        return Err(Problem::retry(
            Code::ShuttingDown,
            "The server is shutting down.",
        ));
    }
    match timeout(PATIENCE, state.store.epoch()).await {
        Ok(Ok(_)) => Ok(Found(Health { status: "ok" })),
        Ok(Err(_)) | Err(_) => Err(Problem::retry(
            Code::Unavailable,
            "The database does not answer.",
        )),
    }
}

pub(super) async fn openapi(document: Data<Value>) -> Result<Found<Value>, Problem> {
    Ok(Found(document.get_ref().clone()))
}
