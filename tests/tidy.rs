//! The house rules that a program can check. Each failure states the rule it is about.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that finds something missing must stop, and the panic names the line"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One Rust file of the project.
struct Source {
    /// From the root of the project on, such as `src/http/socket.rs`.
    path: String,
    text: String,
}

impl Source {
    /// Its lines without comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default()))
    }

    /// The module of `src` it belongs to: `http` for `src/http/socket.rs` and `src/http.rs`.
    fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        let name = inside.split('/').next().unwrap_or_default();
        name.trim_end_matches(".rs")
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

fn sources(directory: &str) -> Vec<Source> {
    walk(&root().join(directory))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .map(|path| source(path.strip_prefix(root()).unwrap().to_str().unwrap()))
        .collect()
}

/// The file at `path`, from the root of the project on.
fn source(path: &str) -> Source {
    Source {
        path: path.to_owned(),
        text: std::fs::read_to_string(root().join(path)).unwrap(),
    }
}

/// The programs: the server, the client for programs, the driver that puts the server under load,
/// and the crate that carries the web client.
fn written() -> impl Iterator<Item = Source> {
    let everywhere = ["src", "client", "loadtest"].into_iter().flat_map(sources);
    everywhere.chain(["web/build.rs", "web/embed.rs"].map(source))
}

/// Fails with all of `complaints` under the sentence of the rule they break.
fn expect_none(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}\n{}", complaints.join("\n"));
}

/// Whether `line` names `word` as a whole word.
fn names(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + word.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

/// Every line of `src` outside `allowed` that names one of `words`.
fn named_outside(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources("src") {
        if source.is_in(allowed) {
            continue;
        }
        for (number, line) in source.code() {
            for word in words.iter().filter(|word| names(line, word)) {
                complaints.push(format!("{}:{number} names {word}", source.path));
            }
        }
    }
    complaints
}

const IMPORT_RULE: &str = "Imports run one way, never back and never sideways: \
    main -> app -> http -> actors -> push, store, protocol -> domain. \
    config, metrics and telemetry are leaves that anyone may use and that use only each other. \
    managed_postgres and backup serve main and app.";

/// How far up a module stands: it may use what stands lower. `None` is for the crate root.
fn height(module: &str) -> Option<u32> {
    match module {
        "main" => Some(7),
        "app" => Some(6),
        "backup" => Some(5),
        "http" => Some(4),
        "actors" => Some(3),
        "push" | "store" | "protocol" | "managed_postgres" => Some(2),
        "domain" => Some(1),
        "config" | "metrics" | "telemetry" => Some(0),
        _ => None,
    }
}

/// The modules of the crate that `line` names, by paths such as `crate::store::Store` or
/// `crate::{domain, store::Store}`.
fn modules_named(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for prefix in ["crate::", "chatalot::"] {
        for rest in line.split(prefix).skip(1) {
            match rest.strip_prefix('{') {
                Some(group) => found.extend(heads_of(group)),
                None => found.push(head(rest)),
            }
        }
    }
    found
}

fn head(path: &str) -> &str {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    path.get(..end.unwrap_or(path.len())).unwrap_or_default()
}

/// The first names of the paths in a group, up to its end.
fn heads_of(group: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut heads = vec![head(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.push(head(group.get(at + 1..).unwrap_or_default().trim_start()))
            }
            _ => {}
        }
    }
    heads
}

#[test]
fn imports_run_one_way() {
    let mut complaints = Vec::new();
    for source in sources("src") {
        let Some(own) = height(source.module()) else {
            continue;
        };
        for (number, line) in source.code() {
            if line.trim_end().ends_with("crate::{") {
                let complaint = "one use for each module, so that this test can read it";
                complaints.push(format!("{}:{number}: {complaint}", source.path));
            }
            for module in modules_named(line) {
                let Some(other) = height(module) else {
                    continue;
                };
                let leaves = own == 0 && other == 0;
                let internal_service = module == "managed_postgres" && own < 5;
                let allowed = module == source.module() || leaves || other < own;
                if !allowed || (internal_service && module != source.module()) {
                    complaints.push(format!(
                        "{}:{number}: {} must not use {module}",
                        source.path,
                        source.module()
                    ));
                }
            }
        }
    }
    expect_none(IMPORT_RULE, &complaints);
}

