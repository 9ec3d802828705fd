//! `pg_dump`, `pg_restore` and `psql`: the right version, pointed at a database.

use std::{env, ffi::OsStr, path::Path, process::Stdio};

use tokio::process::Command;

use super::{connection_environment::ConnectionEnvironment, error::BackupError};
use crate::managed_postgres::{
    binaries::{self, CLIENT_PROGRAMS, Installation},
    install_hint,
};

/// How much of a program's output an error quotes.
const QUOTED_BYTES: usize = 1500;

/// Client programs of one major version for one database.
#[derive(Debug)]
pub(super) struct ClientTools {
    installed: Vec<Installation>,
    chosen: Installation,
    environment: ConnectionEnvironment,
}

/// What the database says about itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inspection {
    /// The major version of the server.
    pub(super) major: u32,
    /// Whether Chatalot's schema is there.
    pub(super) has_schema: bool,
}

impl ClientTools {
    /// Finds the newest.
    pub(super) fn find(
        bin_dir: Option<&Path>,
        environment: ConnectionEnvironment,
    ) -> Result<Self, BackupError> {
        let installed = binaries::find(bin_dir, CLIENT_PROGRAMS);
        let Some(chosen) = installed.first().cloned() else {
            return Err(BackupError::ToolsNotFound {
                searched: binaries::describe_search(bin_dir),
                install: install_hint::any_version(),
            });
        };
        Ok(Self {
            installed,
            chosen,
            environment,
        })
    }

    /// The major version of the programs.
    pub(super) fn major(&self) -> u32 {
        self.chosen.major()
    }

    /// Continues with the lowest version that is at least `major`: the same if possible,
    /// because an older server does not know everything that newer programs say.
    pub(super) fn choose_at_least(&mut self, major: u32) -> Result<(), BackupError> {
        let fitting = self.installed.iter().filter(|it| it.major() >= major);
        match fitting.min_by_key(|it| it.major()) {
            Some(installation) => {
                self.chosen = installation.clone();
                Ok(())
            }
            None => Err(BackupError::ToolsTooOld {
                needed: major,
                found: binaries::describe_majors(&self.installed),
                install: install_hint::client(major),
            }),
        }
    }

    /// A command with the connection in its environment, which dies with us.
    pub(super) fn command(&self, tool: &'static str) -> Command {
        let mut command = Command::new(self.chosen.program(tool));
        for (name, _) in env::vars_os() {
            if is_postgres_variable(&name) {
                command.env_remove(name);
            }
        }
        command
            .envs(self.environment.variables())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// `psql` that reads no start-up file, asks for no password and stops at the first
    /// error. Its messages name no values: those are rows.
    pub(super) fn psql(&self) -> Command {
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-w", "-A", "-t"]).args([
            "--set=ON_ERROR_STOP=1",
            "--set=VERBOSITY=terse",
            "--set=SHOW_CONTEXT=never",
        ]);
        command
    }

    /// Asks the database for its version and schema.
    pub(super) async fn inspect(&self) -> Result<Inspection, BackupError> {
        let output = self
            .psql()
            .args([
                "-F",
                " ",
                "-c",
                include_str!("../../sql/restore/inspect.sql"),
            ])
            .stdout(Stdio::piped())
            .output()
            .await
            .map_err(BackupError::io("run", self.chosen.program("psql")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let parsed = text.trim().split_once(' ').and_then(|(major, schema)| {
            Some(Inspection {
                major: major.parse().ok()?,
                has_schema: schema == "t",
            })
        });
        parsed.ok_or_else(|| BackupError::ToolFailed {
            tool: "psql",
            said: quote(&output.stderr),
        })
    }

    /// The path of a program, for errors.
    pub(super) fn path(&self, tool: &str) -> std::path::PathBuf {
        self.chosen.program(tool)
    }
}

fn is_postgres_variable(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("PG")
}

/// The end of what a program wrote to its standard error.
pub(super) fn quote(stderr: &[u8]) -> String {
    let from = stderr.len().saturating_sub(QUOTED_BYTES);
    let text = String::from_utf8_lossy(stderr.get(from..).unwrap_or_default());
    match text.trim() {
        "" => "(nothing)".to_owned(),
        said => said.to_owned(),
    }
}
