//! The command line `sandbox`.

use std::fs;
use std::process::Command;

use super::support::{OIDC_TOKEN, Offered, clients, reported, succeed};

fn sandbox(offered: &Offered, arguments: &[&str]) -> Command {
    let mut command = offered.pointed_node();
    command.arg(clients().join("node_modules/sandbox/bin/sandbox.mjs")).args(arguments);
    command.env("VERCEL_OIDC_TOKEN", OIDC_TOKEN);
    command
}

/// Runs the command line, which must succeed, and returns its output.
fn said(offered: &Offered, arguments: &[&str]) -> String {
    succeed(sandbox(offered, arguments))
}

#[test]
fn a_sandbox_is_made_used_stopped_and_removed() {
    let offered = Offered::start(&[]);
    said(&offered, &["create", "--name", "box", "--timeout", "10m", "--env", "WORD=hello", "--tag", "kind=test"]);
    assert_eq!(said(&offered, &["exec", "box", "--", "sh", "-c", "echo $WORD $(whoami)"]), "hello ubuntu\n");
    assert_eq!(
        said(&offered, &["exec", "--sudo", "--workdir", "/tmp", "box", "--", "sh", "-c", "pwd; id -u"]),
        "/tmp\n0\n"
    );
    let list = said(&offered, &["list"]);
    assert!(list.contains("box") && list.contains("running"), "{list}");
    said(&offered, &["stop", "box"]);
    let list = said(&offered, &["list", "--all"]);
    assert!(list.contains("box") && list.contains("stopped"), "{list}");
    said(&offered, &["remove", "box"]);
    let list = said(&offered, &["list", "--all"]);
    assert!(!list.contains("box"), "{list}");
}

#[test]
fn a_commands_streams_and_exit_code_are_its_own() {
    let offered = Offered::start(&[]);
    said(&offered, &["create", "--name", "box"]);
    let mut command = sandbox(&offered, &["exec", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", reported(&command, &output));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "out\n");
    assert!(String::from_utf8(output.stderr).unwrap().contains("err\n"));
}

#[test]
fn files_are_copied_in_and_out() {
    let offered = Offered::start(&[]);
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    let host = |name: &str| offered.directory.path().join(name);
    fs::write(host("in"), &bytes).unwrap();
    said(&offered, &["create", "--name", "box"]);
    said(&offered, &["copy", host("in").to_str().unwrap(), "box:/tmp/copy"]);
    assert_eq!(said(&offered, &["exec", "box", "--", "stat", "-c", "%s", "/tmp/copy"]), "100000\n");
    said(&offered, &["copy", "box:/tmp/copy", host("out").to_str().unwrap()]);
    assert!(fs::read(host("out")).unwrap() == bytes);
}

#[test]
fn a_snapshot_is_made_listed_run_from_and_removed() {
    let offered = Offered::start(&[]);
    said(&offered, &["create", "--name", "box", "--silent"]);
    said(&offered, &["exec", "box", "--", "sh", "-c", "echo kept >file"]);
    said(&offered, &["snapshot", "box", "--stop"]);
    let list = said(&offered, &["snapshots", "list"]);
    let id = list.split_whitespace().find(|word| word.starts_with("snap_")).unwrap_or_else(|| panic!("{list}"));
    let printed = said(&offered, &["run", "--snapshot", id, "--rm", "--silent", "--", "cat", "file"]);
    assert_eq!(printed, "kept\n");
    said(&offered, &["snapshots", "delete", id]);
    let mut late = sandbox(&offered, &["run", "--snapshot", id, "--rm", "--", "true"]);
    let output = late.output().unwrap();
    assert!(!output.status.success(), "{}", reported(&late, &output));
}
