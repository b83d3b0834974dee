//! The engine of containers.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Instant;

use async_trait::async_trait;
use tokio::runtime::Handle;
use workers_domain::SnapshotId;
use workers_domain::ports::{
    Container, ContainerProvider, ContainerSpec, NoSandboxObserver, SandboxError, SandboxErrorKind, SandboxObserver,
    SandboxSource, Snapshot,
};

use super::images::Images;
use super::local::LocalContainer;
use super::{ID_RANGES, base, first_of_engine};
use crate::cgroup::Share;
use crate::engine::{SHARED_FILES_INTERVAL, may_be_about_shared_files};
use crate::fault::named;
use crate::health::pulse;
use crate::message::{Configuration, ContainerSetup, CreateSandbox, IsolationSetup};
use crate::network;
use crate::options::{LauncherProgram, NetworkOptions};
use crate::sandbox::processes::SandboxProcesses;
use crate::server::data_dir::DataDir;
use crate::server::launcher_client::LauncherClient;
use crate::server::shared_files::{RepairOutcome, SharedFiles};
use crate::server::{blocking, runtime, unavailable};

/// The options of the engine of containers. Make them with [`ContainerOptions::new`] and change what differs.
#[derive(Clone)]
pub struct ContainerOptions {
    /// The directory with the snapshots. Each engine has its own, which must not be that of an
    /// [`Engine`](crate::Engine) either.
    pub data_dir: PathBuf,
    /// The node program.
    pub node: PathBuf,
    /// The system whose programs containers have: a directory with a `usr` and an `etc`. The host's own is `/`.
    pub system: PathBuf,
    /// The program that makes the containers.
    pub launcher: LauncherProgram,
    /// The cgroup below which containers' cgroups are made, as a path below the hierarchy's root; `None` for the cgroup
    /// of this process.
    pub cgroup_parent: Option<PathBuf>,
    /// Whether all containers may share one range of user ids where the kernel cannot map the owners of files (Linux
    /// before 5.19, some file systems). Then they share the kernel's limits per user, and one container can use them up
    /// for all.
    pub allow_shared_ids: bool,
    /// Options for the network of all containers; they apply whatever the policy of each container allows.
    pub network: NetworkOptions,
    /// Receives an event when a container does not end.
    pub observer: Arc<dyn SandboxObserver>,
}

impl ContainerOptions {
    /// Returns the usual options: the host's own system, and this program as its own launcher.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, node: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            node: node.into(),
            system: "/".into(),
            launcher: LauncherProgram::CurrentExe,
            cgroup_parent: None,
            allow_shared_ids: false,
            network: NetworkOptions::default(),
            observer: Arc::new(NoSandboxObserver),
        }
    }
}

impl fmt::Debug for ContainerOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ContainerOptions")
            .field("data_dir", &self.data_dir)
            .field("node", &self.node)
            .field("system", &self.system)
            .field("launcher", &self.launcher)
            .field("cgroup_parent", &self.cgroup_parent)
            .field("allow_shared_ids", &self.allow_shared_ids)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

/// The engine of containers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ContainerEngine {
    core: Arc<ContainerCore>,
}

#[derive(Debug)]
struct ContainerCore {
    launcher: Arc<LauncherClient>,
    images: Arc<Images>,
    shared_files: Arc<SharedFiles>,
    /// The runtime that the engine was started on.
    runtime: Handle,
    _data_dir: DataDir,
}

impl ContainerCore {
    /// Makes the files and directories that containers depend on again, if they are broken. Running containers go on.
    async fn repair(&self) -> Result<(), SandboxError> {
        if self.shared_files.repair().await? == RepairOutcome::Repaired {
            self.launcher.replace().await;
        }
        Ok(())
    }
}

/// Checks regularly the files and directories that all containers depend on, as the engine of workers' sandboxes does.
async fn watch_shared_files(core: Weak<ContainerCore>) {
    loop {
        tokio::time::sleep(SHARED_FILES_INTERVAL).await;
        let Some(core) = core.upgrade() else { return };
        // The next request for a container returns the error.
        let _ = core.repair().await;
        core.launcher.watch().await;
    }
}

