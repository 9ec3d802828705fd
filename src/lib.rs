//! Chatalot, a self-hosted realtime messaging server.

pub mod backup;
pub mod managed_postgres;
