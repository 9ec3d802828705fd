//! Errors as clients see them: `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use schemars::JsonSchema;
use serde::Serialize;

use super::request_id;
use crate::actors::posting::PostError;
use crate::domain::access::Refusal;
use crate::domain::encryption::flaws::Flaws;
use crate::domain::ids::MembersVersion;
use crate::domain::post::Rejection;
use crate::store::StoreError;

macro_rules! problems {
    ($($variant:ident = $status:ident, $code:literal, $title:literal;)+) => {
        /// Every kind of error the interface knows. `docs/problems.md` has a section on each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

problems! {
    InvalidBody = UNPROCESSABLE_ENTITY, "invalid_body", "The request body is not valid";
    InvalidQuery = UNPROCESSABLE_ENTITY, "invalid_query", "A query parameter is not valid";
    InvalidPath = UNPROCESSABLE_ENTITY, "invalid_path", "A part of the path is not valid";
    NotEncrypted = UNPROCESSABLE_ENTITY, "not_encrypted", "What users write is encrypted";
    Unauthenticated = UNAUTHORIZED, "unauthenticated", "Sign in first";
    BadCredentials = UNAUTHORIZED, "bad_credentials", "The username or the password is wrong";
    Forbidden = FORBIDDEN, "forbidden", "You may not do this";
    CrossOrigin = FORBIDDEN, "cross_origin", "The request does not come from this site";
    RegistrationClosed = FORBIDDEN, "registration_closed", "Nobody can register here";
    PasswordRequired = FORBIDDEN, "password_required", "Send your password again";
    WrongPassword = FORBIDDEN, "wrong_password", "The password is wrong";
    WrongRoomKeysVersion = FORBIDDEN, "wrong_room_keys_version", "The backup is not the newest";
    InviteRequired = FORBIDDEN, "invite_required", "A valid invite is required to register";
    NotFound = NOT_FOUND, "not_found", "There is no such thing";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "This method is not allowed here";
    UsernameTaken = CONFLICT, "username_taken", "The username is taken";
    OwnerCannotLeave = CONFLICT, "owner_cannot_leave", "The owner hands the community over first";
    TooManyWebhooks = CONFLICT, "too_many_webhooks", "The channel has as many webhooks as it may";
    TooManyChannels = CONFLICT, "too_many_channels", "The community has as many channels as it may";
    TooManyCommunities = CONFLICT, "too_many_communities", "You are in as many communities as you may";
    TooManyInvites = CONFLICT, "too_many_invites", "The community has as many invites as it may";
    TooManyDevices = CONFLICT, "too_many_devices", "You have as many devices as you may";
    IdentityKeyChanged = CONFLICT, "identity_key_changed", "The device has other identity keys";
    OneTimeKeyExists = CONFLICT, "one_time_key_exists", "The device has another one-time key of this id";
    TooManyOneTimeKeys = CONFLICT, "too_many_one_time_keys", "The device has as many one-time keys as it may";
    TooManyBackups = CONFLICT, "too_many_backups", "You have as many key backups as you may";
    BackupFull = CONFLICT, "backup_full", "The key backup holds as much as it may";
    TooMuchAccountData = CONFLICT, "too_much_account_data", "You keep as many secrets as you may";
    NotACommunityMember = CONFLICT, "not_a_community_member", "The user is not in the community";
    MembersChanged = CONFLICT, "members_changed", "The channel's members have changed";
    MessageDeleted = CONFLICT, "message_deleted", "The message was deleted";
    RequestTimeout = REQUEST_TIMEOUT, "request_timeout", "The request body took too long";
    PayloadTooLarge = PAYLOAD_TOO_LARGE, "payload_too_large", "The request body is too large";
    EnvelopeTooLarge = PAYLOAD_TOO_LARGE, "envelope_too_large", "The encrypted message is too large";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be application/json";
    UpgradeRequired = UPGRADE_REQUIRED, "upgrade_required", "This address speaks WebSocket";
    RateLimited = TOO_MANY_REQUESTS, "rate_limited", "Too many requests";
    TooManySockets = TOO_MANY_REQUESTS, "too_many_sockets", "You have as many connections as you may";
    Internal = INTERNAL_SERVER_ERROR, "internal", "The server made a mistake";
    OutcomeUnknown = INTERNAL_SERVER_ERROR, "outcome_unknown", "The message may or may not be posted";
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "The server has too much to do";
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The database does not answer";
    ShuttingDown = SERVICE_UNAVAILABLE, "shutting_down", "The server is shutting down";
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct FieldError {
    /// Which field: a JSON Pointer (RFC 6901) into the body, or `/` and a query parameter.
    pub(super) pointer: String,
    /// What it must be.
    pub(super) detail: String,
}

/// The body of an error.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct ProblemBody {
    /// `/problems/` and the code.
    r#type: String,
    /// The kind of error, for people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened this time, for people.
    detail: String,
    /// The kind of error, for programs.
    code: String,
    /// What the server's log knows the request by.
    request_id: String,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    errors: Vec<FieldError>,
    /// With `members_changed`: the state that the channel's members are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    members_version: Option<MembersVersion>,
}

/// An error on its way to a client.
#[derive(Debug)]
pub(super) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    members_version: Option<MembersVersion>,
    /// For the log alone.
    cause: Option<String>,
}

impl Problem {
    /// An error of a kind, with what happened this time in a sentence that is safe to show.
    pub(super) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            members_version: None,
            cause: None,
        }
    }

    /// What the caller may not see, or what does not exist: the two cannot be told apart.
    pub(super) fn not_found() -> Self {
        Self::new(Code::NotFound, "It does not exist, or you may not see it.")
    }

    /// What the caller sees but may not do.
    pub(super) fn forbidden(detail: &'static str) -> Self {
        Self::new(Code::Forbidden, detail)
    }

    /// There is no valid session.
    pub(super) fn unauthenticated() -> Self {
        Self::new(
            Code::Unauthenticated,
            "Send a session's token as a bearer token or in the cookie.",
        )
        .header(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// What was sent is encrypted for others than the channel's members.
    pub(super) fn members_changed(now: MembersVersion) -> Self {
        let mut problem = Self::new(
            Code::MembersChanged,
            format!(
                "Somebody joined or left. Encrypt again for the members of version {}.",
                now.0
            ),
        );
        problem.members_version = Some(now);
        problem
    }

    /// Fields that are wrong.
    pub(super) fn invalid(code: Code, errors: Vec<FieldError>) -> Self {
        let wrong: Vec<String> = errors
            .iter()
            .map(|error| match error.pointer.as_str() {
                "" => format!("The body {}", error.detail),
                pointer => format!("{pointer} {}", error.detail),
            })
            .collect();
        let mut problem = Self::new(code, wrong.join("; "));
        problem.errors = errors;
        problem
    }

    /// One field that is wrong.
    pub(super) fn invalid_field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(
            Code::InvalidBody,
            vec![FieldError {
                pointer: pointer.to_owned(),
                detail: detail.into(),
            }],
        )
    }

    /// A refusal that passes by itself.
    pub(super) fn retry(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        // Spread over a few seconds, so that clients do not come back all at once.
        let seconds = 1 + u64::from(
            uuid::Uuid::new_v4()
                .as_bytes()
                .first()
                .copied()
                .unwrap_or(0)
                % 3,
        );
        Self::new(code, detail).retry_after(Duration::from_secs(seconds))
    }

    /// The word under which refusals are counted.
    pub(super) fn label(&self) -> &'static str {
        self.code.as_str()
    }

    /// Adds `Retry-After`, in whole seconds, rounded up.
    pub(super) fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, &seconds.max(1).to_string())
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    fn caused_by(mut self, cause: impl std::error::Error) -> Self {
        let mut text = cause.to_string();
        let mut source = cause.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        self.cause = Some(text);
        self
    }

    fn log(&self, request_id: &str) {
        let status = self.code.status().as_u16();
        let (code, cause) = (self.code.as_str(), self.cause.as_deref().unwrap_or("-"));
        if self.code.status() == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(
                request.id = request_id,
                status,
                code,
                cause,
                "request failed"
            );
        } else if self.code.status().is_server_error() {
            tracing::warn!(
                request.id = request_id,
                status,
                code,
                cause,
                "request refused"
            );
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let request_id = request_id::current();
        self.log(&request_id);
        let body = ProblemBody {
            r#type: format!("/problems/{}", self.code.as_str()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone().into_owned(),
            code: self.code.as_str().to_owned(),
            request_id,
            errors: self.errors.clone(),
            members_version: self.members_version,
        };
        let mut response = HttpResponseBuilder::new(self.code.status());
        for header in &self.headers {
            response.append_header(header.clone());
        }
        response
            .insert_header((header::CONTENT_TYPE, "application/problem+json"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(serde_json::to_string(&body).unwrap_or_default())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Gone) {
            Self::not_found()
        } else if error.is_transient() {
            Self::retry(Code::Unavailable, "Try again in a moment.").caused_by(error)
        } else {
            Self::new(Code::Internal, "The log of the server says more.").caused_by(error)
        }
    }
}

