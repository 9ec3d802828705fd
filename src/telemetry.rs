//! Logs: structured, to stderr, without secrets. Stdout has the one line that says the server
//! is ready.
//!
//! What is never logged: tokens, passwords, cookies, keys, contents of messages, paths of
//! requests. Their types do not show themselves, and the log names routes instead of paths.

use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{ConfigError, LogFormat, LogSettings};

/// Starts logging. Later calls in the same process change nothing.
///
/// # Errors
/// When the level is not understood.
pub fn start_logging(settings: &LogSettings) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&settings.level).map_err(|error| ConfigError::Invalid {
        key: "log.level".to_owned(),
        message: format!(
            "must be a level such as info, or a list such as info,chatalot=debug: {error}"
        ),
    })?;
    // Libraries log what they are given: the database driver every parameter at `debug`,
    // which are contents and hashes. No level that an operator sets lets that through.
    let ours = filter_fn(|metadata| {
        metadata.target().starts_with("chatalot") || *metadata.level() <= Level::WARN
    });
    let registry = tracing_subscriber::registry().with(filter).with(ours);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Already started is fine: tests build several servers in one process.
    let _ = match settings.format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    Ok(())
}

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Logs and counts the panics of this process. One costs the actor or request it happens in.
/// For the program alone: in a test the message of a panic is wanted.
pub fn watch_panics() {
    panic::set_hook(Box::new(|info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        // Not the message: the standard library's quote the text they failed on.
        tracing::error!(place, "panic");
    }));
}

/// How many panics there were since [`watch_panics`].
#[must_use]
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}
