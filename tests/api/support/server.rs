//! The real server on a free port, with a database of its own.

use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use chatalot::app::App;
use chatalot::config::{Registration, Settings};
use tokio::sync::oneshot;

use super::client::ApiClient;
use super::contract::Contract;
use super::database::TestDatabase;

/// How long a server may take to stop before the test says that it hangs.
const STOP_BOUND: Duration = Duration::from_secs(30);

/// A running server. It stops when this value is dropped.
pub(crate) struct TestServer {
    pub(crate) port: u16,
    pub(crate) metrics_port: Option<u16>,
    pub(crate) database: TestDatabase,
    contract: Option<&'static Contract>,
    stop: Option<oneshot::Sender<()>>,
    stopped: std_mpsc::Receiver<Result<(), String>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    /// A server that anybody may register at and that limits no rate of sign-ins or addresses,
    /// because all tests share one address.
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// The same, with `change` made to its settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let contract = Contract::shared().await;
        let mut server = Self::without_contract(change).await;
        server.contract = Some(contract);
        server
    }

    /// A server whose answers are not compared with its OpenAPI document: the one that is
    /// asked for the document.
    pub(crate) async fn without_contract(change: impl FnOnce(&mut Settings)) -> Self {
        let database = TestDatabase::create().await;
        let mut settings = default_settings(&database.url());
        change(&mut settings);
        let (stop, stop_asked) = oneshot::channel();
        let (started, ports) = oneshot::channel();
        let (done, stopped) = std_mpsc::channel();
        let run = move || {
            let result =
                actix_web::rt::System::new().block_on(serve(settings, started, stop_asked));
            // The test may have given up waiting.
            let _ = done.send(result);
        };
        let thread = std::thread::Builder::new()
            .name("test-server".to_owned())
            .spawn(run)
            .unwrap();
        let (port, metrics_port) = ports.await.unwrap_or_else(|_| {
            panic!("the server did not start: {:?}", stopped.recv());
        });
        Self {
            port,
            metrics_port,
            database,
            contract: None,
            stop: Some(stop),
            stopped,
            thread: Some(thread),
        }
    }

    /// Where the server is, without a path.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client that is not signed in.
    pub(crate) fn anonymous(&self) -> ApiClient {
        ApiClient::new(self.origin(), self.contract)
    }

    /// Stops the server as SIGTERM would and waits for its end.
    pub(crate) fn stop(&mut self) {
        let Some(stop) = self.stop.take() else { return };
        // A server that ended by itself hears nothing; its result says why.
        let _ = stop.send(());
        let result = self.stopped.recv_timeout(STOP_BOUND);
        if std::thread::panicking() {
            return;
        }
        result
            .expect("the server stops in time")
            .expect("the server stops without an error");
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server's thread ends normally");
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(
    settings: Settings,
    started: oneshot::Sender<(u16, Option<u16>)>,
    stop: oneshot::Receiver<()>,
) -> Result<(), String> {
    let app = App::build(settings)
        .await
        .map_err(|error| error.to_string())?;
    // A test that was interrupted no longer waits, and then the server stops at once.
    let _ = started.send((app.port(), app.metrics_port()));
    let stop = async {
        let _ = stop.await;
    };
    app.run_until_stopped(stop)
        .await
        .map_err(|error| error.to_string())
}

/// The settings of a test's server on the database at `url`.
pub(crate) fn default_settings(url: &str) -> Settings {
    let variables = [
        ("CHATALOT_DATABASE__URL", url),
        ("CHATALOT_LISTEN", "127.0.0.1:0"),
        ("CHATALOT_WORKERS", "2"),
        ("CHATALOT_DATABASE__POOL_SIZE", "8"),
        ("CHATALOT_LIMITS__ADDRESS_PER_SECOND", "0"),
        ("CHATALOT_LIMITS__LOGIN_PER_MINUTE", "0"),
    ];
    let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut settings = Settings::from_sources(None, owned).expect("the tests' settings are valid");
    settings.registration = Registration::Open;
    settings
}
