//! The console in a real browser. The tests themselves are in `crates/console/web/e2e`, one file for each subject. A
//! test here runs one file, which starts its own servers.

use std::path::{Path, PathBuf};
use std::process::Command;

fn run(file: &str) {
    run_with(file, &[]);
}

/// Runs a file with further variables.
pub(crate) fn run_with(file: &str, variables: &[(&str, &str)]) {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/console/web");
    assert!(
        web.join("node_modules/playwright-core").exists(),
        "the browser's driver is not installed: `./just setup-test` does it"
    );
    let node = std::env::var_os("WORKERS_NODE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node/bin/node"), PathBuf::from);
    let mut command = Command::new(node);
    command
        .args(["--test", "--test-isolation=none", "--test-force-exit", "--test-timeout=60000", "--test-reporter=spec"])
        .arg(web.join("e2e").join(file))
        .env("WORKERSD", env!("CARGO_BIN_EXE_workersd"));
    for (name, _) in std::env::vars() {
        if (name.starts_with("WORKERS_") && name != "WORKERS_NODE") || name == "DATABASE_URL" {
            command.env_remove(name);
        }
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn workers_are_listed_deployed_and_deleted() {
    run("workers.test.ts");
}

#[test]
fn many_workers_are_listed() {
    run("many.test.ts");
}

#[test]
fn invocations_are_watched() {
    run("invoke.test.ts");
}

#[test]
fn everything_can_be_read_and_reached() {
    run("accessible.test.ts");
}
