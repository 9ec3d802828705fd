//! Ids and codes in paths.

use std::future::{Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::Either;
use serde::de::DeserializeOwned;

use super::Caller;
use crate::http::problem::Problem;

/// What looks first whether there is a session.
type Refused<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// The parameters of a path. What cannot be an id names nothing: 404. Every call that takes
/// ids needs a session, so whoever has none hears of that first.
pub(in crate::http) struct Path<T>(pub(in crate::http) T);

impl<T: DeserializeOwned + 'static> FromRequest for Path<T> {
    type Error = Problem;
    type Future = Either<Ready<Result<Self, Problem>>, Refused<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Ok(path) = web::Path::<T>::from_request(request, payload).into_inner() {
            return Either::Left(ready(Ok(Self(path.into_inner()))));
        }
        let caller = Caller::from_request(request, payload);
        Either::Right(Box::pin(async move {
            caller.await?;
            Err(Problem::not_found())
        }))
    }
}
