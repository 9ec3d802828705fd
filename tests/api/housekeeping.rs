//! What is over is thrown away: deleted communities, old notifications, idle sessions.

use crate::support::fixtures::Community;
use crate::support::server::TestServer;
use crate::support::sweep::{open_store, sweep_everything};

async fn count(server: &TestServer, table: &str) -> i64 {
    let database = server.database.connect().await;
    let row = database
        .query_one(&format!("select count(*) from {table}"), &[])
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn a_deleted_community_leaves_nothing_behind_and_others_lose_nothing() {
    let server = TestServer::start().await;
    let (gone, gone_webhook) = server.channel_with_webhook().await;
    let ann = gone.member("ann").await;
    for number in 0..3 {
        gone_webhook.says(&format!("@ann {number}")).await;
    }
    let kept = Community::of(ann, "kept").await;
    let kept_webhook = kept.webhook(&kept.general).await;
    kept_webhook.says("@ann stays").await;

    gone.owner.delete_community(&gone.id).await.expect_done();
    sweep_everything(&open_store(server.database.config())).await;

    for (table, left) in [
        ("communities", 1),
        ("channels", 1),
        ("community_members", 1),
        ("channel_members", 1),
        ("webhooks", 1),
        ("webhook_tokens", 1),
        ("messages", 1),
        ("notifications", 1),
    ] {
        assert_eq!(count(&server, table).await, left, "{table}");
    }
    kept_webhook.says("still works").await;
}

#[tokio::test]
async fn the_inbox_keeps_90_days_and_sessions_end_after_30_idle_ones() {
    let server = TestServer::start().await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    for number in 0..3 {
        webhook.says(&format!("@ann {number}")).await;
    }
    let database = server.database.connect().await;
    let age = "update notifications set created_at = now() - interval '1 day' * ages.days \
         from (select id, 88 + row_number() over (order by id) as days from notifications) ages \
         where notifications.id = ages.id";
    assert_eq!(database.execute(age, &[]).await.unwrap(), 3);
    let idle = "update sessions set last_seen_at = now() - interval '31 days' \
         where user_id = (select id from users where username = 'ann')";
    database.execute(idle, &[]).await.unwrap();
    ann.get("/api/auth/session")
        .send()
        .await
        .expect_problem(401, "unauthenticated");

    let sessions = count(&server, "sessions").await;
    sweep_everything(&open_store(server.database.config())).await;
    // 89, 90 and 91 days old: the last two are gone, 90 days to the moment being over.
    assert_eq!(count(&server, "notifications").await, 1);
    assert_eq!(count(&server, "sessions").await, sessions - 1);
}