impl From<Flaws> for Problem {
    fn from(flaws: Flaws) -> Self {
        let errors = flaws.into_list().into_iter().map(|flaw| FieldError {
            pointer: flaw.pointer,
            detail: flaw.detail,
        });
        Self::invalid(Code::InvalidBody, errors.collect())
    }
}

impl From<PostError> for Problem {
    fn from(error: PostError) -> Self {
        match &error {
            PostError::Rejected(Rejection::WebhookGone) => Self::not_found(),
            PostError::Rejected(Rejection::SignedOut) => Self::unauthenticated(),
            PostError::Rejected(Rejection::NotAMember) => {
                Self::forbidden("Join the channel first.")
            }
            PostError::Rejected(Rejection::MembersChanged(now)) => Self::members_changed(*now),
            PostError::Overloaded(_) => Self::retry(
                Code::Overloaded,
                "Nothing was posted. Try again in a moment.",
            ),
            PostError::Unavailable(_) => Self::retry(
                Code::Unavailable,
                "Nothing was posted. Try again in a moment.",
            )
            .caused_by(error),
            PostError::OutcomeUnknown(_) => {
                let detail =
                    "The database was lost at the worst moment. Look before you post it again.";
                Self::new(Code::OutcomeUnknown, detail).caused_by(error)
            }
            PostError::Refused(_) => {
                Self::new(Code::Internal, "Nothing was posted.").caused_by(error)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::not_found(),
            Refusal::Forbidden => Self::forbidden("Your role in the community does not allow it."),
            Refusal::OwnerStays => Self::new(
                Code::OwnerCannotLeave,
                "Make another member the owner first, then you can change this.",
            ),
        }
    }
}
