//! What one run leaves for the next one of the same script, in a sandbox that is kept. Whatever a run tries, the next
//! run sees a sandbox as new as the first: what the run left is gone, or the sandbox is.

use std::path::Path;
use std::process::Command as HostCommand;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use workers_domain::ports::{
    CommandSpec, KeptStep, NodePreload, NodeScript, Program, Sandbox, SandboxFile, SandboxObserver, SandboxPath,
    SandboxProvider as _, SandboxSource, SandboxSpec,
};
use workers_domain::{NetworkPolicy, ResourceLimits, SandboxId, SnapshotId};
use workers_engine::{Engine, EngineOptions, Isolation, Templates};
use workers_testing::compile_native;

use crate::support::{finish, node, options};

/// Passes the zygote's way to park on to the script.
const PRELOAD: &str = "exports.warm = async () => {};
    exports.prepare = (environment, park) => { if (park) globalThis[Symbol.for('test.park')] = park };";

const SCRIPT: &str = "main.cjs";

/// The attempts after which the sandbox is thrown away. After all others it is used again.
const THROWN_AWAY: &str = include_str!("thrown_away.txt");

/// Counts changes that the usual comparison has missed.
#[derive(Debug, Default)]
struct Missed(AtomicUsize);

impl SandboxObserver for Missed {
    fn set_aside(&self) {}

    fn ended_after_all(&self) {}

