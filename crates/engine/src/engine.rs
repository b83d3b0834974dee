//! The engine: how it starts, and what the platform can do with it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use workers_domain::ports::{
    CommandEvent, CommandSpec, ExitStatus, NodePreload, Sandbox, SandboxError, SandboxErrorKind, SandboxProvider,
    SandboxSource, SandboxSpec, Snapshot,
};
use workers_domain::{Fault, NetworkPolicy, ResourceLimits, SnapshotId};

use crate::cgroup::CgroupPlan;
use crate::health;
use crate::launcher::available_memory;
use crate::message::{Comparison, Configuration, IsolationSetup};
use crate::network;
use crate::options::{EngineOptions, Isolation, Templates};
use crate::sandbox::{EngineCore, KeptPool, LocalSandbox, PrewarmQueue, Purpose, WarmPool, prewarm};
use crate::server::data_dir::DataDir;
use crate::server::ids::Ranges;
use crate::server::launcher_client::LauncherClient;
use crate::server::preload::Preload;
use crate::server::shared_files::SharedFiles;
use crate::server::shared_files_builder::SharedFilesBuilder;
use crate::server::shell;
use crate::server::{blocking, unavailable};
use crate::snapshot::SnapshotStore;

/// The first host user id of sandboxes. It lies above the ranges that systems hand out for containers.
const FIRST_UID: u32 = 0x7000_0000;

/// How many user ids the sandboxes of one engine have.
pub(crate) const UIDS_PER_ENGINE: u32 = 0x1_0000;

/// The ranges of user ids of engines on this host.
const ID_RANGES: Ranges = Ranges { kind: "sandboxes", count: 0x100 };

/// How often snapshots that have expired are removed.
const SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// How long the sweep pauses after each directory, so that many snapshots take some seconds and do not slow down other
/// work.
const SWEEP_REST: Duration = Duration::from_millis(4);

/// How often we check that the files and directories that sandboxes depend on are still there. One check takes a tenth
/// of a millisecond.
pub(crate) const SHARED_FILES_INTERVAL: Duration = Duration::from_secs(2);

/// With less memory than this, in bytes, half of the sandboxes that are kept and wait are thrown away.
const LEAST_MEMORY: u64 = 256 << 20;

/// The oldest Node that worker scripts run on.
pub(crate) const OLDEST_NODE: u32 = 20;

/// The script that is run to test sandboxes: it prints node's version, and the result of a connection within the
/// sandbox.
const TRIAL: &str = "const socket = require('net').connect(1, '127.0.0.1');
    const end = (error) => { console.log(process.versions.node, error?.code ?? 'a connection'); socket.destroy() };
    socket.on('connect', end).on('error', end)";

/// The expected result of the connection: the port has no listener.
const NO_LISTENER: &str = "ECONNREFUSED";

/// The local sandbox engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    core: Arc<EngineCore>,
    node_version: String,
}

impl Engine {
    /// Starts the engine: clears away what an earlier one left, starts the launcher, and tests every layer of isolation
    /// by running node in a sandbox.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::Unavailable`] with the missing piece named; or when another engine works on the data
    /// directory.
    #[tracing::instrument(name = "engine.start", skip_all)]
    pub async fn start(options: EngineOptions) -> Result<Self, SandboxError> {
        let now = options.clock.now();
        let open_store = move |data_dir: &DataDir| SnapshotStore::open(data_dir.root(), &data_dir.snapshots(), now);
        let (data_dir, launcher_lock, snapshots) =
            DataDir::open_in_time(options.data_dir.clone(), ID_RANGES, open_store).await?;

        let given = options.node.clone();
        let preload = Preload::default();
        let (data_dir, configuration, shared_files) = prepare(&options, data_dir, &preload).await?;
        let is_isolated = configuration.isolation.is_some();
        let cgroups = configuration.isolation.as_ref().map(|isolation| isolation.cgroups.clone());
        let snapshots = Arc::new(snapshots);
        let network = network::EngineNetwork::new(options.network)?;
        let make = |launcher, data_dir| {
            // Without isolation the warm pool stays empty.
            let warm_pool = WarmPool::new(is_isolated && options.templates != Templates::None);
            let (clock, runtime, last_trial) = (options.clock, Handle::current(), tokio::sync::Mutex::default());
            let prewarm_queue = PrewarmQueue::default();
            Arc::new(EngineCore {
                launcher,
                snapshots,
                warm_pool,
                kept_pool: KeptPool::new(if is_isolated { options.most_kept } else { 0 }),
                comparison: if options.compares_all { Comparison::Thorough } else { Comparison::Usual },
                prewarm_queue,
                shared_files,
                preload,
                last_trial,
                data_dir,
                clock,
                runtime,
            })
        };
        let start = LauncherClient::start(options.launcher, configuration, launcher_lock, network, options.observer);
        Self::start_with(start, cgroups, data_dir, &given, make).await
    }

