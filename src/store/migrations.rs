//! Bringing the schema up to date.

use super::connect::DatabaseUrl;
use super::{StoreError, StoreSettings, connect};

mod embedded {
    refinery::embed_migrations!("sql/migrations");
}

/// Names the advisory lock under which one server at a time migrates: "chatalot" in ASCII.
const MIGRATION_LOCK: i64 = 0x6368_6174_616c_6f74;

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be asked.
    #[error("cannot connect to the database to migrate it: {0}")]
    Store(#[from] StoreError),
    /// The database could not be reached.
    #[error("cannot reach the database to migrate it: {0}")]
    Connection(#[from] tokio_postgres::Error),
    /// A migration failed, or the database was made by a newer version.
    #[error("cannot migrate the database: {0}")]
    Migration(#[from] refinery::Error),
}

/// Applies what is missing of `sql/migrations`, each in its own transaction. Several servers
/// may start at once: refinery takes no lock, so one is taken here.
///
/// # Errors
/// When the database cannot be reached or a migration fails; those before it stay applied.
pub async fn migrate(url: &DatabaseUrl) -> Result<u32, MigrateError> {
    let settings = StoreSettings {
        pool_size: 1,
        wait: std::time::Duration::from_secs(5),
        // Building an index on a large table takes its time; waiting for the lock of another
        // server that migrates does too.
        statement_timeout: std::time::Duration::ZERO,
        lock_timeout: std::time::Duration::ZERO,
        session_settings: Vec::new(),
    };
    let pool = connect::pool(url, &settings)?;
    let mut connection = pool.get().await.map_err(StoreError::from)?;
    let client: &mut tokio_postgres::Client = &mut connection;
    client
        .execute("select pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .await?;
    let applied = embedded::migrations::runner()
        .set_abort_missing(true)
        .run_async(client)
        .await;
    client
        .execute("select pg_advisory_unlock($1)", &[&MIGRATION_LOCK])
        .await?;
    let applied = applied?.applied_migrations().len();
    pool.close();
    Ok(u32::try_from(applied).unwrap_or(u32::MAX))
}
