//! The options with which an embedder starts the engine.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use workers_domain::AddressRange;
use workers_domain::ports::{
    Clock, NetworkObserver, NoNetworkObserver, NoSandboxObserver, SandboxObserver, SystemClock,
};

use crate::launcher::isolation_layer::IsolationLayer;

/// The options of the engine. Make them with [`EngineOptions::new`] and change what differs.
#[derive(Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// The directory where snapshots are kept and sandboxes' files are staged. Each engine has its own.
    pub data_dir: PathBuf,
    /// The node program, version 20 or later.
    pub node: PathBuf,
    /// Whether a copy of node is kept in the data directory (110 MiB), which the kernel maps in fewer, larger pages.
    pub copy_node: bool,
    /// The program that is `/bin/sh` in sandboxes that are isolated: the host's own. It is copied there with its
    /// libraries. If it cannot be read, or with `None`, there is no shell.
    pub shell: Option<PathBuf>,
    /// How sandboxes are isolated.
    pub isolation: Isolation,
    /// The program that makes the sandboxes.
    pub launcher: LauncherProgram,
    /// The cgroup below which sandboxes' cgroups are made, as a path below the hierarchy's root; `None` for the cgroup
    /// of this process.
    pub cgroup_parent: Option<PathBuf>,
    /// The templates: booted nodes that commands are forked from.
    pub templates: Templates,
    /// After how many forks a template is replaced, so that it does not accumulate memory.
    pub template_forks: u32,
    /// The most sandboxes that are kept for the next run of their script, while none runs in them. The least recently
    /// used one is thrown away first. With 0 none is kept.
    pub most_kept: usize,
    /// The library that templates load.
    pub template_library: TemplateLibrary,
    /// Options for the network of all sandboxes; they apply whatever the policy of each sandbox allows.
    pub network: NetworkOptions,
    /// The clock that decides when snapshots expire.
    pub clock: Arc<dyn Clock>,
    /// Receives an event when a sandbox does not end.
    pub observer: Arc<dyn SandboxObserver>,
    /// Whether sandboxes may share the server's user id if the server is not root. Then all of them share the kernel's
    /// limits per user. Without this option the engine does not start there.
    pub allow_shared_user_id: bool,
    /// Whether everything that the init of a kept sandbox can see is compared after each run, to test that the usual
    /// comparison misses nothing.
    #[doc(hidden)]
    pub compares_all: bool,
    /// A layer of the isolation that is left out, to test that a sandbox without it refuses to run anything. Release
    /// builds ignore it.
    #[doc(hidden)]
    pub omitted_layer: Option<IsolationLayer>,
}

/// Options for the network of all sandboxes; they apply whatever the policy of each sandbox allows.
#[derive(Clone)]
pub struct NetworkOptions {
    /// Ranges of addresses that policies may permit although they are not public, or are the host's own.
    pub open: Vec<AddressRange>,
    /// The resolvers for names; if empty, the host's resolvers.
    pub resolvers: Vec<SocketAddr>,
    /// Receives an event for every connection.
    pub observer: Arc<dyn NetworkObserver>,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self { open: Vec::new(), resolvers: Vec::new(), observer: Arc::new(NoNetworkObserver) }
    }
}

impl fmt::Debug for NetworkOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NetworkOptions")
            .field("open", &self.open)
            .field("resolvers", &self.resolvers)
            .finish_non_exhaustive()
    }
}

/// How sandboxes are isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Every layer. A layer that cannot be set up is an error.
    #[default]
    Full,
    /// Only a directory, a deadline and some resource limits: a worker can do everything that the server's user can.
    /// For hosts without namespaces, and for trusted code.
    None,
}

/// Templates: booted nodes that commands are forked from, so that a command `node <script>` does not wait for node to
/// start.
///
/// All children of one template have the same address space layout: a program that finds out the layout of one child
/// has that of all. `docs/security.md` describes the consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Templates {
    /// None: every command starts its own node, and the warm pool stays empty.
    None,
    /// One for each content of a snapshot, and so for each worker.
    PerContent {
        /// The most templates that are kept; the least recently used one is ended first.
        most: u32,
        /// The memory of the kept templates together, in bytes. Each has about 16 MiB of its own. If the host lacks
        /// memory, fewer are kept.
        memory_bytes: u64,
    },
    /// One for all contents, if all workers belong to one owner.
    Shared,
}

impl Templates {
    /// One for each content, with as much memory as a small host can spare.
    pub const PER_CONTENT: Self = Self::PerContent { most: 64, memory_bytes: 256 << 20 };
}

impl Default for Templates {
    fn default() -> Self {
        Self::PER_CONTENT
    }
}

/// The library that makes a booted node forkable; the crate `workers-engine-template` builds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TemplateLibrary {
    /// The file `libworkers_engine_template.so` beside this program, or in the directory `deps` there.
    #[default]
    Beside,
    /// These bytes, for a program that has it built in.
    Bytes(&'static [u8]),
}

/// The program that makes the sandboxes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LauncherProgram {
    /// This program, through [`run_launcher_if_asked`](crate::run_launcher_if_asked).
    #[default]
    CurrentExe,
    /// The program at this path: `workers-sandbox-launcher`.
    Path(PathBuf),
}

impl EngineOptions {
    /// Returns the usual options: full isolation, and this program as its own launcher.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, node: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            node: node.into(),
            copy_node: true,
            shell: Some("/bin/sh".into()),
            isolation: Isolation::Full,
            launcher: LauncherProgram::CurrentExe,
            cgroup_parent: None,
            templates: Templates::default(),
            template_forks: 20_000,
            most_kept: 64,
            template_library: TemplateLibrary::default(),
            network: NetworkOptions::default(),
            clock: Arc::new(SystemClock),
            observer: Arc::new(NoSandboxObserver),
            allow_shared_user_id: false,
            compares_all: false,
            omitted_layer: None,
        }
    }
}

impl fmt::Debug for EngineOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EngineOptions")
            .field("data_dir", &self.data_dir)
            .field("node", &self.node)
            .field("shell", &self.shell)
            .field("isolation", &self.isolation)
            .field("launcher", &self.launcher)
            .field("cgroup_parent", &self.cgroup_parent)
            .field("templates", &self.templates)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}
