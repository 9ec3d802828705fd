//! A proxy between the server and PostgreSQL, so that an outage of the database is an
//! ordinary test.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;

use super::database::TestDatabase;

/// Where the database listens.
#[derive(Clone, Debug)]
enum Upstream {
    Tcp(String),
    Unix(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Passing,
    Stalled,
    Broken,
}

/// What happens to the connection that commits next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum NextCommit {
    /// It is passed on and answered.
    Passes = 0,
    /// It never reaches the database: the connection is cut instead.
    IsLost = 1,
    /// It reaches the database, which does it; the connection is cut in place of the answer.
    IsDoneUnanswered = 2,
}

/// A running proxy.
pub(crate) struct DatabaseProxy {
    port: u16,
    network: watch::Sender<Network>,
    next_commit: Arc<AtomicU8>,
    refuse_after_cut: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Drop for DatabaseProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.network.send_replace(Network::Broken);
    }
}

impl DatabaseProxy {
    /// In front of a test's database; with the URL that leads through it.
    pub(crate) async fn before(database: &TestDatabase) -> (Self, String) {
        let config = database.config();
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let upstream = match &config.get_hosts()[0] {
            Host::Tcp(host) => Upstream::Tcp(format!("{host}:{port}")),
            Host::Unix(directory) => Upstream::Unix(directory.join(format!(".s.PGSQL.{port}"))),
        };
        let proxy = Self::to(upstream).await;
        let user = config.get_user().expect("a user");
        let name = config.get_dbname().expect("a database");
        let url = format!("postgres://{user}@127.0.0.1:{}/{name}", proxy.port);
        (proxy, url)
    }

    async fn to(upstream: Upstream) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (network, _) = watch::channel(Network::Passing);
        let next_commit = Arc::new(AtomicU8::new(NextCommit::Passes as u8));
        let refuse_after_cut = Arc::new(AtomicBool::new(false));
        let link = Link {
            upstream,
            network: network.clone(),
            next_commit: next_commit.clone(),
            refuse_after_cut: refuse_after_cut.clone(),
        };
        let accepting = tokio::spawn(accept(listener, link));
        Self {
            port,
            network,
            next_commit,
            refuse_after_cut,
            accepting,
        }
    }

    /// Cuts every connection and refuses new ones.
    pub(crate) fn break_networking(&self) {
        self.network.send_replace(Network::Broken);
    }

    /// Keeps connections open, accepts new ones and passes nothing.
    pub(crate) fn stall(&self) {
        self.network.send_replace(Network::Stalled);
    }

    pub(crate) fn restore(&self) {
        self.network.send_replace(Network::Passing);
    }

    /// Decides about one commit, the next.
    pub(crate) fn next_commit(&self, fate: NextCommit) {
        self.next_commit.store(fate as u8, Ordering::SeqCst);
    }

    /// After the cut of the next commit nothing gets through any more.
    pub(crate) fn refuse_after_the_cut(&self) {
        self.refuse_after_cut.store(true, Ordering::SeqCst);
    }

    /// The fate that was set has happened.
    pub(crate) fn commit_was_cut(&self) -> bool {
        self.next_commit.load(Ordering::SeqCst) == NextCommit::Passes as u8
    }
}

/// What every connection through the proxy shares.
#[derive(Clone)]
struct Link {
    upstream: Upstream,
    network: watch::Sender<Network>,
    next_commit: Arc<AtomicU8>,
    refuse_after_cut: Arc<AtomicBool>,
}

async fn accept(listener: TcpListener, link: Link) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // The listener itself stays: another test could be given its port if it closed.
        if *link.network.borrow() == Network::Broken {
            reset(&stream);
            continue;
        }
        let link = link.clone();
        tokio::spawn(async move {
            match &link.upstream {
                Upstream::Tcp(address) => {
                    if let Ok(database) = TcpStream::connect(address).await {
                        pass(stream, database, &link).await;
                    }
                }
                Upstream::Unix(path) => {
                    if let Ok(database) = UnixStream::connect(path).await {
                        pass(stream, database, &link).await;
                    }
                }
            }
        });
    }
}

/// Makes the close that follows a reset, as an unplugged machine's network stack would.
fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
}

async fn pass(stream: TcpStream, database: impl AsyncRead + AsyncWrite, link: &Link) {
    let mut network = link.network.subscribe();
    let next_commit = &link.next_commit;
    reset(&stream);
    let (mut from_server, mut to_server) = stream.into_split();
    let (mut from_database, mut to_database) = tokio::io::split(database);
    let (cut, mut was_cut) = watch::channel(false);
    let asks = forward(
        &mut from_server,
        &mut to_database,
        network.clone(),
        |bytes| {
            let fate = next_commit.load(Ordering::SeqCst);
            if fate == NextCommit::Passes as u8 || !contains(bytes, b"commit\0") {
                return Verdict::Pass;
            }
            next_commit.store(NextCommit::Passes as u8, Ordering::SeqCst);
            if fate == NextCommit::IsLost as u8 {
                return Verdict::Cut;
            }
            cut.send_replace(true);
            Verdict::Pass
        },
    );
    let answers = forward(
        &mut from_database,
        &mut to_server,
        network.clone(),
        |bytes| {
            if !*was_cut.borrow_and_update() {
                return Verdict::Pass;
            }
            // The statements before the commit may have left together with it, and it is done
            // only when it is answered itself.
            if !contains(bytes, b"COMMIT\0") && !contains(bytes, b"ROLLBACK\0") {
                return Verdict::Swallow;
            }
            if link.refuse_after_cut.swap(false, Ordering::SeqCst) {
                link.network.send_replace(Network::Broken);
            }
            Verdict::Cut
        },
    );
    tokio::select! {
        () = asks => {}
        () = answers => {}
        _ = network.wait_for(|network| *network == Network::Broken) => {}
    }
}

/// Whether `part` is in these bytes of the protocol, which is in clear.
fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes
        .windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part))
}

enum Verdict {
    Pass,
    Swallow,
    Cut,
}

async fn forward(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut network: watch::Receiver<Network>,
    mut judge: impl FnMut(&[u8]) -> Verdict,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => read,
        };
        let bytes = &buffer[..read];
        let passing = network.wait_for(|network| *network == Network::Passing);
        if passing.await.is_err() {
            return;
        }
        match judge(bytes) {
            Verdict::Pass => {}
            Verdict::Swallow => continue,
            Verdict::Cut => return,
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