    async fn start_with(
        launcher: impl Future<Output = Result<Arc<LauncherClient>, SandboxError>>,
        cgroups: Option<CgroupPlan>,
        data_dir: DataDir,
        node: &Path,
        make: impl FnOnce(Arc<LauncherClient>, DataDir) -> Arc<EngineCore>,
    ) -> Result<Self, SandboxError> {
        let launcher = match launcher.await {
            Ok(launcher) => launcher,
            Err(error) => {
                // Without an engine no other code removes the group. If this fails, the next start does.
                let _ = blocking("cgroups", move || cgroups.map_or(Ok(()), |plan| plan.group("").remove())).await;
                return Err(error);
            }
        };
        let core = make(launcher, data_dir);
        let mut engine = Self { core, node_version: String::new() };
        match engine.try_node().await {
            Ok(version) => engine.node_version = version,
            Err(error) => {
                engine.shutdown().await;
                let message = format!("the node program {}: {}", node.display(), error.message);
                return Err(SandboxError { message, ..error });
            }
        }
        // Weak references, because these tasks run without end and would keep an engine that was dropped.
        tokio::spawn(sweep_snapshots(Arc::downgrade(&engine.core)));
        tokio::spawn(watch_shared_files(Arc::downgrade(&engine.core)));
        tracing::info!(node.version = %engine.node_version, own_uids = engine.core.launcher.own_uids(), "the sandbox engine is ready");
        Ok(engine)
    }

    /// Runs node in a sandbox, which prints its version and connects to itself.
    async fn try_node(&self) -> Result<String, SandboxError> {
        // Under every policy a sandbox may connect to itself.
        let (limits, network) = (ResourceLimits::default(), NetworkPolicy::DenyAll);
        let sandbox =
            self.create(SandboxSpec { source: SandboxSource::Empty, limits, network, kept_for: None }).await?;
        let args = ["-e", TRIAL].map(str::to_owned).to_vec();
        let mut command = sandbox.run(CommandSpec::named("node", args)).await?;
        let mut printed = Vec::new();
        while let Some(event) = command.next_event().await? {
            match event {
                CommandEvent::Output { bytes, .. } => printed.extend(bytes),
                CommandEvent::Exited(exit) if exit.status == ExitStatus::Code(0) => {}
                CommandEvent::Exited(exit) => {
                    let printed = String::from_utf8_lossy(&printed).trim().to_owned();
                    return Err(unavailable(format!("it does not run in a sandbox: {:?}: {printed}", exit.status)));
                }
            }
        }
        sandbox.stop().await?;
        let printed = String::from_utf8_lossy(&printed);
        let mut words = printed.split_whitespace();
        let (version, connected) = (words.next().unwrap_or_default().to_owned(), words.next());
        let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
        if major.is_none_or(|major| major < OLDEST_NODE) {
            return Err(unavailable(format!("it is of version `{version}`; {OLDEST_NODE} or later is needed")));
        }
        let is_isolated = self.core.launcher.configuration().isolation.is_some();
        if let Some(error) = connected.filter(|error| is_isolated && *error != NO_LISTENER) {
            return Err(unavailable(format!(
                "the connections of sandboxes cannot be made (one to the sandbox itself ended with {error}): \
                 Linux 5.14 or later is needed, and the right to look into processes that this one has made"
            )));
        }
        Ok(version)
    }

    /// Returns the version of node, as `24.1.0`.
    #[must_use]
    pub fn node_version(&self) -> &str {
        &self.node_version
    }

    /// Returns whether every sandbox has a host user id of its own. Otherwise all have that of the server.
    #[must_use]
    pub fn has_own_user_ids(&self) -> bool {
        self.core.launcher.own_uids()
    }

