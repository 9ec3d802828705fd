//! One transaction of the ledger: two round trips on one connection, and one or two more when the
//! members of a channel have to be read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use fail::fail_point;
use futures_util::future::{try_join, try_join5};
use tokio::time::timeout;
use tokio_postgres::{Error, Row, Statement};

use super::batch::{Decided, Facts, Wanted};
use super::columns::Columns;
use super::members::{MAX_REMEMBERED, MembersCache, Names};
use crate::domain::ids::{ChannelId, Seq, WebhookId};
use crate::domain::post::{Post, PostSource};
use crate::store::{Parameter, PostOutcome, StoreError};

pub(super) const LOCK_CHANNELS: &str =
    include_str!("../../../sql/queries/ledger/lock_channels.sql");
const FIND_WEBHOOKS: &str = include_str!("../../../sql/queries/ledger/find_webhooks.sql");
const FIND_SIGNED_OUT: &str = include_str!("../../../sql/queries/ledger/find_signed_out.sql");
const FIND_REPEATED: &str = include_str!("../../../sql/queries/ledger/find_repeated.sql");
const LIST_MEMBERS: &str = include_str!("../../../sql/queries/ledger/list_members.sql");
const FIND_MENTIONED: &str = include_str!("../../../sql/queries/ledger/find_mentioned.sql");
const INSERT_WEBHOOK_MESSAGES: &str =
    include_str!("../../../sql/queries/ledger/insert_webhook_messages.sql");
const INSERT_USER_MESSAGES: &str =
    include_str!("../../../sql/queries/ledger/insert_user_messages.sql");
const INSERT_NOTIFICATIONS: &str =
    include_str!("../../../sql/queries/ledger/insert_notifications.sql");
const ADVANCE_CHANNELS: &str = include_str!("../../../sql/queries/ledger/advance_channels.sql");
const TOUCH_WEBHOOKS: &str = include_str!("../../../sql/queries/ledger/touch_webhooks.sql");

/// What one try came to.
pub(super) enum Attempt {
    Committed(Vec<PostOutcome>),
    /// Nothing was written, because one of the posts, which were not looked for, may be there already,
    /// or is refused unless it is.
    LookFirst,
    /// Nothing was written, because of what a post contains.
    DataRefused(String),
    /// Nothing was written, for a reason outside the posts.
    Unwritten(StoreError),
    /// The commit was sent, and the connection was lost before its answer. If it took place, these
    /// are the outcomes.
    InDoubt(StoreError, Vec<PostOutcome>),
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

