//! Tests that a machine cannot run.
//!
//! Such a test calls [`skip`], which prints why, appends a line to the file that `WORKERS_SKIPS` names, and ends the
//! process as a test that passed: `cargo nextest` gives each test a process of its own. `.ci/run` prints that file.
//! With `REQUIRE_ROOT=1` a skip for want of root is a failure.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

/// Names the file that a line is appended to for each skipped test.
const RECORD: &str = "WORKERS_SKIPS";

/// If it is `1`, a test that needs root and does not have it fails.
const REQUIRE_ROOT: &str = "REQUIRE_ROOT";

/// Ends the test as passed, and records that it tested nothing.
///
/// # Panics
///
/// When the record cannot be written.
pub fn skip(why: &str) -> ! {
    record(why);
    std::process::exit(0);
}

/// Ends the test as [`skip`] does, unless root runs it.
///
/// # Panics
///
/// When root does not run it and `REQUIRE_ROOT` is `1`.
pub fn skip_unless_root(why: &str) {
    if is_root() {
        return;
    }
    let is_required = std::env::var(REQUIRE_ROOT).is_ok_and(|value| value == "1");
    assert!(!is_required, "not skipped, because {REQUIRE_ROOT} is 1: {why}");
    skip(why);
}

/// Returns whether root runs the test.
#[must_use]
pub fn is_root() -> bool {
    // It belongs to the effective user. Asking the kernel for that user would need another crate.
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[expect(clippy::print_stderr, reason = "a person who runs the test sees what was not tested")]
fn record(why: &str) {
    eprintln!("skipped: {why}");
    let Some(path) = std::env::var_os(RECORD) else { return };
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the record of skipped tests opens");
    // In one write, because tests run side by side.
    file.write_all(format!("{test}: {why}\n").as_bytes()).expect("the record of skipped tests can be written");
}
