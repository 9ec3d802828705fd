//! Key backups: sealed keys by version, room and session, of which the better one stays.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::answer::Answer;
use crate::support::encrypting_device::EncryptingDevice;
use crate::support::server::TestServer;

const ALGORITHM: &str = "m.megolm_backup.v1.curve25519-aes-sha2";
const PUBLIC_KEY: &str = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo";

impl EncryptingDevice {
    async fn begin_backup(&self) -> String {
        let body = json!({"algorithm": ALGORITHM, "auth_data": {"public_key": PUBLIC_KEY}});
        let call = self.post("/api/e2ee/room_keys/version").json(&body);
        call.send().await.expect_status(200).str("version")
    }

    /// `rest` begins with a slash, or is empty.
    fn keys_path(rest: &str, version: &str) -> String {
        format!("/api/e2ee/room_keys/keys{rest}?version={version}")
    }

    async fn get_keys(&self, rest: &str, version: &str) -> Answer {
        self.get(Self::keys_path(rest, version)).send().await
    }

    async fn put_keys(&self, rest: &str, version: &str, body: &Value) -> Answer {
        let call = self.put(Self::keys_path(rest, version)).json(body);
        call.send().await
    }

    async fn delete_keys(&self, rest: &str, version: &str) -> Answer {
        self.delete(Self::keys_path(rest, version)).send().await
    }

    fn room(&self) -> String {
        format!("!{}:{}", Uuid::now_v7(), self.server_name)
    }
}

fn key(index: u32, forwarded: u32, verified: bool, mark: &str) -> Value {
    json!({
        "first_message_index": index,
        "forwarded_count": forwarded,
        "is_verified": verified,
        "session_data": {"ephemeral": "e", "ciphertext": mark, "mac": "m"},
    })
}

fn state(count: i64, etag: &str) -> Value {
    json!({"count": count, "etag": etag})
}

/// A session id with everything that base64 may hold.
const SESSION: &str = "a+b/c0000000000000000000000000000000000000=";
const ENCODED: &str = "a%2Bb%2Fc0000000000000000000000000000000000000%3D";

async fn device(server: &TestServer) -> EncryptingDevice {
    EncryptingDevice::without_keys(&server.user("ada").await).await
}

#[tokio::test]
async fn a_backup_is_begun_shown_changed_and_deleted() {
    let server = TestServer::start().await;
    let ada = device(&server).await;
    let path = "/api/e2ee/room_keys/version";
    ada.get(path).send().await.expect_problem(404, "not_found");
    let first = ada.begin_backup().await;
    let second = ada.begin_backup().await;
    assert_ne!(first, second);
    let newest = ada.get(path).send().await.expect_status(200);
    let expected = json!({
        "version": second,
        "algorithm": ALGORITHM,
        "auth_data": {"public_key": PUBLIC_KEY},
        "count": 0,
        "etag": "0",
    });
    assert_eq!(newest.body, expected);
    let of = |version: &str| format!("{path}/{version}");
    let shown = ada.get(of(&first)).send().await.expect_status(200);
    assert_eq!(shown.body["version"], first.as_str());
    let terms = json!({"public_key": PUBLIC_KEY, "signatures": {}});
    let change = json!({"algorithm": ALGORITHM, "auth_data": terms});
    let changed = ada.put(of(&first)).json(&change).send().await;
    assert_eq!(changed.expect_status(200).body, json!({}));
    let shown = ada.get(of(&first)).send().await.expect_status(200);
    assert_eq!(shown.body["auth_data"], terms);
    let other = json!({"algorithm": "other", "auth_data": terms});
    let refused = ada.put(of(&first)).json(&other).send().await;
    refused.expect_invalid(&["/algorithm"]);
    ada.delete(of(&second)).send().await.expect_status(200);
    let newest = ada.get(path).send().await.expect_status(200);
    assert_eq!(newest.body["version"], first.as_str());
    // A version is never used again, and those of others are nobody's business.
    let third = ada.begin_backup().await;
    assert!(![&first, &second].contains(&&third));
    let bob = server.user("bob").await;
    for version in [second.as_str(), &third, "0", "x", "-1", "01"] {
        bob.get(of(version)).send().await.expect_refused(404);
        bob.delete(of(version)).send().await.expect_refused(404);
        let put = bob.put(of(version)).json(&change).send().await;
        put.expect_refused(404);
    }
}

