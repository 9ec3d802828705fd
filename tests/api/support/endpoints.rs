//! One method for each call of the interface.

use serde_json::{Value, json};

use super::answer::Answer;
use super::client::ApiClient;

impl ApiClient {
    pub(crate) async fn register(&self, body: &Value) -> Answer {
        self.post_from_own_page("/api/auth/register", body).await
    }

    pub(crate) async fn login(&self, body: &Value) -> Answer {
        self.post_from_own_page("/api/auth/login", body).await
    }

    /// The calls that set a cookie are only taken from the server's own pages.
    async fn post_from_own_page(&self, path: &str, body: &Value) -> Answer {
        self.post(path)
            .header("sec-fetch-site", "same-origin")
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn logout(&self) -> Answer {
        self.post("/api/auth/logout").send().await
    }

    pub(crate) async fn session(&self) -> Answer {
        self.get("/api/auth/session").send().await
    }

    pub(crate) async fn sessions(&self) -> Answer {
        self.get("/api/auth/sessions").send().await
    }

    pub(crate) async fn revoke_session(&self, id: &str) -> Answer {
        self.delete(format!("/api/auth/sessions/{id}")).send().await
    }

    pub(crate) async fn create_community(&self, body: &Value) -> Answer {
        self.post("/api/communities").json(body).send().await
    }

    pub(crate) async fn communities(&self) -> Answer {
        self.get("/api/communities").send().await
    }

    pub(crate) async fn community(&self, id: &str) -> Answer {
        self.get(format!("/api/communities/{id}")).send().await
    }

    pub(crate) async fn patch_community(&self, id: &str, body: &Value) -> Answer {
        self.patch(format!("/api/communities/{id}"))
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn delete_community(&self, id: &str) -> Answer {
        self.delete(format!("/api/communities/{id}")).send().await
    }

    pub(crate) async fn members(&self, id: &str) -> Answer {
        self.get(format!("/api/communities/{id}/members"))
            .send()
            .await
    }

    pub(crate) async fn set_role(&self, id: &str, user_id: &str, role: &str) -> Answer {
        self.patch(format!("/api/communities/{id}/members/{user_id}"))
            .json(&json!({ "role": role }))
            .send()
            .await
    }

    pub(crate) async fn remove_member(&self, id: &str, user_id: &str) -> Answer {
        self.delete(format!("/api/communities/{id}/members/{user_id}"))
            .send()
            .await
    }

    pub(crate) async fn create_invite(&self, community_id: &str, body: &Value) -> Answer {
        self.post(format!("/api/communities/{community_id}/invites"))
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn invites(&self, community_id: &str) -> Answer {
        self.get(format!("/api/communities/{community_id}/invites"))
            .send()
            .await
    }

    pub(crate) async fn revoke_invite(&self, code: &str) -> Answer {
        self.delete(format!("/api/invites/{code}")).send().await
    }

    pub(crate) async fn preview_invite(&self, code: &str) -> Answer {
        self.get(format!("/api/invites/{code}")).send().await
    }

    pub(crate) async fn accept_invite(&self, code: &str) -> Answer {
        self.post(format!("/api/invites/{code}/accept"))
            .send()
            .await
    }

    pub(crate) async fn create_channel(&self, community_id: &str, body: &Value) -> Answer {
        self.post(format!("/api/communities/{community_id}/channels"))
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn channels(&self, community_id: &str) -> Answer {
        self.get(format!("/api/communities/{community_id}/channels"))
            .send()
            .await
    }

    pub(crate) async fn channel(&self, id: &str) -> Answer {
        self.get(format!("/api/channels/{id}")).send().await
    }

    pub(crate) async fn patch_channel(&self, id: &str, body: &Value) -> Answer {
        self.patch(format!("/api/channels/{id}"))
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn delete_channel(&self, id: &str) -> Answer {
        self.delete(format!("/api/channels/{id}")).send().await
    }

    pub(crate) async fn channel_members(&self, id: &str) -> Answer {
        self.get(format!("/api/channels/{id}/members")).send().await
    }

    pub(crate) async fn add_to_channel(&self, id: &str, user_id: &str) -> Answer {
        self.put(format!("/api/channels/{id}/members/{user_id}"))
            .send()
            .await
    }

    pub(crate) async fn remove_from_channel(&self, id: &str, user_id: &str) -> Answer {
        self.delete(format!("/api/channels/{id}/members/{user_id}"))
            .send()
            .await
    }

    /// `query` is empty or starts with `?`.
    pub(crate) async fn messages(&self, channel_id: &str, query: &str) -> Answer {
        self.get(format!("/api/channels/{channel_id}/messages{query}"))
            .send()
            .await
    }

    pub(crate) async fn send_message(
        &self,
        channel_id: &str,
        txn_id: &str,
        body: &Value,
    ) -> Answer {
        self.put(format!("/api/channels/{channel_id}/messages/{txn_id}"))
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn edit_message(
        &self,
        channel_id: &str,
        message_id: &str,
        body: &Value,
    ) -> Answer {
        self.patch(format!("/api/channels/{channel_id}/messages/{message_id}"))
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn delete_message(&self, channel_id: &str, message_id: &str) -> Answer {
        self.delete(format!("/api/channels/{channel_id}/messages/{message_id}"))
            .send()
            .await
    }

    pub(crate) async fn read_channel(&self, channel_id: &str, seq: i64) -> Answer {
        self.post(format!("/api/channels/{channel_id}/read"))
            .json(&json!({ "seq": seq }))
            .send()
            .await
    }

    pub(crate) async fn create_webhook(&self, channel_id: &str, body: &Value) -> Answer {
        self.post(format!("/api/channels/{channel_id}/webhooks"))
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn webhooks(&self, channel_id: &str) -> Answer {
        self.get(format!("/api/channels/{channel_id}/webhooks"))
            .send()
            .await
    }

    pub(crate) async fn patch_webhook(&self, id: &str, body: &Value) -> Answer {
        self.patch(format!("/api/webhooks/{id}"))
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn delete_webhook(&self, id: &str) -> Answer {
        self.delete(format!("/api/webhooks/{id}")).send().await
    }

    pub(crate) async fn execute_webhook(&self, token: &str, body: &Value) -> Answer {
        self.post(format!("/api/webhooks/execute/{token}"))
            .json(body)
            .send()
            .await
    }

    /// `query` is empty or starts with `?`.
    pub(crate) async fn notifications(&self, query: &str) -> Answer {
        self.get(format!("/api/notifications{query}")).send().await
    }

    pub(crate) async fn read_notifications(&self, body: &Value) -> Answer {
        self.post("/api/notifications/read").json(body).send().await
    }

    pub(crate) async fn push_key(&self) -> Answer {
        self.get("/api/push/key").send().await
    }

    pub(crate) async fn subscribe_push(&self, body: &Value) -> Answer {
        self.post("/api/push/subscriptions").json(body).send().await
    }

    pub(crate) async fn push_subscriptions(&self) -> Answer {
        self.get("/api/push/subscriptions").send().await
    }

    pub(crate) async fn delete_push_subscription(&self, id: &str) -> Answer {
        self.delete(format!("/api/push/subscriptions/{id}"))
            .send()
            .await
    }

    pub(crate) async fn test_push(&self, id: &str) -> Answer {
        self.post(format!("/api/push/subscriptions/{id}/test"))
            .send()
            .await
    }
}
