//! All sockets dropped at once, as by a proxy that restarts, and back at once with the places
//! they had reached, while posts go on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use super::{PATIENCE, arrive, watching_seats};
use crate::board::Board;
use crate::crowd::{Crowd, wait_until};
use crate::failure::{Doing, Outcome};
use crate::populate::{Membership, World};
use crate::posting::Poster;
use crate::row::Row;
use crate::schedule::Schedule;
use crate::script::Script;
use crate::stage::{Bench, Stage};

pub(super) const NAME: &str = "reconnect-storm";

/// Members of one channel.
const EACH: usize = 10;

/// How long everybody may take to be back.
const BACK_PATIENCE: Duration = Duration::from_secs(120);

/// All sockets dropped at once.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReconnectStorm {
    /// Sockets, ten to a channel [default: 10000].
    #[arg(long)]
    sockets: Option<usize>,
    /// Connection attempts at the same time [default: all].
    #[arg(long)]
    at_once: Option<usize>,
    /// Posts a second meanwhile [default: 200].
    #[arg(long)]
    rate: Option<f64>,
}

impl ReconnectStorm {
    pub(super) async fn run(&self, bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
        let channels = (bench.size(self.sockets, 10_000, 20) / EACH).max(1);
        let sockets = channels * EACH;
        let rate = bench.size(self.rate, 200.0, 20.0);
        let seconds = bench.seconds(40.0, 4.0);
        let stage = bench.stage(&[]).await?;
        stage
            .progress
            .scene(format!("reconnect-storm: {sockets} sockets"));
        let world = World::make(&stage, channels, sockets, Membership::Split).await?;
        let board = Arc::new(Board::default());
        let seats = watching_seats(&world);
        let crowd = Crowd::gather(&stage.target, &board, seats, &stage.progress).await?;
        let poster = Poster {
            target: stage.target.clone(),
            script: Arc::new(Script::plain(&stage.target.host, world.webhooks())),
            connections: 64,
            progress: stage.progress.clone(),
        };
        let mut storm = Storm {
            stage: &stage,
            board,
            crowd,
            doors: self.at_once.unwrap_or(sockets),
        };
        rows.push(storm.measure(poster, rate, seconds).await?);
        Ok(())
    }
}

struct Storm<'a> {
    stage: &'a Stage,
    board: Arc<Board>,
    crowd: Crowd,
    doors: usize,
}

impl Storm<'_> {
    async fn measure(&mut self, poster: Poster, rate: f64, seconds: f64) -> Outcome<Row> {
        let sockets = self.crowd.len() as u64;
        let schedule = Schedule::constant(rate, seconds);
        let frames = schedule.len() as u64 * EACH as u64;
        self.board.begin();
        let meter = self.stage.meter().start();
        let posting = tokio::spawn(async move { poster.open_loop(schedule).await });
        sleep(Duration::from_secs_f64(seconds / 8.0)).await;
        self.crowd.drop_all().await;
        // What the drop itself took is not the server's.
        self.board.drop_now();
        self.crowd.connect(self.doors);
        let board = &self.board;
        wait_until(BACK_PATIENCE, || board.caught_up.count() >= sockets).await;
        let back = board.caught_up.series().max() / 1000.0;
        let refused = board.refused.load(Ordering::Relaxed);
        let posted = posting.await.doing("post")??;
        arrive(board, frames, 0, PATIENCE).await;
        let usage = meter.stop();
        let mut row = Row::new(NAME, format!("{sockets} sockets, {rate} posts/s"))
            .posted(&posted)
            .series(board.caught_up.against(sockets))
            .series(board.messages.against(frames))
            .figure("everybody back after", back, "s")
            .figure("attempts refused", refused as f64, "")
            .figure("gaps", board.gaps.load(Ordering::Relaxed) as f64, "")
            .figure("resyncs", board.resyncs.load(Ordering::Relaxed) as f64, "");
        row.usage = Some(usage);
        row.memory = self.stage.memory();
        Ok(row)
    }
}
