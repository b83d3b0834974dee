//! The engine without root, in a cgroup that is delegated to its user. The test needs root to delegate one, and version
//! 1 hierarchies.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command as HostCommand;

use workers_domain::ports::{NodeScript, SandboxFile, SandboxPath, SandboxProvider as _, SandboxSource, SandboxSpec};
use workers_domain::{NetworkPolicy, ResourceLimits};
use workers_engine::Engine;

use crate::support::{TestEngine, finish, options_with, start, unique};

const NOBODY: u32 = 65534;
const DIRECTORY: &str = "WORKERS_TEST_UNPRIVILEGED_DIRECTORY";
const CGROUP: &str = "WORKERS_TEST_UNPRIVILEGED_CGROUP";

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_works_without_root_in_a_delegated_cgroup() {
    let hierarchies = ["memory", "pids", "cpuacct"].map(|name| PathBuf::from("/sys/fs/cgroup").join(name));
    workers_testing::skip_unless_root("the test gives a user a cgroup");
    if !hierarchies.iter().all(|one| one.join("cgroup.procs").exists()) {
        workers_testing::skip("this host has no cgroup hierarchy of version 1 for it");
    }
    let group = unique();
    for hierarchy in &hierarchies {
        fs::create_dir(hierarchy.join(&group)).unwrap();
        chown(hierarchy.join(&group), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let status = HostCommand::new(std::env::current_exe().unwrap())
        .args(["--exact", "unprivileged::the_engine_without_root", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .env(CGROUP, &group)
        .uid(NOBODY)
        .gid(NOBODY)
        .status()
        .unwrap();
    for hierarchy in &hierarchies {
        fs::remove_dir(hierarchy.join(&group)).expect("the engine has left nothing in the delegated cgroup");
    }
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a program for the test above, not a test"]
async fn the_engine_without_root() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let group = PathBuf::from(std::env::var_os(CGROUP).unwrap());
    let directory = Path::new(&directory).join("data");
    let own = |parent| options_with(&directory, |options| options.cgroup_parent = parent);
    // Without delegation the engine refuses to start and names the cgroup.
    let error = Engine::start(own(None)).await.unwrap_err();
    assert!(error.to_string().contains("cgroup"), "{error}");
    drop(error);
    // All sandboxes share the user id that the engine runs as, which the operator must permit.
    let error = Engine::start(own(Some(group.clone()))).await.unwrap_err();
    assert!(error.to_string().contains("--allow-weaker shared-user-id"), "{error}");
    drop(error);
    let mut allowed = own(Some(group));
    allowed.allow_shared_user_id = true;
    let engine = Engine::start(allowed).await.unwrap();
    assert!(!engine.has_own_user_ids());
    let engine = TestEngine { engine, directory: tempfile::tempdir().unwrap() };
    let script = "const fs = require('fs'); console.log(process.getuid(), process.pid, fs.existsSync('/home'),
        /CapBnd:\\s*0+\\n/.test(fs.readFileSync('/proc/self/status', 'utf8')))";
    assert_eq!(engine.node(script).await.output, "1000 2 false true");
    // Its network goes through the broker, too: the server may look into the namespaces that it has made, and bind low
    // ports there.
    let script = "require('dns').resolve4('example.com', (error) => console.log(error.code));
        require('net').connect(80, '10.0.0.1').on('error', (error) => console.log(error.code));
        const server = require('net').createServer((socket) => socket.end('own')).listen(0, () =>
            require('net').connect(server.address().port).on('data', (data) => { console.log(String(data)); server.close() }))";
    let (source, network) = (SandboxSource::Empty, NetworkPolicy::DenyAll);
    let spec = SandboxSpec { source, limits: ResourceLimits::default(), network, kept_for: None };
    let sandbox = engine.engine.create(spec).await.unwrap();
    let output = finish(&mut *start(&*sandbox, script).await).await.output;
    sandbox.stop().await.unwrap();
    let mut lines: Vec<_> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["EACCES", "ENOTFOUND", "own"]);
    // It cannot fork a node that has booted, so it keeps no sandbox either: each invocation gets a new one.
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let left = "const fs = require('fs'); console.log(fs.existsSync('left')); fs.writeFileSync('left', '')";
    let path = SandboxPath::parse("script.cjs").unwrap();
    sandbox.write_files(vec![SandboxFile { path, contents: left.into() }]).await.unwrap();
    let source = SandboxSource::Snapshot(sandbox.snapshot(None).await.unwrap().id);
    sandbox.stop().await.unwrap();
    let kept_for = Some(NodeScript { path: "script.cjs".to_owned(), heap_mib: None, env: Vec::new() });
    let spec = SandboxSpec { source, limits: ResourceLimits::default(), network: NetworkPolicy::default(), kept_for };
    let mut seen = HashSet::new();
    for _ in 0..10 {
        let sandbox = engine.engine.create(spec.clone()).await.unwrap();
        assert!(!sandbox.age().is_kept && !sandbox.age().is_reused);
        assert_eq!(finish(&mut *start(&*sandbox, left).await).await.output, "false");
        assert!(seen.insert(sandbox.id().clone()));
        sandbox.stop().await.unwrap();
    }
    workers_testing::sandbox_provider::a_snapshot_keeps_what_was_written_and_what_commands_wrote(&engine.engine).await;
    workers_testing::sandbox_provider::a_command_that_takes_too_much_memory_is_killed_for_it(&engine.engine).await;
    workers_testing::sandbox_provider::a_sandbox_made_from_a_snapshot_may_change_its_files_and_no_other_sees_it(
        &engine.engine,
    )
    .await;
    engine.engine.shutdown().await;
}
