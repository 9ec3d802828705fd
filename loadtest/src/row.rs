//! One line of the results.

use serde_json::{Map, Value, json};

use crate::meter::Usage;
use crate::posting::Posted;
use crate::processes::Memory;
use crate::series::Series;

/// Whether the numbers of a row mean anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They do.
    Measured,
    /// The driver was the bottleneck, so they say nothing about the server.
    Refused(String),
    /// Something did not happen that had to.
    Failed(String),
}

/// What one variant of a scenario came to.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The scenario.
    pub(crate) scenario: &'static str,
    /// What sets this row apart from the others of its scenario.
    pub(crate) variant: String,
    /// Whether it counts.
    pub(crate) verdict: Verdict,
    /// Posts accepted, and the seconds they took.
    pub(crate) posts: Option<(u64, f64)>,
    /// Frames that reached members, and the seconds they took.
    pub(crate) deliveries: Option<(u64, f64)>,
    /// Latencies.
    pub(crate) series: Vec<Series>,
    /// CPU time.
    pub(crate) usage: Option<Usage>,
    /// Memory of the server at the end.
    pub(crate) memory: Option<Memory>,
    /// Whatever else is worth knowing: name, value and unit.
    pub(crate) figures: Vec<(&'static str, f64, &'static str)>,
}

impl Row {
    /// An empty row.
    pub(crate) fn new(scenario: &'static str, variant: impl Into<String>) -> Self {
        Self {
            scenario,
            variant: variant.into(),
            verdict: Verdict::Measured,
            posts: None,
            deliveries: None,
            series: Vec::new(),
            usage: None,
            memory: None,
            figures: Vec::new(),
        }
    }

    /// One row of what was measured in several turns: sums of what is counted, all latencies, means
    /// of the other figures that all have. `None` for no turns.
    pub(crate) fn of_turns(turns: Vec<Self>) -> Option<Self> {
        let number = turns.len() as f64;
        let mut row = turns.into_iter().reduce(Self::and)?;
        for (_, value, _) in &mut row.figures {
            *value /= number;
        }
        Some(row)
    }

    /// Takes in a further turn; figures become sums.
    fn and(mut self, next: Self) -> Self {
        let sum = |(count, seconds): (u64, f64), (more, longer): (u64, f64)| {
            (count + more, seconds + longer)
        };
        self.posts = self.posts.zip(next.posts).map(|(a, b)| sum(a, b));
        self.deliveries = self.deliveries.zip(next.deliveries).map(|(a, b)| sum(a, b));
        for (series, further) in self.series.iter_mut().zip(&next.series) {
            series.merge(further);
        }
        self.usage = self.usage.zip(next.usage).map(|(a, b)| a.and(b));
        self.memory = next.memory;
        self.figures.retain_mut(|(name, value, _)| {
            let further = next.figures.iter().find(|figure| figure.0 == *name);
            *value += further.map_or(0.0, |further| further.1);
            further.is_some()
        });
        match next.verdict {
            Verdict::Measured => self,
            Verdict::Refused(reason) => self.refuse(Some(reason)),
            Verdict::Failed(reason) => self.fail(reason),
        }
    }

    /// Takes over what became of posts; any that was not accepted fails the row.
    pub(crate) fn posted(mut self, posted: &Posted) -> Self {
        self.posts = Some((posted.accepted, posted.seconds()));
        self.series.push(posted.answers.clone());
        if posted.rejected > 0 {
            let why = posted.complaint.clone().unwrap_or_default();
            self = self.fail(format!(
                "{} posts were not accepted: {why}",
                posted.rejected
            ));
        }
        self
    }

    /// Adds a figure.
    pub(crate) fn figure(mut self, name: &'static str, value: f64, unit: &'static str) -> Self {
        self.figures.push((name, value, unit));
        self
    }

    /// Refuses the row for `reason`, if there is one. A row that failed stays that.
    pub(crate) fn refuse(mut self, reason: Option<String>) -> Self {
        if let (Some(reason), Verdict::Measured) = (reason, &self.verdict) {
            self.verdict = Verdict::Refused(reason);
        }
        self
    }

