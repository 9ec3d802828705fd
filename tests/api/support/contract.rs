//! The server's own OpenAPI document, to which every answer is held.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::Validator;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::answer::{Answer, media_type};
use super::server::TestServer;

static SHARED: OnceCell<Contract> = OnceCell::const_new();

/// An OpenAPI document and the validators made from it so far.
pub(crate) struct Contract {
    pub(crate) document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    /// The document of the server under test. All servers of a run have the same one, so it is
    /// fetched once, from a server that no test counts requests of.
    pub(crate) async fn shared() -> &'static Self {
        let fetch = || async {
            let server = TestServer::without_contract(|_| ()).await;
            let answer = server.anonymous().get("/api/openapi.json").send().await;
            Self::new(answer.expect_status(200).body)
        };
        SHARED.get_or_init(fetch).await
    }

    fn new(document: Value) -> Self {
        Self {
            document,
            validators: Mutex::default(),
        }
    }

    /// Every documented call, as (METHOD, path template).
    pub(crate) fn operations(&self) -> Vec<(String, String)> {
        let methods = ["get", "post", "put", "patch", "delete"];
        let paths = self.document["paths"].as_object().unwrap();
        let mut operations = Vec::new();
        for (path, item) in paths {
            for method in methods.iter().filter(|method| item.get(*method).is_some()) {
                operations.push((method.to_uppercase(), path.clone()));
            }
        }
        operations
    }

    /// Fails unless the document promises this answer to `method` on `path`.
    pub(crate) fn check(&self, method: &str, path: &str, answer: &Answer) {
        if answer.status >= 400 {
            answer.check_problem();
        }
        let path = path.split('?').next().unwrap_or_default();
        let Some(template) = self.template_of(path) else {
            assert!(
                [404, 429].contains(&answer.status),
                "{}: no such path, but {}",
                answer.call,
                answer.status
            );
            return;
        };
        let operation = &self.document["paths"][&template][method.to_lowercase()];
        if operation.is_null() {
            // The fallback, which no operation can document.
            assert!(
                [405, 429].contains(&answer.status),
                "{}: no such method, but {}",
                answer.call,
                answer.status
            );
            return;
        }
        let mut documented = &operation["responses"][answer.status.to_string()];
        if documented.is_null() && answer.status >= 400 {
            documented = &operation["responses"]["default"];
        }
        let context = format!("{} -> {}: {}", answer.call, answer.status, answer.text);
        assert!(
            !documented.is_null(),
            "{method} {template} does not document this status: {context}"
        );
        let documented = self.resolve(documented);
        let Some(content) = documented.get("content") else {
            assert_eq!(answer.text, "", "documented without a body: {context}");
            return;
        };
        let schema = &content[media_type(&answer.headers)]["schema"];
        assert!(
            !schema.is_null(),
            "{method} {template} does not document this media type: {context}"
        );
        let key = format!("{method} {template} {}", answer.status);
        let validator = self.validator(key, schema);
        let errors: Vec<String> = validator
            .iter_errors(&answer.body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            errors.is_empty(),
            "{context}\nis not as documented: {errors:#?}"
        );
    }

    fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        let Some(reference) = node["$ref"].as_str() else {
            return node;
        };
        let pointer = reference.trim_start_matches('#');
        let target = self.document.pointer(pointer);
        target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// Paths without parameters are more specific than those with.
    fn template_of(&self, path: &str) -> Option<String> {
        let paths = self.document["paths"].as_object().unwrap();
        let mut matching: Vec<&String> = paths
            .keys()
            .filter(|template| matches(template, path))
            .collect();
        matching.sort_by_key(|template| template.matches('{').count());
        matching.first().map(|&template| template.clone())
    }

    fn validator(&self, key: String, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock();
        let made = validators.entry(key).or_insert_with_key(|key| {
            // The components stand beside the schema, where its references look for them.
            let root = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "components": self.document["components"],
                "allOf": [schema],
            });
            let validator = jsonschema::options()
                .should_validate_formats(true)
                .build(&root);
            Arc::new(validator.unwrap_or_else(|error| panic!("the schema of {key}: {error}")))
        });
        Arc::clone(made)
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(expected, found)| {
            (expected.starts_with('{') && !found.is_empty()) || expected == found
        })
}
