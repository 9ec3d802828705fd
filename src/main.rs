//! The command line.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chatalot::app::{App, Database, private_postgres};
use chatalot::backup::{self, BackupTarget, ExistingFile};
use chatalot::config::Settings;
use chatalot::managed_postgres::Reached;
use chatalot::store::{DatabaseUrl, migrate};
use chatalot::telemetry;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// A self-hosted realtime messaging server: webhooks in, live alerts out.
#[derive(Parser)]
#[command(version)]
struct CommandLine {
    /// A TOML file with settings that differ from the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (the default).
    Serve,
    /// Bring the database's schema up to date and stop.
    Migrate,
    /// Print the OpenAPI document of the HTTP interface.
    Openapi,
    /// Ask the running server whether it is ready; fails if it is not.
    Healthcheck,
    /// Save everything in the database to a file. The server may be running.
    Backup {
        /// The file to write.
        file: PathBuf,
        /// Overwrite a file that exists.
        #[arg(long)]
        force: bool,
    },
    /// Replace everything in the database by a backup. The server may be running.
    Restore {
        /// The file to read.
        file: PathBuf,
    },
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[actix_web::main]
async fn main() -> ExitCode {
    let line = CommandLine::parse();
    match run(line).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "chatalot: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: CommandLine) -> Outcome {
    if let Some(Command::Openapi) = line.command {
        return say(&serde_json::to_string_pretty(&chatalot::http::document())?);
    }
    let settings = Settings::load(line.config.as_deref())?;
    match line.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings).await,
        Command::Migrate => migrate_and_stop(&settings).await,
        Command::Openapi => Ok(()),
        Command::Healthcheck => healthcheck(&settings),
        Command::Backup { file, force } => {
            let existing = if force {
                ExistingFile::Replace
            } else {
                ExistingFile::Refuse
            };
            let bytes = backup::backup(backup_target(&settings)?, &file, existing).await?;
            say(&format!("{} ({bytes} bytes)", file.display()))
        }
        Command::Restore { file } => {
            let target = backup_target(&settings)?;
            backup::restore(target.clone(), &file).await?;
            // The backup may be of an older version, and a running server expects this one's.
            migrate_target(target).await?;
            say("restored")
        }
    }
}

async fn serve(settings: Settings) -> Outcome {
    // Both are caught from here on, so that a signal during a long start stops it cleanly
    // afterwards, and a second one changes nothing.
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    telemetry::watch_panics();
    // Named faults for the crash tests. Without the feature that only tests switch on this
    // does nothing, and there is nothing to name.
    let _faults = fail::FailScenario::setup();
    let app = App::build(settings).await?;
    say(&format!("Chatalot is ready at {}", app.public_url()))?;
    app.run_until_stopped(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
    .await?;
    Ok(())
}

async fn migrate_and_stop(settings: &Settings) -> Outcome {
    let database = Database::start(settings).await?;
    let applied = migrate(database.url()).await;
    database.stop().await;
    say(&format!("{} migrations applied", applied?))
}

async fn migrate_target(target: BackupTarget) -> Outcome {
    match target {
        BackupTarget::External { url, .. } => {
            migrate(&DatabaseUrl::parse(&url)?).await?;
        }
        BackupTarget::Private(settings) => {
            let reached = Reached::reach(settings).await?;
            let migrated = migrate(&DatabaseUrl::from(reached.connection())).await;
            reached.release().await;
            migrated?;
        }
    }
    Ok(())
}

fn backup_target(settings: &Settings) -> Result<BackupTarget, Box<dyn std::error::Error>> {
    let private = private_postgres(settings)?;
    Ok(match settings.database.url.reveal() {
        "" => BackupTarget::Private(private),
        url => BackupTarget::External {
            url: url.to_owned(),
            bin_dir: private.bin_dir,
        },
    })
}

/// Asks over HTTP like any load balancer, by the least that does it: a container's health
/// check runs this every few seconds.
fn healthcheck(settings: &Settings) -> Outcome {
    const PATIENCE: Duration = Duration::from_secs(5);
    let ip = match settings.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, settings.listen.port());
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
        .map_err(|error| format!("not ready: nothing answers at {address}: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream
        .write_all(b"GET /health/ready HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    if answer.split_whitespace().nth(1) == Some("200") {
        return say("ready");
    }
    let body = answer
        .split_once("\r\n\r\n")
        .map_or("no answer", |(_, body)| body);
    Err(format!("not ready: {body}").into())
}

fn say(line: &str) -> Outcome {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
