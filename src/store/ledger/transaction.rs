//! One transaction of the ledger: two round trips on one connection, and one or two more when the
//! members of a channel have to be read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use fail::fail_point;
use futures_util::future::{try_join, try_join3, try_join4};
use tokio::time::timeout;
use tokio_postgres::{Error, Statement};

use super::batch::{Decided, Facts};
use super::members::{MAX_REMEMBERED, MembersCache, Names};
use crate::domain::ids::{ChannelId, Seq, WebhookId};
use crate::domain::webhook::WebhookPost;
use crate::store::{Parameter, PostOutcome, StoreError};

pub(super) const LOCK_CHANNELS: &str =
    include_str!("../../../sql/queries/ledger/lock_channels.sql");
const FIND_WEBHOOKS: &str = include_str!("../../../sql/queries/ledger/find_webhooks.sql");
const LIST_MEMBERS: &str = include_str!("../../../sql/queries/ledger/list_members.sql");
const FIND_MENTIONED: &str = include_str!("../../../sql/queries/ledger/find_mentioned.sql");
const INSERT_MESSAGES: &str = include_str!("../../../sql/queries/ledger/insert_messages.sql");
const INSERT_NOTIFICATIONS: &str =
    include_str!("../../../sql/queries/ledger/insert_notifications.sql");
const ADVANCE_CHANNELS: &str = include_str!("../../../sql/queries/ledger/advance_channels.sql");
const TOUCH_WEBHOOKS: &str = include_str!("../../../sql/queries/ledger/touch_webhooks.sql");

/// What one try came to.
pub(super) enum Attempt {
    Committed(Vec<PostOutcome>),
    /// Nothing was written, because of what a post contains.
    DataRefused(String),
    /// Nothing was written, for a reason outside the posts.
    Unwritten(StoreError),
    /// The commit was sent, and the connection was lost before its answer.
    InDoubt(StoreError),
}

/// A connection with a transaction open on it. Dropped before the transaction's end is known,
/// it closes the connection rather than giving it back to the pool.
pub(super) struct OpenTransaction(Option<Object>);

impl OpenTransaction {
    pub(super) fn on(connection: Object) -> Self {
        Self(Some(connection))
    }

    pub(super) fn connection(&self) -> Result<&Object, StoreError> {
        self.0
            .as_ref()
            .ok_or_else(|| StoreError::Unexpected("the transaction has ended".to_owned()))
    }

    pub(super) fn ended(mut self) {
        // Returns to the pool when dropped.
        drop(self.0.take());
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

pub(super) async fn attempt(
    pool: &Pool,
    round_trip: Duration,
    members: &MembersCache,
    posts: &[Arc<WebhookPost>],
) -> Attempt {
    let (open, decided) = match begin(pool, round_trip, members, posts).await {
        Ok(begun) => begun,
        Err(StoreError::Refused(reason)) => return Attempt::DataRefused(reason),
        Err(error) => return Attempt::Unwritten(error),
    };
    fail_point!("ledger_before_commit");
    let written = match &open.0 {
        Some(connection) => timeout(round_trip, write(connection, &decided)).await,
        None => return Attempt::Unwritten(StoreError::Unexpected("no connection".to_owned())),
    };
    fail_point!("ledger_after_commit");
    match written {
        Ok(Ok(())) => {
            open.ended();
            Attempt::Committed(decided.outcomes)
        }
        Ok(Err(error)) => match error {
            // These are answers of a database that is alive: the transaction was rolled back.
            StoreError::Refused(_) | StoreError::Conflict(_) => {
                Attempt::DataRefused(error.to_string())
            }
            StoreError::Contended(_)
            | StoreError::Gone
            | StoreError::Unexpected(_)
            | StoreError::Setup(_) => Attempt::Unwritten(error),
            StoreError::Unavailable(_) => Attempt::InDoubt(error),
        },
        Err(elapsed) => Attempt::InDoubt(StoreError::Unavailable(Box::new(elapsed))),
    }
}

/// Opens the transaction, takes the fences and reads what the posts depend on. The statements
/// leave together; each sees what was committed before it began, so those after the lock see
/// every change that the lock waited for.
async fn begin(
    pool: &Pool,
    round_trip: Duration,
    members: &MembersCache,
    posts: &[Arc<WebhookPost>],
) -> Result<(OpenTransaction, Decided), StoreError> {
    let connection = pool.get().await?;
    let prepare = |sql| connection.prepare_cached(sql);
    let (lock, webhooks) = (prepare(LOCK_CHANNELS).await?, prepare(FIND_WEBHOOKS).await?);
    let channel_ids: Vec<ChannelId> = posts
        .iter()
        .map(|post| post.channel_id)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let hooks: BTreeSet<(ChannelId, WebhookId)> = posts
        .iter()
        .map(|post| (post.channel_id, post.webhook_id))
        .collect();
    let (hook_channels, hook_ids): (Vec<ChannelId>, Vec<WebhookId>) = hooks.into_iter().unzip();

    let open = OpenTransaction::on(connection);
    let client = open.connection()?;
    let read = async {
        let ((), channels, webhooks) = try_join3(
            client.batch_execute("begin"),
            client.query(&lock, &[&channel_ids]),
            client.query(&webhooks, &[&hook_channels, &hook_ids]),
        )
        .await?;
        let facts = Facts::read(&channels, &webhooks)?;
        let names = find_names(client, members, &facts, posts).await?;
        Ok::<_, StoreError>(facts.decide(posts, &names))
    };
    let decided = timeout(round_trip, read)
        .await
        .map_err(|elapsed| StoreError::Unavailable(Box::new(elapsed)))??;
    Ok((open, decided))
}

/// Finds out who the names in posts are. Asks the database only in channels whose members changed
/// since it last did, and in very large ones.
async fn find_names<'a>(
    client: &Object,
    members: &'a MembersCache,
    facts: &Facts,
    posts: &'a [Arc<WebhookPost>],
) -> Result<Names<'a>, StoreError> {
    let posts = posts.iter();
    let mut names = members.resolve(posts.map(|post| (post.channel_id, post.candidates())));
    if names.is_empty() {
        return Ok(names);
    }
    let versions = facts.members_versions();
    let to_read = names.recall(&versions);
    if !to_read.is_empty() {
        let list = client.prepare_cached(LIST_MEMBERS).await?;
        // One more than is remembered tells that there are too many.
        let at_most = i64::try_from(MAX_REMEMBERED + 1).unwrap_or(i64::MAX);
        let read = client.query(&list, &[&to_read, &at_most]).await?;
        names.take_members(&to_read, &versions, &read)?;
    }
    let unknown = names.to_look_up();
    if !unknown.names.is_empty() {
        let find = client.prepare_cached(FIND_MENTIONED).await?;
        let found = client
            .query(&find, &[&unknown.channels, &unknown.names])
            .await?;
        names.take_found(&found)?;
    }
    Ok(names)
}

