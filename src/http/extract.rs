//! Extractors: what a handler takes is parsed before it runs.

mod body;
mod caller;
mod device;
mod fields;
mod path;
mod query;

pub(super) use body::{Body, read_body};
pub use caller::RememberedSession;
pub(super) use caller::{Author, Caller, Credential};
pub(super) use device::Device;
pub(super) use fields::{Fields, RequestBody, request_body};
pub(super) use path::Path;
pub(super) use query::Query;
