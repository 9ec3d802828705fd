//! Signing in.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Api;
use crate::error::Error;
use crate::ids::UserId;

/// A user who is signed in. Each session is a device of its own.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) api: Api,
}

#[derive(Serialize)]
struct Credentials<'a> {
    username: &'a str,
    password: &'a str,
    session: &'static str,
}

#[derive(Deserialize)]
struct SignedIn {
    token: String,
}

#[derive(Deserialize)]
struct Whose {
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: UserId,
}

impl Session {
    /// Signs in at the server at this URL.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the code `bad_credentials` when username or password is wrong.
    pub async fn sign_in(server: &str, username: &str, password: &str) -> Result<Self, Error> {
        let api = Api::new(server, None)?;
        let credentials = Credentials {
            username,
            password,
            session: "token",
        };
        // Made again, it could begin two sessions.
        let call = api.post(&["auth", "login"]).once();
        let SignedIn { token } = call.send(&credentials).await?;
        Ok(Self {
            api: api.with_token(token),
        })
    }

    /// Goes on with an earlier session. Without the store that its device had, the device is lost:
    /// then sign in anew.
    ///
    /// # Errors
    ///
    /// [`Error::Url`]; whether the session still works shows with the first call.
    pub fn resume(server: &str, token: &str) -> Result<Self, Error> {
        let api = Api::new(server, Some(token.to_owned()))?;
        Ok(Self { api })
    }

    /// What the session is proved with: as good as the password until it is signed out.
    #[must_use]
    pub fn token(&self) -> &str {
        self.api.token()
    }

    /// Who is signed in.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the session has ended.
    pub async fn user_id(&self) -> Result<UserId, Error> {
        let Whose { user } = self.api.get(&["auth", "session"]).fetch().await?;
        Ok(user.id)
    }

    /// Ends the session, and with it its device: keys, mailbox and sockets.
    ///
    /// # Errors
    ///
    /// Those of any call; then the session may go on.
    pub async fn sign_out(self) -> Result<(), Error> {
        let _nothing: Value = self.api.post(&["auth", "logout"]).fetch().await?;
        Ok(())
    }
}
