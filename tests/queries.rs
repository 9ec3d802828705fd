//! The statements in `sql/queries`: each is valid on the migrated schema, used, and says
//! what its parameters are.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that finds something missing must stop, and the panic names the line"
)]

#[path = "api/support/database.rs"]
#[expect(dead_code, reason = "the tests of the interface use the rest of it")]
mod database;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use database::TestDatabase;

struct Query {
    /// From `sql/queries` on, such as `webhooks/insert.sql`.
    name: String,
    text: String,
}

impl Query {
    /// The comment lines at the beginning.
    fn header(&self) -> String {
        let lines = self.text.lines().take_while(|line| line.starts_with("--"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Everything but comments.
    fn statement(&self) -> String {
        let lines = self.text.lines();
        let code = lines.map(|line| line.split("--").next().unwrap_or_default());
        code.collect::<Vec<_>>().join("\n")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `directory` whose name ends with `extension`, in order.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn queries() -> Vec<Query> {
    let directory = root().join("sql/queries");
    let read = |path: PathBuf| Query {
        name: path
            .strip_prefix(&directory)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned(),
        text: std::fs::read_to_string(&path).unwrap(),
    };
    files(&directory, "sql").into_iter().map(read).collect()
}

/// The numbers after `$` in `text`.
fn parameters(text: &str) -> BTreeSet<u32> {
    let after = text.split('$').skip(1);
    let number = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    };
    after.filter_map(number).collect()
}

/// Fails with all of `complaints` under the sentence of the rule they break.
fn expect_none(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}\n{}", complaints.join("\n"));
}

#[tokio::test]
async fn every_query_is_valid_on_the_migrated_schema() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    let mut complaints = Vec::new();
    for query in queries() {
        if let Err(error) = client.prepare(&query.text).await {
            let message = error.as_db_error().map(ToString::to_string);
            complaints.push(format!("{}: {}", query.name, message.unwrap_or_default()));
        }
    }
    expect_none(
        "PostgreSQL must be able to prepare every query.",
        &complaints,
    );
}

#[test]
fn every_query_is_used_by_the_store() {
    let mut sources = files(&root().join("src/store"), "rs");
    sources.push(root().join("src/store.rs"));
    let code: String = sources
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap_or_default())
        .collect();
    let is_used = |query: &Query| code.contains(&format!("sql/queries/{}\"", query.name));
    let unused: Vec<String> = queries()
        .iter()
        .filter(|query| !is_used(query))
        .map(|query| query.name.clone())
        .collect();
    expect_none(
        "A query that src/store does not include is removed.",
        &unused,
    );
}

#[test]
fn every_query_names_its_parameters_in_its_header() {
    let mut complaints = Vec::new();
    for query in queries() {
        let header = query.header();
        if header.is_empty() {
            complaints.push(format!("{}: no header comment", query.name));
        }
        let used = parameters(&query.statement());
        for number in &used {
            if !header.contains(&format!("${number}:")) {
                complaints.push(format!("{}: ${number} is not explained", query.name));
            }
        }
        for number in parameters(&header).difference(&used) {
            complaints.push(format!("{}: ${number} does not exist", query.name));
        }
    }
    expect_none(
        "A query begins with a comment on its purpose and each of its parameters ($1: ...).",
        &complaints,
    );
}

#[test]
fn a_query_is_one_statement_with_its_columns_spelled_out() {
    let mut complaints = Vec::new();
    for query in queries() {
        let statement = query.statement().to_lowercase();
        if statement.trim_end().trim_end_matches(';').contains(';') {
            complaints.push(format!("{}: more than one statement", query.name));
        }
        // A column added later would change the rows of statements that are prepared already.
        if statement.contains("select *") || statement.contains(".*") {
            complaints.push(format!("{}: a star instead of columns", query.name));
        }
        if statement.trim().is_empty() {
            complaints.push(format!("{}: no statement", query.name));
        }
    }
    expect_none("One file, one statement, explicit columns.", &complaints);
}

#[test]
fn migrations_are_numbered_without_gaps_and_say_why() {
    let mut numbers = Vec::new();
    for path in files(&root().join("sql/migrations"), "sql") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let number = name
            .strip_prefix('V')
            .and_then(|rest| rest.split_once("__"))
            .and_then(|(number, _)| number.parse::<usize>().ok());
        numbers.push(number.unwrap_or_else(|| panic!("{name} is not named V<n>__<what>.sql")));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("--"),
            "{name} does not begin with a comment on why"
        );
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
}
