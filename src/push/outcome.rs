//! What a push service's answer means.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// What became of a push, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The push service took it.
    Delivered,
    /// The subscription does not exist any more: forget it.
    Gone,
    /// It may work later: the service is busy or cannot be reached.
    RetryLater {
        /// How long the service asks to wait.
        after: Option<Duration>,
    },
    /// The service wants less.
    TooLarge,
    /// The service does not accept how this server signs or asks. Keep the subscription: it
    /// is not the browser's fault.
    Misconfigured,
    /// Anything else, a redirect included: trying again the same way is no use.
    Failed,
}

impl Outcome {
    /// Reads a status, with the value of `Retry-After` if there is one.
    #[must_use]
    pub(super) fn of(status: u16, retry_after: Option<&str>) -> Self {
        match status {
            200..=299 => Self::Delivered,
            404 | 410 => Self::Gone,
            408 | 429 | 500..=599 => Self::RetryLater {
                after: retry_after.and_then(|value| wait(value, Utc::now())),
            },
            413 => Self::TooLarge,
            400 | 401 | 403 => Self::Misconfigured,
            _ => Self::Failed,
        }
    }

    /// Its name in metrics and logs.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Gone => "gone",
            Self::RetryLater { .. } => "retry_later",
            Self::TooLarge => "too_large",
            Self::Misconfigured => "misconfigured",
            Self::Failed => "failed",
        }
    }
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn wait(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(value).ok()?;
            (date.with_timezone(&Utc) - now)
                .to_std()
                .unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        let retry = Outcome::RetryLater { after: None };
        for (status, expected) in [
            (200, Outcome::Delivered),
            (201, Outcome::Delivered),
            (301, Outcome::Failed),
            (400, Outcome::Misconfigured),
            (401, Outcome::Misconfigured),
            (403, Outcome::Misconfigured),
            (404, Outcome::Gone),
            (410, Outcome::Gone),
            (413, Outcome::TooLarge),
            (418, Outcome::Failed),
            (429, retry),
            (500, retry),
            (503, retry),
        ] {
            assert_eq!(Outcome::of(status, None), expected, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap();
        let now = now.with_timezone(&Utc);
        let seconds = |value| wait(value, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("7"), Some(7));
        assert_eq!(seconds("Thu, 01 Jan 2026 00:01:00 GMT"), Some(60));
        assert_eq!(seconds("Wed, 31 Dec 2025 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("99999999999"), Some(86_400));
        assert_eq!(seconds("soon"), None);
    }
}
