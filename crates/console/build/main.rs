//! Builds the console: `web/`, with npm and Vite, to files in `OUT_DIR/dist`, and a table of them that the library
//! embeds.

#![expect(clippy::print_stdout, reason = "cargo reads it")]

mod bundle;
mod packages;
mod table;
mod tools;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Names a folder with files that were built elsewhere, for builds without npm.
const DIST: &str = "WORKERS_CONSOLE_DIST";

/// The sources of the files. Cargo builds again when one of them changes.
const SOURCES: [&str; 8] =
    ["src", "public", "build", "index.html", "vite.config.ts", "package.json", "package-lock.json", "tsconfig.json"];

fn main() {
    if let Err(message) = build() {
        // Each line is one message of cargo's.
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn build() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    let dist = out.join("dist");
    println!("cargo::rerun-if-env-changed={DIST}");
    if let Some(given) = env::var_os(DIST).filter(|given| !given.is_empty()) {
        println!("cargo::rerun-if-changed={}", Path::new(&given).display());
        copy(Path::new(&given), &dist).map_err(|error| {
            format!("cannot read the console's files in {} (the variable {DIST}): {error}", Path::new(&given).display())
        })?;
    } else {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        // Cargo would run this script at each build if it watched a file that does not exist.
        for source in SOURCES.map(|source| web.join(source)).iter().filter(|source| source.exists()) {
            println!("cargo::rerun-if-changed={}", source.display());
        }
        bundle::build(&web, &out).map_err(|error| {
            format!("cannot build the web console: {error}\nwithout npm, set {DIST} to a folder with its built files")
        })?;
    }
    table::write(&dist, &out.join("table.rs"))
}

/// Makes `to` a copy of the folder `from`.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // The table embeds every file in it, so those of an earlier build must go.
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
