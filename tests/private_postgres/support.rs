//! Temporary directories, processes that hold a private PostgreSQL, waiting.

use std::{
    fs,
    future::Future,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use chatalot::managed_postgres::{ManagedPostgres, ManagedPostgresError, PrivatePostgresSettings};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

const HOLD: &str = "CHATALOT_TEST_HOLD";

/// A directory that PostgreSQL's user can pass through.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("chatalot-")
            .tempdir()
            .unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path().join("postgres")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    pub(crate) fn settings(&self) -> PrivatePostgresSettings {
        PrivatePostgresSettings {
            root: self.root(),
            bin_dir: None,
        }
    }

    pub(crate) async fn start(&self) -> ManagedPostgres {
        ManagedPostgres::start(self.settings()).await.unwrap()
    }

    /// The sentence with which it does not start.
    pub(crate) async fn refusal(&self) -> ManagedPostgresError {
        ManagedPostgres::start(self.settings()).await.unwrap_err()
    }

    pub(crate) fn give_to(&self, uid: u32) {
        std::os::unix::fs::chown(self.path(), Some(uid), Some(uid)).unwrap();
    }
}

/// A process of its own that started a private PostgreSQL, to be killed.
pub(crate) struct Holder {
    child: Child,
    report: PathBuf,
}

impl Holder {
    /// Runs this test binary again, as `uid` when given.
    pub(crate) fn spawn(place: &Place, uid: Option<u32>) -> Self {
        let report = place.path().join("report");
        // Nobody but its owner may be able to pass to where the test was built.
        let program = place.path().join("holder");
        // Copied by another process: one that a test forks while this one holds the copy open
        // for writing would keep it open, and then it cannot be run ("text file busy").
        let copied = Command::new("cp")
            .arg(std::env::current_exe().unwrap())
            .arg(&program)
            .status();
        assert!(copied.unwrap().success());
        let mut command = Command::new(program);
        command
            .args(["--exact", "support::hold_a_private_postgres", "--ignored"])
            .env(HOLD, place.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        let child = command.spawn().unwrap();
        Self { child, report }
    }

    pub(crate) async fn start(place: &Place) -> (Self, u32) {
        let holder = Self::spawn(place, None);
        let pid = holder.outcome().await.unwrap();
        (holder, pid)
    }

    /// The pid of its postmaster, or the sentence of its error.
    pub(crate) async fn outcome(&self) -> Result<u32, String> {
        let text = eventually("the holder's report", async || {
            fs::read_to_string(&self.report).ok()
        })
        .await;
        text.parse().or(Err(text))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits for its end.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::remove_file(&self.report).ok();
    }

    /// Lets it stop its PostgreSQL and end.
    pub(crate) fn release(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// Not a test: what a [`Holder`] runs.
#[test]
#[ignore = "run by other tests, as a process of its own"]
fn hold_a_private_postgres() {
    let Some(place) = std::env::var_os(HOLD).map(PathBuf::from) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let settings = PrivatePostgresSettings {
            root: place.join("postgres"),
            bin_dir: None,
        };
        let started = ManagedPostgres::start(settings).await;
        let text = match &started {
            Ok(postgres) => postgres.server_pid().unwrap().to_string(),
            Err(error) => error.to_string(),
        };
        fs::write(place.join("report.new"), text).unwrap();
        fs::rename(place.join("report.new"), place.join("report")).unwrap();
        // Ends when the test lets go, also by failing.
        tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin()))
            .await
            .unwrap()
            .unwrap();
        if let Ok(postgres) = started {
            postgres.stop().await;
        }
    });
}

/// A connection to the database `chatalot`.
pub(crate) async fn connect(postgres: &ManagedPostgres) -> Client {
    connect_to(&postgres.connection()).await
}

pub(crate) async fn connect_to(config: &tokio_postgres::Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Connects to the PostgreSQL of a [`Holder`].
pub(crate) async fn connect_at(place: &Place) -> Client {
    let mut config = tokio_postgres::Config::new();
    config
        .host_path(place.root().join("s"))
        .user("app")
        .dbname("chatalot");
    connect_to(&config).await
}

pub(crate) async fn count(client: &Client, table: &str) -> i64 {
    let statement = format!("select count(*) from {table}");
    client.query_one(&statement, &[]).await.unwrap().get(0)
}

pub(crate) async fn setting(client: &Client, name: &str) -> String {
    let row = client
        .query_one("select current_setting($1)", &[&name])
        .await;
    row.unwrap().get(0)
}

/// Polls until there is something, and says what was missing when there never is.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process runs (a zombie does not).
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub(crate) async fn gone(pid: u32) {
    eventually("the end of a process", async || (!runs(pid)).then_some(())).await;
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Who PostgreSQL runs as in these tests.
pub(crate) fn server_uid() -> u32 {
    match is_root() {
        true => uid_of("postgres"),
        false => rustix::process::geteuid().as_raw(),
    }
}

fn uid_of(user: &str) -> u32 {
    let output = Command::new("id").args(["-u", user]).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// A command that runs as PostgreSQL's user.
pub(crate) fn as_server_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if is_root() {
        command.uid(server_uid()).gid(server_uid());
    }
    command
}
