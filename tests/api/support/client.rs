//! A client of the HTTP interface that holds every answer to the OpenAPI document.

use reqwest::Method;
use serde_json::Value;

use super::answer::Answer;
use super::contract::Contract;

/// A caller: anonymous, or signed in with a bearer token. `endpoints` gives it one method for
/// each call of the interface.
#[derive(Clone)]
pub(crate) struct ApiClient {
    http: reqwest::Client,
    origin: String,
    token: Option<String>,
    contract: Option<&'static Contract>,
}

impl ApiClient {
    pub(crate) fn new(origin: String, contract: Option<&'static Contract>) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            // An idle connection would keep a stopping server waiting for it.
            .pool_max_idle_per_host(0)
            .timeout(std::time::Duration::from_secs(60))
            .build()
            .unwrap();
        Self {
            http,
            origin,
            token: None,
            contract,
        }
    }

    /// The same client, signed in with `token`.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The same client, not signed in.
    pub(crate) fn signed_out(&self) -> Self {
        Self {
            token: None,
            ..self.clone()
        }
    }

    /// What the client signs in with.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().expect("a client that is signed in")
    }

    /// Where the server is, without a path.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn get(&self, path: impl Into<String>) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: impl Into<String>) -> Call {
        self.call(Method::POST, path)
    }

    pub(crate) fn put(&self, path: impl Into<String>) -> Call {
        self.call(Method::PUT, path)
    }

    pub(crate) fn patch(&self, path: impl Into<String>) -> Call {
        self.call(Method::PATCH, path)
    }

    pub(crate) fn delete(&self, path: impl Into<String>) -> Call {
        self.call(Method::DELETE, path)
    }

    /// Begins a call of `path`, which starts with `/`.
    pub(crate) fn call(&self, method: Method, path: impl Into<String>) -> Call {
        let path = path.into();
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.origin));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Call {
            request,
            method,
            path,
            contract: self.contract,
        }
    }
}

/// A call that was not sent yet.
pub(crate) struct Call {
    request: reqwest::RequestBuilder,
    method: Method,
    path: String,
    contract: Option<&'static Contract>,
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.request = self.request.header(name, value.as_ref());
        self
    }

    /// Sends `body` declared as JSON.
    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// Sends `body` without saying what it is.
    pub(crate) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.body(body.into());
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let call = format!("{} {}", self.method, self.path);
        let response = self.request.send().await;
        let response = response.unwrap_or_else(|error| panic!("{call}: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response
            .bytes()
            .await
            .unwrap_or_else(|error| panic!("{call}: {error:?}"));
        let answer = Answer::new(call, status, headers, &bytes);
        if let Some(contract) = self.contract
            && self.path.starts_with("/api")
        {
            contract.check(self.method.as_str(), &self.path, &answer);
        }
        answer
    }
}
