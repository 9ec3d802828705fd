//! Ready-made people, communities, channels and webhooks.

use std::ops::Deref;

use serde_json::{Value, json};

use super::answer::Answer;
use super::client::ApiClient;
use super::server::TestServer;

/// The password of every fixture user.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Somebody who is signed in. Every call of the interface can be made on it.
#[derive(Clone)]
pub(crate) struct User {
    client: ApiClient,
    pub(crate) id: String,
    pub(crate) username: String,
}

impl Deref for User {
    type Target = ApiClient;

    fn deref(&self) -> &ApiClient {
        &self.client
    }
}

impl User {
    /// Registers `username` with the fixture password.
    pub(crate) async fn register(client: &ApiClient, username: &str) -> Self {
        let body = json!({"username": username, "password": PASSWORD, "session": "token"});
        let answer = client.register(&body).await.expect_status(201);
        Self {
            client: client.with_token(&answer.str("token")),
            id: answer.body["user"]["id"].as_str().unwrap().to_owned(),
            username: username.to_owned(),
        }
    }

    /// The same user with another client, of another session say.
    pub(crate) fn with_client(&self, client: ApiClient) -> Self {
        Self {
            client,
            ..self.clone()
        }
    }

    /// Another session of the user.
    pub(crate) async fn sign_in(&self) -> Self {
        let body = json!({"username": self.username, "password": PASSWORD, "session": "token"});
        let answer = self.signed_out().login(&body).await.expect_status(200);
        self.with_client(self.with_token(&answer.str("token")))
    }

    /// Everybody whom the inbox of this user says that a message mentioned them, as the
    /// notifications are listed.
    pub(crate) async fn inbox(&self) -> Vec<Value> {
        let answer = self.notifications("").await.expect_status(200);
        answer.body["notifications"].as_array().unwrap().clone()
    }
}

/// A community with its owner and its first channel.
pub(crate) struct Community {
    pub(crate) id: String,
    pub(crate) owner: User,
    /// The channel that everybody who joins is in.
    pub(crate) general: String,
}

impl Community {
    /// A community that `owner` makes.
    pub(crate) async fn of(owner: User, name: &str) -> Self {
        let body = json!({ "name": name });
        let id = owner.create_community(&body).await.expect_status(201).id();
        let channels = owner.channels(&id).await.expect_status(200);
        let general = channels.list()[0]["id"].as_str().unwrap().to_owned();
        Self { id, owner, general }
    }

    /// Registers `username` and lets them join.
    pub(crate) async fn member(&self, username: &str) -> User {
        let user = User::register(&self.owner.signed_out(), username).await;
        self.let_in(&user).await;
        user
    }

    /// Registers `username`, lets them join and makes them an admin.
    pub(crate) async fn admin(&self, username: &str) -> User {
        let user = self.member(username).await;
        let answer = self.owner.set_role(&self.id, &user.id, "admin").await;
        answer.expect_status(200);
        user
    }

    /// Registers `username` without letting them in.
    pub(crate) async fn outsider(&self, username: &str) -> User {
        User::register(&self.owner.signed_out(), username).await
    }

    /// Lets `user` join by an invite.
    pub(crate) async fn let_in(&self, user: &User) {
        let code = self.invite(&json!({})).await.str("code");
        user.accept_invite(&code).await.expect_status(200);
    }

    pub(crate) async fn invite(&self, body: &Value) -> Answer {
        let answer = self.owner.create_invite(&self.id, body).await;
        answer.expect_status(201)
    }

    /// A public channel that only its maker is in.
    pub(crate) async fn channel(&self, name: &str) -> String {
        let body = json!({ "name": name });
        let answer = self.owner.create_channel(&self.id, &body).await;
        answer.expect_status(201).id()
    }

    /// A private channel that only its maker is in.
    pub(crate) async fn private_channel(&self, name: &str) -> String {
        let body = json!({"name": name, "private": true});
        let answer = self.owner.create_channel(&self.id, &body).await;
        answer.expect_status(201).id()
    }

    /// A webhook of the channel `channel_id`.
    pub(crate) async fn webhook(&self, channel_id: &str) -> Webhook {
        let body = json!({"name": "Build server"});
        let answer = self.owner.create_webhook(channel_id, &body).await;
        let answer = answer.expect_status(201);
        Webhook {
            owner: self.owner.clone(),
            id: answer.id(),
            token: answer.str("token"),
            url: answer.str("url"),
            channel_id: channel_id.to_owned(),
        }
    }
}

/// A webhook whose token the test knows.
#[derive(Clone)]
pub(crate) struct Webhook {
    /// Who made it.
    pub(crate) owner: User,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) url: String,
    pub(crate) channel_id: String,
}

impl Webhook {
    /// Posts `body`, whatever comes of it.
    pub(crate) async fn execute(&self, body: &Value) -> Answer {
        let caller = self.owner.signed_out();
        caller.execute_webhook(&self.token, body).await
    }

    /// Posts `bytes` as they are, without a Content-Type.
    pub(crate) async fn execute_bytes(&self, bytes: impl Into<Vec<u8>>) -> Answer {
        let call = self.owner.signed_out().post(self.path());
        call.bytes(bytes).send().await
    }

    /// Posts `content`, which must be accepted, and tells the message's id.
    pub(crate) async fn says(&self, content: &str) -> String {
        let answer = self.execute(&json!({ "content": content })).await;
        answer.expect_status(201).str("message_id")
    }

    /// The path of its URL.
    pub(crate) fn path(&self) -> String {
        format!("/api/webhooks/execute/{}", self.token)
    }
}

impl TestServer {
    /// Registers `username` with the fixture password.
    pub(crate) async fn user(&self, username: &str) -> User {
        User::register(&self.anonymous(), username).await
    }

    /// A community whose owner is the user `owner`.
    pub(crate) async fn community(&self) -> Community {
        Community::of(self.user("owner").await, "Acme").await
    }

    /// A community and a webhook of its channel `general`.
    pub(crate) async fn channel_with_webhook(&self) -> (Community, Webhook) {
        let community = self.community().await;
        let webhook = community.webhook(&community.general).await;
        (community, webhook)
    }
}
