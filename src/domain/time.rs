//! Points in time as the interface writes them.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A point in time in UTC, exact to the microsecond because PostgreSQL's `timestamptz` is:
/// a value reads back from the database as it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The present, cut to microseconds.
    #[must_use]
    pub fn now() -> Self {
        Self::from(Utc::now())
    }

    /// The value for a database parameter.
    #[must_use]
    pub fn as_datetime(&self) -> DateTime<Utc> {
        self.0
    }

    /// This much earlier, or the beginning of time.
    #[must_use]
    pub fn minus(&self, duration: Duration) -> Self {
        let earlier = TimeDelta::from_std(duration)
            .ok()
            .and_then(|duration| self.0.checked_sub_signed(duration));
        Self(earlier.unwrap_or(DateTime::<Utc>::MIN_UTC))
    }

    /// The time from `earlier` to this; none when `earlier` is later.
    #[must_use]
    pub fn since(&self, earlier: Self) -> Duration {
        let passed = self.0.signed_duration_since(earlier.0);
        passed.to_std().unwrap_or_default()
    }

    /// Seconds from `earlier` to this; negative when `earlier` is later.
    #[must_use]
    pub fn seconds_since(&self, earlier: Self) -> i64 {
        self.0.signed_duration_since(earlier.0).num_seconds()
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(value: DateTime<Utc>) -> Self {
        Self(value.trunc_subsecs(6))
    }
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339 with microseconds and offset: `2026-06-04T13:34:30.789723+00:00`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, false))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_with_microseconds_and_offset() {
        let time = DateTime::parse_from_rfc3339("2026-06-04T13:34:30.789723999Z").unwrap();
        let time = Timestamp::from(time.with_timezone(&Utc));
        assert_eq!(time.to_string(), "2026-06-04T13:34:30.789723+00:00");
    }

    #[test]
    fn a_whole_second_still_has_six_digits() {
        let time = DateTime::parse_from_rfc3339("2026-06-04T13:34:30Z").unwrap();
        let time = Timestamp::from(time.with_timezone(&Utc));
        assert_eq!(time.to_string(), "2026-06-04T13:34:30.000000+00:00");
    }
}
