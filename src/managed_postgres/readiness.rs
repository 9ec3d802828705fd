//! From "spawned" to "usable": the database answers, exists and is durable.

use std::{path::Path, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Client, Config, NoTls, error::SqlState};

use super::{
    error::ManagedPostgresError,
    root_directory::{RootDirectory, socket_directory},
};

/// Our role and our database in the cluster.
const ROLE: &str = "app";
const DATABASE: &str = "chatalot";

/// How long PostgreSQL may be silent. Recovery may take longer, but answers.
const SILENCE_PATIENCE: Duration = Duration::from_secs(60);

/// How to connect to the private PostgreSQL below `root`.
pub(super) fn connection(root: &Path) -> Config {
    let mut config = Config::new();
    config
        .host_path(socket_directory(root))
        .port(5432)
        .user(ROLE)
        .dbname(DATABASE);
    config
}

/// Waits until connections are accepted, creates our database when it is missing
/// and refuses settings that lose acknowledged messages.
pub(super) async fn reach(root: &RootDirectory, log: &Path) -> Result<(), ManagedPostgresError> {
    let ours = connection(root.path());
    let mut maintenance = ours.clone();
    maintenance.dbname("postgres");
    create_database(&until_accepted(&maintenance, log).await?).await?;
    // In our database as our role, because both can carry settings of their own.
    check_durability(&connect(&ours).await?, &root.data()).await
}

async fn until_accepted(config: &Config, log: &Path) -> Result<Client, ManagedPostgresError> {
    let mut last_answer = Instant::now();
    let mut last_notice = Instant::now();
    loop {
        match timeout(Duration::from_secs(5), connect(config)).await {
            Ok(Ok(client)) => return Ok(client),
            // "The database system is starting up": it replays its log after a crash.
            Ok(Err(error)) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) => {
                last_answer = Instant::now();
            }
            Ok(Err(_)) | Err(_) => {}
        }
        if last_answer.elapsed() > SILENCE_PATIENCE {
            return Err(ManagedPostgresError::NotReady {
                waited_s: SILENCE_PATIENCE.as_secs(),
                log: log.to_owned(),
            });
        }
        if last_notice.elapsed() > Duration::from_secs(10) {
            last_notice = Instant::now();
            tracing::info!("still waiting for the private postgresql, which may be recovering");
        }
        sleep(Duration::from_millis(15)).await;
    }
}

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to the private postgresql ended");
        }
    });
    Ok(client)
}

async fn create_database(client: &Client) -> Result<(), ManagedPostgresError> {
    let exists = client
        .query_opt("select 1 from pg_database where datname = $1", &[&DATABASE])
        .await?
        .is_some();
    if !exists {
        client.batch_execute("create database chatalot").await?;
    }
    Ok(())
}

async fn check_durability(client: &Client, data_dir: &Path) -> Result<(), ManagedPostgresError> {
    let switched_off = client
        .query_opt(
            "select name from pg_settings \
             where name in ('fsync', 'synchronous_commit', 'full_page_writes') and setting = 'off' \
             order by name limit 1",
            &[],
        )
        .await?;
    match switched_off {
        None => Ok(()),
        Some(row) => Err(ManagedPostgresError::NotDurable {
            setting: row.try_get(0)?,
            data_dir: data_dir.to_owned(),
        }),
    }
}
