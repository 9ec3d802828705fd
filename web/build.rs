//! Builds the web client, so that `cargo build` is all it takes, or takes one that is built.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Names a folder with the client as `npm run build` leaves it, for packagers.
const PREBUILT: &str = "CHATALOT_WEB_DIST";

/// The oldest Node.js that the build tools run on: major, minor.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// What the client is made of. `node_modules` and the generated types follow from it.
const SOURCES: [&str; 9] = [
    "src",
    "public",
    "build",
    "index.html",
    "package.json",
    "package-lock.json",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
];

/// A copy of the lock file that `node_modules` was installed from.
const INSTALLED: &str = "node_modules/.chatalot-installed-lock.json";

const WAYS_OUT: &str = "Or build the server without its page (--no-default-features), or name a \
    folder with the built client in CHATALOT_WEB_DIST.";

fn main() {
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let files = match env::var_os(PREBUILT).filter(|folder| !folder.is_empty()) {
        Some(folder) => prebuilt(folder.into()),
        None => build(),
    };
    match files {
        Ok(files) => println!("cargo::rustc-env=CHATALOT_WEB_FILES={}", files.display()),
        // Cargo shows it without the script's other output, and ends the build.
        Err(complaint) => complaint
            .lines()
            .for_each(|line| println!("cargo::error={line}")),
    }
}

fn prebuilt(folder: PathBuf) -> Result<PathBuf, String> {
    if !folder.is_absolute() {
        return Err(format!(
            "{PREBUILT} is {}: give an absolute path.",
            folder.display()
        ));
    }
    if !folder.join("index.html").is_file() {
        return Err(format!(
            "{PREBUILT} is {}, but there is no index.html in it: name the folder that `npm run build` wrote in web/, its dist.",
            folder.display()
        ));
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    Ok(folder)
}

fn build() -> Result<PathBuf, String> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    check_node()?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?).join("page");
    let readable = |error: io::Error| format!("web/package-lock.json cannot be read: {error}");
    let lock = File::open("package-lock.json").map_err(readable)?;
    // Builds of several profiles at once share node_modules: one after the other. The lock ends
    // with the process.
    lock.lock()
        .map_err(|error| format!("web/package-lock.json cannot be locked: {error}"))?;
    install()?;
    let mut vite = Command::new("node");
    vite.args(["node_modules/vite/bin/vite.js", "build", "--emptyOutDir"])
        .args(["--logLevel", "warn", "--outDir"])
        .arg(&out);
    run(vite, "The web client does not build")?;
    Ok(out)
}

/// Brings `node_modules` to what the lock file says, if it is not there yet.
fn install() -> Result<(), String> {
    let wanted = fs::read("package-lock.json").ok();
    if wanted.is_some() && fs::read(INSTALLED).ok() == wanted {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(npm, "The web client's packages cannot be installed")?;
    fs::copy("package-lock.json", INSTALLED)
        .map(|_| ())
        .map_err(|error| format!("web/{INSTALLED} cannot be written: {error}"))
}

fn check_node() -> Result<(), String> {
    let (major, minor) = OLDEST_NODE;
    let wish = format!(
        "Install Node.js {major}.{minor} or newer with npm (https://nodejs.org, or your system's packages nodejs and npm). {WAYS_OUT}"
    );
    let node = version_of("node")
        .ok_or_else(|| format!("Node.js is missing; the web client is built with it. {wish}"))?;
    if parse(&node).is_none_or(|found| found < OLDEST_NODE) {
        return Err(format!(
            "Node.js {node} is too old to build the web client. {wish}"
        ));
    }
    if version_of("npm").is_none() {
        return Err(format!(
            "npm is missing; it fetches what the web client is built with. {wish}"
        ));
    }
    Ok(())
}

fn version_of(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Runs `command` where cargo runs build scripts, in this package's folder; what it said is part
/// of the complaint if it fails.
fn run(mut command: Command, failure: &str) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{failure}: {error}. {WAYS_OUT}"))?;
    if output.status.success() {
        return Ok(());
    }
    let mut complaint = format!("{failure}:\n");
    for stream in [&output.stdout, &output.stderr] {
        // Writing to a string does not fail.
        let _ = write!(complaint, "{}", String::from_utf8_lossy(stream));
    }
    let _ = write!(complaint, "\n{WAYS_OUT}");
    Err(complaint)
}
