//! Sockets that never read, in the same channel as members who do: the server's memory has to
//! stay bounded, and the others must not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{PATIENCE, arrive};
use crate::board::Board;
use crate::crowd::Crowd;
use crate::failure::Outcome;
use crate::meter::Usage;
use crate::populate::{Membership, World};
use crate::posting::{Posted, Poster};
use crate::row::Row;
use crate::schedule::Schedule;
use crate::script::Script;
use crate::series::Series;
use crate::socket::Socket;
use crate::stage::{Bench, Stage};
use crate::watcher::{Seat, subscribe};

pub(super) const NAME: &str = "stalled";

/// What the server says that a stalled client costs at most (docs/operations.md), in MB.
const MB_EACH: f64 = 0.5;
/// What the posts themselves may cost meanwhile, in MB.
const MB_BESIDE: f64 = 64.0;
/// The kernel takes this much for a client that does not read.
const RECEIVE_BUFFER: u32 = 4096;
/// Long posts fill buffers sooner.
const CONTENT_BYTES: usize = 1000;

/// Sockets that never read.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Stalled {
    /// How many never read [default: 1000].
    #[arg(long)]
    sockets: Option<usize>,
    /// How many do [default: 20].
    #[arg(long)]
    readers: Option<usize>,
    /// Posts a second [default: 100].
    #[arg(long)]
    rate: Option<f64>,
}

impl Stalled {
    pub(super) async fn run(&self, bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
        let stalled = bench.size(self.sockets, 1000, 5);
        let readers = bench.size(self.readers, 20, 2);
        let rate = bench.size(self.rate, 100.0, 50.0);
        let seconds = bench.seconds(20.0, 2.0);
        let stage = bench.stage(&[]).await?;
        stage.progress.scene(format!("stalled: {stalled} sockets"));
        let world = World::make(&stage, 1, stalled + readers, Membership::Everywhere).await?;
        let (reading, not_reading) = world.members.split_at(readers.min(world.members.len()));
        let channel = world.channels.first().map(|it| it.id.as_str());
        let channel = channel.unwrap_or_default();
        let seats = reading.iter().enumerate();
        let seats = seats.map(|(at, member)| Seat::new(&member.token, Some(channel), at));
        let board = Arc::new(Board::default());
        let crowd = Crowd::gather(&stage.target, &board, seats.collect(), &stage.progress);
        let _crowd = crowd.await?;
        let tail = " a long report".repeat(CONTENT_BYTES / 14);
        let script = Script::plain(&stage.target.host, world.webhooks()).with_tail(tail);
        let poster = Poster {
            target: stage.target.clone(),
            script: Arc::new(script),
            connections: 16,
            progress: stage.progress.clone(),
        };
        let scene = Scene {
            stage: &stage,
            board,
            poster,
            readers: readers as u64,
        };
        let (alone, ..) = scene.measure(rate, seconds / 2.0).await?;
        let mut sockets = Vec::with_capacity(stalled);
        for member in not_reading {
            let socket = Socket::open(&stage.target, &member.token, Some(RECEIVE_BUFFER));
            let mut socket = socket.await?;
            socket.send(&subscribe(channel, None)).await?;
            sockets.push(socket);
        }
        let memory = Peak::watch(&stage);
        let (beside, posted, usage) = scene.measure(rate, seconds).await?;
        rows.push(
            scene
                .row(stalled, alone, beside, &posted, usage, memory)
                .await,
        );
        Ok(())
    }
}

struct Scene<'a> {
    stage: &'a Stage,
    board: Arc<Board>,
    poster: Poster,
    readers: u64,
}

impl Scene<'_> {
    /// Latency at those who read.
    async fn measure(&self, rate: f64, seconds: f64) -> Outcome<(Series, Posted, Usage)> {
        let schedule = Schedule::constant(rate, seconds);
        let frames = schedule.len() as u64 * self.readers;
        self.board.begin();
        let meter = self.stage.meter().start();
        let posted = self.poster.open_loop(schedule).await?;
        arrive(&self.board, frames, 0, PATIENCE).await;
        Ok((self.board.messages.against(frames), posted, meter.stop()))
    }

    async fn row(
        &self,
        stalled: usize,
        mut alone: Series,
        mut beside: Series,
        posted: &Posted,
        usage: Usage,
        memory: Peak,
    ) -> Row {
        let ratio = beside.at(0.99) / alone.at(0.99).max(0.001);
        alone.name = "readers alone".to_owned();
        beside.name = "readers beside".to_owned();
        let cut = match self.stage.metrics().await {
            Some(metrics) => metrics.sum("sockets_closed_total"),
            None => 0.0,
        };
        let mut row = Row::new(
            NAME,
            format!("{stalled} that never read, {} that do", self.readers),
        )
        .posted(posted)
        .series(alone)
        .series(beside)
        .figure("p99 of readers, as a multiple of that alone", ratio, "")
        .figure("sockets closed by the server", cut, "");
        row.usage = Some(usage);
        row.memory = self.stage.memory();
        let refusal = usage.refuse_open(posted, self.stage.options.max_lateness_ms);
        let row = row.refuse(self.stage.judge(refusal));
        memory.judge(row, stalled)
    }
}

/// The greatest memory of the server while it is watched.
struct Peak {
    before: u64,
    peak: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Peak {
    fn watch(stage: &Stage) -> Self {
        let stage = stage.clone();
        let before = stage.memory().map_or(0, |it| it.rss);
        let peak = Arc::new(AtomicU64::new(before));
        let highest = Arc::clone(&peak);
        let task = tokio::spawn(async move {
            while let Some(memory) = stage.memory() {
                highest.fetch_max(memory.rss, Ordering::Relaxed);
                sleep(Duration::from_millis(200)).await;
            }
        });
        Self { before, peak, task }
    }

    fn judge(self, row: Row, stalled: usize) -> Row {
        self.task.abort();
        let peak = self.peak.load(Ordering::Relaxed);
        if peak == 0 {
            return row;
        }
        let grown = peak.saturating_sub(self.before) as f64 / 1_048_576.0;
        let allowed = stalled as f64 * MB_EACH + MB_BESIDE;
        let row = row.figure("memory grew by at most", grown, "MB");
        match grown <= allowed {
            true => row,
            false => row.fail(format!(
                "memory grew by {grown:.0} MB, and {allowed:.0} MB are allowed"
            )),
        }
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        self.task.abort();
    }
}
