//! Bundles a package in the way that the help text for an unsupported import recommends. The tests of two crates use
//! it.

use std::{ffi::OsString, path::Path, process::Command};

/// Bundles `<name>.ts`, which is beside this file, with the packages that `./just setup-test` has installed.
pub(crate) fn bundle(node: OsString, name: &str, more: &[&str]) -> String {
    // Both crates are at the same depth in the repository.
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let packages = repository.join(".tools/packages/node_modules");
    let output = Command::new(node)
        .arg(packages.join("esbuild/bin/esbuild"))
        .args(["--bundle", "--format=esm", "--platform=node", "--log-level=warning"])
        .args(more)
        .arg(repository.join("crates/transpiler/tests/packages").join(name).with_extension("ts"))
        .env("NODE_PATH", packages)
        .output()
        .expect("Node.js runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`./just setup-test` installs the packages: {complaint}");
    String::from_utf8(output.stdout).expect("it is text")
}
