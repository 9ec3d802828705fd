//! Who may manage webhooks: every kind of caller against every call.

use serde_json::json;

use crate::support::fixtures::{Community, User};
use crate::support::server::TestServer;

/// What each kind of caller is answered.
struct Callers {
    owner: User,
    admin: User,
    member: User,
    outsider: User,
    /// Owner of another community.
    foreigner: User,
}

impl Callers {
    async fn of(community: &Community) -> Self {
        let foreigner = community.outsider("frank").await;
        Community::of(foreigner.clone(), "Elsewhere").await;
        Self {
            owner: community.owner.clone(),
            admin: community.admin("ann").await,
            member: community.member("bob").await,
            outsider: community.outsider("eve").await,
            foreigner,
        }
    }

    fn refused(&self) -> [(&User, u16); 3] {
        [
            (&self.member, 403),
            (&self.outsider, 404),
            (&self.foreigner, 404),
        ]
    }

    fn allowed(&self) -> [&User; 2] {
        [&self.owner, &self.admin]
    }
}

#[tokio::test]
async fn owners_and_admins_manage_webhooks_and_nobody_else() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let callers = Callers::of(&community).await;
    let (channel, body) = (&community.general, json!({"name": "CI"}));
    let change = json!({"active": false, "name": "Stolen"});
    for (user, status) in callers.refused() {
        user.create_webhook(channel, &body)
            .await
            .expect_refused(status);
        user.webhooks(channel).await.expect_refused(status);
        user.patch_webhook(&webhook.id, &change)
            .await
            .expect_refused(status);
        user.delete_webhook(&webhook.id)
            .await
            .expect_refused(status);
    }
    let anonymous = server.anonymous();
    anonymous
        .create_webhook(channel, &body)
        .await
        .expect_refused(401);
    anonymous.webhooks(channel).await.expect_refused(401);
    anonymous
        .patch_webhook(&webhook.id, &change)
        .await
        .expect_refused(401);
    anonymous
        .delete_webhook(&webhook.id)
        .await
        .expect_refused(401);

    let listed = community.owner.webhooks(channel).await.expect_status(200);
    assert_eq!(
        listed.each("name"),
        ["Build server"],
        "nobody changed anything"
    );
    assert_eq!(listed.each("active"), [true]);
    for user in callers.allowed() {
        let made = user.create_webhook(channel, &body).await.expect_status(201);
        user.webhooks(channel).await.expect_status(200);
        let change = json!({"name": "Renamed"});
        user.patch_webhook(&made.id(), &change)
            .await
            .expect_status(200);
        user.delete_webhook(&made.id()).await.expect_done();
    }
}

#[tokio::test]
async fn the_rules_hold_for_private_channels_too() {
    let server = TestServer::start().await;
    let community = server.community().await;
    let channel = community.private_channel("secret").await;
    let webhook = community.webhook(&channel).await;
    let callers = Callers::of(&community).await;
    let body = json!({"name": "CI"});
    // To a member outside it, a private channel does not exist.
    let outside = callers.refused().map(|(user, _)| user);
    for user in outside {
        user.create_webhook(&channel, &body)
            .await
            .expect_refused(404);
        user.webhooks(&channel).await.expect_refused(404);
        user.patch_webhook(&webhook.id, &body)
            .await
            .expect_refused(404);
        user.delete_webhook(&webhook.id).await.expect_refused(404);
    }
    let answer = community
        .owner
        .add_to_channel(&channel, &callers.member.id)
        .await;
    answer.expect_done();
    let inside = &callers.member;
    inside.webhooks(&channel).await.expect_refused(403);
    inside.delete_webhook(&webhook.id).await.expect_refused(403);
    // Managing needs no membership of the channel.
    callers.admin.webhooks(&channel).await.expect_status(200);
    callers
        .admin
        .delete_webhook(&webhook.id)
        .await
        .expect_done();
}

#[tokio::test]
async fn a_demoted_admin_manages_no_more() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.admin("ann").await;
    let answer = community
        .owner
        .set_role(&community.id, &ann.id, "member")
        .await;
    answer.expect_status(200);
    ann.webhooks(&community.general).await.expect_refused(403);
    ann.delete_webhook(&webhook.id).await.expect_refused(403);
}
