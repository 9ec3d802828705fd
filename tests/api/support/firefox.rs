//! A real browser: Firefox without a window, with a profile of its own and no way off this
//! machine.

mod bidi;
mod page;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use self::bidi::Bidi;
use self::page::PageServer;
use super::timeline::Timeline;

/// How long the end of the browser may take. It is killed, so nothing has to be written.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// Where the browser is looked for, as scripts/prerequisites does.
const PROGRAMS: [&str; 3] = [
    "firefox-esr",
    "firefox",
    "/Applications/Firefox.app/Contents/MacOS/firefox",
];
/// Names another program.
const PROGRAM_VARIABLE: &str = "CHATALOT_TEST_FIREFOX";

/// A running browser that shows the test's page. It is gone when this value is dropped.
pub(crate) struct Firefox {
    bidi: Bidi,
    timeline: Timeline,
    _page: PageServer,
    _process: BrowserProcess,
}

impl Firefox {
    /// Starts the browser, which gets its pushes from `push_service`, and opens the page.
    pub(crate) async fn launch(push_service: &str, timeline: &Timeline) -> Self {
        let (process, mut output) = BrowserProcess::start(push_service, timeline);
        let listening = async {
            while let Some(line) = output.recv().await {
                if let Some((_, url)) = line.split_once("WebDriver BiDi listening on ") {
                    return url.to_owned();
                }
            }
            timeline.fail("Firefox did not start; what it said is below")
        };
        let url = timeline.in_time("a browser that listens", listening);
        let url = url.await;
        // A connection is large while it is made, with all that TLS may need.
        let opened = Box::pin(async {
            let page = PageServer::start().await;
            let mut bidi = Bidi::connect(&url, timeline).await;
            bidi.open(page.url()).await;
            (bidi, page)
        });
        let opened = timeline.in_time("a page in the browser", opened);
        let (bidi, page) = opened.await;
        Self {
            bidi,
            timeline: timeline.clone(),
            _page: page,
            _process: process,
        }
    }

    /// Subscribes to pushes from whoever has `application_server_key`: what the page would send
    /// to its server.
    pub(crate) async fn subscribe(&mut self, application_server_key: &str) -> Value {
        self.call("subscribe", &[application_server_key]).await
    }

    /// What the next push says that the service worker received.
    pub(crate) async fn next_push(&mut self) -> Value {
        self.call("nextPush", &[]).await
    }

    /// The notifications that the user sees.
    pub(crate) async fn shown(&mut self) -> Vec<Value> {
        let shown = self.call("shown", &[]).await;
        shown.as_array().unwrap().clone()
    }

    async fn call(&mut self, function: &str, arguments: &[&str]) -> Value {
        let call = self.bidi.call(function, arguments);
        let what = format!("an answer of {function}() in the page");
        self.timeline.in_time(&what, call).await
    }
}

/// The process of the browser, with everything that it writes.
struct BrowserProcess {
    guard: Child,
    _place: TempDir,
}

impl BrowserProcess {
    /// Starts it; gives the lines that it says, too.
    fn start(push_service: &str, timeline: &Timeline) -> (Self, mpsc::UnboundedReceiver<String>) {
        let place = tempfile::Builder::new()
            .prefix("chatalot-test-firefox-")
            .tempdir()
            .expect("a directory");
        let profile = place.path().join("profile");
        std::fs::create_dir(&profile).expect("a profile");
        let preferences = include_str!("firefox/user.js").replace("PUSH_SERVICE", push_service);
        std::fs::write(profile.join("user.js"), preferences).expect("a profile");
        let mut guard = Command::new("sh")
            .args(["-c", include_str!("firefox/guard.sh"), "guard"])
            .arg(program())
            .args(["--headless", "--no-remote", "--remote-debugging-port=0"])
            .arg("--profile")
            .arg(&profile)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("PLACE", place.path())
            .env("HOME", place.path())
            .env("TMPDIR", place.path())
            // Without it the setting of another server for remote settings is ignored.
            .env("MOZ_REMOTE_SETTINGS_DEVTOOLS", "1")
            // A crash fails the test; nobody wants a report.
            .env("MOZ_CRASHREPORTER_DISABLE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let (lines, output) = mpsc::unbounded_channel();
        let stdout = guard.stdout.take().expect("a piped stdout");
        let stderr = guard.stderr.take().expect("a piped stderr");
        tokio::spawn(read(stdout, timeline.clone(), lines.clone()));
        tokio::spawn(read(stderr, timeline.clone(), lines));
        let process = Self {
            guard,
            _place: place,
        };
        (process, output)
    }
}

impl Drop for BrowserProcess {
    fn drop(&mut self) {
        // The end of its standard input tells the guard to clean up.
        drop(self.guard.stdin.take());
        let begin = Instant::now();
        let group = self
            .guard
            .id()
            .and_then(|id| Pid::from_raw(id.try_into().ok()?));
        while let Ok(None) = self.guard.try_wait() {
            if begin.elapsed() > END_DEADLINE
                && let Some(group) = group
            {
                let _ = kill_process_group(group, Signal::KILL);
            }
            std::thread::yield_now();
        }
    }
}

/// Notes what the browser says and hands it on, for as long as somebody listens.
async fn read(
    stream: impl AsyncRead + Unpin,
    timeline: Timeline,
    lines: mpsc::UnboundedSender<String>,
) {
    let mut said = BufReader::new(stream).lines();
    while let Ok(Some(line)) = said.next_line().await {
        timeline.note("browser", &line);
        let _ = lines.send(line);
    }
}

fn program() -> PathBuf {
    if let Some(program) = std::env::var_os(PROGRAM_VARIABLE) {
        return program.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = PROGRAMS
        .iter()
        .flat_map(|program| directories.iter().map(move |it| it.join(program)));
    let found = places.into_iter().find(|place| place.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "no Firefox: `scripts/prerequisites test` installs it, or name it in {PROGRAM_VARIABLE}"
        )
    })
}