impl ContainerEngine {
    /// Starts the engine: clears away what an earlier one left, starts the launcher, and makes a container as a test.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::Unavailable`] with the missing piece named; or when another engine works on the data
    /// directory.
    #[tracing::instrument(name = "containers.start", skip_all)]
    pub async fn start(options: ContainerOptions) -> Result<Self, SandboxError> {
        if !rustix::process::geteuid().is_root() {
            return Err(unavailable("containers have users of their own, whose ids only root can map"));
        }
        let ContainerOptions {
            data_dir: path,
            node,
            system,
            launcher,
            cgroup_parent,
            allow_shared_ids,
            network,
            observer,
        } = options;
        let (data_dir, lock, images) =
            DataDir::open_in_time(path, ID_RANGES, |data_dir| Images::open(data_dir.snapshots())).await?;
        let cgroups = data_dir.plan_cgroups(cgroup_parent).await?;
        let (root, directory, snapshots) = (data_dir.runtime(), data_dir.containers(), data_dir.snapshots());
        let (data_dir_root, cache, on) = (data_dir.root().clone(), data_dir.root().clone(), cgroups.clone());
        let made = blocking("the system of containers cannot be made", move || {
            let node = node.canonicalize().map_err(|error| named(node.display(), error))?;
            let make_system = move || {
                cache.make(&directory)?;
                let made = base::make(&directory, &system, &snapshots)?;
                Ok::<_, io::Error>((made, base::PARTS.map(|name| directory.join(name)).to_vec()))
            };
            // Without a shell from the host: containers use the shell of their system.
            let runtime = runtime::make(&root, &node, None)?;
            runtime::remove_old(&root)?;
            let (made, system_trees) = make_system()?;
            let trees = [vec![root.clone()], system_trees].concat();
            let again = move |tree: &Path| {
                if tree == root {
                    return runtime::make(&root, &node, None).map(|_| vec![root.clone()]);
                }
                make_system().map(|(_, trees)| trees)
            };
            Ok(((runtime, made), SharedFiles::new(data_dir_root, &trees, Box::new(again), Some(on))?))
        });
        let ((runtime, containers), shared_files) = made.await.map_err(|error| unavailable(error.message))?;
        let node = runtime.node.to_string_lossy().into_owned();
        let isolation = IsolationSetup {
            cgroups,
            runtime,
            first_uid: first_of_engine(data_dir.id_range()),
            may_share_uids: false,
            omitted: None,
            templates: None,
            containers: Some(ContainerSetup { allow_shared_ids, ..containers }),
        };
        let configuration = Configuration { isolation: Some(isolation), node, required: None };
        let network = network::EngineNetwork::with_meter(network)?;
        let launcher = LauncherClient::start(launcher, configuration, lock, network, observer).await?;
        let (shared_files, runtime) = (Arc::new(shared_files), Handle::current());
        let engine =
            Self { core: Arc::new(ContainerCore { launcher, images, shared_files, runtime, _data_dir: data_dir }) };
        // A container that is made and stopped tries all layers, so a host that lacks one is reported at the start.
        if let Err(error) = engine.try_container().await {
            engine.shutdown().await;
            return Err(error);
        }
        tokio::spawn(watch_shared_files(Arc::downgrade(&engine.core)));
        if !engine.has_own_user_ids() {
            tracing::warn!(
                "containers share one range of user ids: one of them can use up what the kernel counts by user"
            );
        }
        Ok(engine)
    }

    /// Checks that the runtime and the launcher of containers respond.
    ///
    /// # Errors
    ///
    /// When one of them does not respond within two seconds.
    pub async fn check(&self) -> Result<(), SandboxError> {
        self.core.repair().await?;
        pulse(&self.core.runtime, &self.core.launcher).await
    }

    /// Makes a container and stops it.
    async fn try_container(&self) -> Result<(), SandboxError> {
        let spec = ContainerSpec {
            source: SandboxSource::Empty,
            memory_bytes: 256 << 20,
            processes: 16,
            disk_bytes: 16 << 20,
            network: workers_domain::NetworkPolicy::DenyAll,
        };
        self.create(spec).await?.stop().await
    }

    /// Returns whether every container has host user ids of its own. Otherwise all share one range of them.
    #[must_use]
    pub fn has_own_user_ids(&self) -> bool {
        self.core.launcher.own_uids()
    }

    /// Ends the launcher and every container. When this returns, none of their processes runs.
    pub async fn shutdown(&self) {
        self.core.launcher.end().await;
    }
}

#[async_trait]
impl ContainerProvider for ContainerEngine {
    #[tracing::instrument(name = "containers.create", skip_all)]
    async fn create(&self, spec: ContainerSpec) -> Result<Box<dyn Container>, SandboxError> {
        let images = Arc::clone(&self.core.images);
        let lease = match spec.source {
            SandboxSource::Empty => None,
            SandboxSource::Snapshot(id) => {
                let (store, wanted) = (Arc::clone(&images), id.clone());
                let found = blocking("a snapshot cannot be read", move || store.lease(&wanted)).await?;
                let missing =
                    || SandboxError::new(SandboxErrorKind::SnapshotNotFound, format!("there is no snapshot {id}"));
                Some(found.ok_or_else(missing)?)
            }
        };
        let id = crate::sandbox::EngineCore::new_sandbox_id();
        let lower = lease.as_ref().map(|lease| lease.path().to_string_lossy().into_owned());
        let order = CreateSandbox {
            kept: None,
            name: id.as_str().to_owned(),
            lower: lower.unwrap_or_default(),
            directory: String::new(),
            memory_bytes: spec.memory_bytes,
            processes: spec.processes,
            disk_bytes: spec.disk_bytes,
        };
        // Both before the attempt, so that what is found broken during it counts.
        let (repairs, made_at) = (self.core.shared_files.repairs(), Instant::now());
        let processes = match SandboxProcesses::launch(&self.core.launcher, order.clone()).await {
            Err(error) if may_be_about_shared_files(error.kind) => {
                self.core.repair().await?;
                // The next attempt can only succeed if this call or another one has repaired something.
                if self.core.shared_files.repairs() == repairs {
                    return Err(error);
                }
                SandboxProcesses::launch(&self.core.launcher, order).await?
            }
            launched => launched?,
        };
        let processes = Arc::new(processes);
        // So that workers get the processors before containers.
        processes.take_share(Share::Quarter);
        processes.enable_network(&spec.network, self.core.launcher.network());
        let shared_files = Arc::clone(&self.core.shared_files);
        Ok(Box::new(LocalContainer::new(id, processes, images, lease, shared_files, made_at)))
    }

    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError> {
        let (images, id) = (Arc::clone(&self.core.images), id.clone());
        blocking("a snapshot cannot be read", move || images.find(&id)).await
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError> {
        let (images, id) = (Arc::clone(&self.core.images), id.clone());
        blocking("a snapshot cannot be removed", move || images.delete(&id)).await
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotId>, SandboxError> {
        let images = Arc::clone(&self.core.images);
        blocking("snapshots cannot be listed", move || images.all()).await
    }
}
