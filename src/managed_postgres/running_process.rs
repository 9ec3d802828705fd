//! What a process id found in a leftover file stands for today.

use std::{
    fs,
    io::ErrorKind,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Stdio},
};

/// The process behind a recorded id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunningProcess {
    /// There is none.
    Gone,
    /// It has ended and waits for its parent. `kill(pid, 0)` still succeeds on it.
    Zombie,
    /// A PostgreSQL that runs on this data directory.
    PostgresOf,
    /// Something else, which got the id after the recorded process had ended.
    Foreign,
}

/// Looks the process up. `data_dir` is canonical.
pub(super) fn identify(pid: u32, data_dir: &Path) -> RunningProcess {
    match Path::new("/proc/self/stat").exists() {
        true => identify_by_proc(pid, data_dir),
        false => identify_by_ps(pid, data_dir),
    }
}

fn identify_by_proc(pid: u32, data_dir: &Path) -> RunningProcess {
    let process = Path::new("/proc").join(pid.to_string());
    let Ok(stat) = fs::read(process.join("stat")) else {
        return RunningProcess::Gone;
    };
    if matches!(state_in(&stat), Some(b'Z' | b'X')) {
        return RunningProcess::Zombie;
    }
    let is_postgres = match fs::read_link(process.join("cwd")) {
        Ok(directory) => directory == data_dir,
        // Root without CAP_SYS_PTRACE, as in containers, may not read another
        // user's cwd, but everybody may read the arguments.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            fs::read(process.join("cmdline")).is_ok_and(|line| has_argument(&line, data_dir))
        }
        // A process on its way out gives up its directory a moment before it becomes a zombie;
        // its files and its memory are gone by then.
        Err(error) if error.kind() == ErrorKind::NotFound => return RunningProcess::Zombie,
        Err(_) => false,
    };
    match is_postgres {
        true => RunningProcess::PostgresOf,
        false => RunningProcess::Foreign,
    }
}

/// The state letter follows the command name, which is in parentheses and may contain any byte.
fn state_in(stat: &[u8]) -> Option<u8> {
    let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name_ends + 2).copied()
}

fn has_argument(command_line: &[u8], data_dir: &Path) -> bool {
    command_line
        .split(|byte| *byte == 0)
        .any(|argument| argument == data_dir.as_os_str().as_bytes())
}

fn identify_by_ps(pid: u32, data_dir: &Path) -> RunningProcess {
    let output = Command::new("ps")
        .args(["-o", "state=", "-o", "command=", "-p"])
        .arg(pid.to_string())
        .stdin(Stdio::null())
        .output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let line = text.trim();
    let data_dir = format!(" {} ", data_dir.display());
    match line.chars().next() {
        None => RunningProcess::Gone,
        Some('Z') => RunningProcess::Zombie,
        // Our postmaster is always started with more arguments after its directory.
        Some(_) if line.contains("postgres") && line.contains(&data_dir) => {
            RunningProcess::PostgresOf
        }
        Some(_) => RunningProcess::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `sleep` that does not end by itself, in the given directory.
    fn sleeper(directory: &Path) -> std::process::Child {
        Command::new("sleep")
            .arg("600")
            .current_dir(directory)
            .spawn()
            .unwrap()
    }

    #[test]
    fn a_process_is_told_by_its_directory_and_a_zombie_is_not_alive() {
        let data = tempfile::tempdir().unwrap();
        let data_dir = data.path().canonicalize().unwrap();
        let mut child = sleeper(&data_dir);
        let pid = child.id();
        assert_eq!(identify(pid, &data_dir), RunningProcess::PostgresOf);
        assert_eq!(identify(pid, Path::new("/srv")), RunningProcess::Foreign);
        assert_eq!(identify_by_ps(pid, &data_dir), RunningProcess::Foreign);

        child.kill().unwrap();
        // Killed but not waited for: it stays a zombie.
        while identify(pid, &data_dir) == RunningProcess::PostgresOf {
            std::thread::yield_now();
        }
        assert_eq!(identify(pid, &data_dir), RunningProcess::Zombie);
        while identify_by_ps(pid, &data_dir) != RunningProcess::Zombie {
            std::thread::yield_now();
        }

        child.wait().unwrap();
        assert_eq!(identify(pid, &data_dir), RunningProcess::Gone);
        assert_eq!(identify_by_ps(pid, &data_dir), RunningProcess::Gone);
    }

    #[test]
    fn without_the_right_to_read_the_directory_the_arguments_decide() {
        let line = b"/usr/lib/postgresql/15/bin/postgres\0-D\0/var/lib/x/data\0-k\0/s\0";
        assert!(has_argument(line, Path::new("/var/lib/x/data")));
        assert!(!has_argument(line, Path::new("/var/lib/x")));
    }

    #[test]
    fn a_command_name_may_contain_parentheses() {
        assert_eq!(state_in(b"12 (a) Z (b) S 1 12"), Some(b'S'));
    }
}
