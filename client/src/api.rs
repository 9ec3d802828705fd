//! Calls of the server's HTTP interface.

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Error, Problem};
use crate::tls;

/// How often a call is made in all when no answer comes, or one that says to try again.
const MOST_ATTEMPTS: u32 = 4;
/// A server that wants a longer pause than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The pause before the second attempt when no answer came; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long a call may take. A send is answered when its fate is certain.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The interface of a server, in somebody's name.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    server: Url,
    token: Option<String>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        let mut it = f.debug_struct("Api");
        it.field("server", &self.server.as_str())
            .finish_non_exhaustive()
    }
}

impl Api {
    /// The interface of the server at this URL.
    pub(crate) fn new(server: &str, token: Option<String>) -> Result<Self, Error> {
        let refuse = || Error::Url(server.to_owned());
        let url: Url = server.parse().map_err(|_not_a_url| refuse())?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(refuse());
        }
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured((*tls::configuration(&url)?).clone())
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Error::Tls(error.to_string()))?;
        Ok(Self {
            http,
            server: url,
            token,
        })
    }

    /// The same server, in the name of whoever owns `token`.
    pub(crate) fn with_token(self, token: String) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    /// What calls are made with.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Where the server is.
    pub(crate) fn server(&self) -> &Url {
        &self.server
    }

    /// Begins a call of `/api` and the segments, which need no escapes.
    pub(crate) fn call(&self, method: Method, segments: &[&str]) -> Call<'_> {
        let mut url = self.server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("api").extend(segments);
        }
        Call {
            api: self,
            method,
            url,
            body: None,
            attempts: MOST_ATTEMPTS,
            tells_doubt: false,
        }
    }

    pub(crate) fn get(&self, segments: &[&str]) -> Call<'_> {
        self.call(Method::GET, segments)
    }

    pub(crate) fn post(&self, segments: &[&str]) -> Call<'_> {
        self.call(Method::POST, segments)
    }

    pub(crate) fn put(&self, segments: &[&str]) -> Call<'_> {
        self.call(Method::PUT, segments)
    }
}

/// A call that was not made yet. It is made again when no answer comes or the server is busy,
/// because nearly all calls may be made twice.
pub(crate) struct Call<'a> {
    api: &'a Api,
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
    attempts: u32,
    tells_doubt: bool,
}

impl Call<'_> {
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// For the few calls that do something else when they are made twice.
    pub(crate) fn once(mut self) -> Self {
        self.attempts = 1;
        self
    }

    /// For the calls whose caller has to know whether a refusal means that nothing was done: it does
    /// not when the answer to an earlier attempt was lost.
    pub(crate) fn telling_doubt(mut self) -> Self {
        self.tells_doubt = true;
        self
    }

    /// Makes it with `body` and reads the answer.
    pub(crate) async fn send<T: DeserializeOwned>(
        mut self,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.body = Some(serde_json::to_vec(body).map_err(Error::library)?);
        self.fetch().await
    }

    /// Makes it and reads the answer.
    pub(crate) async fn fetch<T: DeserializeOwned>(self) -> Result<T, Error> {
        let text = self.answer().await?;
        // A success without anything to say is read as null.
        let text = if text.is_empty() { "null" } else { &text };
        serde_json::from_str(text).map_err(|error| {
            let error = Error::Unexpected(format!("{}: {error}", self.url.path()));
            self.in_doubt(true, error)
        })
    }

    /// The same; `None` if there is no such thing.
    pub(crate) async fn find<T: DeserializeOwned>(self) -> Result<Option<T>, Error> {
        match self.fetch().await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn answer(&self) -> Result<String, Error> {
        let mut attempt = 1;
        let mut is_in_doubt = false;
        loop {
            let error = match self.attempt().await {
                Ok(text) => return Ok(text),
                Err(error) => error,
            };
            is_in_doubt |= leaves_doubt(&error);
            match pause_after(&error, attempt) {
                Some(pause) if attempt < self.attempts => tokio::time::sleep(pause).await,
                _ => return Err(self.in_doubt(is_in_doubt, error)),
            }
            attempt += 1;
        }
    }

    /// The error of the last attempt, if any attempt may have done what was asked for. One after
    /// which it can be tried again says so already.
    fn in_doubt(&self, is_in_doubt: bool, error: Error) -> Error {
        if self.tells_doubt && is_in_doubt && !error.is_transient() {
            Error::OutcomeUnknown(Box::new(error))
        } else {
            error
        }
    }

    async fn attempt(&self) -> Result<String, Error> {
        let mut request = self.api.http.request(self.method.clone(), self.url.clone());
        if let Some(token) = &self.api.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = &self.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after
            .and_then(|seconds| seconds.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let text = response.text().await.map_err(unanswered)?;
        if status.is_success() {
            return Ok(text);
        }
        Err(refusal(status, &text, retry_after))
    }
}

/// What an answer that is no success means.
pub(crate) fn refusal(status: StatusCode, text: &str, retry_after: Option<Duration>) -> Error {
    match serde_json::from_str::<Problem>(text) {
        Ok(problem) => Error::Refused(Problem {
            retry_after,
            ..problem
        }),
        // Something in front of the server speaks, because the server does not.
        Err(_) if matches!(status.as_u16(), 502..=504) => Error::Network(status.to_string()),
        Err(_) => Error::Unexpected(format!("status {status}")),
    }
}

fn unanswered(error: reqwest::Error) -> Error {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Error::Network(text)
}

/// Whether something may have been done, for all that this error tells.
fn leaves_doubt(error: &Error) -> bool {
    match error {
        Error::Network(_) | Error::Unexpected(_) => true,
        error => error.code() == Some("outcome_unknown"),
    }
}

/// How long to wait before another attempt; `None` when it would be for nothing.
fn pause_after(error: &Error, attempt: u32) -> Option<Duration> {
    let pause = FIRST_PAUSE * 2_u32.pow(attempt - 1);
    match error {
        // It has to be encrypted anew first.
        Error::Refused(problem) if problem.code == "members_changed" => None,
        Error::Refused(problem) if error.is_transient() => problem
            .retry_after
            .map_or(Some(pause), |wait| (wait <= LONGEST_WAIT).then_some(wait)),
        Error::Network(_) => Some(pause),
        _ => None,
    }
}
