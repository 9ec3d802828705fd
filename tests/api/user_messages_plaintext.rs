//! What users write is encrypted: plaintext is refused in every disguise.

use serde_json::{Value, json};

use crate::support::fixtures::Community;
use crate::support::server::TestServer;
use crate::support::writer::{Writer, fresh_txn_id};

struct Scene {
    _server: TestServer,
    community: Community,
    writer: Writer,
    version: i64,
}

impl Scene {
    async fn set() -> Self {
        let server = TestServer::start().await;
        let community = server.community().await;
        let writer = Writer::of(&community.owner).await;
        let version = writer.members_version(&community.general).await;
        Self {
            _server: server,
            community,
            writer,
            version,
        }
    }

    /// Sends `body`, and puts it in the place of a message too; both must be refused alike.
    async fn expect_refused(&self, body: String, code: &str, pointers: &[&str]) {
        let channel = &self.community.general;
        let sent = self.writer.writes(channel, "AwgA").await;
        let message_id = sent.str("message_id");
        let user = &self.writer.user;
        let sending = format!("/api/channels/{channel}/messages/{}", fresh_txn_id());
        let editing = format!("/api/channels/{channel}/messages/{message_id}");
        for call in [user.put(sending), user.patch(editing)] {
            let call = call.bytes(body.clone());
            let answer = call.header("content-type", "application/json").send().await;
            let answer = answer.expect_problem(422, code);
            answer.expect_invalid(pointers);
        }
    }

    /// The same for `envelope` in a body that is right otherwise.
    async fn expect_no_envelope(&self, envelope: &str, pointers: &[&str]) {
        let version = self.version;
        let body = format!("{{\"members_version\":{version},\"envelope\":{envelope}}}");
        self.expect_refused(body, "not_encrypted", pointers).await;
    }

    /// A right envelope with the entries of `changes`; null removes one.
    fn changed(&self, changes: &Value) -> String {
        let mut envelope = self.writer.envelope("AwgAEnAC");
        for (key, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(envelope.as_object_mut().unwrap().remove(key)),
                value => envelope[key] = value.clone(),
            }
        }
        envelope.to_string()
    }
}

#[tokio::test]
async fn what_is_no_envelope_is_refused() {
    let it = Scene::set().await;
    let plaintexts = [
        "null",
        "\"hello\"",
        "[\"hello\"]",
        "5",
        "true",
        "\"{\\\"algorithm\\\":\\\"m.megolm.v1.aes-sha2\\\"}\"",
    ];
    for plaintext in plaintexts {
        it.expect_no_envelope(plaintext, &["/envelope"]).await;
    }
    let missing = [
        "/envelope/algorithm",
        "/envelope/ciphertext",
        "/envelope/session_id",
        "/envelope/device_id",
    ];
    it.expect_no_envelope("{}", &missing).await;
    let message = "{\"msgtype\":\"m.text\",\"body\":\"hello\"}";
    it.expect_no_envelope(message, &missing).await;
}

/// The table itself holds no plaintext of a user, whatever a statement says.
#[tokio::test]
async fn the_database_refuses_a_user_s_plaintext_and_a_webhook_s_ciphertext() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let channel = community.general.as_str();
    webhook.says("in clear").await;
    let writer = Writer::of(&community.owner).await;
    writer.writes(channel, "AwgA").await;
    let database = server.database.connect().await;
    for wrong in [
        "set content = 'in clear' where kind = 'user'",
        "set envelope = '{}' where kind = 'webhook'",
        "set kind = 'user' where kind = 'webhook'",
        "set kind = 'webhook' where kind = 'user'",
        "set mentions = array[user_id] where kind = 'user'",
    ] {
        let refused = database
            .execute(&format!("update messages {wrong}"), &[])
            .await;
        let refused = refused.expect_err(wrong);
        let refused = refused.as_db_error().expect("the database's answer");
        assert_eq!(refused.constraint(), Some("messages_kind_known"), "{wrong}");
    }
}

