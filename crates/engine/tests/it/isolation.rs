//! The isolation cannot be lost: a sandbox that lacks a layer runs nothing, and a launcher that is started later makes
//! no weaker sandboxes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as HostCommand;
use std::time::{Duration, Instant};

use workers_domain::ports::SandboxProvider as _;
use workers_domain::ports::{SandboxSource, SandboxSpec};
use workers_domain::{NetworkPolicy, ResourceLimits};
use workers_engine::{Engine, Isolation, IsolationLayer};
use workers_testing::skip_unless_root;

use crate::recovery::{cgroups_left, launcher_of};
use crate::support::{TestEngine, host_processes_with, options, options_with, start, unique};

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_without_a_layer_of_its_isolation_runs_nothing() {
    skip_unless_root("without root there are no user ids to leave out");
    let layers = [
        IsolationLayer::UserIds,
        IsolationLayer::PidNamespace,
        IsolationLayer::NetworkNamespace,
        IsolationLayer::IpcNamespace,
        IsolationLayer::CgroupNamespace,
        IsolationLayer::Cgroups,
        IsolationLayer::Capabilities,
        IsolationLayer::Filter,
    ];
    for layer in layers {
        let directory = tempfile::tempdir().unwrap();
        let weaker = options_with(directory.path(), |options| options.omitted_layer = Some(layer));
        let error = Engine::start(weaker).await.expect_err("the engine tries a sandbox before it starts").to_string();
        assert!(
            error.contains("a part of the isolation is missing") || error.contains("Operation not permitted"),
            "{layer:?}: {error}"
        );
    }
}

const DIRECTORY: &str = "WORKERS_TEST_SHORTAGE_DIRECTORY";
const GROUP: &str = "WORKERS_TEST_SHORTAGE_GROUP";

