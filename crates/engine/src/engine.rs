//! The engine: what is shared by all sandboxes, and how it starts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use uuid::Uuid;
use workers_domain::ports::Clock;
use workers_domain::ports::{
    CommandEvent, CommandSpec, ExitStatus, Sandbox, SandboxError, SandboxErrorKind, SandboxProvider, SandboxSource,
    SandboxSpec, Snapshot,
};
use workers_domain::{NetworkPolicy, ResourceLimits, SandboxId, SnapshotId};

use crate::cgroup::CgroupPlan;
use crate::message::{Configuration, TemplateSetup, Walls};
use crate::network;
use crate::options::{Confinement, EngineOptions, Templates};
use crate::sandbox::{LocalSandbox, ReadySandboxes};
use crate::server::data_dir::DataDir;
use crate::server::launcher::Launcher;
use crate::server::{blocking, node, runtime, template, unavailable};
use crate::snapshot::SnapshotStore;

/// Behind the ranges that systems hand out for containers.
const FIRST_UID: u32 = 0x7000_0000;

/// How many sandboxes of one engine have user ids of their own, and how many engines do.
pub(crate) const UIDS_PER_ENGINE: u32 = 0x1_0000;
const UID_RANGES: u32 = 0x100;

/// How often snapshots that have expired are removed.
const SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// How long the runtime and the launcher may take to give a sign of life.
const PULSE_PATIENCE: Duration = Duration::from_millis(1800);

/// The oldest Node that worker scripts run on.
pub(crate) const OLDEST_NODE: u32 = 20;

/// What is run to see whether sandboxes work: it tells node's version, and what became of a connection within the sandbox.
const TRIAL: &str = "const socket = require('net').connect(1, '127.0.0.1');
    const end = (error) => { console.log(process.versions.node, error?.code ?? 'a connection'); socket.destroy() };
    socket.on('connect', end).on('error', end)";

/// What should become of it.
const NOBODY_LISTENS: &str = "ECONNREFUSED";

/// The local sandbox engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    core: Arc<Core>,
    node_version: String,
}

/// What all sandboxes of an engine share.
pub(crate) struct Core {
    pub(crate) launcher: Arc<Launcher>,
    pub(crate) snapshots: Arc<SnapshotStore>,
    pub(crate) ready: ReadySandboxes,
    data_dir: DataDir,
    clock: Arc<dyn Clock>,
    /// The runtime that the engine was started on.
    runtime: Handle,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Core").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

impl Core {
    /// The time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Who owns snapshots' files, if it is not this process.
    pub(crate) fn content_owner(&self) -> Option<u32> {
        self.launcher.own_uids().then_some(crate::copy::CONTENT_OWNER)
    }

    /// A name that no other sandbox has.
    pub(crate) fn new_sandbox_id() -> SandboxId {
        SandboxId::new(format!("sbx_{}", Uuid::new_v4()))
    }

    /// Where a sandbox's files are staged.
    pub(crate) fn directory_of(&self, id: &SandboxId) -> PathBuf {
        self.data_dir.sandboxes().join(id.as_str())
    }
}

impl Engine {
    /// Starts the engine: clears away what an earlier one left, starts the launcher, and tries every layer of isolation by running
    /// node in a sandbox.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::Unavailable`] with the missing piece named; or when another engine works on the data directory.
    #[tracing::instrument(name = "engine.start", skip_all)]
    pub async fn start(options: EngineOptions) -> Result<Self, SandboxError> {
        let node_path = options.node.clone();
        let node = blocking("node cannot be used", move || {
            node_path
                .canonicalize()
                .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", node_path.display())))
        })
        .await
        .map_err(|error| unavailable(error.message))?;
        let now = options.clock.now();
        let (data_dir, launcher_lock, snapshots) = DataDir::open_in_time(options.data_dir.clone(), move |data_dir| {
            SnapshotStore::open(&data_dir.snapshots(), now)
        })
        .await?;

        let node = if options.copy_node { own_node(node, &data_dir).await } else { node };
        let walls = match options.confinement {
            Confinement::Full => Some(walls(&options, &data_dir, node.clone()).await?),
            Confinement::Unconfined => {
                tracing::warn!("sandboxes are NOT isolated: a worker can do whatever the user of this server can");
                None
            }
        };
        let node = node.to_str().ok_or_else(|| unavailable("the path of node is not UTF-8"))?.to_owned();
        let configuration = Configuration { walls, node, least: None };
        let cgroups = configuration.walls.as_ref().map(|walls| walls.cgroups.clone());
        let snapshots = Arc::new(snapshots);
        let network = network::Shared::of(options.network)?;
        let make = |launcher, data_dir| {
            let ready = ReadySandboxes::new(options.templates != Templates::None);
            Arc::new(Core { launcher, snapshots, ready, data_dir, clock: options.clock, runtime: Handle::current() })
        };
        let start = Launcher::start(options.launcher, configuration, launcher_lock, network, options.observer);
        Self::start_with(start, cgroups, data_dir, make).await
    }

