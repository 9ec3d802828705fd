//! Successful answers. Each type is one status, so that the documentation follows from it.

use actix_web::body::BoxBody;
use actix_web::http::header::{self, ContentType};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;

/// 200 with a JSON body.
pub(super) struct Found<T>(pub(super) T);

/// 201 with a JSON body.
pub(super) struct Created<T>(pub(super) T);

/// 202: it is done after the answer.
pub(super) struct Accepted;

/// 204.
pub(super) struct Done;

impl<T: Serialize> Responder for Found<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        json(HttpResponse::Ok(), &self.0)
    }
}

impl<T: Serialize> Responder for Created<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        json(HttpResponse::Created(), &self.0)
    }
}

impl Responder for Accepted {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Accepted().finish()
    }
}

impl Responder for Done {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}

/// Writes a JSON answer that nobody may keep: it depends on who asks, and may hold a secret.
pub(super) fn json(
    mut response: actix_web::HttpResponseBuilder,
    body: &impl Serialize,
) -> HttpResponse {
    match serde_json::to_string(body) {
        Ok(text) => response
            .insert_header(ContentType::json())
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(text),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            HttpResponse::InternalServerError().finish()
        }
    }
}
