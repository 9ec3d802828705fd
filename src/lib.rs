//! Chatalot.
pub mod domain;
