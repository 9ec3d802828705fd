//! An answer of the interface, with the assertions that every test needs.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// What the server answered. `body` is null unless the answer was JSON.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The call, for the message of a failed assertion.
    pub(crate) call: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn new(call: String, status: u16, headers: HeaderMap, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let media_type = media_type(&headers);
        let body = if media_type.ends_with("json") && !text.is_empty() {
            serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{call}: not JSON ({error}): {text}"))
        } else {
            Value::Null
        };
        Self {
            call,
            status,
            headers,
            body,
            text,
        }
    }

    #[track_caller]
    pub(crate) fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.call, self.text);
        self
    }

    /// A problem with `status`, whatever its code. Its form is checked for every answer.
    #[track_caller]
    pub(crate) fn expect_refused(self, status: u16) -> Self {
        assert!(status >= 400);
        let answer = self.expect_status(status);
        answer.check_problem();
        answer
    }

    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect_refused(status);
        assert_eq!(
            answer.body["code"], code,
            "{}: {}",
            answer.call, answer.text
        );
        answer
    }

    /// A 422 whose `errors` name exactly the fields at `pointers`, each with a sentence.
    #[track_caller]
    pub(crate) fn expect_invalid(self, pointers: &[&str]) -> Self {
        let answer = self.expect_refused(422);
        let mut named = answer.pointers();
        let mut expected: Vec<String> = pointers.iter().map(|&text| text.to_owned()).collect();
        named.sort();
        named.dedup();
        expected.sort();
        assert_eq!(named, expected, "{}: {}", answer.call, answer.text);
        answer
    }

    /// A 204 without a body.
    #[track_caller]
    pub(crate) fn expect_done(self) -> Self {
        let answer = self.expect_status(204);
        assert_eq!(answer.text, "", "{}", answer.call);
        answer
    }

    fn pointers(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array();
        let errors = errors.unwrap_or_else(|| panic!("{}: no errors: {}", self.call, self.text));
        errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The form of a problem, as the interface promises it for every error.
    #[track_caller]
    pub(crate) fn check_problem(&self) {
        let context = format!("{} -> {}: {}", self.call, self.status, self.text);
        assert_eq!(
            media_type(&self.headers),
            "application/problem+json",
            "{context}"
        );
        let code = self.body["code"].as_str().expect(&context);
        assert_eq!(self.body["type"], format!("/problems/{code}"), "{context}");
        assert_eq!(self.body["status"], self.status, "{context}");
        for member in ["title", "detail", "request_id"] {
            let text = self.body[member].as_str().expect(&context);
            assert!(!text.is_empty(), "{member} is empty: {context}");
        }
        match self.body.get("errors") {
            None => {}
            Some(errors) => {
                assert_eq!(self.status, 422, "only a 422 has errors: {context}");
                let errors = errors.as_array().expect(&context);
                assert!(!errors.is_empty(), "errors without an error: {context}");
                for error in errors {
                    let pointer = error["pointer"].as_str().expect(&context);
                    assert!(pointer.is_empty() || pointer.starts_with('/'), "{context}");
                    assert!(error["detail"].is_string(), "{context}");
                }
            }
        }
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("{}: no header {name}", self.call));
        value.to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn id(&self) -> String {
        self.str("id")
    }

    /// The text at the member `name` of the body.
    #[track_caller]
    pub(crate) fn str(&self, name: &str) -> String {
        let text = self.body[name].as_str();
        text.unwrap_or_else(|| panic!("{}: no text {name}: {}", self.call, self.text))
            .to_owned()
    }

    /// The body as the list it is.
    #[track_caller]
    pub(crate) fn list(&self) -> &[Value] {
        self.body
            .as_array()
            .unwrap_or_else(|| panic!("{}: no list: {}", self.call, self.text))
    }

    /// The member `name` of each entry of the list.
    #[track_caller]
    pub(crate) fn each(&self, name: &str) -> Vec<Value> {
        self.list().iter().map(|item| item[name].clone()).collect()
    }
}

/// The media type without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
}
