//! End-to-end encryption tested with real clients: two and three devices that hold real keys, the
//! real server and its real PostgreSQL.
//!
//! One file a promise; what they share is in `support`, most of it with the tests of the interface.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that finds something missing must stop, and the panic names the line"
)]

mod automations;
mod following;
mod forgeries;
mod impostors;
mod large_channels;
mod leavers;
mod mailboxes;
mod membership;
mod one_time_keys;
mod pages;
mod recovery;
mod sending;
mod stored_secrets;
#[expect(dead_code, reason = "it is shared with tests that need more of it")]
mod support;
