//! How users, channels and devices are called in what is signed and encrypted.

use ruma::{OwnedDeviceId, OwnedRoomId, OwnedUserId};
use serde::Deserialize;

use crate::api::Api;
use crate::error::Error;
use crate::ids::{ChannelId, UserId};

/// The names of one device's view of the server.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// `@<user>:<server>` of the device's user.
    pub(crate) own: OwnedUserId,
    /// The same as the rest of the interface has it.
    pub(crate) own_id: UserId,
    /// The device.
    pub(crate) device: OwnedDeviceId,
    server: String,
}

#[derive(Deserialize)]
struct WhoAmI {
    user_id: OwnedUserId,
    device_id: OwnedDeviceId,
    server_name: String,
}

impl Names {
    /// Asks the server what it calls this device.
    pub(crate) async fn ask(api: &Api) -> Result<Self, Error> {
        let who: WhoAmI = api.get(&["e2ee", "whoami"]).fetch().await?;
        let own_id = user_id_in(&who.user_id)
            .ok_or_else(|| Error::Unexpected(format!("the user id {}", who.user_id)))?;
        Ok(Self {
            own: who.user_id,
            own_id,
            device: who.device_id,
            server: who.server_name,
        })
    }

    /// `@<user>:<server>`
    pub(crate) fn user(&self, user: UserId) -> Result<OwnedUserId, Error> {
        let name = format!("@{user}:{}", self.server);
        name.try_into().map_err(Error::library)
    }

    /// The same of many.
    pub(crate) fn users(&self, users: &[UserId]) -> Result<Vec<OwnedUserId>, Error> {
        users.iter().map(|user| self.user(*user)).collect()
    }

    /// `!<channel>:<server>`
    pub(crate) fn room(&self, channel: ChannelId) -> Result<OwnedRoomId, Error> {
        let name = format!("!{channel}:{}", self.server);
        name.try_into().map_err(Error::library)
    }
}

/// The user in `@<user>:<server>`.
pub(crate) fn user_id_in(name: &ruma::UserId) -> Option<UserId> {
    name.localpart().parse().ok()
}
