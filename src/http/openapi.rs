//! The OpenAPI document, made from the routes and the types themselves.
//!
//! A handler's extractors say what it takes, its return type what it answers; the route table
//! adds the path and one sentence. Nothing is written twice, so nothing can disagree.

mod describe;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

pub(super) use describe::{Describe, DescribeAnswer, DescribeArguments};

use super::problem::ProblemBody;

/// What is known of one operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Operation {
    path: String,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
    secured: bool,
}

/// The document in the making.
pub(super) struct Document {
    paths: Map<String, Value>,
    /// What the server sends: every field it always sends is required.
    sent: SchemaGenerator,
    /// What the server takes: a field that may be left out is not.
    taken: SchemaGenerator,
}

impl Document {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.meta_schema = None;
                settings.definitions_path = "/components/schemas".into();
            })
        };
        Self {
            paths: Map::new(),
            sent: settings().for_serialize().into_generator(),
            taken: settings().for_deserialize().into_generator(),
        }
    }

    /// Adds an operation that takes `A` and answers `R`.
    pub(super) fn add<A: DescribeArguments, R: DescribeAnswer>(
        &mut self,
        method: &'static str,
        path: &str,
        summary: &'static str,
    ) {
        let mut operation = Operation {
            path: path.to_owned(),
            summary,
            ..Operation::default()
        };
        A::describe(&mut operation, self);
        R::describe(&mut operation, self);
        let problem = json!({
            "description": "An error",
            "content": {"application/problem+json": {"schema": self.schema_of_sent::<ProblemBody>()}},
        });
        operation.responses.insert("default".to_owned(), problem);
        let entry = self.paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = entry.as_object_mut() {
            methods.insert(method.to_owned(), operation.into_json(method));
        }
    }

    pub(super) fn schema_of_sent<T: JsonSchema>(&mut self) -> Value {
        self.sent.subschema_for::<T>().to_value()
    }

    pub(super) fn schema_of_taken<T: JsonSchema>(&mut self) -> Value {
        self.taken.subschema_for::<T>().to_value()
    }

    pub(super) fn finish(mut self) -> Value {
        let mut schemas = self.taken.take_definitions(true);
        schemas.extend(self.sent.take_definitions(true));
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Chatalot",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "A self-hosted realtime messaging server. Errors are problem+json (RFC 9457).",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "cookie": {"type": "apiKey", "in": "cookie", "name": "chatalot_session"},
                },
            },
        })
    }
}

impl Operation {
    fn into_json(self, method: &str) -> Value {
        let words: Vec<&str> = self
            .path
            .split('/')
            .map(|part| part.trim_matches(['{', '}']))
            .filter(|part| !part.is_empty())
            .collect();
        let mut operation = json!({
            "operationId": format!("{method}_{}", words.join("_").replace(['.', '-'], "_")),
            "summary": self.summary,
            "responses": self.responses,
        });
        if let Some(fields) = operation.as_object_mut() {
            if !self.parameters.is_empty() {
                fields.insert("parameters".to_owned(), Value::Array(self.parameters));
            }
            if let Some(body) = self.body {
                fields.insert("requestBody".to_owned(), body);
            }
            if self.secured {
                fields.insert(
                    "security".to_owned(),
                    json!([{"bearer": []}, {"cookie": []}]),
                );
            }
        }
        operation
    }
}
