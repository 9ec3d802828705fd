//! The scenarios, and what they have in common.

mod fan_out;
mod idle;
mod latency;
mod offline_mentions;
mod reconnect_storm;
mod saturation;
mod self_test;
mod stalled;

use std::time::Duration;

use clap::Subcommand;

use crate::board::Board;
use crate::crowd::wait_until;
use crate::failure::{Failure, Outcome};
use crate::populate::World;
use crate::row::Row;
use crate::stage::Bench;
use crate::watcher::Seat;

/// How long a frame may take before it counts as missing.
const PATIENCE: Duration = Duration::from_secs(10);

/// One scenario; without one, all of them run.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Stops the server for a second and checks that the latencies show it.
    SelfTest(self_test::SelfTest),
    /// Posts at a fixed rate, and how long they take to members and to whom they mention.
    Latency(latency::Latency),
    /// Posts as fast as they are answered; beside it, what pgbench does.
    Saturation(saturation::Saturation),
    /// One channel with very many members.
    FanOut(fan_out::FanOut),
    /// Very many sockets without traffic.
    Idle(idle::Idle),
    /// Sockets that never read, while others do.
    Stalled(stalled::Stalled),
    /// All sockets dropped at once, and back.
    ReconnectStorm(reconnect_storm::ReconnectStorm),
    /// Posts that mention many members who are not there.
    OfflineMentions(offline_mentions::OfflineMentions),
}

impl Scenario {
    /// Every one with its defaults, in the order of a standard run.
    pub(crate) fn standard() -> Vec<Self> {
        vec![
            Self::SelfTest(Default::default()),
            Self::Latency(Default::default()),
            Self::Saturation(Default::default()),
            Self::FanOut(Default::default()),
            Self::Idle(Default::default()),
            Self::Stalled(Default::default()),
            Self::ReconnectStorm(Default::default()),
            Self::OfflineMentions(Default::default()),
        ]
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::SelfTest(_) => self_test::NAME,
            Self::Latency(_) => latency::NAME,
            Self::Saturation(_) => saturation::NAME,
            Self::FanOut(_) => fan_out::NAME,
            Self::Idle(_) => idle::NAME,
            Self::Stalled(_) => stalled::NAME,
            Self::ReconnectStorm(_) => reconnect_storm::NAME,
            Self::OfflineMentions(_) => offline_mentions::NAME,
        }
    }

    /// Runs it. What does not work becomes a row that says so; only Ctrl-C is an error.
    pub(crate) async fn run(&self, bench: &Bench) -> Outcome<Vec<Row>> {
        let mut rows = Vec::new();
        let ran = match self {
            Self::SelfTest(it) => it.run(bench, &mut rows).await,
            Self::Latency(it) => it.run(bench, &mut rows).await,
            Self::Saturation(it) => it.run(bench, &mut rows).await,
            Self::FanOut(it) => it.run(bench, &mut rows).await,
            Self::Idle(it) => it.run(bench, &mut rows).await,
            Self::Stalled(it) => it.run(bench, &mut rows).await,
            Self::ReconnectStorm(it) => it.run(bench, &mut rows).await,
            Self::OfflineMentions(it) => it.run(bench, &mut rows).await,
        };
        bench.stop().await;
        match ran {
            Err(Failure::Said(why)) => rows.push(Row::new(self.name(), "").fail(why)),
            ran => ran?,
        }
        Ok(rows)
    }
}

/// A seat for every member of `world`, watching its channel.
fn watching_seats(world: &World) -> Vec<Seat> {
    let pairs = world.pairs().enumerate();
    pairs
        .map(|(at, (channel, member))| Seat::new(&member.token, Some(&channel.id), at))
        .collect()
}

/// Waits until that many messages and mentions are there, or too long.
async fn arrive(board: &Board, messages: u64, mentions: u64, patience: Duration) {
    let arrived = || board.messages.count() >= messages && board.mentions.count() >= mentions;
    // What is missing is counted by whoever looks at the board next.
    wait_until(patience, arrived).await;
}
