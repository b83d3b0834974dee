//! Tests that only root can run.

use std::os::unix::fs::MetadataExt as _;

/// Exits the process as if the test had passed, unless root runs it: machines need root. For tests that have a process
/// of their own, as under `cargo nextest`.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was not tested")]
pub fn skip_unless_root(why: &str) {
    if !is_root() {
        eprintln!("skipped: {why}");
        std::process::exit(0);
    }
}

/// Returns whether root runs the test.
#[must_use]
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
