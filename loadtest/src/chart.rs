//! The latencies as a picture: percentiles on a logarithmic axis, as HdrHistogram plots them, so
//! that the slowest hundredth takes as much room as all the others.

use std::fmt::Write;

use crate::row::Row;
use crate::series::Series;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 440.0;
/// The axis ends at 99.999 %.
const NINES: f64 = 5.0;
const STEPS: u32 = 200;
const COLOURS: [&str; 8] = [
    "#1b6ca8", "#d1495b", "#2e8b57", "#8e5ea2", "#e08e0b", "#3aa6b9", "#6b4f3a", "#7a7a7a",
];

/// Draws the series of all rows, except those without anything in them.
pub(crate) fn draw(rows: &[Row]) -> String {
    let drawn: Vec<(String, &Series)> = rows
        .iter()
        .flat_map(|row| {
            row.series
                .iter()
                .map(move |series| (label(row, series), series))
        })
        .filter(|(_, series)| series.count() > 0)
        .collect();
    let scale = Scale::of(&drawn);
    let height = (BOTTOM + 60.0).max(TOP + 18.0 * drawn.len() as f64 + 20.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"16\">Latency by percentile</text>\n"
    );
    scale.draw(&mut svg);
    for (at, (label, series)) in drawn.iter().enumerate() {
        draw_series(&mut svg, at, label, series, &scale);
    }
    svg.push_str("</svg>\n");
    svg
}

fn label(row: &Row, series: &Series) -> String {
    format!("{} {}: {}", row.scenario, row.variant, series.name)
}

/// From milliseconds to a place on the paper.
struct Scale {
    /// Powers of ten, in milliseconds.
    lowest: i32,
    highest: i32,
}

impl Scale {
    fn of(drawn: &[(String, &Series)]) -> Self {
        let lowest = drawn.iter().map(|(_, it)| it.at(0.0)).fold(1.0, f64::min);
        let highest = drawn.iter().map(|(_, it)| it.max()).fold(1.0, f64::max);
        let lowest = lowest.max(0.001).log10().floor() as i32;
        Self {
            lowest,
            highest: (highest.log10().ceil() as i32).max(lowest + 1),
        }
    }

    fn y(&self, milliseconds: f64) -> f64 {
        let power = milliseconds.max(0.001).log10() - f64::from(self.lowest);
        let share = power / f64::from(self.highest - self.lowest);
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    fn draw(&self, svg: &mut String) {
        for power in self.lowest..=self.highest {
            let milliseconds = 10_f64.powi(power);
            let y = self.y(milliseconds);
            line(svg, (LEFT, y), (RIGHT, y));
            text(
                svg,
                (LEFT - 6.0, y + 4.0),
                "end",
                &format!("{milliseconds} ms"),
            );
        }
        for (nines, name) in ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"]
            .iter()
            .enumerate()
        {
            let x = x(nines as f64);
            line(svg, (x, TOP), (x, BOTTOM));
            text(svg, (x, BOTTOM + 18.0), "middle", name);
        }
    }
}

/// The place of 1 - 10^-nines.
fn x(nines: f64) -> f64 {
    LEFT + nines / NINES * (RIGHT - LEFT)
}

fn draw_series(svg: &mut String, at: usize, label: &str, series: &Series, scale: &Scale) {
    let colour = COLOURS.get(at % COLOURS.len()).unwrap_or(&"black");
    // A second round through the colours is told apart by dashes.
    let dashes = 3 * (at / COLOURS.len());
    // Beyond the last measured one there is nothing to draw.
    let last = (series.count() as f64).log10().min(NINES);
    let mut points = String::new();
    for step in 0..=STEPS {
        let nines = last * f64::from(step) / f64::from(STEPS);
        let value = series.at(1.0 - 10_f64.powf(-nines));
        // Writing to a string does not fail.
        let _ = write!(points, "{:.1},{:.1} ", x(nines), scale.y(value));
    }
    let style = format!("stroke=\"{colour}\" stroke-width=\"1.5\" stroke-dasharray=\"{dashes}\"");
    let style = style.replace(" stroke-dasharray=\"0\"", "");
    let points = points.trim_end();
    let _ = writeln!(svg, "<polyline fill=\"none\" {style} points=\"{points}\"/>");
    let y = TOP + 18.0 * at as f64;
    let _ = writeln!(
        svg,
        "<line x1=\"{:.0}\" y1=\"{y:.0}\" x2=\"{:.0}\" y2=\"{y:.0}\" {style}/>",
        RIGHT + 14.0,
        RIGHT + 34.0
    );
    text(svg, (RIGHT + 40.0, y + 4.0), "start", label);
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{words}</text>",
        at.0, at.1
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let mut fast = Series::new("mention");
        for milliseconds in 1..=10_000 {
            fast.record(milliseconds * 1000);
        }
        let mut lossy = Series::new("message <&>");
        lossy.record(1_000_000);
        lossy.add_missing(1);
        vec![
            Row::new("latency", "200/s").series(fast),
            Row::new("latency", "lossy").series(lossy),
            Row::new("idle", "nothing to draw"),
        ]
    }

    /// Checks that elements close in the order they were opened, and that no bare `&` or `<`
    /// is left in a text.
    fn check_well_formed(xml: &str) {
        let mut open = Vec::new();
        for piece in xml.split('<').skip(1) {
            let (tag, words) = piece.split_once('>').expect("every tag ends");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            for entity in words.split('&').skip(1) {
                assert!(
                    entity.starts_with("amp;") || entity.starts_with("lt;"),
                    "{words}"
                );
            }
            let name = tag.split_whitespace().next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?} are not closed");
    }

    #[test]
    fn the_picture_is_well_formed_and_has_a_line_for_each_series() {
        let svg = draw(&rows());
        check_well_formed(&svg);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("message &lt;&amp;>"), "{svg}");
        check_well_formed(&draw(&[]));
    }

    #[test]
    fn no_point_lies_outside_the_axes() {
        let svg = draw(&rows());
        for points in svg.split(" points=\"").skip(1) {
            let (points, _) = points.split_once('"').unwrap();
            for point in points.split(' ') {
                let (x, y) = point.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!(
                    (LEFT..=RIGHT).contains(&x) && (TOP..=BOTTOM).contains(&y),
                    "{point}"
                );
            }
        }
    }
}