#[tokio::test]
async fn a_body_like_a_webhooks_is_refused() {
    let it = Scene::set().await;
    let version = it.version;
    for body in [
        format!("{{\"members_version\":{version},\"content\":\"hello\"}}"),
        format!("{{\"members_version\":{version},\"body\":\"hello\",\"envelope\":null}}"),
    ] {
        it.expect_refused(body, "not_encrypted", &["/envelope"])
            .await;
    }
    let both = ["/envelope", "/members_version"];
    it.expect_refused("{\"content\":\"hello\"}".to_owned(), "not_encrypted", &both)
        .await;
    let envelope = it.writer.envelope("AwgA");
    for version in ["null", "\"1\"", "1.5", "1e99", "{}", "[]"] {
        let body = format!("{{\"members_version\":{version},\"envelope\":{envelope}}}");
        it.expect_refused(body, "invalid_body", &["/members_version"])
            .await;
    }
    let list = format!("[{version},{envelope}]");
    it.expect_refused(list, "invalid_body", &[""]).await;
    let twice =
        format!("{{\"members_version\":{version},\"envelope\":\"hello\",\"envelope\":{envelope}}}");
    it.expect_refused(twice, "invalid_body", &[""]).await;
}

#[tokio::test]
async fn an_envelope_that_is_not_quite_one_is_refused() {
    let it = Scene::set().await;
    let other_device = it.writer.on_another_device().await.device_id;
    let cases = [
        ("algorithm", json!(null)),
        ("algorithm", json!("")),
        ("algorithm", json!("none")),
        ("algorithm", json!("M.MEGOLM.V1.AES-SHA2")),
        ("algorithm", json!("m.olm.v1.curve25519-aes-sha2")),
        ("algorithm", json!(["m.megolm.v1.aes-sha2"])),
        ("ciphertext", json!(null)),
        ("ciphertext", json!("")),
        ("ciphertext", json!("hello everybody")),
        ("ciphertext", json!("hello!")),
        ("ciphertext", json!("aGVsbG8=")),
        ("ciphertext", json!("grüße")),
        ("ciphertext", json!({"type": 0, "body": "hello"})),
        ("ciphertext", json!(["AwgA"])),
        ("ciphertext", json!(5)),
        ("session_id", json!(null)),
        ("session_id", json!("")),
        ("session_id", json!(1)),
        ("device_id", json!(null)),
        ("device_id", json!("")),
        ("device_id", json!(other_device)),
        ("device_id", json!(it.writer.device_id.to_uppercase())),
        ("device_id", json!(it.writer.user.id)),
        ("sender_key", json!("")),
        ("sender_key", json!({})),
    ];
    for (key, value) in cases {
        let envelope = it.changed(&json!({key: value}));
        let pointer = format!("/envelope/{key}");
        it.expect_no_envelope(&envelope, &[&pointer]).await;
    }
}

#[tokio::test]
async fn an_envelope_with_two_faces_is_refused() {
    let it = Scene::set().await;
    let right = it.changed(&json!({}));
    let rest = right.strip_prefix('{').unwrap();
    for key in ["algorithm", "ciphertext", "session_id", "device_id"] {
        let pointer = format!("/envelope/{key}");
        let escaped = format!("\\u{:04x}{}", u32::from(key.as_bytes()[0]), &key[1..]);
        for name in [key, &escaped] {
            let doubled = format!("{{\"{name}\":\"hello\",{rest}");
            it.expect_no_envelope(&doubled, &[&pointer]).await;
        }
    }
    // What one parser reads and another stumbles over.
    for other in [
        "\"\\ud800\"",
        "1e999",
        &format!("{}{}", "[".repeat(200), "]".repeat(200)),
    ] {
        let odd = format!("{{\"x\":{other},{rest}");
        it.expect_no_envelope(&odd, &["/envelope"]).await;
    }
}