    async fn start_with(
        launcher: impl Future<Output = Result<Arc<Launcher>, SandboxError>>,
        cgroups: Option<CgroupPlan>,
        data_dir: DataDir,
        make: impl FnOnce(Arc<Launcher>, DataDir) -> Arc<Core>,
    ) -> Result<Self, SandboxError> {
        let launcher = match launcher.await {
            Ok(launcher) => launcher,
            Err(error) => {
                // Nobody else will; if it fails, the next start does.
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
                return Err(error);
            }
        }
        tokio::spawn(sweep_snapshots(Arc::downgrade(&engine.core)));
        tracing::info!(node.version = %engine.node_version, own_uids = engine.core.launcher.own_uids(), "the sandbox engine is ready");
        Ok(engine)
    }

    /// Runs node in a sandbox, asks for its version, and has it connect to itself.
    async fn try_node(&self) -> Result<String, SandboxError> {
        let (limits, network) = (ResourceLimits::default(), NetworkPolicy::DenyAll);
        let sandbox = self.create(SandboxSpec { source: SandboxSource::Empty, limits, network }).await?;
        let args = ["-e", TRIAL].map(str::to_owned).to_vec();
        let mut command = sandbox.run(CommandSpec { program: "node".to_owned(), args, env: Vec::new() }).await?;
        let mut printed = Vec::new();
        while let Some(event) = command.next_event().await? {
            match event {
                CommandEvent::Output { bytes, .. } => printed.extend(bytes),
                CommandEvent::Exited(exit) if exit.status == ExitStatus::Code(0) => {}
                CommandEvent::Exited(exit) => {
                    let printed = String::from_utf8_lossy(&printed).trim().to_owned();
                    return Err(unavailable(format!("node does not run in a sandbox: {:?}: {printed}", exit.status)));
                }
            }
        }
        sandbox.stop().await?;
        let printed = String::from_utf8_lossy(&printed);
        let mut words = printed.split_whitespace();
        let (version, connected) = (words.next().unwrap_or_default().to_owned(), words.next());
        let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
        if major.is_none_or(|major| major < OLDEST_NODE) {
            return Err(unavailable(format!(
                "the node program is of version `{version}`; {OLDEST_NODE} or later is needed"
            )));
        }
        let walled = self.core.launcher.configuration().walls.is_some();
        if let Some(error) = connected.filter(|error| walled && *error != NOBODY_LISTENS) {
            return Err(unavailable(format!(
                "connections of sandboxes cannot be brokered (one to the sandbox itself ended with {error}): Linux 5.14 or later is \
                 needed, and the right to look into processes that this one has made"
            )));
        }
        Ok(version)
    }

    /// The version of node, as `24.1.0`.
    #[must_use]
    pub fn node_version(&self) -> &str {
        &self.node_version
    }

    /// Whether every sandbox has a host user id of its own. Otherwise all have that of the server.
    #[must_use]
    pub fn has_own_user_ids(&self) -> bool {
        self.core.launcher.own_uids()
    }

    /// Whether sandboxes are walled in.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        self.core.launcher.configuration().walls.is_some()
    }

    /// Whether the changes that a sandbox makes to a snapshot's files lie in a layer of their own. Otherwise the files are copied.
    #[must_use]
    pub fn has_overlays(&self) -> bool {
        self.core.launcher.overlays()
    }

    /// Whether a command `node <script>` is forked from a booted node. Waits until that is known, a few seconds at most.
    pub async fn has_templates(&self) -> bool {
        self.core.launcher.configuration().walls.is_some() && self.core.launcher.has_templates().await
    }

    /// Ends the launcher and every sandbox. When this returns nothing runs.
    pub async fn shutdown(&self) {
        self.core.ready.close();
        self.core.launcher.end().await;
    }
}

