//! Who makes a request.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::Either;

use crate::domain::ids::{SessionId, UserId};
use crate::domain::message::UserAuthor;
use crate::domain::secrets::{SessionToken, TokenHash};
use crate::domain::user::User;
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::store;

/// How a caller proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Credential {
    /// A bearer token, which no browser sends by itself.
    Bearer,
    /// The cookie, which a browser sends for any page: a change needs a same-origin request.
    Cookie,
}

/// What takes a look at the database.
type LookedUp<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// A signed-in caller.
#[derive(Debug)]
pub(in crate::http) struct Caller {
    pub(in crate::http) user: User,
    pub(in crate::http) session_id: SessionId,
    pub(in crate::http) credential: Credential,
}

impl Caller {
    fn of(found: store::Caller, credential: Credential) -> Self {
        Self {
            user: found.user,
            session_id: found.session_id,
            credential,
        }
    }

    pub(in crate::http) fn id(&self) -> UserId {
        self.user.id
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LookedUp<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let presented = Presented::by(&request)?;
            let found = presented.state.find_session(presented.token.hash()).await?;
            presented.check_origin(&request)?;
            Ok(Self::of(found, presented.credential))
        })
    }
}

/// How long a session is taken to stand before it is looked up again.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// Somebody who sends messages. Whom a token belongs to is remembered for a minute, because the
/// ledger checks that the session still stands where it writes. Whatever else is done for an author
/// asks [`Author::confirm`] first.
#[derive(Debug)]
pub(in crate::http) struct Author {
    shown: Arc<UserAuthor>,
    token: TokenHash,
    credential: Credential,
}

/// Whose a session was when it was last looked up.
#[derive(Clone, Debug)]
pub struct RememberedSession {
    author: Arc<UserAuthor>,
    at: Instant,
}

impl Author {
    /// What readers see of the author, whose session may have ended in the last minute.
    pub(in crate::http) fn shown(&self) -> &Arc<UserAuthor> {
        &self.shown
    }

    /// Looks whether the session still stands.
    pub(in crate::http) async fn confirm(&self, state: &ApiState) -> Result<Caller, Problem> {
        let found = state.find_session(self.token).await?;
        Ok(Caller::of(found, self.credential))
    }

    fn remembered(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let presented = Presented::by(request)?;
        let token = presented.token.hash();
        let session = presented.state.remembered_sessions.get(&token);
        let fresh = session.filter(|session| session.at.elapsed() < REMEMBERED_FOR);
        let Some(session) = fresh else {
            return Ok(None);
        };
        presented.check_origin(request)?;
        Ok(Some(Self::of(session, token, presented.credential)))
    }

    async fn look_up(request: HttpRequest) -> Result<Self, Problem> {
        let presented = Presented::by(&request)?;
        let (state, token) = (presented.state, presented.token.hash());
        let at = Instant::now();
        let found = state.find_session(token).await?;
        let session = RememberedSession::of(found, at);
        state.remembered_sessions.insert(token, session.clone());
        presented.check_origin(&request)?;
        Ok(Self::of(session, token, presented.credential))
    }

    fn of(session: RememberedSession, token: TokenHash, credential: Credential) -> Self {
        Self {
            shown: session.author,
            token,
            credential,
        }
    }
}

impl RememberedSession {
    fn of(found: store::Caller, at: Instant) -> Self {
        let author = UserAuthor {
            user_id: found.user.id,
            username: found.user.username,
            display_name: found.user.display_name,
            device_id: found.session_id,
        };
        Self {
            author: Arc::new(author),
            at,
        }
    }
}

impl FromRequest for Author {
    type Error = Problem;
    type Future = Either<Ready<Result<Self, Problem>>, LookedUp<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Almost always remembered, and then there is nothing to wait for.
        match Self::remembered(request).transpose() {
            Some(remembered) => Either::Left(ready(remembered)),
            None => Either::Right(Box::pin(Self::look_up(request.clone()))),
        }
    }
}

impl ApiState {
    /// The session of a token, which is noted as used.
    async fn find_session(&self, token: TokenHash) -> Result<store::Caller, Problem> {
        let found = self.store.find_session(token, self.session_idle_days);
        found.await?.ok_or_else(Problem::unauthenticated)
    }
}

/// What a request brings to prove who makes it.
struct Presented<'a> {
    state: &'a ApiState,
    token: SessionToken,
    credential: Credential,
}

impl<'a> Presented<'a> {
    fn by(request: &'a HttpRequest) -> Result<Self, Problem> {
        let state = request.app_data::<Data<ApiState>>();
        let state = state.ok_or_else(Problem::unauthenticated)?;
        let presented = credential_of(request, state);
        let (token, credential) = presented.ok_or_else(Problem::unauthenticated)?;
        Ok(Self {
            state,
            token,
            credential,
        })
    }

    /// Refuses a change that another site makes the browser send.
    fn check_origin(&self, request: &HttpRequest) -> Result<(), Problem> {
        let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        if self.credential == Credential::Cookie && changes {
            self.state.origins.check_change(request)?;
        }
        Ok(())
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
