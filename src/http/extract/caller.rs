//! Who makes a request.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::domain::ids::{SessionId, UserId};
use crate::domain::secrets::SessionToken;
use crate::domain::user::User;
use crate::http::problem::{Code, Problem};
use crate::http::state::ApiState;

/// How a caller proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Credential {
    /// A bearer token, which no browser sends by itself.
    Bearer,
    /// The cookie, which a browser sends for any page: a change needs a same-origin request.
    Cookie,
}

/// A signed-in caller.
#[derive(Debug)]
pub(in crate::http) struct Caller {
    pub(in crate::http) user: User,
    pub(in crate::http) session_id: SessionId,
    pub(in crate::http) credential: Credential,
}

impl Caller {
    pub(in crate::http) fn id(&self) -> UserId {
        self.user.id
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let state = request
                .app_data::<Data<ApiState>>()
                .ok_or_else(unauthenticated)?;
            let (token, credential) = credential_of(&request, state).ok_or_else(unauthenticated)?;
            let found = state
                .store
                .find_session(token.hash(), state.session_idle_days)
                .await?;
            let found = found.ok_or_else(unauthenticated)?;
            let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
            if credential == Credential::Cookie && changes {
                state.origins.check_change(&request)?;
            }
            Ok(Self {
                user: found.user,
                session_id: found.session_id,
                credential,
            })
        })
    }
}

fn credential_of(request: &HttpRequest, state: &ApiState) -> Option<(SessionToken, Credential)> {
    if let Some(text) = request.headers().get(header::AUTHORIZATION) {
        return Some((bearer(text.to_str().ok()?)?, Credential::Bearer));
    }
    let token = cookie(request.headers(), state.cookie_name())?;
    Some((SessionToken::parse(token)?, Credential::Cookie))
}

fn bearer(value: &str) -> Option<SessionToken> {
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| SessionToken::parse(token.trim()))?
}

/// Finds a cookie. Several headers and unreadable neighbours do not hide it.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

fn unauthenticated() -> Problem {
    Problem::new(
        Code::Unauthenticated,
        "Send a session's token as a bearer token or in the cookie.",
    )
    .header(header::WWW_AUTHENTICATE, "Bearer")
}
