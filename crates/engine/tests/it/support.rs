//! An engine in a directory of its own, and helpers to run scripts in its sandboxes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use workers_domain::ports::{
    Command, CommandEvent, CommandExit, CommandSpec, Sandbox, SandboxProvider, SandboxSource, SandboxSpec,
};
use workers_domain::{LogStream, NetworkPolicy, ResourceLimits};
use workers_engine::{Engine, EngineOptions, Isolation, IsolationLayer, LauncherProgram, Templates};

/// An engine in a directory of its own.
pub(crate) struct Tested<const FORKED: bool> {
    pub(crate) engine: Engine,
    pub(crate) directory: tempfile::TempDir,
}

/// An engine whose commands start their own node.
pub(crate) type TestEngine = Tested<false>;

/// For suites that run twice: here with nodes that are started.
pub(crate) mod spawned {
    pub(crate) use super::{TestEngine, finish, host_processes_with, start, unique};
}

/// For the same suites with nodes that are forked.
pub(crate) mod forked {
    use workers_domain::ports::{Command, CommandSpec, Sandbox, SandboxFile, SandboxPath};

    pub(crate) use super::{finish, host_processes_with, unique};

    /// An engine whose commands are forked from one template.
    pub(crate) type TestEngine = super::Tested<true>;

    /// Starts a script from a file, which the script removes first. The command line contains its text, as with `node
    /// -e`.
    pub(crate) async fn start(sandbox: &dyn Sandbox, script: &str) -> Box<dyn Command> {
        let path = SandboxPath::parse("main.cjs").unwrap();
        let contents = format!("require('fs').unlinkSync(__filename);{script}").into_bytes();
        sandbox.write_files(vec![SandboxFile { path, contents }]).await.unwrap();
        sandbox.run(CommandSpec::node_script("main.cjs", vec![script.to_owned()])).await.unwrap()
    }
}

/// Returns the directory with the files of the only snapshot in a data directory.
pub(crate) fn content_of(directory: &Path) -> PathBuf {
    let level = std::fs::read_dir(directory.join("snapshots/contents")).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(level).unwrap().next().unwrap().unwrap().path()
}

/// Returns the path of node.
pub(crate) fn node() -> PathBuf {
    if let Some(path) = std::env::var_os("WORKERS_NODE") {
        return path.into();
    }
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node/bin/node");
    if installed.exists() {
        return installed;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join("node")).find(|node| node.exists());
    found.expect("node is neither named by WORKERS_NODE, nor installed by the setup, nor on PATH")
}

/// Returns options for a directory.
pub(crate) fn options(directory: &Path, isolation: Isolation) -> EngineOptions {
    let mut options = EngineOptions::new(directory, node());
    options.launcher = LauncherProgram::Path(env!("CARGO_BIN_EXE_workers-sandbox-launcher").into());
    options.isolation = isolation;
    options.templates = Templates::None;
    options.copy_node = false;
    options
}

/// Returns options for a directory, with full isolation, after `change` was applied to them.
pub(crate) fn options_with(directory: &Path, change: impl FnOnce(&mut EngineOptions)) -> EngineOptions {
    let mut options = options(directory, Isolation::Full);
    change(&mut options);
    options
}

impl<const FORKED: bool> Tested<FORKED> {
    pub(crate) async fn start(isolation: Isolation) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path(), isolation);
        Self::start_with(directory, options).await
    }

    /// Starts an engine as on a host without overlays.
    pub(crate) async fn copying() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = options_with(directory.path(), |options| options.omitted_layer = Some(IsolationLayer::Overlays));
        let tested = Self::start_with(directory, options).await;
        // Release builds cannot omit a layer.
        assert_eq!(tested.engine.has_overlays(), !cfg!(debug_assertions));
        tested
    }

    async fn start_with(directory: tempfile::TempDir, mut options: EngineOptions) -> Self {
        let isolation = options.isolation;
        options.templates = if FORKED { Templates::Shared } else { Templates::None };
        let engine = Engine::start(options).await.unwrap();
        let is_expected = FORKED && isolation == Isolation::Full;
        // A boot takes longer than one call waits for it when other tests use all processors.
        let booted = async {
            while is_expected && !engine.has_templates().await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), booted).await.expect("a template boots");
        assert_eq!(engine.has_templates().await, is_expected);
        Self { engine, directory }
    }

    pub(crate) async fn isolated() -> Self {
        Self::start(Isolation::Full).await
    }

    pub(crate) async fn sandbox(&self, limits: ResourceLimits) -> Box<dyn Sandbox> {
        self.engine
            .create(SandboxSpec {
                source: SandboxSource::Empty,
                limits,
                network: NetworkPolicy::default(),
                kept_for: None,
            })
            .await
            .unwrap()
    }

    /// Runs a script in a new sandbox.
    pub(crate) async fn node(&self, script: &str) -> Ran {
        self.node_with(script, ResourceLimits::default()).await
    }

    pub(crate) async fn node_with(&self, script: &str, limits: ResourceLimits) -> Ran {
        let sandbox = self.sandbox(limits).await;
        let mut command = if FORKED { forked::start(&*sandbox, script).await } else { start(&*sandbox, script).await };
        let ran = finish(&mut *command).await;
        sandbox.stop().await.unwrap();
        ran
    }
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Both outputs together, in the order of their arrival.
    pub(crate) output: String,
    /// Standard output and standard error.
    pub(crate) outputs: [String; 2],
    pub(crate) exit: CommandExit,
}

pub(crate) async fn start(sandbox: &dyn Sandbox, script: &str) -> Box<dyn Command> {
    let args = vec!["-e".to_owned(), script.to_owned()];
    sandbox.run(CommandSpec::named("node", args)).await.unwrap()
}

/// Reads a command's outputs until it exits.
pub(crate) async fn finish(command: &mut dyn Command) -> Ran {
    let (mut output, mut outputs) = (Vec::new(), [Vec::new(), Vec::new()]);
    loop {
        match command.next_event().await.unwrap().unwrap() {
            CommandEvent::Output { stream, bytes } => {
                outputs[usize::from(stream == LogStream::Stderr)].extend_from_slice(&bytes);
                output.extend(bytes);
            }
            CommandEvent::Exited(exit) => {
                assert_eq!(command.next_event().await.unwrap(), None);
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
                let outputs = outputs.each_ref().map(|output| text(output));
                return Ran { output: text(&output), outputs, exit };
            }
        }
    }
}

/// Returns a text that no other process has.
pub(crate) fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("marker-{}-{count}-{}", std::process::id(), std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos())
}

/// Counts the host's processes that have this text in their command line.
pub(crate) fn host_processes_with(marker: &str) -> usize {
    let processes =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    processes.filter(|line| String::from_utf8_lossy(line).contains(marker)).count()
}