    /// Returns whether sandboxes are isolated.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.core.launcher.configuration().isolation.is_some()
    }

    /// Returns whether the changes that a sandbox makes to a snapshot's files lie in a separate layer. Otherwise the
    /// files are copied.
    #[must_use]
    pub fn has_overlays(&self) -> bool {
        self.core.launcher.overlays()
    }

    /// Returns whether there is a shell, `/bin/sh`, in sandboxes that are isolated.
    #[must_use]
    pub fn has_shell(&self) -> bool {
        self.is_isolated() && self.core.data_dir.runtime().join("root").join(shell::PATH_IN_ROOT).exists()
    }

    /// Returns whether a command `node <script>` is forked from a booted node. Waits until that is decided, a few
    /// seconds at most.
    pub async fn has_templates(&self) -> bool {
        self.core.launcher.configuration().isolation.is_some() && self.core.launcher.has_templates().await
    }

    /// Ends the launcher and every sandbox. When this returns, none of their processes runs.
    pub async fn shutdown(&self) {
        // First, so that no sandbox is made ahead while the launcher ends.
        self.core.warm_pool.close();
        self.core.kept_pool.close();
        self.core.launcher.end().await;
    }
}

/// Makes the files that all sandboxes share.
async fn prepare(
    options: &EngineOptions,
    data_dir: DataDir,
    preload: &Preload,
) -> Result<(DataDir, Configuration, Arc<SharedFiles>), SandboxError> {
    let cgroups = match options.isolation {
        Isolation::Full => Some(data_dir.plan_cgroups(options.cgroup_parent.clone()).await?),
        Isolation::None => {
            tracing::warn!("sandboxes are NOT isolated: a worker can do whatever the user of this server can");
            None
        }
    };
    let (made_of, on, preload) = (options.clone(), cgroups.clone(), preload.clone());
    let made = blocking("the files that all sandboxes share cannot be made", move || {
        let (builder, made) = SharedFilesBuilder::build(made_of, &data_dir, &preload)?;
        let (root, trees) = (data_dir.root().clone(), builder.trees());
        let shared_files = SharedFiles::new(root, &trees, Box::new(move |tree: &Path| builder.rebuild(tree)), on)?;
        Ok((data_dir, made, shared_files))
    });
    let (data_dir, made, shared_files) = made.await.map_err(|error| unavailable(error.message))?;
    let node = made.node.to_str().ok_or_else(|| unavailable("the path of node is not UTF-8"))?.to_owned();
    let isolation = cgroups.zip(made.runtime).map(|(cgroups, runtime)| IsolationSetup {
        cgroups,
        runtime,
        // All ranges together end below the owner of snapshots' files (`CONTENT_OWNER`).
        first_uid: FIRST_UID + data_dir.id_range() * UIDS_PER_ENGINE,
        may_share_uids: options.allow_shared_user_id,
        omitted: options.omitted_layer,
        templates: made.templates,
        containers: None,
    });
    Ok((data_dir, Configuration { isolation, node, required: None }, Arc::new(shared_files)))
}

async fn sweep_snapshots(core: std::sync::Weak<EngineCore>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(core) = core.upgrade() else { return };
        let (store, now) = (Arc::clone(&core.snapshots), core.now());
        // A sweep may take long, and must not keep an engine that is dropped meanwhile.
        drop(core);
        let sweep = move || store.sweep(now, rest);
        if let Err(error) = blocking("expired snapshots", sweep).await {
            tracing::warn!(error = %error, "expired snapshots could not be removed");
        }
    }
}

/// Pauses between two directories of references, so that other work is not slowed down.
fn rest() {
    std::thread::sleep(SWEEP_REST);
}

/// Checks regularly the files and directories that all sandboxes depend on. We poll, because no event reports files
/// that become unreachable, for example when a file system is mounted over them.
async fn watch_shared_files(core: std::sync::Weak<EngineCore>) {
    let mut last_error = None;
    loop {
        tokio::time::sleep(SHARED_FILES_INTERVAL).await;
        let Some(core) = core.upgrade() else { return };
        core.kept_pool.tidy(is_memory_short());
        let error = core.repair().await.err().map(|error| error.message);
        // Only changes are logged: the same error would come again every two seconds.
        match (&last_error, &error) {
            (None, Some(error)) => tracing::error!(error, "no sandbox can be made"),
            (Some(_), None) => tracing::info!("sandboxes can be made again"),
            _ => {}
        }
        last_error = error;
        core.launcher.watch().await;
    }
}

