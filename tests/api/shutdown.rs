//! SIGTERM: nothing new is accepted, what was accepted is finished, sockets are told to come
//! back, and the process ends in time whatever its clients do.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::database::TestDatabase;
use crate::support::fixtures::{Community, Webhook};
use crate::support::follower::Follower;
use crate::support::load::{Load, Record, audit, client, post, try_post};
use crate::support::metrics::wait_for_gauge;
use crate::support::process::{Launch, ServerProcess};
use crate::support::socket::DEADLINE;

/// From the signal to the end of the process.
const BOUND: Duration = Duration::from_secs(25);

struct Stopping {
    server: ServerProcess,
    launch: Launch,
    community: Community,
    webhook: Webhook,
    database: TestDatabase,
    metrics: u16,
}

async fn running() -> Stopping {
    let database = TestDatabase::create().await;
    let launch = Launch::new().set("CHATALOT_DATABASE__URL", database.url());
    let (launch, metrics) = launch.with_metrics();
    let server = launch.start().await;
    let community = server.community().await;
    let webhook = community.webhook(&community.general).await;
    Stopping {
        server,
        launch,
        community,
        webhook,
        database,
        metrics,
    }
}

impl Stopping {
    /// Waits for the end, which is a success and comes in time after `start`.
    async fn expect_good_end(&mut self, start: Instant) {
        let status = self.server.wait().await;
        assert!(start.elapsed() < BOUND, "after {:?}", start.elapsed());
        assert_eq!(status.code(), Some(0), "{}", self.server.stderr());
    }
}

#[tokio::test]
async fn sockets_are_told_to_come_back_and_the_process_ends() {
    let mut it = running().await;
    it.webhook.says("hello").await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = it.community.owner.socket().await;
        socket.subscribe(&it.community.general, None).await;
        sockets.push(socket);
    }
    let start = Instant::now();
    it.server.sigterm();
    for socket in &mut sockets {
        socket.expect_close(4002).await;
    }
    it.expect_good_end(start).await;
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "nothing to wait for"
    );
    let mut lines = it.server.stdout();
    lines.truncate(lines.trim_end().len());
    assert_eq!(lines.lines().count(), 1, "one line on stdout: {lines}");
}

