//! JSON that passes through as it came.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::store::StoreError;

/// An object whose form is its sender's business. Not encoded again.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(in crate::http) struct OpaqueObject(Box<RawValue>);

impl OpaqueObject {
    /// The JSON text as it was kept.
    pub(in crate::http::encryption) fn kept(text: String) -> Result<Self, StoreError> {
        RawValue::from_string(text)
            .map(Self)
            .map_err(|error| StoreError::Unexpected(format!("kept JSON: {error}")))
    }
}

impl JsonSchema for OpaqueObject {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OpaqueObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}

/// `{}`: done, as Matrix says it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Empty {}
