//! After a connection was lost while committing: are the posts there?

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::{Instant, sleep, timeout};

use super::transaction::{LOCK_CHANNELS, OpenTransaction};
use super::{CommittedPost, WriteError};
use crate::domain::ids::{ChannelId, MembersVersion, MessageId, UserId};
use crate::domain::message::Message;
use crate::domain::notification::Alert;
use crate::domain::post::Post;
use crate::store::{StoreError, rows};

const FIND_MESSAGES: &str = include_str!("../../../sql/queries/ledger/find_messages.sql");
const FIND_ALERTS: &str = include_str!("../../../sql/queries/ledger/find_alerts.sql");

/// How long the database may stay away before the outcome counts as unknown. A restart of
/// PostgreSQL with some log to replay fits into it.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);

/// Looks for posts on a new connection until the database answers, and returns those that are there
/// and are themselves what was written, rather than repeats of it.
///
/// # Errors
/// When none of them is there, or when that cannot be known.
pub(super) async fn find(
    pool: &Pool,
    round_trip: Duration,
    posts: &[Arc<Post>],
) -> Result<Vec<CommittedPost>, WriteError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = match timeout(round_trip, look_up(pool, posts)).await {
            Ok(Ok(found)) if found.is_empty() => {
                let source = "the connection was lost before the commit".into();
                return Err(WriteError::NotWritten(StoreError::Unavailable(source)));
            }
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => error,
            Err(elapsed) => StoreError::Unavailable(Box::new(elapsed)),
        };
        if Instant::now() >= deadline {
            return Err(WriteError::OutcomeUnknown(error));
        }
        sleep(PAUSE).await;
    }
}

async fn look_up(pool: &Pool, posts: &[Arc<Post>]) -> Result<Vec<CommittedPost>, StoreError> {
    let connection = pool.get().await?;
    let lock = connection.prepare_cached(LOCK_CHANNELS).await?;
    let find_messages = connection.prepare_cached(FIND_MESSAGES).await?;
    let find_alerts = connection.prepare_cached(FIND_ALERTS).await?;
    let mut channel_ids: Vec<ChannelId> = posts.iter().map(|post| post.channel_id).collect();
    channel_ids.sort_unstable();
    channel_ids.dedup();
    let ids: Vec<MessageId> = posts.iter().map(|post| post.message_id).collect();

    let open = OpenTransaction::on(connection);
    let connection = open.connection()?;
    connection.batch_execute("begin").await?;
    // The lost connection's backend may still be committing. It holds these locks until it
    // is done, so that after them the answer is final.
    let locked = connection.query(&lock, &[&channel_ids]).await?;
    let versions: HashMap<ChannelId, MembersVersion> = locked
        .iter()
        .map(|row| Ok((row.try_get("id")?, row.try_get("members_version")?)))
        .collect::<Result<_, StoreError>>()?;
    let found = connection
        .query(&find_messages, &[&channel_ids, &ids])
        .await?;
    let mut messages: Vec<Message> = found.iter().map(rows::message).collect::<Result<_, _>>()?;
    // What a repeat repeats has its id too, and was there before.
    messages.retain(|message| {
        let is_of = |post: &Arc<Post>| {
            (post.message_id, post.created_at) == (message.id, message.created_at)
        };
        posts.iter().any(is_of)
    });
    let mentioned: Vec<UserId> = messages
        .iter()
        .flat_map(|message| message.body.mentions().iter().copied())
        .collect();
    let alerts = connection
        .query(&find_alerts, &[&mentioned, &channel_ids, &ids])
        .await?;
    let mut alerts: Vec<Alert> = alerts
        .iter()
        .map(|row| {
            Ok(Alert {
                user_id: row.try_get("user_id")?,
                notification: rows::notification(row)?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    connection.batch_execute("commit").await?;
    open.ended();

    let committed = messages.into_iter().map(|message| {
        let (of_message, rest) = std::mem::take(&mut alerts)
            .into_iter()
            .partition(|alert| alert.notification.message_id == message.id);
        alerts = rest;
        let members_version = versions.get(&message.channel_id).copied();
        CommittedPost {
            message,
            alerts: of_message,
            members_version: members_version.unwrap_or_default(),
        }
    });
    Ok(committed.collect())
}
