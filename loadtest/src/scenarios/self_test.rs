//! The proof of the driver: a server that stands still for a second, in the middle of posts at a
//! fixed rate, has to show in the latencies. A driver that waits for answers before it posts
//! again would hardly notice.

use std::time::Duration;

use clap::Args;
use rustix::process::Signal;

use super::latency::{Profile, Scene};
use crate::failure::{Failure, Outcome};
use crate::row::Row;
use crate::server_process::signal;
use crate::stage::Bench;

pub(super) const NAME: &str = "self-test";

/// How long the server stands still.
const STILL: Duration = Duration::from_secs(1);

/// What the slowest thousandth has to show, in milliseconds.
const EXPECTED_MS: std::ops::Range<f64> = 900.0..3000.0;

/// The proof of the driver.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SelfTest {
    /// Posts a second [default: 1000].
    #[arg(long)]
    rate: Option<f64>,
}

impl SelfTest {
    pub(super) async fn run(&self, bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
        let profile = Profile {
            rate: bench.size(self.rate, 1000.0, 200.0),
            members: 10,
            channels: 1,
            seconds: bench.seconds(10.0, 3.0),
            poisson: false,
        };
        let stage = bench.stage(&[]).await?;
        let pid = stage.pid.ok_or_else(|| {
            Failure::said("the self-test has to stop the server for a second: give its --pid")
        })?;
        let scene = Scene::set(&stage, profile).await?;
        stage
            .progress
            .scene("self-test: the server stands still for a second");
        let pause = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs_f64(profile.seconds / 3.0)).await;
            let _going_on = StandStill::begin(pid);
            tokio::time::sleep(STILL).await;
        });
        let row = scene.measure(NAME, profile).await?;
        pause.abort();
        rows.push(judge(row));
        Ok(())
    }
}

/// A server that goes on when this is dropped, whatever happens to this driver's tasks.
struct StandStill(u32);

impl StandStill {
    fn begin(pid: u32) -> Self {
        signal(pid, Signal::STOP);
        Self(pid)
    }
}

impl Drop for StandStill {
    fn drop(&mut self) {
        signal(self.0, Signal::CONT);
    }
}

fn judge(row: Row) -> Row {
    let mut series = row.series.iter();
    let wrong = series.find(|series| !EXPECTED_MS.contains(&series.at(0.999)));
    match wrong.map(|series| (series.name.clone(), series.at(0.999))) {
        None => row,
        Some((name, p999)) => row.fail(format!(
            "the server stood still for 1 s, but p99.9 of {name} is {p999:.0} ms"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Verdict;
    use crate::series::Series;

    fn row(longest_ms: u64) -> Row {
        let mut series = Series::new("mention");
        for milliseconds in 1..=longest_ms {
            series.record(milliseconds * 1_000_000);
        }
        Row::new(NAME, "").series(series)
    }

    #[test]
    fn a_second_that_does_not_show_fails() {
        assert_eq!(judge(row(1000)).verdict, Verdict::Measured);
        assert!(matches!(judge(row(400)).verdict, Verdict::Failed(_)));
        assert!(matches!(judge(row(9000)).verdict, Verdict::Failed(_)));
    }
}
