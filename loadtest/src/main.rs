//! Puts a Chatalot server under load and measures it from outside. `loadtest` runs every
//! scenario against a server that it starts itself; README.md says how to read the results.

mod api;
mod board;
mod chart;
mod clock;
mod connection;
mod crowd;
mod database;
mod failure;
mod frames;
mod meter;
mod populate;
mod postgres_tools;
mod posting;
mod processes;
mod progress;
mod push_sink;
mod report;
mod row;
mod scenarios;
mod schedule;
mod scrape;
mod script;
mod sealing;
mod series;
mod server_process;
mod socket;
mod stage;
mod stamp;
mod table;
mod target;
mod watcher;

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use failure::{Doing, Failure, Outcome};
use postgres_tools::SyncSpeed;
use progress::Progress;
use report::Report;
use scenarios::Scenario;
use stage::{Bench, Options};

/// Puts a Chatalot server under load and measures it from outside.
///
/// Without a scenario, all of them run, each against a fresh server. Exit code: 0 everything was
/// measured; 1 something failed; 3 a measurement was refused because this driver was the
/// bottleneck.
#[derive(Debug, Parser)]
#[command(version)]
struct CommandLine {
    #[command(subcommand)]
    scenario: Option<Scenario>,
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    match run(line) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(stderr(), "loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(line: CommandLine) -> Outcome<u8> {
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(line.options.threads())
        .enable_all()
        .build()
        .doing("start the threads of this driver")?;
    let report = runtime.block_on(until_interrupted(line.scenario, line.options.clone()));
    // Thousands of tasks may still hold connections; nobody waits for them.
    runtime.shutdown_background();
    let report = report?;
    report.write(&line.options.output)?;
    let mut out = stdout();
    let text = report.to_text();
    out.write_all(text.as_bytes()).doing("print the results")?;
    let output = line.options.output.display();
    writeln!(out, "written: {output}/results.json, {output}/latency.svg").doing("print")?;
    Ok(report.exit_code())
}

/// Each socket is an open file, here and in the server, which inherits the limit.
fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Too low a limit shows at the first socket that does not open.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// Runs everything. Ctrl-C ends it, and the server it started, in order.
async fn until_interrupted(scenario: Option<Scenario>, options: Options) -> Outcome<Report> {
    let progress = Progress::new();
    let bench = Bench::new(options, progress.clone());
    let interrupted = async {
        let mut interrupt = signal(SignalKind::interrupt()).doing("wait for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).doing("wait for signals")?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Err(Failure::Interrupted)
    };
    let ended = tokio::select! {
        report = run_scenarios(scenario, &bench) => report,
        interrupted = interrupted => interrupted,
    };
    bench.stop().await;
    progress.end();
    ended
}

async fn run_scenarios(scenario: Option<Scenario>, bench: &Bench) -> Outcome<Report> {
    let scenarios = scenario.map_or_else(Scenario::standard, |it| vec![it]);
    let before = sync_speed(bench).await;
    let mut rows = Vec::new();
    for scenario in scenarios {
        bench.progress.scene(scenario.name());
        rows.extend(scenario.run(bench).await?);
    }
    Ok(Report {
        rows,
        sync: [before, sync_speed(bench).await],
        quick: bench.options.quick,
    })
}

/// The disk of a server elsewhere is unknown.
async fn sync_speed(bench: &Bench) -> Option<SyncSpeed> {
    if bench.options.url.is_some() || bench.options.quick {
        return None;
    }
    bench.progress.scene("disk: pg_test_fsync");
    SyncSpeed::measure(&bench.options.data_parent()).await
}
