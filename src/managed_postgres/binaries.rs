//! Finding installed PostgreSQL programs and asking them for their version.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// One directory with the PostgreSQL programs that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    dir: PathBuf,
    major: u32,
}

impl Installation {
    /// Where the programs are.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// 15 for PostgreSQL 15.18.
    pub(crate) fn major(&self) -> u32 {
        self.major
    }

    /// The path of one of the programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// What a server needs. The first is asked for the version.
pub(crate) const SERVER_PROGRAMS: &[&str] = &["postgres", "initdb"];

/// What backup and restore need. The first is asked for the version.
pub(crate) const CLIENT_PROGRAMS: &[&str] = &["pg_dump", "pg_restore", "psql"];

/// Every installation that has all `programs`, highest major first; inside one
/// major the first place listed wins. When `bin_dir` is given it is the only
/// place searched, so that an operator's choice is never overruled.
pub(crate) fn find(bin_dir: Option<&Path>, programs: &[&str]) -> Vec<Installation> {
    let directories = match bin_dir {
        Some(dir) => vec![dir.to_owned()],
        None => usual_directories(),
    };
    let mut found: Vec<Installation> = directories
        .into_iter()
        .filter(|dir| programs.iter().all(|name| dir.join(name).is_file()))
        .filter_map(|dir| {
            let major = ask_major(&dir.join(programs.first()?))?;
            Some(Installation { dir, major })
        })
        .collect();
    // A stable sort: the order of the directories decides inside one major.
    found.sort_by_key(|installation| std::cmp::Reverse(installation.major));
    found
}

/// The places of [`find`], for an error message.
pub(crate) fn describe_search(bin_dir: Option<&Path>) -> String {
    match bin_dir {
        Some(dir) => format!("{} (database.bin_dir)", dir.display()),
        None => "/usr/lib/postgresql, /usr/pgsql-*, /usr/libexec, Homebrew, Postgres.app, \
                 pg_config --bindir, PATH"
            .to_owned(),
    }
}

/// The majors of some installations, for an error message.
pub(crate) fn describe_majors(found: &[Installation]) -> String {
    let mut majors: Vec<u32> = found.iter().map(Installation::major).collect();
    majors.dedup();
    let majors: Vec<String> = majors.iter().map(u32::to_string).collect();
    match majors.is_empty() {
        true => "no version".to_owned(),
        false => format!("PostgreSQL {}", majors.join(", ")),
    }
}

/// Parent directory, start of the directory's name, what follows below it.
/// Debian keeps `initdb` and `postgres` out of PATH, so PATH alone finds nothing there.
const KNOWN_PLACES: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

fn usual_directories() -> Vec<PathBuf> {
    let mut directories = Vec::new();
    for (parent, prefix, below) in KNOWN_PLACES {
        directories.extend(children(Path::new(parent), prefix).map(|dir| dir.join(below)));
    }
    directories.extend(pg_config_directory());
    if let Some(path) = env::var_os("PATH") {
        // A relative entry would depend on where the server was started.
        directories.extend(env::split_paths(&path).filter(|dir| dir.is_absolute()));
    }
    directories
}

fn children(parent: &Path, prefix: &'static str) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
}

fn pg_config_directory() -> Option<PathBuf> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let dir = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(dir.trim())).filter(|dir| dir.is_absolute())
}

fn ask_major(program: &Path) -> Option<u32> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    parse_major(&String::from_utf8(output.stdout).ok()?)
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian ...)`, also `18beta1`.
fn parse_major(version_line: &str) -> Option<u32> {
    let (_, version) = version_line.split_once("(PostgreSQL) ")?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_is_read_from_every_spelling() {
        for (line, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15),
            ("pg_dump (PostgreSQL) 18beta1\n", 18),
            ("postgres (PostgreSQL) 17rc1", 17),
        ] {
            assert_eq!(parse_major(line), Some(major), "{line}");
        }
        assert_eq!(parse_major("zsh: command not found"), None);
    }

    #[test]
    fn the_majors_are_listed_once_each() {
        let at = |dir: &str, major| Installation {
            dir: dir.into(),
            major,
        };
        let found = [at("/a", 18), at("/b", 15), at("/c", 15)];
        assert_eq!(describe_majors(&found), "PostgreSQL 18, 15");
        assert_eq!(describe_majors(&[]), "no version");
    }
}
