//! Posts that mention fifty members who are not there and have a device each, against the same
//! posts without mentions.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::api::Api;
use crate::failure::Outcome;
use crate::populate::{Membership, World};
use crate::posting::{Posted, Poster};
use crate::push_sink::PushSink;
use crate::row::Row;
use crate::script::Script;
use crate::stage::{Bench, Stage};

pub(super) const NAME: &str = "offline-mentions";

/// Mentions of members who are offline.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OfflineMentions {
    /// Members mentioned in each post; the server alerts fifty at most [default: 50].
    #[arg(long)]
    members: Option<usize>,
    /// Connections, each with one post on its way [default: 16].
    #[arg(long)]
    connections: Option<usize>,
}

impl OfflineMentions {
    pub(super) async fn run(&self, bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
        let members = bench.size(self.members, 50, 3);
        let connections = bench.size(self.connections, 16, 2);
        let seconds = bench.seconds(10.0, 1.0);
        let stage = bench.stage(&[]).await?;
        stage
            .progress
            .scene(format!("offline-mentions: {members} devices"));
        let world = World::make(&stage, 1, members, Membership::Everywhere).await?;
        let sink = PushSink::start().await?;
        for member in &world.members {
            let mut api = Api::new(&stage.target, Some(&member.token));
            api.post("/push/subscriptions", &sink.subscription()?)
                .await?;
        }
        let scene = Scene {
            stage: &stage,
            world: &world,
            sink: &sink,
            connections,
            length: Duration::from_secs_f64(seconds),
        };
        let (without, row) = scene.measure("the same without mentions", '.').await?;
        rows.push(row);
        let (with, row) = scene
            .measure(&format!("{members} offline members"), '@')
            .await?;
        let row = scene.measure_backlog(row).await;
        let rate = |posted: &Posted| posted.accepted as f64 / posted.seconds().max(0.001);
        let ratio = rate(&with) / rate(&without).max(0.001);
        rows.push(row.figure(
            "post rate, as a multiple of that without mentions",
            ratio,
            "",
        ));
        Ok(())
    }
}

struct Scene<'a> {
    stage: &'a Stage,
    world: &'a World,
    sink: &'a PushSink,
    connections: usize,
    length: Duration,
}

impl Scene<'_> {
    /// `sign` stands before each name, so that both kinds of posts have the same length.
    async fn measure(&self, variant: &str, sign: char) -> Outcome<(Posted, Row)> {
        self.stage
            .progress
            .scene(format!("offline-mentions: {variant}"));
        let names = self.world.members.iter();
        let tail: String = names.map(|it| format!(" {sign}{}", it.name)).collect();
        let script = Script::plain(&self.stage.target.host, self.world.webhooks());
        let poster = Poster {
            target: self.stage.target.clone(),
            script: Arc::new(script.with_tail(tail)),
            connections: self.connections,
            progress: self.stage.progress.clone(),
        };
        poster.closed_loop(self.length / 5).await?;
        let pushed = self.sink.received();
        let meter = self.stage.meter().start();
        let posted = poster.closed_loop(self.length).await?;
        let usage = meter.stop();
        let pushes = (self.sink.received() - pushed) as f64 / usage.wall;
        let mut row = Row::new(NAME, variant).posted(&posted);
        row.usage = Some(usage);
        row.memory = self.stage.memory();
        let row = row.figure("pushes beside the posts", pushes, "a second");
        Ok((posted, row.refuse(self.stage.judge(usage.refuse_closed()))))
    }

    /// What the server pushes once nobody posts any more. More was owed than a run can wait for.
    async fn measure_backlog(&self, row: Row) -> Row {
        let scene = "offline-mentions: pushes after the posts".to_owned();
        self.stage.progress.scene(scene);
        let pushed = self.sink.received();
        let meter = self.stage.meter().start();
        tokio::time::sleep(self.length).await;
        let usage = meter.stop();
        let pushes = (self.sink.received() - pushed) as f64;
        let mut row = row.figure("pushes after the posts", pushes / usage.wall, "a second");
        if let (Some(server), true) = (usage.server, pushes > 0.0) {
            row = row.figure("server CPU for a push", server * 1e6 / pushes, "us");
        }
        match pushes > 0.0 {
            true => row,
            false => row.fail("no push came".to_owned()),
        }
    }
}