#[tokio::test(flavor = "multi_thread")]
async fn a_launcher_started_while_processes_are_short_makes_no_weaker_sandboxes_and_works_again_afterwards() {
    skip_unless_root("a cgroup limits the processes");
    let group = Path::new("/sys/fs/cgroup/pids").join(unique());
    if fs::create_dir(&group).is_err() {
        // Version 2 has no separate hierarchy for processes, and a test cannot leave its root group alone.
        workers_testing::skip("this host has no cgroup hierarchy of version 1 for processes");
    }
    let directory = tempfile::tempdir().unwrap();
    let status = HostCommand::new(std::env::current_exe().unwrap())
        .args(["--exact", "isolation::a_server_that_runs_short_of_processes", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .env(GROUP, &group)
        .status();
    // The engine's processes may take a moment to leave the group.
    let started = Instant::now();
    while fs::remove_dir(&group).is_err() && started.elapsed() < Duration::from_secs(5) {
        tokio::task::yield_now().await;
    }
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a program for the test above, not a test"]
async fn a_server_that_runs_short_of_processes() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let group = PathBuf::from(std::env::var_os(GROUP).unwrap());
    fs::write(group.join("cgroup.procs"), std::process::id().to_string()).unwrap();
    let own = |parent| options_with(Path::new(&directory), |options| options.cgroup_parent = parent);
    // The engine's own cgroups lie beside the limited one, which contains only its launcher.
    let engine = Engine::start(own(Some(PathBuf::from("/")))).await.unwrap();
    assert!(engine.has_own_user_ids());
    let create = || {
        let (source, network) = (SandboxSource::Empty, NetworkPolicy::DenyAll);
        engine.create(SandboxSpec { source, limits: ResourceLimits::default(), network, kept_for: None })
    };
    for room in 0..3_u32 {
        let launcher = launcher_of(Path::new(&directory));
        let current: u32 = fs::read_to_string(group.join("pids.current")).unwrap().trim().parse().unwrap();
        // The launcher that is killed makes room for the next one. `room` is how many more processes that one may make.
        fs::write(group.join("pids.max"), (current + room).saturating_sub(1).to_string()).unwrap();
        rustix::process::kill_process(launcher, rustix::process::Signal::KILL).unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(2), async {
            if let Ok(sandbox) = create().await
                && let Ok(command) = sandbox.run(sleep()).await
            {
                assert_no_root_of_the_host();
                drop(command);
            }
        })
        .await;
        fs::write(group.join("pids.max"), "max").unwrap();
        let started = Instant::now();
        let sandbox = loop {
            match create().await {
                Ok(sandbox) => break sandbox,
                Err(error) => assert!(started.elapsed() < Duration::from_secs(10), "{error}"),
            }
        };
        let mut command = sandbox.run(sleep()).await.unwrap();
        command.next_event().await.unwrap();
        assert_no_root_of_the_host();
        assert!(engine.has_own_user_ids());
        sandbox.stop().await.unwrap();
    }
    engine.shutdown().await;
}

const MARKER: &str = "a-sandbox-of-the-shortage-test";

fn sleep() -> workers_domain::ports::CommandSpec {
    let script = format!("console.log('{MARKER}'); setInterval(() => {{}}, 1000)");
    let args = vec!["-e".to_owned(), script];
    workers_domain::ports::CommandSpec::named("node", args)
}

/// Checks that no program of a sandbox has user id 0 on the host.
fn assert_no_root_of_the_host() {
    for entry in fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let command = fs::read(path.join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(MARKER) {
            let status = fs::read_to_string(path.join("status")).unwrap_or_default();
            assert!(!status.lines().any(|line| line.starts_with("Uid:\t0\t")), "a sandbox runs as root of the host");
        }
    }
}

/// A freezer group. Frozen processes do not die when they are killed. Dropping this thaws them.
struct Frozen(PathBuf);

impl Frozen {
    /// Creates the group. Skips the test where the host has no freezer that outlasts a kill.
    fn new() -> Self {
        let group = Path::new("/sys/fs/cgroup/freezer").join(unique());
        if fs::create_dir(&group).is_err() {
            workers_testing::skip("this host has no freezer that outlasts a kill");
        }
        Self(group)
    }

    /// Freezes all processes that have this text in their command line, and their parents in the sandbox.
    fn take(&self, marker: &str) {
        for entry in fs::read_dir("/proc").unwrap() {
            let path = entry.unwrap().path();
            let command = fs::read(path.join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&command).contains(marker) {
                let pid = path.file_name().unwrap().to_str().unwrap().to_owned();
                fs::write(self.0.join("cgroup.procs"), pid).unwrap();
            }
        }
        fs::write(self.0.join("freezer.state"), "FROZEN").unwrap();
    }

    fn thaw(&self) {
        fs::write(self.0.join("freezer.state"), "THAWED").unwrap();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.thaw();
        let started = Instant::now();
        while fs::remove_dir(&self.0).is_err() && started.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
    }
}

const FOREVER: &str = "console.log('up'); setInterval(() => {}, 1000)";

#[tokio::test(flavor = "multi_thread")]
async fn sandboxes_that_do_not_die_are_set_aside_and_others_go_on() {
    skip_unless_root("a cgroup freezes the sandboxes");
    let frozen = Frozen::new();
    let engine = TestEngine::isolated().await;
    let old_launcher = launcher_of(engine.directory.path());
    // A sandbox from before goes on through all of this.
    let bystander = engine.sandbox(ResourceLimits::default()).await;
    let mut witness = start(&*bystander, "process.stdout.write('up'); setInterval(() => {}, 1000)").await;
    witness.next_event().await.unwrap();
    let marker = unique();
    let mut stuck = Vec::new();
    for _ in 0..8 {
        let sandbox = engine.sandbox(ResourceLimits::default()).await;
        let mut command = start(&*sandbox, &format!("{FOREVER} // {marker}")).await;
        command.next_event().await.unwrap();
        stuck.push((sandbox, command));
    }
    frozen.take(&marker);
    let stops: Vec<_> = stuck
        .into_iter()
        .map(|(sandbox, command)| {
            tokio::spawn(async move {
                drop(command);
                tokio::time::timeout(Duration::from_secs(10), sandbox.stop()).await
            })
        })
        .collect();
    for stop in stops {
        stop.await.unwrap().expect("stopping ends").unwrap();
    }
    // Another launcher has taken over. It works, and so does what the first one made.
    let pid = engine.node("console.log('still works')").await;
    assert_eq!(pid.output, "still works");
    let alive = rustix::process::test_kill_process(old_launcher);
    assert!(alive.is_ok(), "the first launcher ended with a sandbox that runs");
    assert_eq!(crate::support::finish(&mut *start(&*bystander, "console.log('too')").await).await.output, "too");
    engine.engine.check().await.unwrap();
    bystander.stop().await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(15), engine.engine.shutdown()).await;
    ended.expect("the engine ends although sandboxes do not");
    frozen.thaw();
    // The next engine cleans up what this one had to leave.
    let TestEngine { engine: first, directory } = engine;
    drop((first, bystander, witness));
    let next = Engine::start(options(directory.path(), Isolation::Full)).await.unwrap();
    assert_eq!((host_processes_with(&marker), cgroups_left(directory.path())), (0, 0));
    next.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_launcher_does_not_answer_says_so_and_gets_another_one() {
    let engine = TestEngine::isolated().await;
    let launcher = launcher_of(engine.directory.path());
    rustix::process::kill_process(launcher, rustix::process::Signal::STOP).unwrap();
    let started = Instant::now();
    engine.engine.check().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(3), "the check itself must end");
    // The caller gets an error for this sandbox, and the next one is made by another launcher.
    let spec = || SandboxSpec {
        source: SandboxSource::Empty,
        limits: ResourceLimits::default(),
        network: NetworkPolicy::DenyAll,
        kept_for: None,
    };
    let sandbox = engine.engine.create(spec()).await.unwrap();
    sandbox.run(sleep()).await.map(drop).unwrap_err();
    assert_eq!(engine.node("console.log('again')").await.output, "again");
    engine.engine.check().await.unwrap();
    engine.engine.shutdown().await;
}

// On one thread, so that the engine has not noticed the launcher's death when it starts the sandbox's processes.
#[tokio::test]
async fn a_sandbox_that_a_dead_launcher_was_to_make_is_made_by_the_next_one() {
    let engine = TestEngine::isolated().await;
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let launcher = launcher_of(engine.directory.path());
    let pidfd = rustix::process::pidfd_open(launcher, rustix::process::PidfdFlags::empty()).unwrap();
    rustix::process::kill_process(launcher, rustix::process::Signal::KILL).unwrap();
    let mut ended = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut ended, None).unwrap();
    let mut command = start(&*sandbox, "console.log('made')").await;
    assert_eq!(crate::support::finish(&mut *command).await.output, "made");
    sandbox.stop().await.unwrap();
    engine.engine.shutdown().await;
}
