//! Booted nodes that die, are worn out, or cannot be started: no command is lost, and each one returns its output and
//! its exit.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use workers_domain::ports::{
    CommandEvent, CommandSpec, ExitStatus, NodePreload, Sandbox, SandboxFile, SandboxPath, SandboxProvider,
    SandboxSource, SandboxSpec,
};
use workers_domain::{NetworkPolicy, ResourceLimits, SnapshotId};
use workers_engine::{Engine, EngineOptions, Isolation, IsolationLayer, TemplateLibrary, Templates};

use crate::support::{Ran, finish, options};

/// A script that prints the id of its parent as seen inside the sandbox: 0 for a child of a template, because its
/// parent is outside; otherwise the sandbox's first process.
const PARENT: &str = "console.log(require('fs').readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[1])";
const FORKED: &str = "0";

struct Templated {
    engine: Engine,
    directory: tempfile::TempDir,
}

impl Templated {
    async fn start(change: impl FnOnce(&mut EngineOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = options(directory.path(), Isolation::Full);
        options.templates = Templates::PER_CONTENT;
        change(&mut options);
        Self { engine: Engine::start(options).await.unwrap(), directory }
    }

    async fn snapshot(&self, script: &str) -> SnapshotId {
        let spec = SandboxSpec {
            source: SandboxSource::Empty,
            limits: ResourceLimits::default(),
            network: NetworkPolicy::default(),
            kept_for: None,
        };
        let sandbox = self.engine.create(spec).await.unwrap();
        let path = SandboxPath::parse("main.cjs").unwrap();
        sandbox.write_files(vec![SandboxFile { path, contents: script.into() }]).await.unwrap();
        sandbox.snapshot(None).await.unwrap().id
    }

    async fn sandbox(&self, snapshot: &SnapshotId) -> Box<dyn Sandbox> {
        let source = SandboxSource::Snapshot(snapshot.clone());
        self.engine
            .create(SandboxSpec {
                source,
                limits: ResourceLimits::default(),
                network: NetworkPolicy::default(),
                kept_for: None,
            })
            .await
            .unwrap()
    }

    async fn run(&self, snapshot: &SnapshotId) -> Ran {
        let sandbox = self.sandbox(snapshot).await;
        let ran = finish(&mut *sandbox.run(node()).await.unwrap()).await;
        sandbox.stop().await.unwrap();
        ran
    }

    /// Runs the snapshot until a command is forked.
    async fn run_forked(&self, snapshot: &SnapshotId) {
        while self.run(snapshot).await.output != FORKED {}
    }

    /// Returns the processes outside of sandboxes that run the template's script, even if only until they execute
    /// another program.
    fn templates(&self) -> BTreeSet<i32> {
        self.booted().filter(|pid| is_child_of_launcher(*pid)).collect()
    }

    /// Returns the children of templates that are parked in a sandbox.
    fn parked_children(&self) -> BTreeSet<i32> {
        self.booted().filter(|pid| !is_child_of_launcher(*pid)).collect()
    }

    fn booted(&self) -> impl Iterator<Item = i32> {
        let script = self.directory.path().join("template");
        let runs_script = move |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(script.to_str().unwrap())
        };
        let entries = fs::read_dir("/proc").unwrap();
        let processes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        processes.filter(runs_script)
    }
}

fn node() -> CommandSpec {
    CommandSpec::node_script("main.cjs", Vec::new())
}

/// Returns whether a process is in the launcher's PID namespace. Children in sandboxes are in another one.
fn is_child_of_launcher(pid: i32) -> bool {
    let namespace = |pid: &str| fs::read_link(Path::new("/proc").join(pid).join("ns/pid")).ok();
    namespace(&pid.to_string()) == namespace("self")
}

