//! Sign-ins. The database knows a session by the SHA-256 of its token.

use std::collections::BTreeSet;

use deadpool_postgres::Transaction;

use super::encryption::{LOCK_MAILBOXES, note_changes};
use super::{Parameter, Store, StoreError, days, fence, rows};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::secrets::TokenHash;
use crate::domain::user::{Session, User};

const INSERT: &str = include_str!("../../sql/queries/sessions/insert.sql");
const LOCK_TO_END: &str = include_str!("../../sql/queries/sessions/lock_to_end.sql");
const LOCK_SURPLUS: &str = include_str!("../../sql/queries/sessions/lock_surplus.sql");
const FIND: &str = include_str!("../../sql/queries/sessions/find.sql");
const TOUCH: &str = include_str!("../../sql/queries/sessions/touch.sql");
const KEEP: &str = include_str!("../../sql/queries/sessions/keep.sql");
const LIST: &str = include_str!("../../sql/queries/sessions/list.sql");
const LOCK_DEVICES: &str = include_str!("../../sql/queries/device_keys/lock.sql");
const DELETE: &str = include_str!("../../sql/queries/sessions/delete.sql");

/// A session about to be made.
#[derive(Debug)]
pub struct NewSession {
    /// The session's id.
    pub id: SessionId,
    /// What its token is known by.
    pub token_hash: TokenHash,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Sessions the user may have; those unused for longest end beyond it.
    pub max_per_user: u32,
}

/// Who makes a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account.
    pub user: User,
    /// The session it is signed in with.
    pub session_id: SessionId,
}

/// Sessions that ended, with everything of their devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedSessions {
    /// Which.
    pub sessions: Vec<SessionId>,
    /// Whose: users of whom one was a device with keys, so that others see their device lists
    /// change.
    pub device_lists_changed: Vec<UserId>,
}

pub(super) async fn insert_session(
    transaction: &Transaction<'_>,
    user: UserId,
    session: &NewSession,
) -> Result<EndedSessions, StoreError> {
    // Two sign-ins at once must not both find room for one.
    fence::lock_user(transaction, user).await?;
    let statement = transaction.prepare_cached(INSERT).await?;
    transaction
        .execute(
            &statement,
            &[&session.id, &user, &session.token_hash, &session.user_agent],
        )
        .await?;
    let most = i64::from(session.max_per_user);
    end_sessions(transaction, LOCK_SURPLUS, &[&user, &most]).await
}

/// Ends the sessions that the query `lock` locks, with their devices, and notes whose device lists
/// changed by it: the last thing a transaction does. Locks are taken first and what hangs on the
/// sessions is looked at in later statements, which see what the locks waited for.
pub(super) async fn end_sessions(
    transaction: &Transaction<'_>,
    lock: &str,
    parameters: &[Parameter<'_>],
) -> Result<EndedSessions, StoreError> {
    let statement = transaction.prepare_cached(lock).await?;
    let locked = transaction.query(&statement, parameters).await?;
    let sessions: Vec<SessionId> = locked
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<_, _>>()?;
    if sessions.is_empty() {
        return Ok(EndedSessions::default());
    }
    // A device and its mailbox go with the session. Who needs several of them takes their locks in
    // order, and so must this.
    for lock in [LOCK_MAILBOXES, LOCK_DEVICES] {
        let statement = transaction.prepare_cached(lock).await?;
        transaction.query(&statement, &[&sessions]).await?;
    }
    let statement = transaction.prepare_cached(DELETE).await?;
    let mut ended = EndedSessions::default();
    let mut changed = BTreeSet::new();
    for row in transaction.query(&statement, &[&sessions]).await? {
        ended.sessions.push(row.try_get("id")?);
        if row.try_get("had_keys")? {
            changed.insert(row.try_get("user_id")?);
        }
    }
    ended.device_lists_changed = changed.into_iter().collect();
    if !ended.device_lists_changed.is_empty() {
        note_changes(transaction, &ended.device_lists_changed).await?;
    }
    Ok(ended)
}

impl Store {
    /// Signs a user in. Returns the sessions that ended to make room.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_session(
        &self,
        user: UserId,
        session: &NewSession,
    ) -> Result<EndedSessions, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let ended = insert_session(&transaction, user, session).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Finds the session of a token, unless it went unused for `idle_days`, and notes at most
    /// once a minute that it is used.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_session(
        &self,
        token: TokenHash,
        idle_days: u32,
    ) -> Result<Option<Caller>, StoreError> {
        let Some(row) = self.row(FIND, &[&token, &days(idle_days)]).await? else {
            return Ok(None);
        };
        let caller = Caller {
            user: rows::user(&row)?,
            session_id: row.try_get("session_id")?,
        };
        if row.try_get("touch_due")? {
            self.execute(TOUCH, &[&caller.session_id]).await?;
        }
        Ok(Some(caller))
    }

    /// Notes that the sessions of open sockets are in use, and lists those that still exist.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_sessions(
        &self,
        sessions: &[SessionId],
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = self.rows(KEEP, &[&sessions]).await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// Lists a user's sessions, the one used last first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_sessions(
        &self,
        user: UserId,
        current: SessionId,
        idle_days: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let rows = self.rows(LIST, &[&user, &days(idle_days)]).await?;
        rows.iter()
            .map(|row| {
                let id = row.try_get("id")?;
                Ok(Session {
                    id,
                    created_at: row.try_get("created_at")?,
                    last_seen_at: row.try_get("last_seen_at")?,
                    user_agent: row.try_get("user_agent")?,
                    current: id == current,
                })
            })
            .collect()
    }

    /// Ends a session of `user`, and with it, in the same transaction, everything that hangs on
    /// it: the keys of its device, its mailbox, its push subscriptions.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_session(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<EndedSessions, StoreError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await?;
        let ended = end_sessions(&transaction, LOCK_TO_END, &[&user, &session]).await?;
        transaction.commit().await?;
        Ok(ended)
    }
}
