//! What surrounds every request: an id, a count, a line in the log, the limit of its address.

use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, ResponseError};
use uuid::Uuid;

use super::limits::ClientAddress;
use super::request_id;
use super::state::ApiState;
use crate::metrics::Metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-content-type-options"),
    HeaderValue::from_static("nosniff"),
);

/// Gives a request its id, and counts and logs it when it is answered. The log names the
/// route, never the path: a path may hold a token.
pub(super) async fn surround(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let (id, started) = (Uuid::now_v7(), Instant::now());
    let method = request.method().clone();
    let state = request.app_data::<Data<ApiState>>().cloned();
    let mut response = request_id::under(id, next.call(request)).await?;
    let status = response.status();
    if let Some(state) = state {
        Metrics::count(&state.metrics.responses, class_of(status.as_u16()));
    }
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "(unknown)".to_owned());
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    tracing::debug!(request.id = %id, %method, route, status = status.as_u16(), duration_ms, "request answered");
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.headers_mut().insert(NOSNIFF.0, NOSNIFF.1);
    Ok(response)
}

fn class_of(status: u16) -> &'static str {
    match status {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

/// Charges every request under /api to its client's address.
pub(super) async fn limit_address<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let state = request.app_data::<Data<ApiState>>();
    // The decoded path, by which routes are found: `/%61pi` is /api too.
    if let Some(state) = state.filter(|_| request.match_info().as_str().starts_with("/api/")) {
        let address = ClientAddress::of(request.request(), &state.trusted_proxies);
        if let Err(problem) = state.limits.charge_address(address) {
            return Ok(request
                .into_response(problem.error_response())
                .map_into_right_body());
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}
