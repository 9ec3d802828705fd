//! Request bodies: read within a bound, then parsed field by field.

use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::fields::RequestBody;
use crate::http::problem::{Code, Problem};

/// The greatest size of a request body, for most.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// How much of a larger one is read and thrown away, so that the client, which is still
/// sending, gets to read the refusal instead of a reset connection.
const DRAINED_BYTES: usize = 1024 * 1024;

/// A JSON body. Reading it never fails by itself, so that a handler can answer first that the
/// caller may not do this at all.
pub(in crate::http) struct Body<T> {
    raw: Result<Bytes, Problem>,
    parses_to: PhantomData<T>,
}

impl<T: RequestBody> Body<T> {
    /// The body, parsed.
    ///
    /// # Errors
    /// Names every field that is wrong.
    pub(in crate::http) fn parse(self) -> Result<T, Problem> {
        let raw = self.raw?;
        // No body at all is one without fields.
        let raw: &[u8] = if raw.is_empty() { b"{}" } else { &raw };
        T::parse(raw)
    }
}

impl<T: RequestBody> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let raw = read_body(&request, &mut payload, T::MAX_BYTES).await;
            let raw = raw.and_then(|raw| {
                if raw.is_empty() || is_json(&request) {
                    Ok(raw)
                } else {
                    Err(unsupported_media_type())
                }
            });
            Ok(Self {
                raw,
                parses_to: PhantomData,
            })
        })
    }
}

/// How long a client may take to send a body: a trickle must not hold a connection for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a body of at most `max_bytes`.
///
/// # Errors
/// 413 for a larger one, which is drained first; 408 for one that does not arrive in time.
pub(in crate::http) async fn read_body(
    request: &HttpRequest,
    payload: &mut Payload,
    max_bytes: usize,
) -> Result<Bytes, Problem> {
    let late =
        |_elapsed| Problem::new(Code::RequestTimeout, "The body did not arrive within 30 s.");
    timeout(PATIENCE, read_bounded(request, payload, max_bytes))
        .await
        .map_err(late)?
}

async fn read_bounded(
    request: &HttpRequest,
    payload: &mut Payload,
    max_bytes: usize,
) -> Result<Bytes, Problem> {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let mut too_large = declared.is_some_and(|length: usize| length > max_bytes);
    let mut read = 0;
    // Most bodies come in one chunk, which is taken as it is.
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|error| Problem::invalid_field("", format!("the body broke off: {error}")))?;
        read += chunk.len();
        too_large |= read > max_bytes;
        if !too_large {
            if first.is_empty() {
                first = chunk;
                continue;
            }
            if joined.is_empty() {
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&chunk);
        } else if read > max_bytes.max(DRAINED_BYTES) {
            break;
        }
    }
    if too_large {
        return Err(Problem::new(
            Code::PayloadTooLarge,
            format!("The body of this call has at most {max_bytes} bytes."),
        ));
    }
    Ok(if joined.is_empty() {
        first
    } else {
        joined.freeze()
    })
}

fn is_json(request: &HttpRequest) -> bool {
    let declared = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = declared
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

fn unsupported_media_type() -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        "Send the header Content-Type: application/json.",
    )
}
