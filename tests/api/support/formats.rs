//! The written forms that the interface promises.

use serde_json::Value;

/// Fails unless `value` is a UUIDv7.
#[track_caller]
pub(crate) fn assert_id(value: &Value) {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("no id but {value}"));
    let id: uuid::Uuid = text.parse().unwrap();
    assert_eq!(id.get_version_num(), 7, "{text} is no UUIDv7");
    assert_eq!(text, id.to_string(), "an id is written in one form only");
}

/// Fails unless `value` is a time like `2026-06-04T13:34:30.789723+00:00`.
#[track_caller]
pub(crate) fn assert_time(value: &Value) {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("no time but {value}"));
    let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
    let written = time.format("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string();
    assert_eq!(text, written);
    assert!(text.ends_with("+00:00"), "{text} is not in UTC");
}
