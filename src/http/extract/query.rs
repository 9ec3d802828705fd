//! Query parameters.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::Caller;
use crate::http::problem::{Code, FieldError, Problem};

/// Query parameters, read as `T`.
pub(in crate::http) struct Query<T>(pub(in crate::http) T);

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string());
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            match parsed {
                Ok(query) => Ok(Self(query.into_inner())),
                Err(error) => {
                    // Whoever has no session hears of that first.
                    caller.await?;
                    let detail = format!("cannot be read: {error}");
                    let error = FieldError {
                        pointer: String::new(),
                        detail,
                    };
                    Err(Problem::invalid(Code::InvalidQuery, vec![error]))
                }
            }
        })
    }
}
