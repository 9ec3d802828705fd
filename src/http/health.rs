//! What operators and load balancers ask.

use std::sync::atomic::Ordering;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::answer::Found;
use super::problem::{Code, Problem};
use super::state::ApiState;

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
    if state.watch.answers() {
        Ok(Found(Health { status: "ok" }))
    } else {
        Err(Problem::retry(
            Code::Unavailable,
            "The database does not answer.",
        ))
    }
}

pub(super) async fn openapi(document: Data<Value>) -> Result<Found<Value>, Problem> {
    Ok(Found(document.get_ref().clone()))
}
