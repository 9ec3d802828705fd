//! One channel with very many members, posted to as fast as it goes, and a quiet channel beside
//! it that must not notice.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;

use super::{PATIENCE, arrive, watching_seats};
use crate::board::Board;
use crate::clock;
use crate::crowd::Crowd;
use crate::failure::Outcome;
use crate::meter::Usage;
use crate::populate::{Membership, World};
use crate::posting::{Posted, Poster};
use crate::row::Row;
use crate::schedule::Schedule;
use crate::script::Script;
use crate::stage::{Bench, Stage};

pub(super) const NAME: &str = "fan-out";

/// Posts a second to the quiet channel.
const QUIET_RATE: f64 = 20.0;

/// A backlog of frames may take this long to get through.
const BACKLOG_PATIENCE: Duration = Duration::from_secs(60);

/// Very many members of one channel.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FanOut {
    /// Numbers of members, with commas between [default: 100,1000,10000].
    #[arg(long, value_delimiter = ',')]
    members: Vec<usize>,
    /// Connections that post [default: 8].
    #[arg(long)]
    connections: Option<usize>,
}

impl FanOut {
    pub(super) async fn run(&self, bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
        let mut counts = bench.size(None, vec![100, 1000, 10_000], vec![5, 20]);
        if !self.members.is_empty() {
            counts.clone_from(&self.members);
        }
        for members in counts {
            let stage = bench.stage(&[]).await?;
            stage.progress.scene(format!("fan-out: {members} members"));
            let seconds = bench.seconds(10.0, 1.0);
            let connections = bench.size(self.connections, 8, 2);
            let busy = Channel::make(&stage, members, connections).await?;
            let quiet = Channel::make(&stage, 1, 4).await?;
            rows.push(measure(&stage, &busy, &quiet, seconds).await?);
        }
        Ok(())
    }
}

/// A channel with everybody who watches it.
struct Channel {
    board: Arc<Board>,
    crowd: Crowd,
    poster: Poster,
}

impl Channel {
    async fn make(stage: &Stage, members: usize, connections: usize) -> Outcome<Self> {
        let world = World::make(stage, 1, members, Membership::Everywhere).await?;
        let board = Arc::new(Board::default());
        let seats = watching_seats(&world);
        let crowd = Crowd::gather(&stage.target, &board, seats, &stage.progress).await?;
        let poster = Poster {
            target: stage.target.clone(),
            script: Arc::new(Script::plain(&stage.target.host, world.webhooks())),
            connections,
            progress: stage.progress.clone(),
        };
        Ok(Self {
            board,
            crowd,
            poster,
        })
    }

    fn members(&self) -> u64 {
        self.crowd.len() as u64
    }
}

async fn measure(stage: &Stage, busy: &Channel, quiet: &Channel, seconds: f64) -> Outcome<Row> {
    let schedule = Schedule::constant(QUIET_RATE, seconds);
    let quiet_posts = schedule.len() as u64;
    busy.board.begin();
    quiet.board.begin();
    let meter = stage.meter().start();
    let length = Duration::from_secs_f64(seconds);
    let (posted, quiet_posted) = tokio::join!(
        busy.poster.closed_loop(length),
        quiet.poster.open_loop(schedule)
    );
    let (posted, quiet_posted) = (posted?, quiet_posted?);
    let frames = posted.accepted * busy.members();
    arrive(&busy.board, frames, 0, BACKLOG_PATIENCE).await;
    let took = clock::seconds(posted.from, clock::now());
    let usage = meter.stop();
    arrive(&quiet.board, quiet_posts, 0, PATIENCE).await;
    let mut beside = quiet.board.messages.against(quiet_posts);
    beside.name = "quiet channel".to_owned();
    let mut row = Row::new(NAME, format!("{} members", busy.members()))
        .posted(&posted)
        .series(busy.board.messages.against(frames))
        .series(beside);
    if let Some(complaint) = quiet_posted.complaint {
        row = row.fail(complaint);
    }
    row.deliveries = Some((busy.board.messages.count(), took));
    row.usage = Some(usage);
    row.memory = stage.memory();
    let row = with_figures(row, busy, &usage, &posted);
    Ok(row.refuse(stage.judge(usage.refuse_closed())))
}

fn with_figures(mut row: Row, busy: &Channel, usage: &Usage, posted: &Posted) -> Row {
    let board = &busy.board;
    let frames = board.messages.count().max(1) as f64;
    if let Some(server) = usage.server {
        row = row.figure("server CPU for a frame", server * 1e6 / frames, "us");
    }
    if let Some(driver) = usage.driver {
        row = row.figure("driver CPU for a frame", driver * 1e6 / frames, "us");
    }
    let backlog = usage.wall - posted.seconds();
    row = row.figure("backlog after the last post", backlog.max(0.0), "s");
    for (name, counter) in [
        ("sockets cut", &board.closed),
        ("gaps", &board.gaps),
        ("resyncs", &board.resyncs),
    ] {
        let value = counter.load(Ordering::Relaxed);
        row = row.figure(name, value as f64, "");
    }
    match board.complaint() {
        Some(complaint) if board.closed.load(Ordering::Relaxed) > 0 => row.fail(complaint),
        _ => row,
    }
}
