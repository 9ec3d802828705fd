//! End-to-end encryption: bodies in the shapes of the Matrix Client-Server API, passed through
//! except for what keeps the server's promises (see `domain::encryption`).

pub(super) mod account_data;
pub(super) mod cross_signing;
pub(super) mod device_lists;
pub(super) mod key_claim;
pub(super) mod key_query;
pub(super) mod key_upload;
mod opaque;
pub(super) mod room_key_backups;
mod room_key_stream;
pub(super) mod room_keys;
pub(super) mod signatures;
pub(super) mod to_device;
pub(super) mod whoami;

/// The greatest size of a body that speaks of many devices or keys: clients send 250 messages, or
/// 100 keys of a backup, at once.
const LARGE_BODY_BYTES: usize = 1024 * 1024;
