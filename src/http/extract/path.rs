//! Ids and codes in paths.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::Caller;
use crate::http::problem::Problem;

/// The parameters of a path. What cannot be an id names nothing: 404. Every call that takes
/// ids needs a session, so whoever has none hears of that first.
pub(in crate::http) struct Path<T>(pub(in crate::http) T);

impl<T: DeserializeOwned + 'static> FromRequest for Path<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parsed = web::Path::<T>::from_request(request, payload).into_inner();
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            if let Ok(path) = parsed {
                return Ok(Self(path.into_inner()));
            }
            caller.await?;
            Err(Problem::not_found())
        })
    }
}
