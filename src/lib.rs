//! Chatalot, a self-hosted realtime messaging server.
//!
//! An automation posts to a webhook's URL; the post becomes a message of a channel, which
//! everyone who watches the channel sees at once over WebSocket, and each member it
//! `@mentions` is alerted.
//!
//! # Layout
//!
//! | module | what it is |
//! | --- | --- |
//! | [`app`] | the composition root: builds everything, runs it, stops it in order |
//! | [`http`] | the HTTP interface: route table, extractors, one file a resource, problem+json |
//! | [`actors`] | channels, the ledger, sessions, and the directories that find them |
//! | [`protocol`] | what travels on the socket |
//! | [`push`] | Web Push outside the database: keys, messages, the connection to push services |
//! | [`store`] | PostgreSQL, the only ledger and the only sequencer |
//! | [`domain`] | pure values and rules |
//! | [`managed_postgres`], [`backup`] | the private PostgreSQL, and saving what is in a database |
//! | [`config`], [`telemetry`], [`metrics`] | settings, logs, counters |
//!
//! Imports run one way: `main -> app -> http -> actors -> push, store, protocol -> domain`. Only the
//! last row of the table may be used from anywhere. `tests/tidy.rs` holds the rule.
//!
//! `docs/ARCHITECTURE.md` has the map of the repository, the life of a post and the invariants.

pub mod actors;
pub mod app;
pub mod backup;
pub mod config;
pub mod domain;
pub mod http;
pub mod managed_postgres;
pub mod metrics;
pub mod protocol;
pub mod push;
pub mod store;
pub mod telemetry;
