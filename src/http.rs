//! The HTTP interface: one route table, extractors that parse, and handlers that ask one
//! thing and answer.
//!
//! `docs/problems.md` explains every error. HTTP knows the actors; they never know HTTP.

mod announce;
mod answer;
mod auth;
mod channel_members;
mod channels;
mod communities;
mod community_members;
mod context;
mod detached;
mod encryption;
mod execute;
mod extract;
mod health;
mod instance;
mod invites;
mod limits;
mod messages;
pub mod metrics_listener;
mod notifications;
mod openapi;
mod origin;
mod passwords;
mod problem;
mod push;
mod request_id;
mod routes;
mod server;
mod sessions;
mod socket;
mod state;
#[cfg(feature = "ui")]
mod ui;
mod user_messages;
mod webhooks;

pub use extract::RememberedSession;
pub use limits::RateLimits;
pub use origin::Origins;
pub use passwords::PasswordHasher;
pub use routes::document;
pub use server::{HttpSettings, serve};
pub use state::ApiState;
