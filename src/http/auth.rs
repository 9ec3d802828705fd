//! Registering, signing in, signing out.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::json;
use super::extract::{Body, Caller, request_body};
use super::limits::ClientAddress;
use super::openapi::{DescribeAnswer, Document, Operation};
use super::problem::{Code, Problem};
use super::state::ApiState;
use crate::config::Registration;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::names::{Name, Username};
use crate::domain::secrets::{InviteCode, Password, SessionToken};
use crate::domain::user::{InstanceRole, NewUser, User};
use crate::protocol::Close;
use crate::store::{NewSession, Registered};

/// The greatest length of what a client calls itself.
const USER_AGENT_CHARS: usize = 256;

/// How a client keeps its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SessionKind {
    /// In a cookie, for pages.
    Cookie,
    /// In its own hands, for programs: the answer holds the token.
    Token,
}

request_body! {
    /// A new account.
    Registering {
        /// The sign-in name.
        username: required Username,
        /// The password.
        password: required Password,
        /// The name shown; the sign-in name if absent.
        display_name: nullable Name,
        /// An invite's code.
        invite: nullable InviteCode,
        /// How the session is kept; a cookie if absent.
        session: nullable SessionKind,
    }
}

request_body! {
    /// A sign-in.
    SigningIn {
        /// The sign-in name, in any case.
        username: required String,
        /// The password.
        password: required String,
        /// How the session is kept; a cookie if absent.
        session: nullable SessionKind,
    }
}

/// Who signed in.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SignedInBody {
    /// The account.
    user: User,
    /// The session's token, when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// The answer to a sign-in: the account, with the token in the body or in the cookie.
struct SignedIn {
    status: StatusCode,
    body: SignedInBody,
    cookie: Option<Cookie<'static>>,
}

impl SignedIn {
    fn into_response(self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status);
        if let Some(cookie) = self.cookie {
            response.cookie(cookie);
        }
        json(response, &self.body)
    }
}

/// 201, signed in.
pub(super) struct RegisteredAnswer(SignedIn);

/// 200, signed in.
pub(super) struct LoggedInAnswer(SignedIn);

/// 204, and the cookie is gone.
pub(super) struct LoggedOutAnswer(Cookie<'static>);

impl Responder for RegisteredAnswer {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0.into_response()
    }
}

impl Responder for LoggedInAnswer {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0.into_response()
    }
}

impl Responder for LoggedOutAnswer {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::NoContent().cookie(self.0).finish()
    }
}

impl DescribeAnswer for RegisteredAnswer {
    fn describe(operation: &mut Operation, document: &mut Document) {
        operation.answers(
            "201",
            "Made and signed in",
            Some(document.schema_of_sent::<SignedInBody>()),
        );
    }
}

impl DescribeAnswer for LoggedInAnswer {
    fn describe(operation: &mut Operation, document: &mut Document) {
        operation.answers(
            "200",
            "Signed in",
            Some(document.schema_of_sent::<SignedInBody>()),
        );
    }
}

impl DescribeAnswer for LoggedOutAnswer {
    fn describe(operation: &mut Operation, _: &mut Document) {
        operation.answers("204", "Signed out", None);
    }
}

pub(super) async fn register(
    state: Data<ApiState>,
    request: HttpRequest,
    body: Body<Registering>,
) -> Result<RegisteredAnswer, Problem> {
    state.refuse_while_stopping()?;
    let body = body.parse()?;
    let kind = body.session.unwrap_or(SessionKind::Cookie);
    if kind == SessionKind::Cookie {
        state.origins.check_change(&request)?;
    }
    let address = ClientAddress::of(&request, &state.trusted_proxies);
    state
        .limits
        .charge_sign_in(address, body.username.as_str())?;
    let first = !state.store.users_exist().await?;
    if !first {
        refuse_uninvited(&state, body.invite.as_ref()).await?;
    }
    let display_name = match body.display_name {
        Some(name) => name,
        None => Name::parse(body.username.as_str())
            .map_err(|error| Problem::invalid_field("/display_name", error.to_string()))?,
    };
    let password_hash = state.passwords.hash(&body.password).await?;
    let user = NewUser {
        id: UserId::generate(),
        username: body.username,
        display_name,
        password_hash,
    };
    let token = SessionToken::generate();
    let session = new_session(&state, &request, &token);
    let invite = body.invite.as_ref();
    let role = if first {
        InstanceRole::Owner
    } else {
        InstanceRole::Member
    };
    let mut registered = state.store.register(&user, role, invite, &session).await?;
    if matches!(registered, Registered::OwnerExists) {
        // Somebody else was the first, a moment ago: the usual rules hold now.
        refuse_uninvited(&state, invite).await?;
        registered = state
            .store
            .register(&user, InstanceRole::Member, invite, &session)
            .await?;
    }
    match registered {
        Registered::Done { user, redeemed } => {
            if let Some(redeemed) = &redeemed {
                state.announce_newcomer(user.id, redeemed).await;
            }
            Ok(RegisteredAnswer(signed_in(
                &state,
                StatusCode::CREATED,
                user,
                token,
                kind,
            )))
        }
        Registered::UsernameTaken => Err(Problem::new(
            Code::UsernameTaken,
            "Choose another username.",
        )),
        Registered::InviteUnusable if state.registration == Registration::Open => {
            Err(unusable_invite())
        }
        Registered::InviteUnusable | Registered::OwnerExists => Err(invite_required()),
    }
}