#[tokio::test]
async fn keys_are_kept_and_found_by_room_and_session() {
    let server = TestServer::start().await;
    let ada = device(&server).await;
    let version = ada.begin_backup().await;
    let (one, two) = (ada.room(), ada.room());
    let whole = json!({"rooms": {
        &one: {"sessions": {SESSION: key(0, 0, true, "a"), "s2": key(1, 0, false, "b")}},
        &two: {"sessions": {"s3": key(2, 1, false, "+/==")}},
    }});
    let put = ada.put_keys("", &version, &whole).await.expect_status(200);
    assert_eq!(put.body, state(3, "1"));
    let all = ada.get_keys("", &version).await.expect_status(200);
    assert_eq!(all.body, whole);
    let of_room = ada.get_keys(&format!("/{one}"), &version).await;
    assert_eq!(of_room.expect_status(200).body, whole["rooms"][&one]);
    let single = format!("/{one}/{ENCODED}");
    let found = ada.get_keys(&single, &version).await.expect_status(200);
    assert_eq!(found.body, whole["rooms"][&one]["sessions"][SESSION]);

    let more = json!({"sessions": {"s4": key(0, 0, true, "d")}});
    let put = ada.put_keys(&format!("/{two}"), &version, &more).await;
    assert_eq!(put.expect_status(200).body, state(4, "2"));
    let put = ada
        .put_keys(&format!("/{two}/s5"), &version, &key(0, 0, true, "e"))
        .await;
    assert_eq!(put.expect_status(200).body, state(5, "3"));

    let deleted = ada.delete_keys(&single, &version).await;
    assert_eq!(deleted.expect_status(200).body, state(4, "4"));
    ada.get_keys(&single, &version).await.expect_refused(404);
    let deleted = ada.delete_keys(&format!("/{two}"), &version).await;
    assert_eq!(deleted.expect_status(200).body, state(1, "5"));
    // Deleting what is not there changes nothing.
    let deleted = ada.delete_keys(&format!("/{two}"), &version).await;
    assert_eq!(deleted.expect_status(200).body, state(1, "5"));
    let deleted = ada.delete_keys("", &version).await;
    assert_eq!(deleted.expect_status(200).body, state(0, "6"));
    let empty = ada.get_keys("", &version).await.expect_status(200);
    assert_eq!(empty.body, json!({"rooms": {}}));
    let empty = ada.get_keys(&format!("/{one}"), &version).await;
    assert_eq!(empty.expect_status(200).body, json!({"sessions": {}}));
}

#[tokio::test]
async fn of_two_keys_for_one_session_the_better_one_stays() {
    let server = TestServer::start().await;
    let ada = device(&server).await;
    let version = ada.begin_backup().await;
    let path = format!("/{}/s", ada.room());
    // Each is compared with what is kept before it: (index, forwarded, verified), is it better?
    let offers = [
        ((10, 5, false), true),
        ((10, 5, false), false),
        ((10, 6, false), false),
        ((11, 0, false), false),
        ((10, 4, false), true),
        ((9, 9, false), true),
        ((50, 9, true), true),
        ((0, 0, false), false),
        ((50, 8, true), true),
        ((49, 20, true), true),
    ];
    let mut etag = 0;
    let mut kept = Value::Null;
    for (number, ((index, forwarded, verified), better)) in offers.into_iter().enumerate() {
        let offer = key(index, forwarded, verified, &format!("offer{number}"));
        let put = ada.put_keys(&path, &version, &offer).await;
        if better {
            etag += 1;
            kept = offer;
        }
        let put = put.expect_status(200);
        assert_eq!(put.body, state(1, &etag.to_string()), "offer {number}");
        let found = ada.get_keys(&path, &version).await.expect_status(200);
        assert_eq!(found.body, kept, "offer {number}");
    }
}

#[tokio::test]
async fn keys_go_into_the_newest_backup_only() {
    let server = TestServer::start().await;
    let ada = device(&server).await;
    let old = ada.begin_backup().await;
    let path = format!("/{}/s", ada.room());
    let body = key(0, 0, true, "x");
    ada.put_keys(&path, &old, &body).await.expect_status(200);
    let new = ada.begin_backup().await;
    let refused = ada.put_keys(&path, &old, &body).await;
    refused.expect_problem(403, "wrong_room_keys_version");
    ada.put_keys(&path, &new, &body).await.expect_status(200);
    // The old one is still read, and emptied.
    ada.get_keys(&path, &old).await.expect_status(200);
    ada.delete_keys("", &old).await.expect_status(200);
    // Others have neither.
    let bob = EncryptingDevice::without_keys(&server.user("bob").await).await;
    for answer in [
        bob.get_keys("", &new).await,
        bob.get_keys(&path, &new).await,
        bob.put_keys(&path, &new, &body).await,
        bob.delete_keys("", &new).await,
    ] {
        answer.expect_refused(404);
    }
    // Without a version it is nothing.
    let all = "/api/e2ee/room_keys/keys";
    ada.get(all).send().await.expect_invalid(&["/version"]);
    ada.delete(all).send().await.expect_invalid(&["/version"]);
    ada.get_keys("", "x").await.expect_refused(404);
}

#[tokio::test]
async fn a_backup_with_many_keys_comes_whole() {
    let server = TestServer::start().await;
    let ada = device(&server).await;
    let version = ada.begin_backup().await;
    let mut rooms = Map::new();
    for _ in 0..7 {
        let sessions: Map<String, Value> = (0..143)
            .map(|number| (format!("s{number}"), key(number, 0, true, "x")))
            .collect();
        rooms.insert(ada.room(), json!({ "sessions": sessions }));
    }
    let whole = json!({ "rooms": rooms });
    let put = ada.put_keys("", &version, &whole).await.expect_status(200);
    assert_eq!(put.body["count"], 1001);
    let all = ada.get_keys("", &version).await.expect_status(200);
    assert_eq!(all.body, whole);
    for (room, keys) in &rooms {
        let found = ada.get_keys(&format!("/{room}"), &version).await;
        assert_eq!(found.expect_status(200).body, *keys);
    }
}

