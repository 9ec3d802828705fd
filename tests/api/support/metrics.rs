//! Reading a number from the Prometheus listener.

use std::collections::BTreeMap;

use super::socket::DEADLINE;

/// The sum of the samples of the first gauge whose name contains `part`, if there is one.
pub(crate) async fn gauge(port: u16, part: &str) -> Option<f64> {
    let text = scrape(port).await;
    let is_gauge = |line: &&str| line.starts_with("# TYPE") && line.ends_with(" gauge");
    let named = text
        .lines()
        .filter(is_gauge)
        .filter_map(|line| line.split(' ').nth(2))
        .find(|name| name.contains(part))?;
    let samples = text.lines().filter(|line| {
        let rest = line.strip_prefix(named);
        rest.is_some_and(|rest| rest.starts_with([' ', '{']))
    });
    let numbers = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    Some(numbers.sum())
}

/// Everything the listener says.
pub(crate) async fn scrape(port: u16) -> String {
    let url = format!("http://127.0.0.1:{port}/metrics");
    let answer = super::load::client().get(url).send().await;
    let text = answer.expect("the metrics").text().await;
    text.expect("the metrics as text")
}

/// Waits until the gauge has that value.
pub(crate) async fn wait_for_gauge(port: u16, part: &str, value: f64) {
    let mut last = None;
    let reached = async {
        loop {
            last = gauge(port, part).await;
            if last.is_some_and(|found| (found - value).abs() < 0.5) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let reached = tokio::time::timeout(DEADLINE, reached).await;
    if reached.is_err() {
        let text = scrape(port).await;
        panic!("the gauge {part} is {last:?} and not {value}:\n{text}");
    }
}

/// The counter `name` of each of its kinds.
pub(crate) async fn counts(port: u16, name: &str) -> BTreeMap<String, u64> {
    let text = scrape(port).await;
    let start = format!("{name}_total{{kind=\"");
    let samples = text.lines().filter_map(|line| line.strip_prefix(&start));
    let parts = samples.filter_map(|sample| sample.split_once("\"} "));
    parts
        .map(|(kind, count)| (kind.to_owned(), count.parse().expect("a whole number")))
        .collect()
}

/// Waits until the counter has these values, and no other kinds.
pub(crate) async fn wait_for_counts(port: u16, name: &str, expected: &[(&str, u64)]) {
    let expected: BTreeMap<String, u64> = expected
        .iter()
        .map(|(kind, count)| ((*kind).to_owned(), *count))
        .collect();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let found = counts(port, name).await;
        if found == expected {
            return;
        }
        let now = tokio::time::Instant::now();
        assert!(now < deadline, "{name} is {found:?} and not {expected:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
