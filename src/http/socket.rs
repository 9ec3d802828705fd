//! The upgrade to a WebSocket.

use actix_web::http::header::{CONNECTION, UPGRADE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Responder};
use actix_web_actors::ws;

use super::extract::{Caller, Credential};
use super::openapi::{DescribeAnswer, Document, Operation};
use super::problem::{Code, Problem};
use super::state::ApiState;
use crate::actors::session::SessionActor;
use crate::actors::sessions::SeatRefused;
use crate::metrics::Metrics;

/// The greatest size of a frame from a client.
const MAX_FRAME_BYTES: usize = 64 * 1024;

/// 101.
pub(super) struct Upgraded(HttpResponse);

impl Responder for Upgraded {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl DescribeAnswer for Upgraded {
    fn describe(operation: &mut Operation, _: &mut Document) {
        operation.answers("101", "The connection speaks WebSocket from here on", None);
    }
}

pub(super) async fn upgrade(
    state: Data<ApiState>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<Upgraded, Problem> {
    if caller.credential == Credential::Cookie {
        // A browser sends the cookie with any page's socket, so the page must be one of ours.
        state.origins.check_origin(&request)?;
    }
    state.refuse_while_stopping()?;
    ws::handshake(&request).map_err(|error| {
        Problem::new(
            Code::UpgradeRequired,
            format!("Open a WebSocket here: {error}."),
        )
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
    })?;
    let seat = state.sessions.take_seat(caller.id()).map_err(|refused| {
        Metrics::count(&state.metrics.overloads, "sockets");
        match refused {
            SeatRefused::ServerFull => Problem::retry(
                Code::Overloaded,
                "Too many connections. Try again in a moment.",
            ),
            SeatRefused::UserFull => {
                Problem::retry(Code::TooManySockets, "Close another connection first.")
            }
        }
    })?;
    let actor = SessionActor::new(state.socket.clone(), caller.id(), caller.session_id, seat);
    let response = ws::WsResponseBuilder::new(actor, &request, payload)
        .frame_size(MAX_FRAME_BYTES)
        .start();
    response
        .map(Upgraded)
        .map_err(|error| Problem::new(Code::UpgradeRequired, error.to_string()))
}