#[tokio::test]
async fn keys_have_their_form() {
    let server = TestServer::start().await;
    let ada = device(&server).await;
    let version = ada.begin_backup().await;
    let room = ada.room();
    for bad in [
        "!x:localhost",
        "!x",
        &format!("!{}:elsewhere", Uuid::now_v7()),
    ] {
        let body = json!({"rooms": {bad: {"sessions": {}}}});
        let answer = ada.put_keys("", &version, &body).await;
        answer.expect_invalid(&[&format!("/rooms/{bad}")]);
        ada.get_keys(&format!("/{bad}"), &version)
            .await
            .expect_refused(404);
    }
    for (name, value) in [
        ("first_message_index", json!(-1)),
        ("forwarded_count", json!("0")),
        ("is_verified", Value::Null),
        ("session_data", json!("text")),
        ("session_data", json!({"session_key": "in clear"})),
        (
            "session_data",
            json!({"ephemeral": "e", "ciphertext": "not base64!", "mac": "m"}),
        ),
        (
            "session_data",
            json!({"ephemeral": "e", "ciphertext": "c", "mac": "m", "key": "k"}),
        ),
    ] {
        let mut bad = key(0, 0, true, "x");
        bad[name] = value;
        let body = json!({"rooms": {&room: {"sessions": {"s": bad}}}});
        let answer = ada.put_keys("", &version, &body).await;
        answer.expect_refused(422);
        let answer = ada.put_keys(&format!("/{room}/s"), &version, &bad).await;
        answer.expect_refused(422);
    }
    const LIMIT: usize = 8 * 1024;
    for (size, status) in [(LIMIT - 1, 200), (LIMIT, 200), (LIMIT + 1, 422)] {
        let mut sized = key(0, 0, true, "");
        let missing = size - sized["session_data"].to_string().len();
        sized["session_data"]["ciphertext"] = json!("x".repeat(missing));
        let path = format!("/{room}/size{size}");
        let answer = ada.put_keys(&path, &version, &sized).await;
        answer.expect_status(status);
    }
}

#[tokio::test]
async fn a_backup_has_a_greatest_size_and_a_user_ten_of_them() {
    let server = TestServer::start().await;
    let ada = device(&server).await;
    let version = ada.begin_backup().await;
    let room = ada.room();
    let database = server.database.connect().await;
    let fill = async |keys: i32, bytes: i64| {
        let statement = "update room_key_backups set keys = $1, bytes = $2";
        database.execute(statement, &[&keys, &bytes]).await.unwrap();
    };
    let put = async |name: &str| {
        let path = format!("/{room}/{name}");
        ada.put_keys(&path, &version, &key(0, 0, true, "x")).await
    };
    let size = key(0, 0, true, "x")["session_data"].to_string().len() as i64;
    const MOST_BYTES: i64 = 128 * 1024 * 1024;
    fill(99_999, 0).await;
    put("a").await.expect_status(200);
    put("b").await.expect_problem(409, "backup_full");
    fill(0, MOST_BYTES - size).await;
    put("c").await.expect_status(200);
    put("d").await.expect_problem(409, "backup_full");
    // A full one and the next are as much as a user may have.
    let next = ada.begin_backup().await;
    let fill_next = async |bytes: i64| {
        let statement = "update room_key_backups set keys = 0, bytes = $1 where version = $2";
        let number: i64 = next.parse().unwrap();
        database
            .execute(statement, &[&bytes, &number])
            .await
            .unwrap();
    };
    let put_next = async |name: &str| {
        let path = format!("/{room}/{name}");
        ada.put_keys(&path, &next, &key(0, 0, true, "x")).await
    };
    for old_bytes in [MOST_BYTES, MOST_BYTES + 1] {
        fill(0, old_bytes).await;
        fill_next(MOST_BYTES - size).await;
        let answer = put_next("e").await;
        if old_bytes == MOST_BYTES {
            answer.expect_status(200);
            ada.delete_keys(&format!("/{room}/e"), &next)
                .await
                .expect_status(200);
        } else {
            answer.expect_problem(409, "backup_full");
        }
    }
    ada.get_keys(&format!("/{room}/d"), &version)
        .await
        .expect_refused(404);
    for _ in 0..8 {
        ada.begin_backup().await;
    }
    let body = json!({"algorithm": ALGORITHM, "auth_data": {"public_key": PUBLIC_KEY}});
    let path = "/api/e2ee/room_keys/version";
    let refused = ada.post(path).json(&body).send().await;
    refused.expect_problem(409, "too_many_backups");
    let delete = ada.delete(format!("{path}/{version}")).send().await;
    delete.expect_status(200);
    ada.begin_backup().await;
}