    /// Fails the row; the first reason stays.
    pub(crate) fn fail(mut self, reason: impl Into<String>) -> Self {
        if !matches!(self.verdict, Verdict::Failed(_)) {
            self.verdict = Verdict::Failed(reason.into());
        }
        self
    }

    /// Adds latencies; what is missing in them fails the row.
    pub(crate) fn series(mut self, series: Series) -> Self {
        if series.missing > 0 {
            let (missing, count) = (series.missing, series.count());
            let reason = format!("{missing} of {count} ({}) never came", series.name);
            self = self.fail(reason);
        }
        self.series.push(series);
        self
    }

    /// CPU seconds for ten thousand posts.
    pub(crate) fn per_10k(&self, seconds: Option<f64>) -> Option<f64> {
        let (posts, _) = self.posts.filter(|(posts, _)| *posts > 0)?;
        Some(seconds? * 10_000.0 / posts as f64)
    }

    /// CPU seconds of the server for ten thousand posts.
    pub(crate) fn server_per_10k(&self) -> Option<f64> {
        self.per_10k(self.usage.and_then(|usage| usage.server))
    }

    /// CPU seconds of PostgreSQL for ten thousand posts.
    pub(crate) fn postgres_per_10k(&self) -> Option<f64> {
        self.per_10k(self.usage.and_then(|usage| usage.postgres))
    }

    /// Everything, for programs.
    pub(crate) fn to_json(&self) -> Value {
        let (verdict, reason) = match &self.verdict {
            Verdict::Measured => ("measured", None),
            Verdict::Refused(reason) => ("refused", Some(reason)),
            Verdict::Failed(reason) => ("failed", Some(reason)),
        };
        let figures: Map<String, Value> = self
            .figures
            .iter()
            .map(|(name, value, unit)| ((*name).to_owned(), json!({"value": value, "unit": unit})))
            .collect();
        let rate = |pair: Option<(u64, f64)>| {
            pair.map(|(number, seconds)| {
                json!({"count": number, "seconds": seconds, "per_second": number as f64 / seconds})
            })
        };
        json!({
            "scenario": self.scenario,
            "variant": self.variant,
            "verdict": verdict,
            "reason": reason,
            "posts": rate(self.posts),
            "deliveries": rate(self.deliveries),
            "latencies": self.series.iter().map(Series::to_json).collect::<Vec<_>>(),
            "usage": self.usage.map(|usage| usage.to_json()),
            "server_cpu_s_per_10k_posts": self.server_per_10k(),
            "postgres_cpu_s_per_10k_posts": self.postgres_per_10k(),
            "memory": self.memory.map(|it| json!({"rss": it.rss, "pss": it.pss, "uss": it.uss})),
            "figures": figures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_fails_a_row_and_a_refusal_does_not_hide_it() {
        let mut series = Series::new("mention");
        series.add_missing(3);
        let row = Row::new("latency", "").series(series);
        let row = row.refuse(Some("the driver was busy".to_owned()));
        let expected = "3 of 3 (mention) never came".to_owned();
        assert_eq!(row.verdict, Verdict::Failed(expected));
    }

    #[test]
    fn turns_become_one_row() {
        let turn = |posts: u64, seconds: f64, latency: u64, idle: f64| {
            let mut row = Row::new("saturation", "").figure("idle", idle, "%");
            row.posts = Some((posts, seconds));
            let mut series = Series::new("answer");
            series.record(latency);
            row.series(series)
        };
        let row = Row::of_turns(vec![
            turn(100, 1.0, 2_000, 10.0),
            turn(300, 2.0, 4_000, 20.0).refuse(Some("busy".to_owned())),
        ]);
        let row = row.unwrap();
        assert_eq!(row.posts, Some((400, 3.0)));
        assert_eq!(row.series.first().map(Series::count), Some(2));
        assert_eq!(row.figures, [("idle", 15.0, "%")]);
        assert!(matches!(row.verdict, Verdict::Refused(_)));
        assert!(Row::of_turns(Vec::new()).is_none());
    }

    #[test]
    fn cpu_time_is_for_ten_thousand_posts() {
        let mut row = Row::new("saturation", "");
        assert_eq!(row.per_10k(Some(1.0)), None);
        row.posts = Some((20_000, 1.0));
        assert_eq!(row.per_10k(Some(1.0)), Some(0.5));
    }
}
