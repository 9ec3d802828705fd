//! End-to-end encryption: the directory of keys, the mailboxes of devices, backups.

mod account_data;
mod cross_signing;
mod device_keys;
mod device_lists;
mod one_time_keys;
mod room_keys;
mod signatures;
mod to_device;

use crate::domain::ids::{SessionId, UserId};

pub use account_data::Kept;
pub use cross_signing::CrossSigned;
pub(super) use device_keys::lock_session;
pub use device_keys::{DeviceStatus, DevicesBound, KeysUploaded, QueriedKeys, StoredDevice};
pub use device_lists::Told;
pub(super) use device_lists::note_changes;
pub use one_time_keys::{ClaimedKey, OneTimeKeyCount};
pub use room_keys::{BackupChanged, BackupInfo, StoredRoomKey};
pub use signatures::{SignatureRefused, SignaturesAdded};
pub(super) use to_device::LOCK_MAILBOXES;
pub use to_device::{SentToDevice, ToDeviceEvent};

/// One device of one user: a login session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceRef {
    /// Whose it is.
    pub user_id: UserId,
    /// Which.
    pub session_id: SessionId,
}
