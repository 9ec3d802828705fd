//! Logs: structured, to stderr, without secrets. Stdout has the one line that says the server
//! is ready.
//!
//! What is never logged: tokens, passwords, cookies, keys, contents of messages, paths of
//! requests. Their types do not show themselves, and the log names routes instead of paths.

use std::panic;
use std::sync::Arc;

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{ConfigError, LogFormat, LogSettings};
use crate::metrics::Metrics;

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

/// Logs and counts panics. One costs the actor or request it happens in.
pub fn count_panics(metrics: &Arc<Metrics>) {
    let metrics = Arc::clone(metrics);
    panic::set_hook(Box::new(move |info| {
        metrics.panics.inc();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        // Not the message: the standard library's quote the text they failed on.
        tracing::error!(place, "panic");
    }));
}
