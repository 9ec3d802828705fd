//! What is left of a run: a table for people, JSON for programs, a picture of the latencies.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::chart;
use crate::failure::{Doing, Outcome};
use crate::postgres_tools::SyncSpeed;
use crate::row::{Row, Verdict};
use crate::table;

/// Everything that was found out.
#[derive(Debug)]
pub(crate) struct Report {
    /// The results.
    pub(crate) rows: Vec<Row>,
    /// How fast the disk synced before and after.
    pub(crate) sync: [Option<SyncSpeed>; 2],
    /// Whether the numbers are too small to mean anything.
    pub(crate) quick: bool,
}

impl Report {
    /// For people.
    pub(crate) fn to_text(&self) -> String {
        let mut text = table::render(&self.rows);
        for (when, speed) in ["before", "after"].iter().zip(self.sync) {
            text.push_str(&match speed {
                Some(speed) => format!(
                    "disk {when}: {:.0} fdatasync of 8 KB a second, {:.0} us each\n",
                    speed.per_second, speed.microseconds
                ),
                None => format!("disk {when}: not measured (pg_test_fsync)\n"),
            });
        }
        if self.quick {
            text.push_str("--quick: this shows that everything works, and measures nothing.\n");
        }
        text
    }

    /// Writes `results.json` and `latency.svg` into `directory`.
    pub(crate) fn write(&self, directory: &Path) -> Outcome<()> {
        fs::create_dir_all(directory).doing(format!("make {}", directory.display()))?;
        let json = serde_json::to_string_pretty(&self.to_json()).doing("write the results")?;
        for (name, content) in [
            ("results.json", json),
            ("latency.svg", chart::draw(&self.rows)),
        ] {
            let path = directory.join(name);
            fs::write(&path, content).doing(format!("write {}", path.display()))?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let [before, after] = self.sync.map(|it| it.map(SyncSpeed::to_json));
        json!({
            "quick": self.quick,
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "disk": {"before": before, "after": after},
            "rows": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
        })
    }

    /// 0 when everything was measured, 1 when something failed, 3 when something was refused.
    pub(crate) fn exit_code(&self) -> u8 {
        let any = |wanted: fn(&Verdict) -> bool| self.rows.iter().any(|row| wanted(&row.verdict));
        match () {
            () if any(|it| matches!(it, Verdict::Failed(_))) => 1,
            () if any(|it| matches!(it, Verdict::Refused(_))) => 3,
            () => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_row_decides_the_exit_code() {
        let row = || Row::new("idle", "");
        let refused = row().refuse(Some("busy".to_owned()));
        let code = |rows| {
            let report = Report {
                rows,
                sync: [None; 2],
                quick: false,
            };
            report.exit_code()
        };
        assert_eq!(code(vec![row()]), 0);
        assert_eq!(code(vec![row(), refused.clone()]), 3);
        assert_eq!(code(vec![refused, row().fail("x"), row()]), 1);
    }
}
