//! Every scenario at a tiny scale against the real server: nothing is measured, everything has
//! to work.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The server of this workspace, which cargo builds for the tests of its own package. Cargo tells
/// a test only of the programs of the test's package.
fn server() -> PathBuf {
    let own = Path::new(env!("CARGO_BIN_EXE_loadtest"));
    let server = own.with_file_name("chatalot");
    assert!(
        server.is_file(),
        "{} is missing: run `cargo build` first, or `cargo test --workspace`",
        server.display()
    );
    server
}

#[test]
fn every_scenario_works_at_a_tiny_scale() {
    let output = tempfile::tempdir().unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["--quick", "--server"])
        .arg(server())
        .arg("--output")
        .arg(output.path())
        .output()
        .expect("the driver starts");
    let said = String::from_utf8_lossy(&ran.stdout);
    let complaints = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}\n{complaints}");

    let results = std::fs::read_to_string(output.path().join("results.json")).unwrap();
    let results: Value = serde_json::from_str(&results).unwrap();
    let rows = results.pointer("/rows").and_then(Value::as_array).unwrap();
    for scenario in [
        "self-test",
        "latency",
        "saturation",
        "fan-out",
        "idle",
        "stalled",
        "reconnect-storm",
        "offline-mentions",
    ] {
        let text = |row: &Value, name| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut of_it = rows
            .iter()
            .filter(|row| text(row, "scenario").as_deref() == Some(scenario))
            .peekable();
        assert!(of_it.peek().is_some(), "{scenario} is not in the results");
        for row in of_it {
            assert_eq!(text(row, "verdict").as_deref(), Some("measured"), "{row}");
        }
    }
    let picture = std::fs::read_to_string(output.path().join("latency.svg")).unwrap();
    assert!(picture.contains("<polyline"), "{picture}");
}
