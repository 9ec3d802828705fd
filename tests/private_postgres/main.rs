//! The private PostgreSQL and backup, from outside: real clusters in temporary
//! directories, real signals, and a process of its own wherever a server must die.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test, like the test itself"
)]

mod backups;
mod client_programs;
mod crashes;
mod lifecycle;
mod refusals;
mod support;
