//! Whose keys to ask for again, after an absence.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::answer::Found;
use crate::http::extract::{Device, Query};
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::state::ApiState;

/// Since when.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(in crate::http) struct ChangesQuery {
    /// The `device_lists_position` of the `hello` up to which the client knows all changes; 0 for
    /// all there are.
    #[schemars(with = "Option<i64>")]
    from: Option<String>,
    /// As in Matrix. Changes after it are told too, which does no harm.
    #[schemars(with = "Option<i64>")]
    to: Option<String>,
}

/// Whose keys changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Changes {
    /// Users whose devices or cross-signing keys changed, or who share a channel with the caller
    /// only since then.
    changed: Vec<String>,
    /// Always empty. Who shares no channel any more is told live, and after an absence seen from
    /// the lists of members.
    left: Vec<String>,
}

pub(in crate::http) async fn changes(
    state: Data<ApiState>,
    device: Device,
    Query(query): Query<ChangesQuery>,
) -> Result<Found<Changes>, Problem> {
    let mut errors = Vec::new();
    let mut place = |name: &str, text: &Option<String>| {
        let parsed = text.as_deref().and_then(|text| text.parse::<i64>().ok());
        if parsed.is_none_or(|place| place < 0) && (text.is_some() || name == "from") {
            errors.push(FieldError {
                pointer: format!("/{name}"),
                detail: "must be a place: the device_lists_position of a hello, or 0".to_owned(),
            });
        }
        parsed.unwrap_or(0)
    };
    let since = place("from", &query.from);
    place("to", &query.to);
    if !errors.is_empty() {
        return Err(Problem::invalid(Code::InvalidQuery, errors));
    }
    let server = state.server_name().await?;
    let users = state
        .store
        .device_lists_changed(device.user_id(), since)
        .await?;
    Ok(Found(Changes {
        changed: users.iter().map(|user| server.user_id(*user)).collect(),
        left: Vec::new(),
    }))
}
