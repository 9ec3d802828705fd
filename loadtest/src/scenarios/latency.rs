//! Posts at a fixed rate: how long from the time they were meant to leave until they are with
//! the members who watch and with the one who is mentioned.

use std::sync::Arc;

use clap::Args;

use super::{PATIENCE, arrive, watching_seats};
use crate::board::Board;
use crate::crowd::Crowd;
use crate::failure::Outcome;
use crate::populate::{Membership, World};
use crate::posting::Poster;
use crate::row::Row;
use crate::schedule::Schedule;
use crate::script::Script;
use crate::stage::{Bench, Stage};

pub(super) const NAME: &str = "latency";

/// Connections that post. Enough that a post finds one free while the server is slow.
const CONNECTIONS: usize = 64;

/// Latency at a fixed rate.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Latency {
    /// Posts a second [default: 200 to 100 members, then 1000 to 10000].
    #[arg(long)]
    rate: Option<f64>,
    /// Members, each with a socket that watches its channel.
    #[arg(long)]
    members: Option<usize>,
    /// Channels, with the same number of members each.
    #[arg(long)]
    channels: Option<usize>,
    /// Posts come at random with that rate on average, instead of in equal distances.
    #[arg(long)]
    poisson: bool,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    /// Posts a second.
    pub(super) rate: f64,
    /// Members with a socket.
    pub(super) members: usize,
    /// Channels.
    pub(super) channels: usize,
    /// How long.
    pub(super) seconds: f64,
    /// At random.
    pub(super) poisson: bool,
}

impl Latency {
    pub(super) async fn run(&self, bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
        for profile in self.profiles(bench) {
            let stage = bench.stage(&[]).await?;
            let scene = Scene::set(&stage, profile).await?;
            rows.push(scene.measure(NAME, profile).await?);
        }
        Ok(())
    }

    fn profiles(&self, bench: &Bench) -> Vec<Profile> {
        let profile = |rate, members, channels| Profile {
            rate: self.rate.unwrap_or(rate),
            members: self.members.unwrap_or(members),
            channels: self.channels.unwrap_or(channels),
            seconds: bench.seconds(30.0, 2.0),
            poisson: self.poisson,
        };
        let small = bench.size(None, profile(200.0, 100, 1), profile(50.0, 5, 1));
        let large = bench.size(None, profile(1000.0, 10_000, 1000), profile(100.0, 20, 4));
        match self.rate.is_some() || self.members.is_some() || self.channels.is_some() {
            true => vec![small],
            false => vec![small, large],
        }
    }
}

/// Members at their sockets, ready for posts.
pub(super) struct Scene<'a> {
    stage: &'a Stage,
    board: Arc<Board>,
    crowd: Crowd,
    poster: Poster,
}

impl<'a> Scene<'a> {
    /// Brings the members in.
    pub(super) async fn set(stage: &'a Stage, profile: Profile) -> Outcome<Self> {
        stage
            .progress
            .scene(format!("latency: {}", variant(profile)));
        // The same number in each channel.
        let members = profile.members / profile.channels * profile.channels;
        let world = World::make(stage, profile.channels, members, Membership::Split).await?;
        let board = Arc::new(Board::default());
        let seats = watching_seats(&world);
        let crowd = Crowd::gather(&stage.target, &board, seats, &stage.progress).await?;
        let script = Script::plain(&stage.target.host, world.webhooks()).mentioning(world.names());
        let poster = Poster {
            target: stage.target.clone(),
            script: Arc::new(script),
            connections: CONNECTIONS,
            progress: stage.progress.clone(),
        };
        let scene = Self {
            stage,
            board,
            crowd,
            poster,
        };
        // Caches and actors are there from the first seconds of a server's life on.
        scene
            .poster
            .open_loop(Schedule::constant(profile.rate, 1.0))
            .await?;
        Ok(scene)
    }

    /// Posts and measures.
    pub(super) async fn measure(&self, name: &'static str, profile: Profile) -> Outcome<Row> {
        let schedule = match profile.poisson {
            true => Schedule::poisson(profile.rate, profile.seconds),
            false => Schedule::constant(profile.rate, profile.seconds),
        };
        let posts = schedule.len() as u64;
        let frames = posts * (self.crowd.len() / profile.channels.max(1)) as u64;
        self.board.begin();
        let meter = self.stage.meter().start();
        let posted = self.poster.open_loop(schedule).await?;
        arrive(&self.board, frames, posts, PATIENCE).await;
        let usage = meter.stop();
        let mut row = Row::new(name, variant(profile))
            .posted(&posted)
            .series(self.board.mentions.against(posts))
            .series(self.board.messages.against(frames));
        row.deliveries = Some((self.board.messages.count(), posted.seconds()));
        row.usage = Some(usage);
        row.memory = self.stage.memory();
        let refusal = usage.refuse_open(&posted, self.stage.options.max_lateness_ms);
        let row = row.figure("driver late p99", posted.lateness.at(0.99), "ms");
        Ok(row.refuse(self.stage.judge(refusal)))
    }
}

fn variant(profile: Profile) -> String {
    let Profile {
        rate,
        members,
        channels,
        ..
    } = profile;
    match channels {
        1 => format!("{rate}/s, {members} members"),
        _ => format!("{rate}/s, {members} members in {channels} channels"),
    }
}
