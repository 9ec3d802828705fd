//! How every program of PostgreSQL is started: as whom, with which environment,
//! and what becomes of it when we die.

use std::{
    env,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::Signal;

use super::user::ServerUser;

/// Kept from our environment. Everything else goes: `PG*`, `LC_*` and `LANG` change
/// what PostgreSQL does, and the rest may hold secrets of ours.
const KEPT_ENVIRONMENT: &[&str] = &["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"];

/// A command that runs `program` as `user` and gets `on_our_death` when this process dies.
///
/// It must be spawned from a thread that lives as long as the server: the kernel
/// ties the death signal to the spawning thread, not to the process.
pub(super) fn command(
    program: &Path,
    user: ServerUser,
    on_our_death: Signal,
) -> tokio::process::Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(
            KEPT_ENVIRONMENT
                .iter()
                .filter_map(|name| Some((name, env::var_os(name)?))),
        )
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        // Ctrl-C in the terminal would reach it before our server has drained.
        .process_group(0);
    user.apply(&mut command);
    end_with_us(&mut command, on_our_death);
    command.into()
}

#[cfg(target_os = "linux")]
fn end_with_us(command: &mut Command, signal: Signal) {
    use rustix::process::{getpid, getppid, set_parent_process_death_signal};

    let us = getpid();
    // `pre_exec` runs after the change of uid, which would clear the setting.
    let arm = move || {
        set_parent_process_death_signal(Some(signal))?;
        // We may have died between the fork and the line above; nobody would tell it.
        match getppid() == Some(us) {
            true => Ok(()),
            false => Err(rustix::io::Errno::SRCH.into()),
        }
    };
    #[expect(
        unsafe_code,
        reason = "between fork and exec the closure makes two system calls and allocates nothing"
    )]
    unsafe {
        command.pre_exec(arm);
    }
}

/// Elsewhere an orphan is possible; the next start finds and stops it.
#[cfg(not(target_os = "linux"))]
fn end_with_us(_command: &mut Command, _signal: Signal) {}
