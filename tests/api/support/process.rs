//! The real program as a process of its own: for what happens when it is killed or told to
//! stop, and for failures that are switched on for the whole process.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::client::ApiClient;
use super::fixtures::{Community, User};

/// A first start makes a PostgreSQL cluster, which takes a while on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(90);
/// The specification's 25 seconds, and a little for the machine.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// How the program is started; started again from the same value, it finds the same data.
#[derive(Clone)]
pub(crate) struct Launch {
    environment: BTreeMap<String, String>,
    /// Where the server keeps its files; readable to the user whom PostgreSQL runs as when
    /// the tests run as root.
    data: Arc<TempDir>,
}

impl Launch {
    /// A server without the limits that a test under load runs into. It has the same port
    /// each time it is started, as an operator's has, so that its clients find it again.
    pub(crate) fn new() -> Self {
        let data = tempfile::Builder::new()
            .prefix("chatalot-test-data-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a directory");
        let path = data.path().to_str().expect("a path in UTF-8");
        let environment = [("CHATALOT_DATA_DIR".to_owned(), path.to_owned())].into();
        let launch = Self {
            environment,
            data: Arc::new(data),
        };
        launch
            .set("CHATALOT_LISTEN", format!("127.0.0.1:{}", free_port()))
            .set("CHATALOT_REGISTRATION", "open")
            .set("CHATALOT_LIMITS__WEBHOOK_PER_SECOND", "0")
            .set("CHATALOT_LIMITS__ADDRESS_PER_SECOND", "0")
            .set("CHATALOT_LIMITS__LOGIN_PER_MINUTE", "0")
    }

    /// The server's data directory.
    pub(crate) fn data_dir(&self) -> &str {
        self.data.path().to_str().expect("a path in UTF-8")
    }

    pub(crate) fn set(mut self, variable: &str, value: impl Into<String>) -> Self {
        self.environment.insert(variable.to_owned(), value.into());
        self
    }

    /// Serves metrics on a free port; gives that port too.
    pub(crate) fn with_metrics(self) -> (Self, u16) {
        let port = free_port();
        let launch = self.set("CHATALOT_METRICS__LISTEN", format!("127.0.0.1:{port}"));
        (launch, port)
    }

    fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_chatalot"));
        program
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("RUST_BACKTRACE", "0")
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        program
    }

    /// Runs another command of the program, such as `backup`, to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let ended = timeout(START_DEADLINE, self.program().args(arguments).output()).await;
        ended
            .expect("the command ends in time")
            .expect("the program should start")
    }

    /// Starts the server and waits until it is ready.
    pub(crate) async fn start(&self) -> ServerProcess {
        let mut child = self.program().spawn().expect("the program should start");
        let stdout = Arc::new(Mutex::new(String::new()));
        let stderr = Arc::new(Mutex::new(String::new()));
        let (ready, was_ready) = tokio::sync::oneshot::channel();
        let output = child.stdout.take().expect("a piped stdout");
        let errors = child.stderr.take().expect("a piped stderr");
        tokio::spawn(collect(output, stdout.clone(), Some(ready)));
        tokio::spawn(collect(errors, stderr.clone(), None));
        let mut process = ServerProcess {
            child,
            port: 0,
            stdout,
            stderr,
        };
        let line = timeout(START_DEADLINE, was_ready).await;
        process.port = match line {
            Ok(Ok(line)) => port_of(&line),
            _ => panic!("the server did not become ready:\n{}", process.stderr()),
        };
        process
    }
}

/// A port that is free and stays so for whom it was given: outside the range from which the
/// kernel takes the ports of connections.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 10_000).expect("a small number");
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::SeqCst)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Gathers the lines of `stream` and hands out the first one.
async fn collect(
    stream: impl AsyncRead + Unpin,
    text: Arc<Mutex<String>>,
    mut first: Option<tokio::sync::oneshot::Sender<String>>,
) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        {
            let mut text = text.lock();
            text.push_str(&line);
            text.push('\n');
        }
        if let Some(first) = first.take() {
            let _ = first.send(line);
        }
    }
}

fn port_of(line: &str) -> u16 {
    let start = line.find("http").expect("a URL on the ready line");
    let text = line[start..].split_whitespace().next().expect("a URL");
    let url: url::Url = text.parse().expect("a URL on the ready line");
    url.port().expect("a port in the ready line's URL")
}

/// A running server. It is killed when this is dropped.
pub(crate) struct ServerProcess {
    child: Child,
    port: u16,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl ServerProcess {
    /// The public listener's port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A client that is not signed in.
    pub(crate) fn anonymous(&self) -> ApiClient {
        ApiClient::new(format!("http://127.0.0.1:{}", self.port), None)
    }

    /// A community whose owner is the user `owner`, on an instance that is empty so far.
    pub(crate) async fn community(&self) -> Community {
        let owner = User::register(&self.anonymous(), "owner").await;
        Community::of(owner, "Acme").await
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().clone()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().clone()
    }

    fn pid(&self) -> Pid {
        let id = self.child.id().expect("a process that was not waited for");
        let id = i32::try_from(id).expect("a process id");
        Pid::from_raw(id).expect("a process id")
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let id = self.pid().as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kibibytes: u64 = line
            .and_then(|line| line.split_whitespace().nth(1))
            .and_then(|number| number.parse().ok())
            .expect("the resident size");
        kibibytes * 1024
    }

    /// Ends the process as a power cut would, and waits until it is gone.
    pub(crate) async fn sigkill(mut self) {
        self.child.start_kill().expect("a running process");
        self.wait().await;
    }

    /// Asks the process to stop.
    pub(crate) fn sigterm(&self) {
        kill_process(self.pid(), Signal::TERM).expect("a running process");
    }

    /// Asks the process to stop, which it may have done already.
    pub(crate) fn sigterm_again(&self) {
        let _ = kill_process(self.pid(), Signal::TERM);
    }

    /// Waits for the end of the process.
    pub(crate) async fn wait(&mut self) -> ExitStatus {
        match timeout(STOP_DEADLINE, self.child.wait()).await {
            Ok(status) => status.expect("an exit status"),
            Err(_) => panic!("the process did not end:\n{}", self.stderr()),
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The runtime may be gone by now, and with it the reaping that kill_on_drop relies on.
        if self.child.start_kill().is_ok() {
            while let Ok(None) = self.child.try_wait() {
                std::thread::yield_now();
            }
        }
    }
}