    fn kept(&self, step: KeptStep) {
        if step == KeptStep::Missed {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// An engine with one snapshot, of the script and the native program.
struct Kept {
    engine: Engine,
    missed: Arc<Missed>,
    snapshot: SnapshotId,
    limits: ResourceLimits,
    directory: tempfile::TempDir,
}

/// A run, and the sandbox that it had.
struct Seen {
    output: String,
    sandbox: SandboxId,
    is_kept: bool,
    is_reused: bool,
}

impl Kept {
    async fn start(change: impl FnOnce(&mut EngineOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = options(directory.path(), Isolation::Full);
        options.templates = Templates::PER_CONTENT;
        let missed = Arc::<Missed>::default();
        (options.compares_all, options.observer) = (true, Arc::clone(&missed) as Arc<dyn SandboxObserver>);
        change(&mut options);
        let engine = Engine::start(options).await.unwrap();
        engine.preload(NodePreload { module: PRELOAD.to_owned() });
        // Enough for a few runs, so that one that does not end is soon over.
        let limits = ResourceLimits { wall_clock: Duration::from_secs(10), ..ResourceLimits::default() };
        let network = NetworkPolicy::default();
        let spec = SandboxSpec { source: SandboxSource::Empty, limits, network, kept_for: None };
        let sandbox = engine.create(spec).await.unwrap();
        let file = |name: &str, contents| SandboxFile { path: SandboxPath::parse(name).unwrap(), contents };
        let files = vec![file(SCRIPT, include_bytes!("main.cjs").to_vec()), file("native", compiled())];
        sandbox.write_files(files).await.unwrap();
        let snapshot = sandbox.snapshot(None).await.unwrap().id;
        Self { engine, missed, snapshot, limits, directory }
    }

    fn spec(&self) -> SandboxSpec {
        SandboxSpec {
            source: SandboxSource::Snapshot(self.snapshot.clone()),
            limits: self.limits,
            network: NetworkPolicy::default(),
            kept_for: Some(NodeScript { path: SCRIPT.to_owned(), heap_mib: Some(192), env: Vec::new() }),
        }
    }

    async fn run(&self, arguments: &[&str]) -> Seen {
        let sandbox = self.engine.create(self.spec()).await.unwrap();
        self.run_in(&*sandbox, arguments).await
    }

    async fn run_in(&self, sandbox: &dyn Sandbox, arguments: &[&str]) -> Seen {
        let mut spec = CommandSpec::node_script(SCRIPT, arguments.iter().map(|&text| text.to_owned()).collect());
        spec.program = Program::NodeScript { path: SCRIPT.to_owned(), heap_mib: Some(192) };
        let ran = finish(&mut *sandbox.run(spec).await.unwrap()).await;
        let (age, id) = (sandbox.age(), sandbox.id().clone());
        sandbox.stop().await.unwrap();
        Seen { output: ran.output, sandbox: id, is_kept: age.is_kept, is_reused: age.is_reused }
    }

    /// Runs in a sandbox that is kept; waits until there is one.
    async fn run_kept(&self, arguments: &[&str]) -> Seen {
        loop {
            let sandbox = self.engine.create(self.spec()).await.unwrap();
            if sandbox.age().is_kept {
                return self.run_in(&*sandbox, arguments).await;
            }
            sandbox.stop().await.unwrap();
            tokio::task::yield_now().await;
        }
    }
}

fn compiled() -> Vec<u8> {
    compile_native(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/kept/native.c"))
}

/// Returns the names of all attempts, as arguments of the script.
fn attempts() -> Vec<[String; 2]> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/kept/main.cjs");
    let listed = HostCommand::new(node()).arg(script).arg("names").output().unwrap();
    let named: Vec<String> = serde_json::from_slice(&listed.stdout).unwrap();
    let source = include_str!("native.c");
    let natives = source.split("ATTEMPT(").skip(2).map(|rest| rest.split(')').next().unwrap().to_owned());
    let named = named.into_iter().map(|name| ["leave".to_owned(), name]);
    named.chain(natives.map(|name| ["native".to_owned(), name])).collect()
}

/// Returns what a run sees, without what is random.
fn view(output: &str) -> Value {
    let mut seen: Value = serde_json::from_str(output.trim()).unwrap_or_else(|_| panic!("{output}"));
    for random in ["random", "bytes"] {
        assert!(!seen.as_object_mut().unwrap().remove(random).unwrap().is_null());
    }
    seen
}

/// Returns the paths at which two views differ, with both values.
fn differences(path: &str, one: &Value, other: &Value) -> Vec<String> {
    match (one, other) {
        (Value::Object(members), Value::Object(others)) if members.keys().eq(others.keys()) => {
            let pairs = members.iter().zip(others.values());
            pairs.flat_map(|((name, one), other)| differences(&format!("{path}/{name}"), one, other)).collect()
        }
        (Value::String(text), Value::String(other)) if text != other => {
            let lines = text.lines().zip(other.lines()).filter(|(one, other)| one != other);
            lines.map(|(one, other)| format!("{path}: `{one}` is now `{other}`")).collect()
        }
        _ if one == other => Vec::new(),
        _ => vec![format!("{path}: {one} is now {other}")],
    }
}

/// Makes every fourth attempt, so that four tests share them.
async fn leave_every_fourth(first: usize, change: impl FnOnce(&mut EngineOptions)) {
    let kept = Kept::start(change).await;
    let fresh = view(&kept.run_kept(&["look"]).await.output);
    let mut faults = Vec::new();
    for [kind, name] in attempts().iter().skip(first).step_by(4) {
        let expected = !THROWN_AWAY.lines().any(|line| line == name);
        let mut is_same = false;
        // A machine that is busy may take longer than the engine waits; then the sandbox is thrown away.
        for _ in 0..3 {
            let left = kept.run_kept(&[kind, name]).await;
            let next = kept.run_kept(&["look"]).await;
            is_same = next.sandbox == left.sandbox;
            if kept.missed.0.swap(0, Ordering::AcqRel) > 0 {
                faults.push(format!("{name}: the usual comparison misses what it leaves"));
            }
            let found = differences("", &fresh, &view(&next.output));
            if !found.is_empty() {
                faults.push(format!("{name}: the next run sees {found:?}, in the same sandbox: {is_same}"));
            }
            assert!(left.is_kept && next.is_kept && (next.is_reused || !is_same));
            if is_same == expected {
                break;
            }
        }
        if is_same != expected {
            faults.push(format!("{name}: the sandbox is used again: {is_same}"));
        }
    }
    kept.engine.shutdown().await;
    drop(kept.directory);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

macro_rules! tests {
    ($($name:ident: $first:literal,)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            assert!(attempts().len() >= 60);
            leave_every_fourth($first, |_| ()).await;
        })*
    };
}

tests! {
    what_a_run_leaves_is_gone_or_its_sandbox_is_1: 0,
    what_a_run_leaves_is_gone_or_its_sandbox_is_2: 1,
    what_a_run_leaves_is_gone_or_its_sandbox_is_3: 2,
    what_a_run_leaves_is_gone_or_its_sandbox_is_4: 3,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_run_draws_other_random_numbers() {
    let kept = Kept::start(|_| ()).await;
    let mut drawn = std::collections::HashSet::new();
    for _ in 0..20 {
        let seen: Value = serde_json::from_str(kept.run_kept(&["look"]).await.output.trim()).unwrap();
        assert!(drawn.insert(seen["random"].to_string()) && drawn.insert(seen["bytes"].to_string()));
    }
    kept.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_before_it_begins_does_not_begin_in_the_place_of_the_next_one() {
    let kept = Kept::start(|_| ()).await;
    let fresh = view(&kept.run_kept(&["look"]).await.output);
    for _ in 0..30 {
        let sandbox = kept.engine.create(kept.spec()).await.unwrap();
        let args = ["leave", "a global"].map(str::to_owned).to_vec();
        let program = Program::NodeScript { path: SCRIPT.to_owned(), heap_mib: Some(192) };
        let command = sandbox.run(CommandSpec { program, args, env: Vec::new() }).await.unwrap();
        command.kill().await.unwrap();
        sandbox.stop().await.unwrap();
        let next = kept.run_kept(&["look"]).await;
        assert_eq!(differences("", &fresh, &view(&next.output)), Vec::<String>::new());
    }
    kept.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_must_be_new_is_new() {
    let kept = Kept::start(|_| ()).await;
    let used = kept.run_kept(&["look"]).await;
    let spec = SandboxSpec { kept_for: None, ..kept.spec() };
    let sandbox = kept.engine.create(spec).await.unwrap();
    let seen = kept.run_in(&*sandbox, &["look"]).await;
    assert!(!seen.is_kept && !seen.is_reused && seen.sandbox != used.sandbox);
    // Nor do other limits get it, which are other rights.
    let limits = ResourceLimits { memory_bytes: 512 << 20, ..kept.limits };
    let sandbox = kept.engine.create(SandboxSpec { limits, ..kept.spec() }).await.unwrap();
    assert!(!sandbox.age().is_reused);
    sandbox.stop().await.unwrap();
    kept.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sandboxes_that_may_be_kept_each_run_gets_a_new_one() {
    let kept = Kept::start(|options| options.most_kept = 0).await;
    for _ in 0..5 {
        assert!(!kept.run(&["look"]).await.is_kept);
    }
    kept.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_snapshot_ends_the_sandboxes_that_are_kept_for_it() {
    let kept = Kept::start(|_| ()).await;
    assert!(kept.run_kept(&["look"]).await.is_kept);
    kept.engine.delete_snapshot(&kept.snapshot).await.unwrap();
    assert!(kept.engine.create(kept.spec()).await.is_err());
    kept.engine.shutdown().await;
}
