//! What an embedder says when it starts the engine.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use workers_domain::AddressRange;
use workers_domain::ports::{
    Clock, NetworkObserver, NoNetworkObserver, NoSandboxObserver, SandboxObserver, SystemClock,
};

use crate::launcher::check::Wall;

/// How the engine is to work. Make one with [`EngineOptions::new`] and change what is not to your liking.
#[derive(Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// Where snapshots are kept and sandboxes' files are staged. One engine a directory.
    pub data_dir: PathBuf,
    /// The node program, version 20 or later.
    pub node: PathBuf,
    /// Whether a copy of node is kept in the data directory (110 MiB), which the kernel maps in fewer, larger pages.
    pub copy_node: bool,
    /// The program that is `/bin/sh` in sandboxes that are walled in: the host's own. It is put there with its
    /// libraries. Where it cannot be had, and with `None`, there is no shell.
    pub shell: Option<PathBuf>,
    /// How sandboxes are walled in.
    pub confinement: Confinement,
    /// Which program makes the sandboxes.
    pub launcher: LauncherProgram,
    /// The cgroup below which sandboxes' cgroups are made, as a path below the hierarchy's root; `None` for the one
    /// that this process is in.
    pub cgroup_parent: Option<PathBuf>,
    /// Booted nodes that commands are forked from.
    pub templates: Templates,
    /// After how many forks a template is replaced: whatever it may have piled up goes with it.
    pub template_forks: u32,
    /// The library that templates need.
    pub template_library: TemplateLibrary,
    /// What is true of the network of all sandboxes, whatever the policy of each says.
    pub network: NetworkOptions,
    /// Tells when snapshots expire.
    pub clock: Arc<dyn Clock>,
    /// Learns of sandboxes that do not end.
    pub observer: Arc<dyn SandboxObserver>,
    /// Whether sandboxes may share the server's user id where the server is not root. Limits that the kernel counts by
    /// user are then shared by all of them. Without this the engine does not start there.
    pub allow_shared_user_id: bool,
    /// A wall that is left out, to test that a sandbox without it refuses to run anything. Programs that are built for
    /// release ignore it.
    #[doc(hidden)]
    pub omitted_wall: Option<Wall>,
}

/// What is true of the network of all sandboxes, whatever the policy of each says.
#[derive(Clone)]
pub struct NetworkOptions {
    /// Ranges of addresses that policies may permit although they are not public, or are the host's own.
    pub open: Vec<AddressRange>,
    /// Who is asked for names; those that the host asks when there are none.
    pub resolvers: Vec<SocketAddr>,
    /// Is told of every connection.
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

/// How sandboxes are walled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Confinement {
    /// By every layer. What cannot be set up is an error.
    #[default]
    Full,
    /// By nothing but a directory, a deadline and some resource limits: a worker can do what the server's user can. For
    /// machines without namespaces, and for code that one trusts.
    Unconfined,
}

/// Booted nodes that sandboxes are forked from, so that a command `node <script>` does not wait for node to start.
///
/// All forks of one have the same layout of the address space: who learns it from one learns it of all.
/// `docs/security.md` has what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Templates {
    /// None: every command starts its own node, and no sandbox is made ahead of time.
    None,
    /// One for each content of a snapshot, and so for each worker.
    PerContent {
        /// The most that are kept; the one that was used least recently goes first.
        most: u32,
        /// The memory that those may take which are kept. Some 16 MiB a template are its own; where the machine lacks
        /// memory, fewer are kept.
        memory_bytes: u64,
    },
    /// One for all, where all workers are those of one owner.
    Shared,
}

impl Templates {
    /// One for each content, in as much memory as a small machine has for them.
    pub const PER_CONTENT: Self = Self::PerContent { most: 64, memory_bytes: 256 << 20 };
}

impl Default for Templates {
    fn default() -> Self {
        Self::PER_CONTENT
    }
}

/// The library that makes a booted node forkable: what `workers-engine-template` is built to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TemplateLibrary {
    /// The file `libworkers_engine_template.so` beside this program, or in the directory `deps` there.
    #[default]
    Beside,
    /// These bytes, for a program that has it built in.
    Bytes(&'static [u8]),
}

/// Which program makes the sandboxes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LauncherProgram {
    /// This one, through [`run_launcher_if_asked`](crate::run_launcher_if_asked).
    #[default]
    CurrentExe,
    /// The one at this path: `workers-sandbox-launcher`.
    Path(PathBuf),
}

impl EngineOptions {
    /// The usual options: all walls, and this program as its own launcher.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, node: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            node: node.into(),
            copy_node: true,
            shell: Some("/bin/sh".into()),
            confinement: Confinement::Full,
            launcher: LauncherProgram::CurrentExe,
            cgroup_parent: None,
            templates: Templates::default(),
            template_forks: 20_000,
            template_library: TemplateLibrary::default(),
            network: NetworkOptions::default(),
            clock: Arc::new(SystemClock),
            observer: Arc::new(NoSandboxObserver),
            allow_shared_user_id: false,
            omitted_wall: None,
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
            .field("confinement", &self.confinement)
            .field("launcher", &self.launcher)
            .field("cgroup_parent", &self.cgroup_parent)
            .field("templates", &self.templates)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}
