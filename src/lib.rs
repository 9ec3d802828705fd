//! Chatalot.
pub mod actors;
pub mod config;
pub mod domain;
pub mod metrics;
pub mod protocol;
pub mod store;
