//! Removals from many channels at once, which must not cost a healthy socket.

use crate::support::server::TestServer;

/// Insert by the thousand is not what the interface is for.
const CHANNELS: &str = "with made as (
    insert into channels (id, community_id, name, private)
    select gen_random_uuid(), $1::text::uuid, 'channel ' || number, false
    from generate_series(1, 990) as number
    returning id
)
insert into channel_members (channel_id, user_id) select id, $2::text::uuid from made";

#[tokio::test]
async fn somebody_kicked_out_of_hundreds_of_channels_keeps_the_socket() {
    // One thread: the socket takes nothing while the handler that kicks is running.
    let server = TestServer::with(|settings| settings.workers = 1).await;
    let (community, webhook) = server.channel_with_webhook().await;
    let ann = community.member("ann").await;
    let mut socket = ann.socket().await;
    socket.subscribe(&community.general, None).await;
    let database = server.database.connect().await;
    let made = database.execute(CHANNELS, &[&community.id, &ann.id]).await;
    assert_eq!(made.unwrap(), 990);

    let kicked = community.owner.remove_member(&community.id, &ann.id);
    kicked.await.expect_done();
    socket.expect_frame("channel_removed").await;
    socket.expect_frame("membership_changed").await;
    webhook.says("unheard").await;
    // It answers, and what was posted after the kick is not in it.
    socket.round_trip().await;
}