/// Writes what was decided, and commits.
async fn write(connection: &Object, decided: &Decided) -> Result<(), StoreError> {
    let prepare = |sql| connection.prepare_cached(sql);
    let (messages, notifications) = (decided.messages(), decided.notifications());
    let insert_messages = prepare(INSERT_MESSAGES).await?;
    let insert_notifications = prepare(INSERT_NOTIFICATIONS).await?;
    let (advance, touch) = (
        prepare(ADVANCE_CHANNELS).await?,
        prepare(TOUCH_WEBHOOKS).await?,
    );
    let (heads_of, heads): (Vec<ChannelId>, Vec<Seq>) =
        decided.heads.iter().map(|(id, seq)| (*id, *seq)).unzip();
    let (used_in, used): (Vec<ChannelId>, Vec<WebhookId>) = decided.used.iter().copied().unzip();
    let inserts = try_join4(
        execute_if(
            connection,
            !messages.ids.is_empty(),
            insert_messages,
            vec![
                &messages.channel_ids,
                &messages.seqs,
                &messages.ids,
                &messages.webhook_ids,
                &messages.author_names,
                &messages.author_avatar_urls,
                &messages.contents,
                &messages.mentions,
                &messages.created_at,
            ],
        ),
        execute_if(
            connection,
            !notifications.ids.is_empty(),
            insert_notifications,
            vec![
                &notifications.user_ids,
                &notifications.ids,
                &notifications.community_ids,
                &notifications.channel_ids,
                &notifications.message_ids,
                &notifications.seqs,
                &notifications.author_names,
                &notifications.author_avatar_urls,
                &notifications.previews,
                &notifications.created_at,
            ],
        ),
        execute_if(
            connection,
            !heads.is_empty(),
            advance,
            vec![&heads_of, &heads],
        ),
        execute_if(connection, !used.is_empty(), touch, vec![&used_in, &used]),
    );
    // Sent behind the inserts without waiting for them. After a failed insert PostgreSQL
    // takes a commit for a rollback, and the failure is what is reported.
    let commit = async { connection.batch_execute("commit").await };
    let written: Result<_, Error> = try_join(inserts, commit).await;
    written?;
    Ok(())
}

/// Runs a statement unless there is nothing for it to do.
async fn execute_if(
    connection: &Object,
    needed: bool,
    statement: Statement,
    parameters: Vec<Parameter<'_>>,
) -> Result<u64, Error> {
    if needed {
        connection.execute(&statement, &parameters).await
    } else {
        Ok(0)
    }
}
