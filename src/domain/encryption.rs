//! End-to-end encryption as a server sees it that cannot read: public keys, envelopes and sealed
//! backups, in the shapes of the Matrix Client-Server API (v1.16, "End-to-end encryption").
//!
//! The server looks into a body only where it has to keep a promise: whose a key is, that a
//! device's identity stays what it was, which of two keys in a backup is the better one. All
//! else passes through as it came, because signatures cover it.

pub mod account_data;
pub mod cross_signing;
pub mod flaws;
pub mod ids;
pub mod key_backup;
pub mod key_upload;
pub mod public_keys;
mod sealed;
pub mod signatures;
pub mod to_device;
