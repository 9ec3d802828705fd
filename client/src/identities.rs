//! The identities of other users, pinned when they are first seen.

use matrix_sdk_crypto::OtherUserIdentity;

use crate::device::Device;
use crate::error::Error;
use crate::ids::UserId;

impl Device {
    /// Of these users, those whose identity is another one than it was and who were not acknowledged.
    pub(crate) async fn changed_identities(&self, users: &[UserId]) -> Result<Vec<UserId>, Error> {
        let mut changed = Vec::new();
        for user in users.iter().filter(|user| **user != self.names.own_id) {
            let needs_approval = self.identity_of(*user).await?.is_some_and(|identity| {
                identity.identity_needs_user_approval() || identity.has_verification_violation()
            });
            if needs_approval {
                changed.push(*user);
            }
        }
        Ok(changed)
    }

    /// Goes on with the identity that a user has now, after somebody has found out why it is another
    /// one than it was.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when the store fails.
    pub async fn acknowledge_identity(&self, user: UserId) -> Result<(), Error> {
        if let Some(identity) = self.identity_of(user).await?
            && identity.has_verification_violation()
        {
            let withdrawn = identity.withdraw_verification().await;
            withdrawn.map_err(Error::library)?;
        }
        if let Some(identity) = self.identity_of(user).await?
            && identity.identity_needs_user_approval()
        {
            let pinned = identity.pin_current_master_key().await;
            pinned.map_err(Error::library)?;
        }
        Ok(())
    }

    async fn identity_of(&self, user: UserId) -> Result<Option<OtherUserIdentity>, Error> {
        let name = self.names.user(user)?;
        let identity = self.machine.get_identity(&name, None).await;
        let identity = identity.map_err(Error::library)?;
        Ok(identity.and_then(matrix_sdk_crypto::UserIdentity::other))
    }
}
