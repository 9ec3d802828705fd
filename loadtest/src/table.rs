//! The results as one table for people.

use std::fmt::Write;

use crate::row::{Row, Verdict};
use crate::series::Series;

const HEADINGS: [&str; 16] = [
    "scenario",
    "variant",
    "posts/s",
    "frames/s",
    "latency of",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "max ms",
    "missing",
    "server*",
    "postgres*",
    "driver %",
    "RSS MB",
    "PSS MB",
    "verdict",
];

/// The columns that hold words; numbers are set to the right.
const WORDS: [usize; 4] = [0, 1, 4, 15];

/// Writes all rows.
pub(crate) fn render(rows: &[Row]) -> String {
    let lines: Vec<Vec<String>> = rows.iter().flat_map(lines_of).collect();
    let widths: Vec<usize> = (0..HEADINGS.len()).map(|at| width(&lines, at)).collect();
    let mut out = String::new();
    let headings = HEADINGS.map(str::to_owned).to_vec();
    write_line(&mut out, &headings, &widths);
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    write_line(&mut out, &rules, &widths);
    for line in &lines {
        write_line(&mut out, line, &widths);
    }
    out.push_str("* CPU seconds for 10,000 posts\n");
    for row in rows.iter().filter(|row| !row.figures.is_empty()) {
        write_figures(&mut out, row);
    }
    out
}

fn width(lines: &[Vec<String>], at: usize) -> usize {
    let cells = lines.iter().filter_map(|line| line.get(at));
    let heading = HEADINGS.get(at).map_or(0, |it| it.len());
    cells
        .map(|cell| cell.chars().count())
        .max()
        .unwrap_or(0)
        .max(heading)
}

fn write_line(out: &mut String, cells: &[String], widths: &[usize]) {
    let mut line = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        // Writing to a string does not fail.
        let _ = match WORDS.contains(&at) {
            true => write!(line, "{cell:<width$}  "),
            false => write!(line, "{cell:>width$}  "),
        };
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn lines_of(row: &Row) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    let mut series = row.series.iter();
    let first = series.next();
    let rate = |pair: Option<(u64, f64)>| pair.map(|(number, seconds)| number as f64 / seconds);
    let memory = |bytes: Option<u64>| number(bytes.map(|it| it as f64 / 1_048_576.0));
    let driver = row.usage.and_then(|usage| usage.driver_share());
    let mut line = vec![
        row.scenario.to_owned(),
        row.variant.clone(),
        number(rate(row.posts)),
        number(rate(row.deliveries)),
    ];
    line.extend(latency_cells(first));
    line.extend([
        number(row.server_per_10k()),
        number(row.postgres_per_10k()),
        number(driver.map(|share| share * 100.0)),
        memory(row.memory.map(|memory| memory.rss)),
        memory(row.memory.map(|memory| memory.pss)),
        verdict(&row.verdict),
    ]);
    lines.push(line);
    for series in series {
        let mut line = vec![String::new(); 4];
        line.extend(latency_cells(Some(series)));
        lines.push(line);
    }
    lines
}

fn latency_cells(series: Option<&Series>) -> Vec<String> {
    let Some(series) = series else {
        return vec![String::new(); 6];
    };
    vec![
        series.name.clone(),
        number(Some(series.at(0.5))),
        number(Some(series.at(0.99))),
        number(Some(series.at(0.999))),
        number(Some(series.max())),
        series.missing.to_string(),
    ]
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Measured => "measured".to_owned(),
        Verdict::Refused(reason) => format!("refused: {reason}"),
        Verdict::Failed(reason) => format!("FAILED: {reason}"),
    }
}

fn write_figures(out: &mut String, row: &Row) {
    let figures: Vec<String> = row
        .figures
        .iter()
        .map(|(name, value, unit)| {
            format!("{name} {} {unit}", number(Some(*value)))
                .trim()
                .to_owned()
        })
        .collect();
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "{}, {}: {}",
        row.scenario,
        row.variant,
        figures.join("; ")
    );
}

/// A number as short as it can be and still say something.
fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value >= 1000.0 => with_commas(value.round() as u64),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

fn with_commas(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (value, text) in [
            (0.123, "0.12"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1234.0, "1,234"),
            (1_234_567.8, "1,234,568"),
        ] {
            assert_eq!(number(Some(value)), text);
        }
    }

    #[test]
    fn every_row_is_in_the_table_with_its_verdict() {
        let mut latency = Series::new("mention");
        latency.record(2_000_000);
        let rows = [
            Row::new("latency", "200/s").series(latency),
            Row::new("idle", "10 sockets")
                .fail("no server")
                .figure("KB", 9.0, "a socket"),
        ];
        let table = render(&rows);
        assert!(table.contains("mention"), "{table}");
        assert!(table.contains("FAILED: no server"), "{table}");
        assert!(
            table.contains("idle, 10 sockets: KB 9.00 a socket"),
            "{table}"
        );
    }
}
