//! Tests what remains after a process is killed that should not be.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as HostCommand, Stdio};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use workers_domain::ports::{
    Clock, SandboxErrorKind, SandboxFile, SandboxPath, SandboxProvider, SandboxSource, SandboxSpec, SystemClock,
};
use workers_domain::{NetworkPolicy, ResourceLimits};
use workers_engine::{Engine, Isolation};

use crate::support::{TestEngine, content_of, finish, host_processes_with, options, start, unique};

const FOREVER: &str = "console.log('up'); setInterval(() => {}, 1000)";

/// The variables that make the ignored test below act as the server that is killed.
const SERVER_DIRECTORY: &str = "WORKERS_TEST_SERVER_DIRECTORY";
const SERVER_MARKER: &str = "WORKERS_TEST_SERVER_MARKER";
const SERVER_SANDBOXES: usize = 50;

/// Returns the launcher's process: the one that has the launcher's lock of this directory open.
pub(crate) fn launcher_of(directory: &Path) -> rustix::process::Pid {
    let lock = directory.canonicalize().unwrap().join("launcher.lock");
    let holds = |pid: &str| {
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.contains("workers-sandbox-launcher")
            && fs::read_dir(format!("/proc/{pid}/fd"))
                .is_ok_and(|mut fds| fds.any(|fd| fs::read_link(fd.unwrap().path()).is_ok_and(|link| link == lock)))
    };
    let mut pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let pid = pids.find(|pid| pid.parse::<u32>().is_ok() && holds(pid)).expect("the launcher runs");
    rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap()
}

/// Counts the cgroups of sandboxes in the plan that the engine wrote.
pub(crate) fn cgroups_left(directory: &Path) -> usize {
    let plan = fs::read_to_string(directory.join("cgroups.json")).unwrap_or_default();
    let bases = plan.split('"').filter(|text| text.starts_with('/'));
    let subdirectories = |base: &str| {
        fs::read_dir(base).map_or(0, |entries| entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count())
    };
    bases.map(subdirectories).sum()
}