fn kill_all(processes: &BTreeSet<i32>, signal: Signal) {
    for pid in processes {
        // The process may have exited.
        let _ = kill_process(Pid::from_raw(*pid).unwrap(), signal);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_booted_node_run_on_a_host_without_overlays_and_each_finds_the_files_as_new() {
    let engine = Templated::start(|options| options.omitted_layer = Some(IsolationLayer::Overlays)).await;
    // The script prints its parent, and fails if an earlier run has left its mark.
    let snapshot = engine.snapshot(&format!("require('fs').mkdirSync('mark');{PARENT}")).await;
    engine.run_forked(&snapshot).await;
    for _ in 0..3 {
        assert_eq!(engine.run(&snapshot).await.exit.status, ExitStatus::Code(0));
    }
    engine.engine.shutdown().await;
}

/// Returns the sandbox that an invocation gets from a snapshot.
fn spec(snapshot: &SnapshotId) -> SandboxSpec {
    let source = SandboxSource::Snapshot(snapshot.clone());
    SandboxSpec { source, limits: ResourceLimits::default(), network: NetworkPolicy::default(), kept_for: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_expected_has_a_sandbox_with_a_booted_node_before_it_is_asked_for() {
    let engine = Templated::start(|_| ()).await;
    assert!(engine.engine.has_templates().await);
    let (snapshot, other) = (engine.snapshot(PARENT).await, engine.snapshot("another one").await);
    engine.engine.expect(spec(&snapshot));
    let began = Instant::now();
    while engine.parked_children().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "nothing was made");
        tokio::task::yield_now().await;
    }
    let parked = engine.parked_children();
    engine.engine.delete_snapshot(&other).await.unwrap();
    assert_eq!(engine.parked_children(), parked, "the end of another snapshot does not matter");
    // A child is visible shortly before its sandbox can be used.
    while !engine.parked_children().is_disjoint(&parked) {
        assert!(began.elapsed() < Duration::from_secs(5), "others are used");
        assert_eq!(engine.run(&snapshot).await.output, FORKED);
    }
    // A snapshot that does not exist is not made.
    engine.engine.expect(spec(&other));
    engine.engine.delete_snapshot(&snapshot).await.unwrap();
    engine.engine.shutdown().await;
    assert!(engine.parked_children().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_snapshots_that_are_expected_at_once_have_booted_nodes_though_each_needs_a_template_of_its_own() {
    let engine = Templated::start(|_| ()).await;
    assert!(engine.engine.has_templates().await);
    let programs = ["", ";", ";;"].map(|end| format!("{PARENT}{end}"));
    let mut snapshots = Vec::new();
    for program in &programs {
        snapshots.push(engine.snapshot(program).await);
    }
    for snapshot in &snapshots {
        engine.engine.expect(spec(snapshot));
    }
    let began = Instant::now();
    while engine.parked_children().len() < snapshots.len() {
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", engine.parked_children());
        tokio::task::yield_now().await;
    }
    for snapshot in &snapshots {
        assert_eq!(engine.run(snapshot).await.output, FORKED);
    }
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_is_killed_is_replaced_and_no_command_is_lost() {
    let engine = Templated::start(|_| ()).await;
    let snapshot = engine.snapshot(PARENT).await;
    for _ in 0..3 {
        engine.run_forked(&snapshot).await;
        kill_all(&engine.templates(), Signal::KILL);
        assert_eq!(engine.run(&snapshot).await.exit.status, ExitStatus::Code(0));
    }
    engine.run_forked(&snapshot).await;
    engine.engine.shutdown().await;
    assert!(engine.templates().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forked_goes_on_when_its_template_dies() {
    let engine = Templated::start(|_| ()).await;
    let script = format!("{PARENT}; process.stdin.resume(); setTimeout(() => console.log('still there'), 300)");
    let snapshot = engine.snapshot(&script).await;
    let forked = loop {
        let sandbox = engine.sandbox(&snapshot).await;
        let mut command = sandbox.run(node()).await.unwrap();
        let mut printed = Vec::new();
        if let Some(CommandEvent::Output { bytes, .. }) = command.next_event().await.unwrap() {
            printed = bytes;
        }
        let is_forked = printed.starts_with(FORKED.as_bytes());
        if is_forked {
            kill_all(&engine.templates(), Signal::KILL);
        }
        let ran = finish(&mut *command).await;
        sandbox.stop().await.unwrap();
        if is_forked {
            break ran;
        }
    };
    assert_eq!(forked.output, "still there");
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_a_template_dies_over_is_carried_out_all_the_same() {
    let engine = Templated::start(|_| ()).await;
    let snapshot = engine.snapshot(PARENT).await;
    engine.run_forked(&snapshot).await;
    let templates = engine.templates();
    kill_all(&templates, Signal::STOP);
    let running: Vec<_> = (0..4).map(|_| engine.run(&snapshot)).collect();
    let killed = async {
        // Some commands have ordered a child by then, others do so later; all must end well.
        tokio::task::yield_now().await;
        kill_all(&templates, Signal::KILL);
    };
    let (ran, ()) = tokio::join!(futures_of(running), killed);
    assert!(ran.iter().all(|ran| ran.output == "0" || ran.output == "1"), "{ran:?}");
    engine.engine.shutdown().await;
}

async fn futures_of<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut done = Vec::new();
    for future in futures {
        done.push(future.await);
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worn_template_is_replaced_while_commands_run() {
    let engine = Templated::start(|options| options.template_forks = 3).await;
    let snapshot = engine.snapshot(PARENT).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 6 {
        assert!(["0", "1"].contains(&engine.run(&snapshot).await.output.as_str()));
        seen.extend(engine.templates());
    }
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_templates_are_kept_than_was_said() {
    let engine =
        Templated::start(|options| options.templates = Templates::PerContent { most: 1, memory_bytes: u64::MAX }).await;
    let mut snapshots = Vec::new();
    for index in 0..3 {
        snapshots.push(engine.snapshot(&format!("{PARENT} // {index}")).await);
    }
    for _ in 0..2 {
        for snapshot in &snapshots {
            engine.run_forked(snapshot).await;
            // The assigned one, the spare one, and one that is just exiting.
            assert!(engine.templates().len() <= 3);
        }
    }
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_take_no_more_memory_than_was_said() {
    // One booted node takes more than half of this memory.
    let room = Templates::PerContent { most: 100, memory_bytes: 24 << 20 };
    let engine = Templated::start(|options| options.templates = room).await;
    for index in 0..4 {
        let snapshot = engine.snapshot(&format!("{PARENT} // {index}")).await;
        engine.run_forked(&snapshot).await;
        assert!(engine.templates().len() <= 3, "one is assigned, one spare, one just leaving");
    }
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_was_made_ahead_leaves_no_task_behind_when_it_was_used() {
    let engine = Templated::start(|_| ()).await;
    let snapshot = engine.snapshot(PARENT).await;
    engine.run_forked(&snapshot).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for _ in 0..40 {
        engine.run(&snapshot).await;
    }
    // Two sandboxes wait, and the last ones are being removed.
    assert!(tasks() < before + 20, "{before} tasks before, {} after", tasks());
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_template_that_boots_commands_start_their_own_node() {
    let engine = Templated::start(|_| ()).await;
    engine.engine.preload(NodePreload { module: "throw new Error('broken')".to_owned() });
    let began = Instant::now();
    while engine.engine.has_templates().await {
        assert!(began.elapsed() < Duration::from_secs(10), "what cannot be loaded boots");
        tokio::task::yield_now().await;
    }
    let snapshot = engine.snapshot(PARENT).await;
    assert_eq!(engine.run(&snapshot).await.output, "1");
    engine.engine.shutdown().await;
    let missing = |options: &mut EngineOptions| options.template_library = TemplateLibrary::Bytes(b"no library");
    let engine = Templated::start(missing).await;
    assert!(!engine.engine.has_templates().await);
    let snapshot = engine.snapshot(PARENT).await;
    assert_eq!(engine.run(&snapshot).await.output, "1");
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_network_is_not_given_to_another_sandbox() {
    let engine = Templated::start(|_| ()).await;
    let counts =
        "console.log(require('fs').readFileSync('/proc/net/dev', 'utf8').match(/lo:(.*)/)[1].trim().split(/ +/)[1])";
    let used = engine
        .snapshot(&format!(
            "require('dgram').createSocket('udp4').send('x', 9, '127.0.0.1', () => {{ {counts}; process.exit() }})"
        ))
        .await;
    let unused = engine.snapshot(counts).await;
    for _ in 0..4 {
        assert_ne!(engine.run(&used).await.output, "0");
        assert_eq!(engine.run(&unused).await.output, "0");
    }
    engine.engine.shutdown().await;
}