async fn refuse_uninvited(state: &ApiState, invite: Option<&InviteCode>) -> Result<(), Problem> {
    match (state.registration, invite) {
        (Registration::Closed, _) => Err(Problem::new(
            Code::RegistrationClosed,
            "Ask the owner of this server for an account.",
        )),
        (Registration::Open, None) => Ok(()),
        (Registration::Invite, None) => Err(invite_required()),
        // Looked up before the costly hash; it is spent only when the account is made.
        (mode, Some(code)) => match (state.store.preview_invite(code).await?, mode) {
            (Some(_), _) => Ok(()),
            (None, Registration::Open) => Err(unusable_invite()),
            (None, _) => Err(invite_required()),
        },
    }
}

fn unusable_invite() -> Problem {
    Problem::invalid_field("/invite", "is unknown, used up or expired")
}

fn invite_required() -> Problem {
    Problem::new(
        Code::InviteRequired,
        "Ask somebody here for an invite; the one given is missing, used up or expired.",
    )
}

pub(super) async fn login(
    state: Data<ApiState>,
    request: HttpRequest,
    body: Body<SigningIn>,
) -> Result<LoggedInAnswer, Problem> {
    let body = body.parse()?;
    let kind = body.session.unwrap_or(SessionKind::Cookie);
    if kind == SessionKind::Cookie {
        state.origins.check_change(&request)?;
    }
    let address = ClientAddress::of(&request, &state.trusted_proxies);
    state.limits.charge_sign_in(address, &body.username)?;
    // What cannot be a username or a password is as wrong as what is not one.
    let found = match Username::parse(&body.username) {
        Ok(username) => state.store.find_credentials(&username).await?,
        Err(_) => None,
    };
    let (user, hash) = found.map(|found| (found.user, found.password_hash)).unzip();
    let Ok(password) = Password::parse(&body.password) else {
        return Err(bad_credentials());
    };
    let right = state.passwords.verify(&password, hash).await?;
    let Some(user) = user.filter(|_| right) else {
        return Err(bad_credentials());
    };
    let token = SessionToken::generate();
    let session = new_session(&state, &request, &token);
    let ended = state.store.insert_session(user.id, &session).await;
    state.announce_ended(user.id, &ended).await;
    state
        .sessions
        .end_sessions(&ended?.sessions, Close::SignedOut);
    Ok(LoggedInAnswer(signed_in(
        &state,
        StatusCode::OK,
        user,
        token,
        kind,
    )))
}

fn bad_credentials() -> Problem {
    Problem::new(Code::BadCredentials, "Check both and try again.")
}

pub(super) async fn logout(
    state: Data<ApiState>,
    caller: Caller,
) -> Result<LoggedOutAnswer, Problem> {
    state.end_session(caller.id(), caller.session_id).await?;
    let mut cookie = session_cookie(&state, String::new());
    cookie.make_removal();
    Ok(LoggedOutAnswer(cookie))
}

fn new_session(state: &ApiState, request: &HttpRequest, token: &SessionToken) -> NewSession {
    let user_agent = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    NewSession {
        id: SessionId::generate(),
        token_hash: token.hash(),
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_CHARS).collect()),
        max_per_user: state.sessions_per_user,
    }
}

fn signed_in(
    state: &ApiState,
    status: StatusCode,
    user: User,
    token: SessionToken,
    kind: SessionKind,
) -> SignedIn {
    let token = token.reveal().to_owned();
    match kind {
        SessionKind::Token => SignedIn {
            status,
            body: SignedInBody {
                user,
                token: Some(token),
            },
            cookie: None,
        },
        SessionKind::Cookie => {
            let cookie = Some(session_cookie(state, token));
            SignedIn {
                status,
                body: SignedInBody { user, token: None },
                cookie,
            }
        }
    }
}

fn session_cookie(state: &ApiState, value: String) -> Cookie<'static> {
    Cookie::build(state.cookie_name(), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(state.is_https())
        // As long as browsers keep one (RFC 6265bis, section 5.5): the session ends by not being
        // used, which the server sees and the browser does not.
        .max_age(Duration::days(400))
        .finish()
}