#[tokio::test]
async fn posts_under_way_are_finished_and_new_ones_refused() {
    let mut it = running().await;
    it.webhook.says("before").await;
    let mut blocker = it.database.connect().await;
    let hold = blocker.transaction().await.expect("a transaction");
    hold.execute("select from channels for update", &[])
        .await
        .expect("the channels' locks");
    let under_way: Vec<_> = (0..5)
        .map(|number| {
            let webhook = it.webhook.clone();
            let content = format!("under way {number}");
            tokio::spawn(async move { try_post(&client(), &webhook, &content).await })
        })
        .collect();
    it.database.until_something_waits_for_a_lock().await;
    wait_for_gauge(it.metrics, "posts_pending", 5.0).await;
    let start = Instant::now();
    it.server.sigterm();
    it.wait_for_readiness_503().await;
    let refused = try_post(&client(), &it.webhook, "too late").await;
    if let Some(refused) = refused {
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert!(refused.has_retry_after, "{}", refused.body);
    }
    // A second signal changes nothing.
    it.server.sigterm();
    hold.rollback().await.expect("the locks are free again");
    for post in under_way {
        let answer = post.await.expect("a post").expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    it.server.sigterm_again();
    it.expect_good_end(start).await;
    let server = it.launch.start().await;
    let history = it.community.owner.history_after(&it.community.general, 0);
    assert_eq!(history.await.len(), 6, "what was answered, and no more");
    drop(server);
}

impl Stopping {
    /// The load balancer must hear that it should send nobody here any more.
    async fn wait_for_readiness_503(&self) {
        let url = format!("http://127.0.0.1:{}/health/ready", self.server.port());
        let mut last = String::new();
        let reached = async {
            loop {
                match client().get(&url).send().await {
                    Ok(answer) if answer.status().as_u16() == 503 => return,
                    Ok(answer) => last = answer.status().to_string(),
                    Err(error) => last = format!("{error:?}"),
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(3), reached).await;
        assert!(reached.is_ok(), "readiness should become 503, not {last}");
    }
}

#[tokio::test]
async fn under_load_what_was_answered_is_there_and_clients_are_caught_up() {
    let mut it = running().await;
    let channel = it.community.general.as_str();
    let mut follower = Follower::of(&it.community.owner, &[channel]).await;
    let load = Load::start(std::slice::from_ref(&it.webhook), 6, "");
    load.wait_for_more(60).await;
    let start = Instant::now();
    it.server.sigterm();
    let status = it.server.wait().await;
    assert!(start.elapsed() < BOUND, "after {:?}", start.elapsed());
    assert_eq!(status.code(), Some(0), "{}", it.server.stderr());
    let mut records = load.stop().await;
    it.server = it.launch.start().await;
    let (http, mut record) = (client(), Record::default());
    assert!(post(&http, &it.webhook, "after".to_owned(), &mut record).await);
    records.push(record);
    let history = audit(&it.community.owner, &[channel], &records).await;
    follower.saw_all(&history).await;
    assert_eq!(follower.ends, [Some(4002)]);
}

#[tokio::test]
async fn clients_that_do_nothing_do_not_keep_the_process() {
    let mut it = running().await;
    let handshake = it.community.owner.handshake().receive_buffer(4096);
    let (mut stalled, _) = handshake.connect_and_greet().await;
    stalled.subscribe(&it.community.general, None).await;
    stalled.stop_reading();
    let big = "x".repeat(3900);
    for _ in 0..120 {
        it.webhook.execute(&json!({"content": big})).await;
    }
    let address = ("127.0.0.1", it.server.port());
    let silent = TcpStream::connect(address).await.expect("a connection");
    let mut half = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Le",
        it.webhook.path()
    );
    half.write_all(request.as_bytes()).await.expect("to send");
    let mut waiting = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{\"content\":",
        it.webhook.path()
    );
    waiting
        .write_all(request.as_bytes())
        .await
        .expect("to send");
    // A client that keeps its connection after an answer, as browsers do.
    let idle = client();
    let live = format!("http://127.0.0.1:{}/health/live", it.server.port());
    let answer = idle.get(live).send().await.expect("an answer");
    answer.bytes().await.expect("the answer's body");
    let start = Instant::now();
    it.server.sigterm();
    it.expect_good_end(start).await;
    drop((stalled, silent, half, waiting, idle));
}

#[tokio::test]
async fn the_private_postgresql_ends_with_the_server() {
    let launch = Launch::new();
    let path = launch.data_dir();
    let mut server = launch.start().await;
    let community = server.community().await;
    let webhook = community.webhook(&community.general).await;
    webhook.says("hello").await;
    assert!(processes_on(path) > 0, "PostgreSQL runs in {path}");
    let start = Instant::now();
    server.sigterm();
    let status = server.wait().await;
    assert!(start.elapsed() < BOUND, "after {:?}", start.elapsed());
    assert_eq!(status.code(), Some(0), "{}", server.stderr());
    assert_eq!(processes_on(path), 0, "nothing is left running");
    let mut server = launch.start().await;
    let history = community.owner.history_after(&community.general, 0).await;
    assert_eq!(history.len(), 1);
    server.sigterm();
    assert_eq!(server.wait().await.code(), Some(0));
}

/// How many processes have `path` on their command line.
fn processes_on(path: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("the processes");
    let command_line = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).ok();
    let names = |line: &Vec<u8>| String::from_utf8_lossy(line).contains(path);
    let lines = processes.flatten().filter_map(command_line);
    lines.filter(names).count()
}

#[tokio::test]
async fn a_killed_server_leaves_no_postgresql_behind() {
    let launch = Launch::new();
    let path = launch.data_dir();
    let server = launch.start().await;
    assert!(processes_on(path) > 0, "PostgreSQL runs in {path}");
    server.sigkill().await;
    let gone = async {
        while processes_on(path) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let gone = tokio::time::timeout(DEADLINE, gone).await;
    assert!(gone.is_ok(), "PostgreSQL dies with its server");
}
