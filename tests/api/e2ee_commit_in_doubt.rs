//! The answer to a commit was lost: whoever would have been told of it is told, because it may have
//! been done.

use serde_json::{Value, json};

use crate::support::database::TestDatabase;
use crate::support::encrypting_device::EncryptingDevice;
use crate::support::fixtures::{Community, PASSWORD, User};
use crate::support::process::{Launch, ServerProcess};
use crate::support::proxy::{DatabaseProxy, NextCommit};
use crate::support::socket::WsClient;
use crate::support::sweep::{open_store, sweep_once};
use crate::support::writer::Writer;

/// A server behind whose back the connection to the database can be cut, and a device of ann's with
/// a socket.
struct Scene {
    database: TestDatabase,
    proxy: DatabaseProxy,
    _server: ServerProcess,
    community: Community,
    ann: EncryptingDevice,
}

impl Scene {
    async fn begin(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create().await;
        let (proxy, url) = DatabaseProxy::before(&database).await;
        let mut launch = Launch::new().set("CHATALOT_DATABASE__URL", url);
        for (name, value) in settings {
            launch = launch.set(name, *value);
        }
        let server = launch.start().await;
        let community = server.community().await;
        let ann = EncryptingDevice::of(&community.member("ann").await).await;
        Self {
            database,
            proxy,
            _server: server,
            community,
            ann,
        }
    }

    /// A socket of ann's that has nothing to tell any more.
    async fn socket(&self) -> WsClient {
        let mut socket = self.ann.socket().await;
        socket.round_trip().await;
        socket
    }

    fn lose_the_answer_to_the_next_commit(&self) {
        self.proxy.next_commit(NextCommit::IsDoneUnanswered);
    }
}

async fn expect_changed(socket: &mut WsClient, user: &User) {
    let changed = json!([format!("@{}:localhost", user.id)]);
    let told = |frame: &Value| frame["changed"] == changed;
    socket.expect_frame_where("whose list changed", told).await;
}

#[tokio::test]
async fn a_device_that_perhaps_made_room_for_a_sign_in_is_announced() {
    let scene = Scene::begin(&[("CHATALOT_SESSIONS__MAX_PER_USER", "1")]).await;
    let bob = scene.community.member("bob").await;
    EncryptingDevice::of(&bob).await;
    let mut socket = scene.socket().await;
    scene.lose_the_answer_to_the_next_commit();
    let body = json!({"username": "bob", "password": PASSWORD, "session": "token"});
    bob.signed_out().login(&body).await.expect_status(503);
    assert!(scene.proxy.commit_was_cut());
    expect_changed(&mut socket, &bob).await;
    bob.session().await.expect_status(401);
}

#[tokio::test]
async fn somebody_who_perhaps_came_into_a_channel_is_announced() {
    let scene = Scene::begin(&[]).await;
    let channel = scene.community.channel("deploys").await;
    let bob = EncryptingDevice::of(&scene.community.member("bob").await).await;
    let added = scene
        .community
        .owner
        .add_to_channel(&channel, &scene.ann.id);
    added.await.expect_done();
    let mut of_ann = scene.socket().await;
    of_ann.subscribe(&channel, None).await;
    let mut of_bob = bob.socket().await;
    scene.lose_the_answer_to_the_next_commit();
    let added = scene.community.owner.add_to_channel(&channel, &bob.id);
    added.await.expect_status(503);
    assert!(scene.proxy.commit_was_cut());
    expect_changed(&mut of_ann, &bob).await;
    of_ann.expect_frame("channel_changed").await;
    let asks = |frame: &Value| frame["limited"] == json!(true);
    of_bob.expect_frame_where("to ask for others", asks).await;
    let changed = of_bob.expect_frame("channel_changed").await;
    assert_eq!(changed["channel_id"], json!(channel));
}

#[tokio::test]
async fn somebody_whose_invite_was_perhaps_accepted_is_announced() {
    let scene = Scene::begin(&[]).await;
    let bob = scene.community.outsider("bob").await;
    let device = EncryptingDevice::of(&bob).await;
    let code = scene.community.invite(&json!({})).await.str("code");
    let mut socket = scene.socket().await;
    socket.subscribe(&scene.community.general, None).await;
    scene.lose_the_answer_to_the_next_commit();
    let mut of_bob = bob.socket().await;
    device.accept_invite(&code).await.expect_status(503);
    assert!(scene.proxy.commit_was_cut());
    expect_changed(&mut socket, &bob).await;
    socket.expect_frame("channel_changed").await;
    socket.expect_frame("membership_changed").await;
    of_bob.expect_frame("membership_changed").await;
}

#[tokio::test]
async fn an_edit_and_a_deletion_that_were_perhaps_made_are_announced() {
    let scene = Scene::begin(&[]).await;
    let channel = scene.community.general.as_str();
    let writer = Writer::of(&scene.ann).await;
    let id = writer.writes(channel, "one").await.str("message_id");
    let mut socket = scene.socket().await;
    socket.subscribe(channel, None).await;
    scene.lose_the_answer_to_the_next_commit();
    writer.edit(channel, &id, "two").await.expect_status(503);
    let edited = socket.expect_frame("message_edited").await;
    assert_eq!(edited["message"]["envelope"], writer.envelope("two"));
    scene.lose_the_answer_to_the_next_commit();
    let deleted = scene.ann.delete_message(channel, &id).await;
    deleted.expect_status(503);
    let deleted = socket.expect_frame("message_deleted").await;
    assert_eq!(deleted["message_id"], json!(id));
}

#[tokio::test]
async fn whose_idle_sessions_perhaps_ended_is_known() {
    let scene = Scene::begin(&[]).await;
    let bob = EncryptingDevice::of(&scene.community.member("bob").await).await;
    let idle = "update sessions set last_seen_at = now() - interval '31 days' \
                where id = $1::text::uuid";
    let database = scene.database.connect().await;
    database.execute(idle, &[&bob.device_id]).await.unwrap();
    let (proxy, url) = DatabaseProxy::before(&scene.database).await;
    let url = url.parse::<tokio_postgres::Config>().unwrap();
    let store = open_store(url);
    proxy.next_commit(NextCommit::IsDoneUnanswered);
    let (swept, done) = sweep_once(&store).await;
    assert!(!done);
    let changed = swept.device_lists_changed.iter().map(ToString::to_string);
    assert_eq!(changed.collect::<Vec<_>>(), [bob.id.as_str()]);
    bob.session().await.expect_status(401);
}
