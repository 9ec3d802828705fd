//! Posts as fast as they are answered, over few and many channels, without and with mentions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{PATIENCE, arrive};
use crate::board::Board;
use crate::crowd::Crowd;
use crate::failure::Outcome;
use crate::populate::{Membership, World};
use crate::postgres_tools::pgbench;
use crate::posting::Poster;
use crate::row::Row;
use crate::script::Script;
use crate::sealing::Envelopes;
use crate::stage::{Bench, Stage};
use crate::watcher::Seat;

pub(super) const NAME: &str = "saturation";

/// Names that are no members', as in a post of a package manager or a mail.
const NOBODY: &str = " deploy of web-42 by @nobody_here_1 and @nobody_here_2: 14 checks passed";

/// How large the posts are by which encrypted ones are compared with those of webhooks, at most: an
/// answer of some sentences.
const BYTES: usize = 1000;

/// How often they are measured after one another, each time for a part of the time.
const TURNS: u32 = 5;

/// How many envelopes each sender makes for a channel; a key is good for a hundred.
const ENVELOPES: usize = 24;

/// As fast as it is answered.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Saturation {
    /// Connections, each with one post on its way [default: 64].
    #[arg(long)]
    connections: Option<usize>,
    /// Numbers of channels, with commas between [default: 1,16,1000].
    #[arg(long, value_delimiter = ',')]
    channels: Vec<usize>,
    /// Members who are online and mentioned in turn [default: 100].
    #[arg(long)]
    members: Option<usize>,
}

#[derive(Clone, Debug)]
enum Posts {
    /// Webhook posts that name nobody.
    Plain,
    /// Webhook posts with names that nobody has.
    Nobody,
    /// Webhook posts that mention a member who is online.
    Online,
    /// Webhook posts with contents of that many bytes.
    Sized(usize),
    /// Encrypted posts of members.
    Encrypted(Envelopes),
}

impl fmt::Display for Posts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Nobody => f.write_str("mentions of nobody"),
            Self::Online => f.write_str("one online member mentioned"),
            Self::Sized(bytes) => write!(f, "webhook posts of {bytes} bytes"),
            Self::Encrypted(envelopes) => {
                write!(f, "encrypted posts of {} bytes", envelopes.bytes())
            }
        }
    }
}

/// How long and how hard.
#[derive(Clone, Copy, Debug)]
struct Effort {
    connections: usize,
    warm_up: Duration,
    length: Duration,
}

impl Saturation {
    pub(super) async fn run(&self, bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
        let stage = bench.stage(&[]).await?;
        let seconds = bench.seconds(10.0, 1.0);
        let effort = Effort {
            connections: bench.size(self.connections, 64, 4),
            warm_up: Duration::from_secs_f64((seconds / 5.0).max(0.2)),
            length: Duration::from_secs_f64(seconds),
        };
        let members = bench.size(self.members, 100, 3);
        let mut counts = bench.size(None, vec![1, 16, 1000], vec![1, 3]);
        if !self.channels.is_empty() {
            counts.clone_from(&self.channels);
        }
        let companion = counts.get(counts.len() / 2).copied();
        for channels in counts {
            stage
                .progress
                .scene(format!("saturation: {channels} channels"));
            let world = World::make(&stage, channels, members, Membership::Everywhere).await?;
            let scene = |posts| Scene {
                stage: &stage,
                world: &world,
                posts,
            };
            for posts in [Posts::Plain, Posts::Nobody, Posts::Online] {
                let is_plain = matches!(posts, Posts::Plain);
                let row = scene(posts).measure(effort).await?;
                let plain = row.posts;
                rows.push(row);
                if is_plain && Some(channels) == companion {
                    add_pgbench(&stage, rows, plain, seconds).await?;
                }
            }
            if Some(channels) == companion {
                stage.progress.scene("saturation: members encrypt");
                let each = bench.size(None, ENVELOPES, 2);
                let envelopes = world.seal(&stage, BYTES, each).await?;
                let webhooks = scene(Posts::Sized(envelopes.bytes()));
                let encrypted = scene(Posts::Encrypted(envelopes));
                rows.extend(compare(&webhooks, &encrypted, effort).await?);
            }
        }
        Ok(())
    }
}

