//! Very many people whose devices are real to everybody else: their keys are rightly signed and lie
//! in the database. Only nobody holds their other halves, so that they cost little.

use chatalot_client::matrix_sdk_crypto::vodozemac::Ed25519SecretKey;
use chatalot_client::matrix_sdk_crypto::vodozemac::olm::Account;
use serde_json::{Value, json};
use uuid::Uuid;

use super::fixtures::Community;
use super::server::TestServer;

/// How many there are, and what they have.
pub(crate) struct Crowd {
    pub(crate) people: usize,
    /// Devices of each that their owner vouches for.
    pub(crate) devices: usize,
    /// Devices of each whose keys are none.
    pub(crate) keyless: usize,
}

/// Rows for the tables, column by column.
#[derive(Default)]
struct Rows {
    users: Vec<Uuid>,
    sessions: Vec<Uuid>,
    owners: Vec<Uuid>,
    device_keys: Vec<String>,
    signed_devices: Vec<Uuid>,
    one_time_keys: Vec<String>,
    identities: Vec<Uuid>,
    usages: Vec<&'static str>,
    public_keys: Vec<String>,
    identity_keys: Vec<String>,
}

impl Crowd {
    /// Lets them join the community and its first channel.
    pub(crate) async fn join(&self, server: &TestServer, community: &Community) {
        let who = community.owner.get("/api/e2ee/whoami").send().await;
        let server_name = who.expect_status(200).str("server_name");
        let mut rows = Rows::default();
        for _ in 0..self.people {
            rows.add_person(&server_name, self);
        }
        let community_id: Uuid = community.id.parse().unwrap();
        let channel: Uuid = community.general.parse().unwrap();
        let client = server.database.connect().await;
        let written = [
            client
                .execute(
                    "insert into users (id, username, display_name, password_hash, instance_role) \
                     select id, 'u' || replace(id::text, '-', ''), 'one of many', '', 'member' \
                     from unnest($1::uuid[]) as t (id)",
                    &[&rows.users],
                )
                .await,
            client
                .execute(
                    "insert into community_members (community_id, user_id, role) \
                     select $1, id, 'member' from unnest($2::uuid[]) as t (id)",
                    &[&community_id, &rows.users],
                )
                .await,
            client
                .execute(
                    "insert into channel_members (channel_id, user_id) \
                     select $1, id from unnest($2::uuid[]) as t (id)",
                    &[&channel, &rows.users],
                )
                .await,
            client
                .execute(
                    "insert into sessions (id, user_id, token_hash) \
                     select id, owner, sha256(id::text::bytea) \
                     from unnest($1::uuid[], $2::uuid[]) as t (id, owner)",
                    &[&rows.sessions, &rows.owners],
                )
                .await,
            client
                .execute(
                    "insert into device_keys (session_id, user_id, device_keys) \
                     select * from unnest($1::uuid[], $2::uuid[], $3::text[])",
                    &[&rows.sessions, &rows.owners, &rows.device_keys],
                )
                .await,
            client
                .execute(
                    "insert into to_device_mailboxes (session_id) \
                     select id from unnest($1::uuid[]) as t (id)",
                    &[&rows.sessions],
                )
                .await,
            client
                .execute(
                    "insert into one_time_keys (session_id, key_id, key) \
                     select id, 'AAAAAQ', key from unnest($1::uuid[], $2::text[]) as t (id, key)",
                    &[&rows.signed_devices, &rows.one_time_keys],
                )
                .await,
            client
                .execute(
                    "insert into cross_signing_keys (user_id, usage, public_key, key) \
                     select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[])",
                    &[
                        &rows.identities,
                        &rows.usages,
                        &rows.public_keys,
                        &rows.identity_keys,
                    ],
                )
                .await,
        ];
        for rows in written {
            assert!(rows.unwrap() > 0);
        }
    }
}

impl Rows {
    fn add_person(&mut self, server_name: &str, crowd: &Crowd) {
        let user = Uuid::now_v7();
        let name = format!("@{user}:{server_name}");
        self.users.push(user);
        let (master, self_signing) = (Ed25519SecretKey::new(), Ed25519SecretKey::new());
        let master_id = master.public_key().to_base64();
        let self_signing_id = self_signing.public_key().to_base64();
        for (usage, id) in [("master", &master_id), ("self_signing", &self_signing_id)] {
            let text = format!(
                r#"{{"keys":{{"ed25519:{id}":"{id}"}},"usage":["{usage}"],"user_id":"{name}"}}"#
            );
            let signature = master.sign(text.as_bytes()).to_base64();
            self.identities.push(user);
            self.usages.push(usage);
            self.public_keys.push(id.clone());
            self.identity_keys
                .push(with_signatures(&text, &name, &[(&master_id, signature)]));
        }
        for _ in 0..crowd.devices {
            let device = Uuid::now_v7();
            let id = device.to_string();
            let mut account = Account::new();
            let keys = account.identity_keys();
            let text = format!(
                r#"{{"algorithms":["m.olm.v1.curve25519-aes-sha2","m.megolm.v1.aes-sha2"],"device_id":"{id}","keys":{{"curve25519:{id}":"{}","ed25519:{id}":"{}"}},"user_id":"{name}"}}"#,
                keys.curve25519.to_base64(),
                keys.ed25519.to_base64(),
            );
            let own = account.sign(&text).to_base64();
            let of_owner = self_signing.sign(text.as_bytes()).to_base64();
            let signatures = [(&id, own), (&self_signing_id, of_owner)];
            self.add_device(user, device, with_signatures(&text, &name, &signatures));
            account.generate_one_time_keys(1);
            let key = account.one_time_keys().into_values().next().unwrap();
            let text = format!(r#"{{"key":"{}"}}"#, key.to_base64());
            let signature = account.sign(&text).to_base64();
            self.signed_devices.push(device);
            self.one_time_keys
                .push(with_signatures(&text, &name, &[(&id, signature)]));
        }
        for _ in 0..crowd.keyless {
            self.add_device(user, Uuid::now_v7(), "{}".to_owned());
        }
    }

    fn add_device(&mut self, owner: Uuid, device: Uuid, keys: String) {
        self.sessions.push(device);
        self.owners.push(owner);
        self.device_keys.push(keys);
    }
}

/// What was signed, which is JSON in its canonical form, with signatures by keys of `user`.
fn with_signatures(text: &str, user: &str, signatures: &[(&String, String)]) -> String {
    let mut signed: Value = serde_json::from_str(text).unwrap();
    for (key, signature) in signatures {
        signed["signatures"][user][format!("ed25519:{key}")] = json!(signature);
    }
    signed.to_string()
}