/// Returns whether the host, or a group around this process, has less memory left than sandboxes that only wait should
/// take.
fn is_memory_short() -> bool {
    available_memory().is_some_and(|available| available < LEAST_MEMORY)
}

#[async_trait]
impl SandboxProvider for Engine {
    fn name(&self) -> &'static str {
        "local"
    }

    #[tracing::instrument(name = "engine.sandbox.create", skip_all)]
    async fn create(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        // Counted before the attempt, so that a repair by another call during it counts, too.
        let repairs = self.core.shared_files.repairs();
        let error = match self.try_create(spec.clone()).await {
            Err(error) if may_be_about_shared_files(error.kind) => error,
            other => return other,
        };
        // The cause may be a broken file that it is made of. If this call or another one has repaired something, we try
        // once more.
        self.core.repair().await?;
        if self.core.shared_files.repairs() == repairs { Err(error) } else { self.try_create(spec).await }
    }

    fn preload(&self, preload: NodePreload) {
        self.core.preload.set(preload);
        let core = Arc::clone(&self.core);
        // On the engine's own runtime, because the caller of a plain function may be on none.
        self.core.runtime.spawn(async move { core.rebuild_templates().await });
    }

    fn expect(&self, spec: SandboxSpec) {
        prewarm(&self.core, spec);
    }

    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError> {
        let (store, now, id) = (Arc::clone(&self.core.snapshots), self.core.now(), id.clone());
        blocking("a snapshot cannot be read", move || store.find(&id, now)).await
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError> {
        self.core.kept_pool.forget(id);
        let (store, id) = (Arc::clone(&self.core.snapshots), id.clone());
        let in_warm_pool = self.core.warm_pool.contents();
        let removed = blocking("a snapshot cannot be removed", move || {
            let removed = store.delete(&id)?;
            // If the snapshot was missing, it may have been removed by hand, or by the sweep.
            Ok(removed.map_or_else(|| store.unreferenced(in_warm_pool), |content| vec![content]))
        });
        let removed = removed.await;
        // Sandboxes in the warm pool keep the files that they were made from.
        match &removed {
            Ok(contents) => contents.iter().for_each(|content| self.core.warm_pool.remove_content(content)),
            Err(_) => self.core.warm_pool.clear(),
        }
        removed.map(drop)
    }

    fn keeps_own_snapshots(&self) -> bool {
        true
    }

    async fn own_snapshots(&self, before: DateTime<Utc>) -> Result<Vec<SnapshotId>, SandboxError> {
        let store = Arc::clone(&self.core.snapshots);
        blocking("the snapshots cannot be listed", move || store.older_than(before, rest)).await
    }

    async fn check(&self) -> Result<(), SandboxError> {
        health::pulse(&self.core.runtime, &self.core.launcher).await
    }

    async fn faults(&self) -> Vec<Fault> {
        health::faults(&self.core).await
    }
}

/// Returns whether a failure may come from the files and directories that all sandboxes depend on.
pub(crate) const fn may_be_about_shared_files(kind: SandboxErrorKind) -> bool {
    matches!(kind, SandboxErrorKind::Unavailable | SandboxErrorKind::Failed)
}

impl Engine {
    async fn try_create(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        let id = EngineCore::new_sandbox_id();
        let core = Arc::clone(&self.core);
        let purpose = Purpose::of(&spec);
        let sandbox = match spec.source {
            SandboxSource::Empty => LocalSandbox::empty(core, id, spec.limits, spec.network).await?,
            SandboxSource::Snapshot(snapshot) => {
                let purpose = purpose.filter(|_| core.keeps_sandboxes());
                if let Some(sandbox) = purpose.as_ref().and_then(|purpose| LocalSandbox::reuse(&core, purpose)) {
                    return Ok(Box::new(sandbox));
                }
                let lease = core.lease(&snapshot).await?.ok_or_else(|| {
                    // Sandboxes in the warm pool may have files that no longer exist.
                    self.core.warm_pool.clear();
                    SandboxError::new(SandboxErrorKind::SnapshotNotFound, format!("there is no snapshot {snapshot}"))
                })?;
                LocalSandbox::from_snapshot(core, id, spec.limits, spec.network, lease, purpose).await?
            }
        };
        Ok(Box::new(sandbox))
    }
}
