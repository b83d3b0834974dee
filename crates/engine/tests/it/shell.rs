//! A sandbox has a shell if the host has one, and none otherwise.

use std::fs;
use std::path::{Path, PathBuf};

use workers_domain::ports::SandboxProvider as _;
use workers_engine::{Engine, Isolation};

use crate::support::{TestEngine, Tested, options_with};

/// A script that prints what a shell prints, or the error if there is none, and which files exist.
const ASK: &str = "const { execSync } = require('child_process'), { existsSync } = require('fs');
    try { console.log(execSync('echo a shell', { encoding: 'utf8' }).trim()) }
    catch (error) { console.log(error.message) }
    console.log(existsSync('/bin/sh'), existsSync('/usr/bin/sh'), existsSync('/bin/node'))";
const THERE: &str = "a shell\ntrue true true";
const NOT_THERE: &str = "spawnSync /bin/sh ENOENT\nfalse false true";

async fn with_shell(shell: Option<PathBuf>) -> TestEngine {
    let directory = tempfile::tempdir().unwrap();
    let options = options_with(directory.path(), |options| options.shell = shell);
    Tested { engine: Engine::start(options).await.unwrap(), directory }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_shell_is_in_a_sandbox() {
    let engine = TestEngine::isolated().await;
    assert!(engine.engine.has_shell());
    assert_eq!(engine.node(ASK).await.output, THERE);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_host_has_no_shell_there_is_none_in_a_sandbox_either() {
    let script = tempfile::NamedTempFile::new().unwrap();
    fs::write(script.path(), "#!/usr/bin/env sh\n").unwrap();
    for shell in [None, Some("/no/such/shell".into()), Some("/".into()), Some(script.path().into())] {
        let engine = with_shell(shell).await;
        assert!(!engine.engine.has_shell());
        assert_eq!(engine.node(ASK).await.output, NOT_THERE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_needs_more_libraries_than_node_has_them() {
    let bash = Path::new("/bin/bash");
    if bash.exists() {
        assert_eq!(with_shell(Some(bash.into())).await.node(ASK).await.output, THERE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_was_removed_or_changed_is_made_again_as_it_was() {
    let host = tempfile::tempdir().unwrap();
    let given = host.path().join("sh");
    fs::copy("/bin/sh", &given).unwrap();
    let engine = with_shell(Some(given.clone())).await;
    // What the host has at that path by then is not used.
    fs::write(&given, "another").unwrap();
    let shell = engine.directory.path().join("runtime/root/usr/bin/sh");
    for destroy in [&|| fs::remove_file(&shell), &|| fs::remove_file(&shell).and_then(|()| fs::write(&shell, "no"))]
        as [&dyn Fn() -> std::io::Result<()>; 2]
    {
        destroy().unwrap();
        // The engine checks every few seconds, and also on this call.
        engine.engine.faults().await;
        assert_eq!(engine.node(ASK).await.output, THERE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_isolation_the_shell_is_the_hosts() {
    let engine = TestEngine::start(Isolation::None).await;
    assert!(!engine.engine.has_shell());
    let script = "console.log(require('child_process').execSync('echo a shell', { encoding: 'utf8' }).trim())";
    assert_eq!(engine.node(script).await.output, "a shell");
}