/// Measures webhook posts and encrypted ones of the same size in turns, because a machine and its
/// database change within seconds by more than the two differ, and adds what encrypted ones cost as a
/// multiple.
async fn compare(webhooks: &Scene<'_>, encrypted: &Scene<'_>, effort: Effort) -> Outcome<Vec<Row>> {
    let turn = Effort {
        length: effort.length * 2 / TURNS,
        warm_up: effort.warm_up / 2,
        ..effort
    };
    let (mut of_webhooks, mut of_encrypted) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        of_webhooks.push(webhooks.measure(turn).await?);
        of_encrypted.push(encrypted.measure(turn).await?);
    }
    let webhooks = Row::of_turns(of_webhooks);
    let encrypted = Row::of_turns(of_encrypted);
    let Some((webhooks, mut encrypted)) = webhooks.zip(encrypted) else {
        return Ok(Vec::new());
    };
    let parts = [
        (
            "server CPU, as a multiple of webhook posts of the same size",
            encrypted.server_per_10k().zip(webhooks.server_per_10k()),
        ),
        (
            "PostgreSQL CPU, as a multiple of webhook posts of the same size",
            encrypted
                .postgres_per_10k()
                .zip(webhooks.postgres_per_10k()),
        ),
    ];
    for (name, pair) in parts {
        if let Some((cost, of_webhooks)) = pair {
            encrypted = encrypted.figure(name, cost / of_webhooks.max(0.001), "");
        }
    }
    Ok(vec![webhooks, encrypted])
}

/// Directly after the plain posts, because a minute later the disk may be another.
async fn add_pgbench(
    stage: &Stage,
    rows: &mut Vec<Row>,
    plain: Option<(u64, f64)>,
    seconds: f64,
) -> Outcome<()> {
    let Some(row) = pgbench(stage, seconds.round() as u64).await? else {
        return Ok(());
    };
    let rate = |(number, seconds): (u64, f64)| number as f64 / seconds.max(0.001);
    let ratio = plain.map_or(0.0, rate) / row.posts.map_or(1.0, rate).max(1.0);
    rows.push(row.figure("plain posts just before, as a multiple of this", ratio, ""));
    Ok(())
}

struct Scene<'a> {
    stage: &'a Stage,
    world: &'a World,
    posts: Posts,
}

impl Scene<'_> {
    async fn measure(&self, effort: Effort) -> Outcome<Row> {
        let channels = self.world.channels.len();
        let variant = match channels {
            1 => format!("1 channel, {}", self.posts),
            _ => format!("{channels} channels, {}", self.posts),
        };
        self.stage.progress.scene(format!("saturation: {variant}"));
        let board = Arc::new(Board::default());
        let _crowd = self.crowd(&board).await?;
        let poster = Poster {
            target: self.stage.target.clone(),
            script: Arc::new(self.script()),
            connections: effort.connections,
            progress: self.stage.progress.clone(),
        };
        poster.closed_loop(effort.warm_up).await?;
        board.begin();
        let before = self.stage.metrics().await;
        let meter = self.stage.meter().start();
        let posted = poster.closed_loop(effort.length).await?;
        let mentions = match self.posts {
            Posts::Online => posted.accepted,
            _ => 0,
        };
        arrive(&board, 0, mentions, PATIENCE).await;
        let usage = meter.stop();
        let mut row = Row::new(NAME, variant).posted(&posted);
        if mentions > 0 {
            row = row.series(board.mentions.against(mentions));
        }
        if let Some((before, after)) = before.zip(self.stage.metrics().await) {
            let batches = after.growth(&before, "ledger_batches_total").max(1.0);
            let posts = after.growth(&before, "posts_total");
            row = row.figure("posts in a transaction", posts / batches, "");
        }
        if let Some(idle) = usage.idle_share {
            row = row.figure("machine idle", idle * 100.0, "%");
        }
        row.usage = Some(usage);
        row.memory = self.stage.memory();
        Ok(row.refuse(self.stage.judge(usage.refuse_closed())))
    }

    /// The members who are mentioned, at sockets that watch no channel: they are there for the
    /// alerts alone.
    async fn crowd(&self, board: &Arc<Board>) -> Outcome<Crowd> {
        let members: &[_] = match self.posts {
            Posts::Online => &self.world.members,
            _ => &[],
        };
        let seats = members.iter().enumerate();
        let seats = seats.map(|(at, member)| Seat::new(&member.token, None, at));
        let stage = self.stage;
        Crowd::gather(&stage.target, board, seats.collect(), &stage.progress).await
    }

    fn script(&self) -> Script {
        let host = &self.stage.target.host;
        let script = Script::plain(host, self.world.webhooks());
        match &self.posts {
            Posts::Plain => script,
            Posts::Nobody => script.with_tail(NOBODY),
            Posts::Online => script.mentioning(self.world.names()),
            Posts::Sized(bytes) => script.with_size(*bytes),
            Posts::Encrypted(envelopes) => Script::encrypted(host, envelopes.clone()),
        }
    }
}
