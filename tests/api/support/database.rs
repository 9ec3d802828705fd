//! One private PostgreSQL for the whole run, and a database of its own for each test.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use chatalot::managed_postgres::{ManagedPostgres, PrivatePostgresSettings};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

const TEMPLATE: &str = "test_template";
const DIRECTORY_PREFIX: &str = "chatalot-test-";

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

/// The PostgreSQL of this run. It lives on a thread of its own, because it ends with the
/// thread that started it, and tests end before each other.
pub(crate) struct Cluster {
    config: Config,
    root: PathBuf,
    commands: mpsc::UnboundedSender<Command>,
}

enum Command {
    Create(String, oneshot::Sender<()>),
    Drop(String),
}

impl Cluster {
    /// The run's cluster, started at the first call.
    pub(crate) fn shared() -> &'static Self {
        CLUSTER.get_or_init(|| {
            let (ready, started) = std::sync::mpsc::channel();
            let run = move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(run_cluster(ready));
            };
            std::thread::Builder::new()
                .name("test-postgres".to_owned())
                .spawn(run)
                .unwrap();
            started
                .recv()
                .expect("the private PostgreSQL of the tests did not start")
        })
    }

    /// The directory that holds everything the cluster wrote.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// How to connect to the database `name`.
    pub(crate) fn config(&self, name: &str) -> Config {
        let mut config = self.config.clone();
        config.dbname(name);
        config
    }
}

async fn run_cluster(ready: std::sync::mpsc::Sender<Cluster>) {
    remove_leftovers();
    let root = std::env::temp_dir().join(format!("{DIRECTORY_PREFIX}{}", std::process::id()));
    let settings = PrivatePostgresSettings {
        root: root.clone(),
        bin_dir: None,
    };
    let postgres = ManagedPostgres::start(settings)
        .await
        .expect("start the private PostgreSQL");
    let config = postgres.connection();
    let admin = connect(&config).await;
    // Nothing here has to survive a power cut, and waiting for disks is most of a test's time.
    admin
        .batch_execute("alter system set fsync = off")
        .await
        .unwrap();
    admin.execute("select pg_reload_conf()", &[]).await.unwrap();
    admin
        .batch_execute(&format!("create database {TEMPLATE} template template0"))
        .await
        .unwrap();
    let (commands, mut received) = mpsc::unbounded_channel();
    let cluster = Cluster {
        config,
        root,
        commands,
    };
    chatalot::store::migrate(&cluster.config(TEMPLATE).into())
        .await
        .expect("migrate the template database");
    ready.send(cluster).unwrap_or_else(|_| unreachable!());
    while let Some(command) = received.recv().await {
        match command {
            Command::Create(name, done) => {
                let statement = format!("create database {name} template {TEMPLATE}");
                admin.batch_execute(&statement).await.unwrap();
                // A test that gave up no longer waits.
                let _ = done.send(());
            }
            Command::Drop(name) => {
                let statement = format!("drop database if exists {name} with (force)");
                admin.batch_execute(&statement).await.unwrap();
            }
        }
    }
}

/// A run that was killed leaves its directory behind; its PostgreSQL died with it.
fn remove_leftovers() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix(DIRECTORY_PREFIX));
        let is_gone =
            |pid: &str| pid.parse::<u32>().is_ok() && !Path::new(&format!("/proc/{pid}")).exists();
        if pid.is_some_and(is_gone) {
            // Another run may be removing it at the same moment.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A database of one test, made from the migrated template and dropped with this value.
pub(crate) struct TestDatabase {
    name: String,
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let (done, created) = oneshot::channel();
        Cluster::shared()
            .commands
            .send(Command::Create(name.clone(), done))
            .unwrap();
        created.await.expect("create the test's database");
        Self { name }
    }

    /// How to connect to it.
    pub(crate) fn config(&self) -> Config {
        Cluster::shared().config(&self.name)
    }

    /// The same as a URL, for the server under test.
    pub(crate) fn url(&self) -> String {
        let config = self.config();
        let host = match &config.get_hosts()[0] {
            Host::Tcp(host) => host.clone(),
            Host::Unix(directory) => directory.to_str().unwrap().replace('/', "%2F"),
        };
        let user = config.get_user().unwrap();
        let port = config.get_ports().first().copied().unwrap_or(5432);
        format!("postgres://{user}@{host}:{port}/{}", self.name)
    }

    /// A connection for what the interface cannot show: time that passes, rows, files.
    pub(crate) async fn connect(&self) -> Client {
        connect(&self.config()).await
    }

    /// Returns as soon as a statement waits for a lock that another transaction holds.
    pub(crate) async fn until_something_waits_for_a_lock(&self) {
        self.until_locks_are_waited_for(1).await;
    }

    /// Returns as soon as so many statements wait for locks that other transactions hold.
    pub(crate) async fn until_locks_are_waited_for(&self, statements: i64) {
        let database = self.connect().await;
        let statement = "select count(*) from pg_stat_activity \
             where datname = current_database() and wait_event_type = 'Lock'";
        let waits = async {
            loop {
                let row = database.query_one(statement, &[]).await.expect("a count");
                if row.get::<_, i64>(0) >= statements {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waits = tokio::time::timeout(Duration::from_secs(20), waits).await;
        assert!(waits.is_ok(), "too few wait for a lock");
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // At the very end of the run the cluster may be gone already, and the database with it.
        let _ = Cluster::shared()
            .commands
            .send(Command::Drop(self.name.clone()));
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("connect to PostgreSQL");
    tokio::spawn(connection);
    client
}
