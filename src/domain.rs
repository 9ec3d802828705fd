//! Pure values and rules: what may exist, whatever stores or carries it.
//!
//! Everything here is parsed once, at the edge, and is correct from then on. Nothing
//! in this folder knows actix, tokio or SQL, so each rule is tested as a plain function.

pub mod access;
pub mod community;
pub mod encryption;
pub mod envelope;
pub mod ids;
pub mod invite;
pub mod markdown;
pub mod mentions;
pub mod message;
pub mod names;
pub mod notification;
pub mod post;
pub mod push;
pub mod push_delivery;
pub mod push_endpoint;
pub mod secrets;
pub mod text;
pub mod time;
pub mod token_bucket;
pub mod user;
pub mod user_post;
pub mod webhook;