#[test]
fn every_module_has_its_place_in_the_import_rule() {
    let complaints: Vec<String> = sources("src")
        .iter()
        .filter(|source| source.module() != "lib" && height(source.module()).is_none())
        .map(|source| format!("{} has no place", source.path))
        .collect();
    expect_none(IMPORT_RULE, &complaints);
}

#[test]
fn only_the_store_talks_to_the_database() {
    let allowed = [
        "src/store",
        "src/managed_postgres",
        "src/backup",
        "src/config",
        "src/app",
    ];
    expect_none(
        "Only src/store names tokio_postgres and deadpool_postgres, besides what starts, \
         saves or configures the database.",
        &named_outside(
            &["tokio_postgres", "deadpool_postgres", "refinery"],
            &allowed,
        ),
    );
}

#[test]
fn only_the_session_and_the_upgrade_know_the_socket_crate() {
    expect_none(
        "Only the session actor and the socket route name actix_web_actors.",
        &named_outside(
            &["actix_web_actors"],
            &["src/actors/session", "src/http/socket"],
        ),
    );
}

#[test]
fn the_domain_is_pure() {
    let outside = [
        "actix",
        "actix_web",
        "actix_rt",
        "tokio",
        "tokio_postgres",
        "deadpool_postgres",
        "dashmap",
        "tracing",
    ];
    let allowed: Vec<String> = sources("src")
        .into_iter()
        .filter(|source| source.module() != "domain")
        .map(|source| source.path)
        .collect();
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    expect_none(
        "The domain names no actix, no tokio, no SQL: its rules are plain functions.",
        &named_outside(&outside, &allowed),
    );
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let all = written().chain(sources("tests"));
    let complaints: Vec<String> = all
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > 400)
        .map(|(lines, path)| format!("{path} has {lines} lines"))
        .collect();
    expect_none(
        "A file is one thing a reader can name, in at most 400 lines.",
        &complaints,
    );
}

#[test]
fn no_file_is_a_grab_bag() {
    let grab_bags = [
        "utils", "util", "helpers", "helper", "manager", "common", "misc", "types", "service",
    ];
    let mut complaints = Vec::new();
    for directory in ["src", "client", "tests", "loadtest"] {
        for path in walk(&root().join(directory)) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            if grab_bags.contains(&name) {
                complaints.push(path.display().to_string());
            }
        }
    }
    expect_none(
        "A file is named for what it holds: no utils, helpers, manager or common.",
        &complaints,
    );
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let all = written().chain(sources("tests"));
    let complaints: Vec<String> = all
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    expect_none(
        "A file begins with a doc comment on what it is.",
        &complaints,
    );
}

/// The codes that problems can have, as the source declares them.
fn declared_codes() -> BTreeSet<String> {
    let declaring = sources("src")
        .into_iter()
        .filter(|source| source.is_in(&["src/http/problem"]));
    let mut codes = BTreeSet::new();
    for source in declaring {
        for (_, line) in source.code() {
            codes.extend(
                line.split('"')
                    .skip(1)
                    .step_by(2)
                    .filter(|it| is_code(it))
                    .map(str::to_owned),
            );
        }
    }
    codes
}

fn is_code(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    !text.is_empty() && text.split('_').all(word)
}

#[test]
fn every_problem_is_explained_and_every_explanation_is_of_a_problem() {
    let path = root().join("docs/problems.md");
    let text = std::fs::read_to_string(path).expect("docs/problems.md");
    let explained: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| heading.trim().trim_matches('`').to_owned())
        .filter(|heading| is_code(heading))
        .collect();
    let declared = declared_codes();
    let complaints: Vec<String> = declared
        .symmetric_difference(&explained)
        .map(|code| match declared.contains(code) {
            true => format!("{code} has no heading"),
            false => format!("{code} is not in the source"),
        })
        .collect();
    expect_none(
        "docs/problems.md has one heading (## code) for each code that src/http/problem.rs \
         declares, and no other.",
        &complaints,
    );
}

#[test]
fn every_sql_file_is_used() {
    let code: String = sources("src")
        .into_iter()
        .map(|source| source.text)
        .collect();
    let directory = root().join("sql/queries");
    let unused: Vec<String> = walk(&directory)
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.strip_prefix(&directory).unwrap();
            name.to_str().unwrap().to_owned()
        })
        .filter(|name| !code.contains(&format!("sql/queries/{name}\"")))
        .collect();
    expect_none("What is in sql/queries is used, or removed.", &unused);
}
