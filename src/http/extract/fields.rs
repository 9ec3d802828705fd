//! Parsing a body field by field, so that one answer names everything that is wrong.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::body::MAX_BYTES;
use crate::http::problem::{Code, FieldError, Problem};

/// The fields of a JSON object, and what was found wrong with them so far.
pub(in crate::http) struct Fields {
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

/// A type that is read from a body. [`request_body!`] writes it for most.
pub(in crate::http) trait RequestBody: Sized {
    /// The greatest size of the body.
    const MAX_BYTES: usize = MAX_BYTES;

    /// Reads a JSON object.
    ///
    /// # Errors
    /// Every field that is wrong.
    fn parse(raw: &[u8]) -> Result<Self, Problem>;
}

impl Fields {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// When it is not JSON, or not an object.
    pub(in crate::http) fn parse(raw: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(raw) {
            Ok(Value::Object(object)) => Ok(Self {
                object,
                errors: Vec::new(),
            }),
            Ok(_) => Err(Problem::invalid_field("", "must be a JSON object")),
            Err(error) => Err(Problem::invalid_field(
                "",
                format!("is not valid JSON: {error}"),
            )),
        }
    }

    /// Reads the whole body by `read`, which takes the fields.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub(in crate::http) fn into_body<T>(
        mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Result<T, Problem> {
        match read(&mut self) {
            Some(body) if self.errors.is_empty() => Ok(body),
            _ => Err(Problem::invalid(Code::InvalidBody, self.errors)),
        }
    }

    /// Takes a field that must be there.
    pub(in crate::http) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match self.object.remove(name) {
            None => self.refuse(name, "is required".to_owned()),
            Some(Value::Null) => self.refuse(name, "is required and must not be null".to_owned()),
            Some(value) => self.convert(name, value),
        }
    }

    /// Takes a field that may be absent, but not null.
    pub(in crate::http) fn optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Option<Option<T>> {
        match self.object.remove(name) {
            None => Some(None),
            Some(Value::Null) => {
                self.refuse(name, "must not be null; leave it out instead".to_owned())
            }
            Some(value) => self.convert(name, value).map(Some),
        }
    }

    /// Takes a field that may be absent or null, which are the same.
    pub(in crate::http) fn nullable<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Option<Option<T>> {
        match self.object.remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.convert(name, value).map(Some),
        }
    }

    /// Takes a field of which absent (leave as it is) and null (remove) differ.
    pub(in crate::http) fn patch<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Option<Option<Option<T>>> {
        match self.object.remove(name) {
            None => Some(None),
            Some(Value::Null) => Some(Some(None)),
            Some(value) => self.convert(name, value).map(|value| Some(Some(value))),
        }
    }

    /// Takes the whole object, for a body whose members are not named beforehand.
    pub(in crate::http) fn whole<T: DeserializeOwned>(&mut self) -> Option<T> {
        let object = Value::Object(std::mem::take(&mut self.object));
        self.convert("", object)
    }

    fn convert<T: DeserializeOwned>(&mut self, name: &str, value: Value) -> Option<T> {
        match serde_path_to_error::deserialize(value) {
            Ok(value) => Some(value),
            Err(error) => {
                let path = error.path().to_string();
                let inside = path
                    .trim_start_matches('[')
                    .replace("].", "/")
                    .replace('[', "/")
                    .replace(']', "");
                let name = if path == "." {
                    name.to_owned()
                } else if name.is_empty() {
                    inside
                } else {
                    format!("{name}/{inside}")
                };
                self.refuse(&name, error.inner().to_string())
            }
        }
    }

    fn refuse<T>(&mut self, name: &str, detail: String) -> Option<T> {
        self.errors.push(FieldError {
            pointer: format!("/{name}"),
            detail,
        });
        None
    }
}

/// Declares the body of a request: its fields with how they are read, and from that the
/// struct, its schema and its parser. The kinds are those of [`Fields`]. `up to` some bytes, for
/// one that may be larger than others.
macro_rules! request_body {
    (
        $(#[$doc:meta])*
        $name:ident $(up to $max_bytes:expr;)? {
            $($(#[$field_doc:meta])* $field:ident: $kind:ident $ty:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(schemars::JsonSchema)]
        pub(in crate::http) struct $name {
            $($(#[$field_doc])* pub(in crate::http) $field: $crate::http::extract::request_body!(@type $kind $ty),)*
        }

        impl $crate::http::extract::RequestBody for $name {
            $(const MAX_BYTES: usize = $max_bytes;)?

            fn parse(raw: &[u8]) -> Result<Self, $crate::http::problem::Problem> {
                $crate::http::extract::Fields::parse(raw)?.into_body(|fields| {
                    // Every field is read before the first missing one ends it.
                    $(let $field = fields.$kind::<$ty>(stringify!($field));)*
                    Some(Self { $($field: $field?,)* })
                })
            }
        }
    };
    (@type required $ty:ty) => { $ty };
    (@type optional $ty:ty) => { Option<$ty> };
    (@type nullable $ty:ty) => { Option<$ty> };
    (@type patch $ty:ty) => { Option<Option<$ty>> };
}
pub(in crate::http) use request_body;
