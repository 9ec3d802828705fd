//! One kind of latency: what was measured, and what never came.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// What something that never came counts as, in microseconds.
pub(crate) const MISSING_US: u64 = 10_000_000;

/// More than any wait that this driver measures, in microseconds.
const LONGEST_US: u64 = 120_000_000;

/// Latencies of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// What was waited for.
    pub(crate) name: String,
    /// How many never came. Each is in the distribution as ten seconds.
    pub(crate) missing: u64,
    histogram: Histogram<u64>,
}

/// The percentiles that are reported.
const REPORTED: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)];

impl Series {
    /// Nothing measured yet.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            missing: 0,
            histogram: empty_histogram(),
        }
    }

    /// Adds a wait in nanoseconds.
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.histogram
            .saturating_record((nanoseconds / 1000).max(1));
    }

    /// Counts `number` that never came: each as ten seconds, so that no percentile looks better
    /// for what was lost.
    pub(crate) fn add_missing(&mut self, number: u64) {
        if number > 0 {
            self.missing += number;
            self.histogram.saturating_record_n(MISSING_US, number);
        }
    }

    /// Adds everything of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.missing += other.missing;
        // It fails only for a value out of range, and both have the same range.
        let _ = self.histogram.add(&other.histogram);
    }

    /// How many there are, missing ones included.
    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The wait in milliseconds that the share `quantile` did not exceed.
    pub(crate) fn at(&self, quantile: f64) -> f64 {
        self.histogram.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// The longest wait in milliseconds.
    pub(crate) fn max(&self) -> f64 {
        self.histogram.max() as f64 / 1000.0
    }

    /// Everything that is reported, for programs.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = json!({
            "name": self.name,
            "count": self.count(),
            "missing": self.missing,
            "max_ms": self.max(),
        });
        if let Some(fields) = object.as_object_mut() {
            for (name, quantile) in REPORTED {
                fields.insert(format!("{name}_ms"), json!(self.at(quantile)));
            }
        }
        object
    }
}

fn empty_histogram() -> Histogram<u64> {
    // Three digits over this range are always possible; an auto-sized one is the fallback.
    Histogram::new_with_bounds(1, LONGEST_US, 3)
        .or_else(|_unlikely| Histogram::new(3))
        .unwrap_or_else(|_never| unreachable!("three significant digits are allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut series = Series::new("answer");
        for milliseconds in 1..=1000 {
            series.record(milliseconds * 1_000_000);
        }
        assert!((series.at(0.5) - 500.0).abs() < 1.0, "{}", series.at(0.5));
        assert!((series.at(0.99) - 990.0).abs() < 1.0);
        assert!((series.max() - 1000.0).abs() < 1.0);
    }

    #[test]
    fn what_never_came_counts_as_ten_seconds() {
        let mut series = Series::new("mention");
        for _ in 0..98 {
            series.record(1_000_000);
        }
        series.add_missing(2);
        assert_eq!((series.count(), series.missing), (100, 2));
        assert!(series.at(0.98) < 1.1);
        assert!((series.at(0.99) - 10_000.0).abs() < 10.0);
    }

    #[test]
    fn merging_keeps_what_is_missing() {
        let (mut one, mut other) = (Series::new("a"), Series::new("a"));
        one.record(1_000_000);
        other.add_missing(1);
        one.merge(&other);
        assert_eq!((one.count(), one.missing), (2, 1));
    }
}