async fn within_a_second(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(1), "{what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_sandbox_is_gone_within_a_second() {
    for isolation in [Isolation::Full, Isolation::None] {
        let engine = TestEngine::start(isolation).await;
        let marker = unique();
        let sandbox = engine.sandbox(ResourceLimits::default()).await;
        let mut command = start(&*sandbox, &format!("{FOREVER} // {marker}")).await;
        command.next_event().await.unwrap();
        assert_eq!(host_processes_with(&marker), 1);
        drop(sandbox);
        within_a_second("its process runs on", || host_processes_with(&marker) == 0).await;
        drop(command);
        within_a_second("its cgroup is left", || cgroups_left(engine.directory.path()) == 0).await;
        let staged = engine.directory.path().join("sandboxes");
        within_a_second("its files are left", || fs::read_dir(&staged).unwrap().count() == 0).await;
        engine.engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_command_is_killed_and_its_sandbox_goes_on() {
    let engine = TestEngine::isolated().await;
    let marker = unique();
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let mut command = start(&*sandbox, &format!("{FOREVER} // {marker}")).await;
    command.next_event().await.unwrap();
    drop(command);
    within_a_second("it runs on", || host_processes_with(&marker) == 0).await;
    assert_eq!(finish(&mut *start(&*sandbox, "console.log(1)").await).await.output, "1");
    sandbox.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launcher_that_dies_takes_its_sandboxes_along_and_is_started_again() {
    let engine = TestEngine::isolated().await;
    let marker = unique();
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let mut command = start(&*sandbox, &format!("{FOREVER} // {marker}")).await;
    command.next_event().await.unwrap();
    rustix::process::kill_process(launcher_of(engine.directory.path()), rustix::process::Signal::KILL).unwrap();
    let error = command.next_event().await.unwrap_err();
    assert_eq!(error.kind, SandboxErrorKind::Failed);
    within_a_second("its process runs on", || host_processes_with(&marker) == 0).await;
    sandbox.stop().await.unwrap();
    assert_eq!(engine.node("console.log('again')").await.output, "again");
    assert_eq!(cgroups_left(engine.directory.path()), 0);
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_leaves_nothing() {
    for isolation in [Isolation::Full, Isolation::None] {
        let engine = TestEngine::start(isolation).await;
        let marker = unique();
        let sandbox = engine.sandbox(ResourceLimits::default()).await;
        let mut command = start(&*sandbox, &format!("{FOREVER} // {marker}")).await;
        command.next_event().await.unwrap();
        engine.engine.shutdown().await;
        assert_eq!(host_processes_with(&marker), 0);
        assert_eq!(cgroups_left(engine.directory.path()), 0);
        let error = engine.engine.check().await.unwrap_err();
        assert_eq!(error.kind, SandboxErrorKind::Unavailable);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_engine_on_the_same_directory_is_refused() {
    let engine = TestEngine::isolated().await;
    let error = Engine::start(options(engine.directory.path(), Isolation::Full)).await.unwrap_err();
    assert!(error.to_string().contains("another server is running"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_never_calls_the_hook_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), Isolation::Full);
    options.launcher = workers_engine::LauncherProgram::CurrentExe;
    let error = Engine::start(options).await.unwrap_err();
    assert!(error.to_string().contains("run_launcher_if_asked"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_snapshot_counts_as_gone() {
    let mut engine = TestEngine::isolated().await;
    let snapshot = deploy(&engine.engine).await;
    engine.engine.shutdown().await;
    let content = content_of(engine.directory.path());
    fs::write(content.join("worker.mjs"), "console.lo").unwrap();
    // The old engine must release its lock first.
    let directory = engine.directory;
    drop(engine.engine);
    engine = TestEngine { engine: reopen(directory.path()).await, directory };
    assert_eq!(engine.engine.find_snapshot(&snapshot).await.unwrap(), None);
    // Deploying the same files again repairs the snapshot.
    let again = deploy(&engine.engine).await;
    assert!(engine.engine.find_snapshot(&again).await.unwrap().is_some());
    engine.engine.shutdown().await;
}

async fn reopen(directory: &Path) -> Engine {
    loop {
        // The lock is released when the last task drops the old engine.
        match Engine::start(options(directory, Isolation::Full)).await {
            Err(error) if error.to_string().contains("another server") => tokio::task::yield_now().await,
            other => return other.unwrap(),
        }
    }
}

fn empty() -> SandboxSpec {
    SandboxSpec {
        source: SandboxSource::Empty,
        limits: ResourceLimits::default(),
        network: NetworkPolicy::default(),
        kept_for: None,
    }
}

async fn deploy(engine: &Engine) -> workers_domain::SnapshotId {
    let sandbox = engine.create(empty()).await.unwrap();
    let path = SandboxPath::parse("worker.mjs").unwrap();
    let contents = b"console.log('deployed')".to_vec();
    sandbox.write_files(vec![SandboxFile { path, contents }]).await.unwrap();
    sandbox.snapshot(None).await.unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_lists_the_snapshots_that_it_has_had_for_a_while() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(directory.path(), Isolation::Full)).await.unwrap();
    let before = SystemClock.now() - TimeDelta::seconds(1);
    let (first, second) = (deploy(&engine).await, deploy(&engine).await);
    assert_eq!(engine.own_snapshots(before).await.unwrap(), []);
    let mut listed = engine.own_snapshots(SystemClock.now() + TimeDelta::seconds(1)).await.unwrap();
    listed.sort();
    let mut both = [first, second];
    both.sort();
    assert_eq!(listed, both);
    // A snapshot that was made again under an old name still counts as new.
    let old = workers_domain::SnapshotId::new("snap_0193579b-0000-7000-8000-000000000000");
    let sandbox = engine.create(empty()).await.unwrap();
    assert_eq!(sandbox.snapshot_as(&old, None).await.unwrap().id, old);
    assert_eq!(engine.own_snapshots(before).await.unwrap(), []);
    // A name that is not in this engine's form is not used for the new snapshot.
    let sandbox = engine.create(empty()).await.unwrap();
    let foreign = workers_domain::SnapshotId::new("../../etc/passwd");
    assert_ne!(sandbox.snapshot_as(&foreign, None).await.unwrap().id, foreign);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_leaves_nothing_after_a_restart() {
    for kill_launcher_first in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let marker = unique();
        let mut server = HostCommand::new(std::env::current_exe().unwrap())
            .args(["--exact", "recovery::the_server_to_be_killed", "--ignored", "--nocapture"])
            .env(SERVER_DIRECTORY, directory.path())
            .env(SERVER_MARKER, &marker)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
        let ready = lines.find_map(|line| Some(line.split_once("ready ")?.1.to_owned())).unwrap();
        assert_eq!(host_processes_with(&marker), SERVER_SANDBOXES);
        if kill_launcher_first {
            // After this no process is left that could clean up.
            rustix::process::kill_process(launcher_of(directory.path()), rustix::process::Signal::KILL).unwrap();
        }
        server.kill().unwrap();
        server.wait().unwrap();
        let engine = Engine::start(options(directory.path(), Isolation::Full)).await.unwrap();
        assert_eq!(host_processes_with(&marker), 0);
        assert_eq!(cgroups_left(directory.path()), 0);
        assert_eq!(fs::read_dir(directory.path().join("sandboxes")).unwrap().count(), 0);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(directory.path().to_str().unwrap()));
        let source = SandboxSource::Snapshot(workers_domain::SnapshotId::new(ready));
        let sandbox = engine
            .create(SandboxSpec {
                source,
                limits: ResourceLimits::default(),
                network: NetworkPolicy::default(),
                kept_for: None,
            })
            .await
            .unwrap();
        let ran = finish(&mut *start(&*sandbox, "import(process.cwd() + '/worker.mjs')").await).await;
        assert_eq!(ran.output, "deployed");
        sandbox.stop().await.unwrap();
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a program for the test above, not a test"]
async fn the_server_to_be_killed() {
    let Some(directory) = std::env::var_os(SERVER_DIRECTORY) else { return };
    let marker = std::env::var(SERVER_MARKER).unwrap();
    let engine = Engine::start(options(Path::new(&directory), Isolation::Full)).await.unwrap();
    let snapshot = deploy(&engine).await;
    let mut held = Vec::new();
    for _ in 0..SERVER_SANDBOXES {
        let source = SandboxSource::Snapshot(snapshot.clone());
        let limits = ResourceLimits { wall_clock: Duration::from_mins(10), ..ResourceLimits::default() };
        let sandbox = engine
            .create(SandboxSpec { source, limits, network: NetworkPolicy::default(), kept_for: None })
            .await
            .unwrap();
        let mut command = start(&*sandbox, &format!("{FOREVER} // {marker}")).await;
        command.next_event().await.unwrap();
        held.push((sandbox, command));
    }
    println!("ready {snapshot}");
    std::future::pending::<()>().await;
}
