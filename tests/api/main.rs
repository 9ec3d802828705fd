//! The product tested from outside: a real server, a real PostgreSQL and independent clients.
//!
//! One file a feature; what they share is in `support`. The tests run in parallel, each with
//! a server and a database of its own, and wait for answers instead of sleeping.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that finds something missing must stop, and the panic names the line"
)]

mod actor_failures;
mod crash;
mod database_outage;
mod overload;
mod property;
mod shutdown;
mod slow_reader;
mod socket_frames;
mod socket_handshake;
mod socket_mentions;
mod socket_replay;
mod socket_revocation;
mod socket_subscribe;
mod support;
