//! Where a scenario plays: the server under load, started for it or running already.

use std::path::PathBuf;

use clap::Args;
use tokio::sync::Mutex;

use crate::api::{Api, text};
use crate::failure::{Doing, Failure, Outcome};
use crate::meter::Meter;
use crate::populate::random_text;
use crate::processes::{Memory, memory};
use crate::progress::Progress;
use crate::scrape::Metrics;
use crate::server_process::{ServerFacts, ServerProcess};
use crate::target::Target;

/// What holds for every scenario.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The server to start [default: chatalot beside this program].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) server: Option<PathBuf>,
    /// Where the server that is started keeps its data, in a fresh directory; use the disk that
    /// is to be measured [default: the directory for temporary files].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A server that runs already, such as http://127.0.0.1:8080, instead of starting one. Its
    /// limits apply, and what is made in it stays.
    #[arg(long, global = true)]
    pub(crate) url: Option<String>,
    /// With --url: the session token of an account that may make communities.
    #[arg(long, global = true, env = "LOADTEST_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// With --url: that account's name, instead of a token.
    #[arg(long, global = true)]
    pub(crate) username: Option<String>,
    /// With --url: that account's password.
    #[arg(long, global = true, env = "LOADTEST_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
    /// With --url: the process id of the server, for its CPU time and memory.
    #[arg(long, global = true)]
    pub(crate) pid: Option<u32>,
    /// Tiny numbers, to see that everything works. The results measure nothing.
    #[arg(long, global = true)]
    pub(crate) quick: bool,
    /// How long each measurement takes, in seconds [default: depends on the scenario].
    #[arg(long, global = true)]
    pub(crate) seconds: Option<f64>,
    /// Threads of this driver [default: half of the cores].
    #[arg(long, global = true)]
    pub(crate) threads: Option<usize>,
    /// How late one post in a hundred may leave by the driver's own fault, in milliseconds.
    #[arg(long, global = true, default_value_t = 5.0)]
    pub(crate) max_lateness_ms: f64,
    /// Where results.json and latency.svg are written.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "target/loadtest"
    )]
    pub(crate) output: PathBuf,
}

impl Options {
    /// How many threads the driver runs on.
    pub(crate) fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        self.threads.unwrap_or(cores / 2).max(1)
    }

    /// Where data of started servers goes.
    pub(crate) fn data_parent(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    fn server_binary(&self) -> Outcome<PathBuf> {
        if let Some(path) = &self.server {
            return Ok(path.clone());
        }
        let own = std::env::current_exe().doing("find this program")?;
        let beside = own.with_file_name("chatalot");
        match beside.is_file() {
            true => Ok(beside),
            false => Err(Failure::Said(format!(
                "there is no server at {}: build it (cargo build --release), or name one with \
                 --server or --url",
                beside.display()
            ))),
        }
    }
}

/// Starts and stops servers, one at a time.
#[derive(Debug)]
pub(crate) struct Bench {
    /// What was asked for.
    pub(crate) options: Options,
    /// Who is told how far it is.
    pub(crate) progress: Progress,
    running: Mutex<Option<ServerProcess>>,
}

impl Bench {
    /// Nothing runs yet.
    pub(crate) fn new(options: Options, progress: Progress) -> Self {
        Self {
            options,
            progress,
            running: Mutex::new(None),
        }
    }

    /// A fresh server with `settings` besides the usual ones, or the one that was named.
    pub(crate) async fn stage(&self, settings: &[(&str, String)]) -> Outcome<Stage> {
        self.stop().await;
        if let Some(url) = &self.options.url {
            let target = Target::parse(url)?;
            let token = self.token(&target).await?;
            return Ok(self.make(target, None, token, String::new()));
        }
        let binary = self.options.server_binary()?;
        let server = ServerProcess::start(&binary, &self.options.data_parent(), settings).await?;
        let facts = server.facts.clone();
        *self.running.lock().await = Some(server);
        let target = Target::parse(&facts.url)?;
        let password = random_text(20)?;
        let body = serde_json::json!({
            "username": "load_owner", "password": password, "session": "token",
        });
        let answer = Api::new(&target, None)
            .post("/auth/register", &body)
            .await?;
        let token = text(&answer, "/token")?;
        Ok(self.make(target, Some(facts), token, password))
    }

    /// Stops the server that runs, if one was started.
    pub(crate) async fn stop(&self) {
        let server = self.running.lock().await.take();
        if let Some(server) = server {
            server.stop().await;
        }
    }

    /// A number that may be given, with a default and one for --quick.
    pub(crate) fn size<T>(&self, given: Option<T>, standard: T, quick: T) -> T {
        given.unwrap_or(if self.options.quick { quick } else { standard })
    }

    /// The duration of a measurement, in seconds.
    pub(crate) fn seconds(&self, standard: f64, quick: f64) -> f64 {
        self.size(self.options.seconds, standard, quick)
    }

    async fn token(&self, target: &Target) -> Outcome<String> {
        let options = &self.options;
        if let Some(token) = &options.token {
            return Ok(token.clone());
        }
        let (Some(username), Some(password)) = (&options.username, &options.password) else {
            return Err(Failure::said(
                "--url needs an account: --token, or --username and --password",
            ));
        };
        let body = serde_json::json!({
            "username": username, "password": password, "session": "token",
        });
        let answer = Api::new(target, None).post("/auth/login", &body).await?;
        text(&answer, "/token")
    }

    fn make(
        &self,
        target: Target,
        facts: Option<ServerFacts>,
        token: String,
        password: String,
    ) -> Stage {
        let started = facts.as_ref().map(|facts| facts.pid);
        Stage {
            target,
            pid: started.or(self.options.pid),
            facts,
            token,
            password,
            progress: self.progress.clone(),
            options: self.options.clone(),
        }
    }
}

/// A server that is ready.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// Where it is.
    pub(crate) target: Target,
    /// More about it, if this driver started it.
    pub(crate) facts: Option<ServerFacts>,
    /// Its process id, if known.
    pub(crate) pid: Option<u32>,
    /// The session token of an account that may make communities.
    pub(crate) token: String,
    /// The password of that account, if this driver made it.
    pub(crate) password: String,
    /// Who is told how far it is.
    pub(crate) progress: Progress,
    /// What was asked for.
    pub(crate) options: Options,
}

impl Stage {
    /// What measures the CPU time of this server.
    pub(crate) fn meter(&self) -> Meter {
        Meter {
            server: self.pid,
            postmaster: self.facts.as_ref().and_then(ServerFacts::postmaster),
            threads: self.options.threads(),
        }
    }

    /// The memory of the server, if it can be seen.
    pub(crate) fn memory(&self) -> Option<Memory> {
        memory(self.pid?)
    }

    /// The server's counters, if they can be reached.
    pub(crate) async fn metrics(&self) -> Option<Metrics> {
        let facts = self.facts.as_ref()?;
        Metrics::read(&facts.metrics).await.ok()
    }

    /// A reason to refuse a measurement. With --quick nothing is measured anyway.
    pub(crate) fn judge(&self, reason: Option<String>) -> Option<String> {
        reason.filter(|_| !self.options.quick)
    }
}