/// The program to run: our own copy, or where there is no room for one, the given one.
async fn own_node(node: PathBuf, data_dir: &DataDir) -> PathBuf {
    let (given, directory) = (node.clone(), data_dir.node());
    match blocking("node cannot be copied", move || node::copy(&given, &directory)).await {
        Ok(copy) => copy,
        Err(error) => {
            tracing::warn!(error = %error, "node runs from where it is, which takes a little longer");
            node
        }
    }
}

async fn walls(options: &EngineOptions, data_dir: &DataDir, node: PathBuf) -> Result<Walls, SandboxError> {
    let root = data_dir.runtime();
    let cgroups = data_dir.plan_cgroups(options.cgroup_parent.clone()).await?;
    let runtime = blocking("the root of sandboxes cannot be made", move || runtime::make(&root, &node)).await?;
    let templates = templates(options, data_dir).await;
    let first_uid = FIRST_UID + data_dir.number() % UID_RANGES * UIDS_PER_ENGINE;
    let (may_share_uids, omitted) = (options.allow_shared_user_id, options.omitted_wall);
    Ok(Walls { cgroups, runtime, first_uid, may_share_uids, omitted, templates, machines: None })
}

/// What templates are made of. Without them commands start their own node.
async fn templates(options: &EngineOptions, data_dir: &DataDir) -> Option<TemplateSetup> {
    let most = match options.templates {
        Templates::None => return None,
        Templates::PerContent { most } => Some(most),
        Templates::Shared => None,
    };
    let (directory, options) = (data_dir.template(), options.clone());
    match blocking("templates", move || template::make(&directory, &options, most)).await {
        Ok(setup) => Some(setup),
        Err(error) => {
            tracing::warn!(error = %error, "there are no templates: every command starts its own node, which takes longer");
            None
        }
    }
}

async fn sweep_snapshots(core: std::sync::Weak<Core>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(core) = core.upgrade() else { return };
        let (store, now) = (Arc::clone(&core.snapshots), core.now());
        if let Err(error) = blocking("expired snapshots", move || store.sweep(now)).await {
            tracing::warn!(error = %error, "expired snapshots could not be removed");
        }
    }
}

/// Asks for a sign of life: of the runtime that sandboxes are made on, whichever one this is called on, and of the launcher.
pub(crate) async fn pulse(runtime: &Handle, launcher: &Arc<Launcher>) -> Result<(), SandboxError> {
    let launcher = Arc::clone(launcher);
    let checked = runtime.spawn(async move { launcher.check().await });
    match tokio::time::timeout(PULSE_PATIENCE, checked).await {
        Ok(checked) => checked.map_err(|error| SandboxError::failed("the check broke off", error))?,
        Err(_) => Err(unavailable("the runtime of the sandbox engine does not answer")),
    }
}

#[async_trait]
impl SandboxProvider for Engine {
    fn name(&self) -> &'static str {
        "local"
    }

    #[tracing::instrument(name = "engine.sandbox.create", skip_all)]
    async fn create(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        let id = Core::new_sandbox_id();
        let core = Arc::clone(&self.core);
        let sandbox = match spec.source {
            SandboxSource::Empty => LocalSandbox::empty(core, id, spec.limits, spec.network).await?,
            SandboxSource::Snapshot(snapshot) => {
                let (store, now, wanted) = (Arc::clone(&self.core.snapshots), self.core.now(), snapshot.clone());
                let found = blocking("a snapshot cannot be read", move || store.lease(&wanted, now)).await?;
                let (_, lease) = found.ok_or_else(|| {
                    SandboxError::new(SandboxErrorKind::SnapshotNotFound, format!("there is no snapshot {snapshot}"))
                })?;
                LocalSandbox::from_snapshot(core, id, spec.limits, spec.network, lease).await?
            }
        };
        Ok(Box::new(sandbox))
    }

    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError> {
        let (store, now, id) = (Arc::clone(&self.core.snapshots), self.core.now(), id.clone());
        blocking("a snapshot cannot be read", move || store.find(&id, now)).await
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError> {
        // They hold on to what they were made from.
        self.core.ready.clear();
        let (store, id) = (Arc::clone(&self.core.snapshots), id.clone());
        blocking("a snapshot cannot be removed", move || store.delete(&id)).await
    }

    async fn check(&self) -> Result<(), SandboxError> {
        pulse(&self.core.runtime, &self.core.launcher).await
    }
}
