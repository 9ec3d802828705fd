//! Very many sockets on which nothing happens: what each costs, and what the heartbeat costs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use crate::board::Board;
use crate::crowd::Crowd;
use crate::failure::{Failure, Outcome};
use crate::populate::{Membership, World};
use crate::row::Row;
use crate::stage::{Bench, Stage};
use crate::watcher::Seat;

pub(super) const NAME: &str = "idle";

/// Buffers of the connecting are given back in this time.
const SETTLE: Duration = Duration::from_secs(3);

/// Very many idle sockets.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Idle {
    /// Sockets [default: 10000].
    #[arg(long)]
    sockets: Option<usize>,
    /// Users among whom the sockets are divided [default: one for each socket].
    #[arg(long)]
    users: Option<usize>,
}

impl Idle {
    pub(super) async fn run(&self, bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
        let sockets = bench.size(self.sockets, 10_000, 20);
        let users = self.users.unwrap_or(sockets).clamp(1, sockets.max(1));
        let stage = bench.stage(&[]).await?;
        stage.progress.scene(format!("idle: {sockets} sockets"));
        let world = World::make(&stage, 1, users, Membership::Everywhere).await?;
        // What every first connection brings with it is not counted as theirs.
        let first = gather(&stage, &world, users.min(10)).await?;
        sleep(SETTLE).await;
        drop(first);
        let before = stage.memory();
        let scene = gather(&stage, &world, sockets).await?;
        sleep(SETTLE).await;
        let seconds = bench.seconds(60.0, 1.0);
        let after = stage.memory();
        let meter = stage.meter().start();
        wait(&stage, seconds).await;
        let usage = meter.stop();
        let mut row = Row::new(NAME, format!("{sockets} sockets of {users} users"));
        let pair = before.zip(after);
        let pair = pair.ok_or_else(|| Failure::said("the memory of the server cannot be seen"));
        if let Ok((before, after)) = pair {
            let each =
                |from: u64, to: u64| to.saturating_sub(from) as f64 / 1024.0 / sockets as f64;
            row = row
                .figure("RSS a socket", each(before.rss, after.rss), "KB")
                .figure("PSS a socket", each(before.pss, after.pss), "KB")
                .figure("USS a socket", each(before.uss, after.uss), "KB");
        }
        if let Some(server) = usage.server {
            row = row.figure("server CPU in a minute", server * 60.0 / usage.wall, "s");
        }
        if let Some(driver) = usage.driver {
            row = row.figure("driver CPU in a minute", driver * 60.0 / usage.wall, "s");
        }
        row.usage = Some(usage);
        row.memory = after;
        let cut = scene.0.closed.load(Ordering::Relaxed);
        let row = row.figure("sockets cut", cut as f64, "");
        rows.push(match cut {
            0 => row,
            _ => row.fail(scene.0.complaint().unwrap_or_default()),
        });
        Ok(())
    }
}

/// A board, and the crowd that writes on it.
struct Scene(
    Arc<Board>,
    #[expect(dead_code, reason = "holds the connections")] Crowd,
);

async fn gather(stage: &Stage, world: &World, sockets: usize) -> Outcome<Scene> {
    let members = world.members.iter().cycle().take(sockets).enumerate();
    let seats = members.map(|(at, member)| Seat::new(&member.token, None, at));
    let board = Arc::new(Board::default());
    let crowd = Crowd::gather(&stage.target, &board, seats.collect(), &stage.progress).await?;
    Ok(Scene(board, crowd))
}

async fn wait(stage: &Stage, seconds: f64) {
    let whole = seconds.ceil() as u64;
    for second in 0..whole {
        stage.progress.at("seconds", second, whole);
        sleep(Duration::from_secs_f64(seconds / whole as f64)).await;
    }
}
