//! The program as a process that pushes alerts, and is killed and started again.

use super::database::TestDatabase;
use super::process::{Launch, ServerProcess};
use super::push_books::PushBooks;
use super::push_device::Device;
use super::push_scene::PushScene;

/// The process, with what outlives it.
pub(crate) struct PushProcess {
    /// `None` while it is down.
    running: Option<ServerProcess>,
    launch: Launch,
    pub(crate) metrics_port: u16,
    /// What earlier processes wrote.
    earlier: String,
    _database: TestDatabase,
}

impl PushProcess {
    /// Everything that was logged so far, by all processes.
    pub(crate) fn log(&self) -> String {
        let now = self.running.as_ref().map(ServerProcess::stderr);
        format!("{}{}", self.earlier, now.unwrap_or_default())
    }

    /// Ends the process as a power cut would.
    pub(crate) async fn kill(&mut self) {
        self.earlier = self.log();
        let process = self.running.take().expect("a process that is up");
        process.sigkill().await;
    }

    /// Starts it again, without any failure that was switched on.
    pub(crate) async fn start_again(&mut self) {
        self.running = Some(self.launch.start().await);
    }

    /// Asks the process to end, which it does in time and with success.
    pub(crate) async fn stop(&mut self) {
        let mut process = self.running.take().expect("a process that is up");
        process.sigterm();
        let status = process.wait().await;
        self.earlier.push_str(&process.stderr());
        assert_eq!(status.code(), Some(0), "{}", self.earlier);
    }
}

impl PushScene<PushProcess> {
    /// A scene in a process, with more settings from its environment.
    pub(crate) async fn launch(settings: &[(&str, &str)]) -> Self {
        Self::launch_failing(settings, "").await
    }

    /// The same, with `failures` that happen in the process, in the notation of the crate
    /// `fail`, until it is started again.
    pub(crate) async fn launch_failing(settings: &[(&str, &str)], failures: &str) -> Self {
        let database = TestDatabase::create().await;
        let url = database.url();
        Self::launch_on(database, &url, settings, failures).await
    }

    /// The same on `database`, which the process reaches at `url`.
    pub(crate) async fn launch_on(
        database: TestDatabase,
        url: &str,
        settings: &[(&str, &str)],
        failures: &str,
    ) -> Self {
        let launch = Launch::new()
            .set("CHATALOT_DATABASE__URL", url)
            .set("CHATALOT_PUSH__ALLOW_LOOPBACK_HTTP", "true");
        let (launch, metrics_port) = launch.with_metrics();
        let with_setting = |launch: Launch, (name, value): &(&str, &str)| launch.set(name, *value);
        let launch = settings.iter().fold(launch, with_setting);
        let failing = match failures {
            "" => launch.clone(),
            failures => launch.clone().set("FAILPOINTS", failures),
        };
        let process = failing.start().await;
        let anonymous = process.anonymous();
        let books = PushBooks::of(&database).await;
        let server = PushProcess {
            running: Some(process),
            launch,
            metrics_port,
            earlier: String::new(),
            _database: database,
        };
        Self::furnish(server, books, &anonymous).await
    }

    /// No process logged where bob's device or one of `others` is reached, or its keys.
    pub(crate) fn expect_secrets_untold(&self, others: &[&Device]) {
        let log = self.server.log();
        for device in others.iter().copied().chain([&self.device]) {
            device.expect_untold(&log);
        }
    }
}