    /// Ends it without effect, so that the connection can be used again.
    async fn roll_back(self, round_trip: Duration) {
        let done = match &self.0 {
            Some(connection) => timeout(round_trip, connection.batch_execute("rollback")).await,
            None => return,
        };
        if let Ok(Ok(())) = done {
            self.ended();
        }
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

/// Tries to write `posts`. Those of users are looked for first if `look_for_repeats` says so.
pub(super) async fn attempt(
    pool: &Pool,
    round_trip: Duration,
    members: &MembersCache,
    posts: &[Arc<Post>],
    look_for_repeats: bool,
) -> Attempt {
    let begun = begin(pool, round_trip, members, posts, look_for_repeats).await;
    let (open, decided) = match begun {
        Ok(begun) => begun,
        Err(StoreError::Refused(reason)) => return Attempt::DataRefused(reason),
        Err(error) => return Attempt::Unwritten(error),
    };
    if !look_for_repeats && decided.refuses_unless_repeated() {
        open.roll_back(round_trip).await;
        return Attempt::LookFirst;
    }
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
        // The database says of one statement what its key refuses, and of those behind it that the
        // transaction has failed; which is heard first is chance.
        Ok(Err(StoreError::Refused(_) | StoreError::Conflict(_)))
            if !look_for_repeats && posts.iter().any(|post| post.is_of_user()) =>
        {
            open.roll_back(round_trip).await;
            Attempt::LookFirst
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
            StoreError::Unavailable(_) => Attempt::InDoubt(error, decided.outcomes),
        },
        Err(elapsed) => {
            let error = StoreError::Unavailable(Box::new(elapsed));
            Attempt::InDoubt(error, decided.outcomes)
        }
    }
}

/// Opens the transaction, takes the fences and reads what the posts depend on. The statements
/// leave together; each sees what was committed before it began, so those after the lock see
/// every change that the lock waited for.
async fn begin(
    pool: &Pool,
    round_trip: Duration,
    members: &MembersCache,
    posts: &[Arc<Post>],
    look_for_repeats: bool,
) -> Result<(OpenTransaction, Decided), StoreError> {
    let connection = pool.get().await?;
    let prepare = |sql| connection.prepare_cached(sql);
    let (lock, find_webhooks, find_signed_out, find_repeated) = (
        prepare(LOCK_CHANNELS).await?,
        prepare(FIND_WEBHOOKS).await?,
        prepare(FIND_SIGNED_OUT).await?,
        prepare(FIND_REPEATED).await?,
    );
    let channel_ids: Vec<ChannelId> = posts
        .iter()
        .map(|post| post.channel_id)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let wanted = Wanted::by(posts, look_for_repeats);

    let open = OpenTransaction::on(connection);
    let client = open.connection()?;
    let read = async {
        let ((), channels, webhooks, signed_out, repeated) = try_join5(
            client.batch_execute("begin"),
            client.query(&lock, &[&channel_ids]),
            query_if(client, find_webhooks, wanted.webhook_parameters()),
            query_if(client, find_signed_out, wanted.device_parameters()),
            query_if(client, find_repeated, wanted.message_parameters()),
        )
        .await?;
        let facts = Facts::read(&channels, &webhooks, &signed_out, &repeated)?;
        let names = find_names(client, members, &facts, posts).await?;
        Ok::<_, StoreError>(facts.decide(posts, &names))
    };
    let decided = timeout(round_trip, read)
        .await
        .map_err(|elapsed| StoreError::Unavailable(Box::new(elapsed)))??;
    Ok((open, decided))
}

/// Finds out who the names in posts, and of their authors, are. Asks the database only in channels whose members changed
/// since it last did, and in very large ones.
async fn find_names<'a>(
    client: &Object,
    members: &'a MembersCache,
    facts: &Facts,
    posts: &'a [Arc<Post>],
) -> Result<Names<'a>, StoreError> {
    let mut names = members.resolve(posts.iter().map(|post| {
        // Nobody can tell whom an encrypted post names; its author has to be a member.
        let (named, author) = match &post.source {
            PostSource::Webhook(webhook) => (Some(webhook.candidates()), None),
            PostSource::User(user) => (None, Some(user.author.username.as_str())),
        };
        let names = named.into_iter().flatten().chain(author);
        (post.channel_id, names)
    }));
    if names.is_empty() {
        return Ok(names);
    }
    let states = facts.members_states();
    let to_read = names.recall(&states);
    if !to_read.is_empty() {
        let list = client.prepare_cached(LIST_MEMBERS).await?;
        // One more than is remembered tells that there are too many.
        let at_most = i64::try_from(MAX_REMEMBERED + 1).unwrap_or(i64::MAX);
        let read = client.query(&list, &[&to_read, &at_most]).await?;
        names.take_members(&to_read, &states, &read)?;
    }
    let unknown = names.look_ups();
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
    let columns = Columns::of(decided);
    let (webhook_messages, user_messages, notifications) = (
        prepare(INSERT_WEBHOOK_MESSAGES).await?,
        prepare(INSERT_USER_MESSAGES).await?,
        prepare(INSERT_NOTIFICATIONS).await?,
    );
    let (advance, touch) = (
        prepare(ADVANCE_CHANNELS).await?,
        prepare(TOUCH_WEBHOOKS).await?,
    );
    let (heads_of, heads): (Vec<ChannelId>, Vec<Seq>) =
        decided.heads.iter().map(|(id, seq)| (*id, *seq)).unzip();
    let (used_in, used): (Vec<ChannelId>, Vec<WebhookId>) = decided.used.iter().copied().unzip();
    let run = |statement, parameters| execute_if(connection, statement, parameters);
    let inserts = try_join5(
        run(webhook_messages, columns.webhook_messages.parameters()),
        run(user_messages, columns.user_messages.parameters()),
        run(notifications, columns.notifications.parameters()),
        run(advance, unless(heads.is_empty(), vec![&heads_of, &heads])),
        run(touch, unless(used.is_empty(), vec![&used_in, &used])),
    );
    // Sent behind the inserts without waiting for them. After a failed insert PostgreSQL
    // takes a commit for a rollback, and the failure is what is reported.
    let commit = async { connection.batch_execute("commit").await };
    let written: Result<_, Error> = try_join(inserts, commit).await;
    written?;
    Ok(())
}

/// The parameters of a statement, unless there is nothing for it to do.
fn unless(nothing: bool, parameters: Vec<Parameter<'_>>) -> Option<Vec<Parameter<'_>>> {
    (!nothing).then_some(parameters)
}

/// Runs a query, if there is something to look for.
async fn query_if(
    connection: &Object,
    statement: Statement,
    parameters: Option<Vec<Parameter<'_>>>,
) -> Result<Vec<Row>, Error> {
    match parameters {
        Some(parameters) => connection.query(&statement, &parameters).await,
        None => Ok(Vec::new()),
    }
}

/// Runs a statement, if there is something for it to do.
async fn execute_if(
    connection: &Object,
    statement: Statement,
    parameters: Option<Vec<Parameter<'_>>>,
) -> Result<u64, Error> {
    match parameters {
        Some(parameters) => connection.execute(&statement, &parameters).await,
        None => Ok(0),
    }
}
