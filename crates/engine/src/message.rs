//! What server, launcher and init say to each other: a type a hand-over.
//!
//! ```text
//! server --ToLauncher--> launcher     make a sandbox; its channel travels along
//! server <-FromLauncher- launcher     its pidfd; later, that it is gone and what it used
//! server --ToLauncher--> launcher     put a copy of a booted node into it
//! server <-FromLauncher- launcher     it is made; it has ended
//! launcher -ToTemplate-> template     fork, and join a sandbox
//! launcher <FromTemplate- template    booted; the copy's pidfd
//! server <--FromCopy---- copy         it is behind the sandbox's walls
//! server -NodeProgram--> copy         run this
//! launcher ---Release--> init         its ids are mapped and its cgroup is joined: go on
//! server ---ToInit-----> init         run, kill, write, make sockets
//! server <--FromInit---- init         ready, started, exited, written; sockets
//! ```

use std::io;

use serde::{Deserialize, Serialize};
use workers_domain::ports::{SandboxError, SandboxErrorKind};
use workers_engine_sys::Ended;

use crate::cgroup::CgroupPlan;
use crate::fault::{kind_of_number, number_of};
use crate::launcher::check::{Namespaces, Wall};
use crate::launcher::root::Runtime;

/// The first message to a launcher.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Configuration {
    /// How sandboxes are walled in; `None` for no walls at all.
    pub(crate) walls: Option<Walls>,
    /// The node program on the host.
    pub(crate) node: String,
    /// What an earlier launcher of this server has found, which is the least that this one must find.
    pub(crate) least: Option<Found>,
}

/// What a confined sandbox is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Walls {
    /// Where sandboxes' cgroups are made.
    pub(crate) cgroups: CgroupPlan,
    /// The read-only root.
    pub(crate) runtime: Runtime,
    /// The first host user id of the range that sandboxes are mapped to, when the launcher may map others' ids.
    pub(crate) first_uid: u32,
    /// Whether the operator allows that all sandboxes share the server's user id, where the server is not root.
    pub(crate) may_share_uids: bool,
    /// A wall that is left out, to test that a sandbox without it does not start.
    pub(crate) omitted: Option<Wall>,
    /// What templates are made of; `None` when there are none.
    pub(crate) templates: Option<TemplateSetup>,
    /// What machines are made of, for a launcher that makes machines and nothing else.
    pub(crate) machines: Option<MachineSetup>,
}

/// What machines are made of: directories on the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MachineSetup {
    /// Where each mounts its own files, out of the others' sight.
    pub(crate) stage: String,
    /// The system's files but for `/usr`, owned by the root of machines as it is on disk.
    pub(crate) base: String,
    /// Places below `/usr` to mount on.
    pub(crate) places: String,
    /// Where snapshots are.
    pub(crate) images: String,
    /// The system's `/usr`.
    pub(crate) usr: String,
    /// Whether machines may share one range of ids where the kernel cannot give each its own.
    pub(crate) allow_shared_ids: bool,
}

/// What templates are made of, on the host, and how many there are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TemplateSetup {
    /// The library that node loads ahead of all others.
    pub(crate) library: String,
    /// The script that node runs.
    pub(crate) script: String,
    /// What the script does besides, ahead of programs.
    pub(crate) module: String,
    /// How much the templates may take beside the spare one; `None` for one that serves all.
    pub(crate) room: Option<TemplateRoom>,
    /// After how many forks a template is replaced.
    pub(crate) forks: u32,
}

/// How much templates may take. The one that was used least recently goes first.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct TemplateRoom {
    /// How many there may be.
    pub(crate) most: u32,
    /// The memory of all of them.
    pub(crate) memory_bytes: u64,
}

/// From the server to the launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToLauncher {
    /// The first message.
    Configure(Box<Configuration>),
    /// Make a sandbox. The init's end of its channel travels along.
    Create(CreateSandbox),
    /// Put a copy of a booted node into a sandbox. The copy's end of its channel travels along.
    Fork(Fork),
    /// Kill such a copy and its process group.
    KillFork(CommandName),
    /// A sandbox was killed and does not end: the server waits for it no longer. Say what in it does not die, and go on
    /// killing it.
    SetAside {
        /// Which sandbox.
        name: String,
    },
    /// What templates are made of was made again: use those that there are no more, and try again where that has failed
    /// before.
    RenewTemplates,
    /// Another launcher makes the sandboxes that follow: leave it the directory of cgroups.
    Replaced,
    /// Answer with the same number.
    Ping(u64),
}

/// Which command of which sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct CommandName {
    /// The sandbox.
    pub(crate) sandbox: String,
    /// The command's number within it.
    pub(crate) command: u32,
}

/// A copy of a booted node for a sandbox, which waits there for its program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fork {
    /// What it is called from here on.
    pub(crate) name: CommandName,
    /// Whose template it is a copy of: the content that the sandbox was made from.
    pub(crate) content: String,
    /// Whether it waits for a template that boots. Otherwise it is made of one that is booted, or not at all.
    pub(crate) waits: bool,
}

/// From a copy of a booted node to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromCopy {
    /// It is behind the sandbox's walls and waits for its program.
    Seated,
    /// A step of getting there failed.
    Failed {
        /// Which step, and why.
        message: String,
        /// The number that the operating system gave, if it was the one to refuse.
        errno: Option<i32>,
    },
}

/// A sandbox to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CreateSandbox {
    /// Its name; also that of its cgroups.
    pub(crate) name: String,
    /// The directory on the host with the files to start from; for a machine its snapshot's, or empty.
    pub(crate) lower: String,
    /// For a sandbox without walls: the directory to run in.
    pub(crate) directory: String,
    /// Memory in bytes.
    pub(crate) memory_bytes: u64,
    /// Processes and threads.
    pub(crate) processes: u32,
    /// Files in bytes.
    pub(crate) disk_bytes: u64,
}

/// From the launcher to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromLauncher {
    /// Configured. Behind walls the listener of the filter of all that it makes travels along.
    Configured(Found),
    /// Not configured.
    ConfigurationFailed(String),
    /// The init runs. Its pidfd travels along.
    Created {
        /// Which sandbox.
        name: String,
    },
    /// There are templates, or (when they fail to boot again and again) none.
    Templates {
        /// Whether one is booted.
        are_ready: bool,
    },
    /// There is no booted node to copy: the sandbox has to start one.
    NotForked(CommandName),
    /// The copy has ended, and its process group is killed.
    ForkEnded {
        /// Which sandbox.
        sandbox: String,
        /// How.
        exited: Exited,
        /// What the sandbox has used so far.
        figures: Figures,
    },
    /// There is no sandbox.
    CreateFailed {
        /// Which sandbox.
        name: String,
        /// Why.
        failure: Failure,
    },
    /// What does not die of a sandbox that the server waits for no longer.
    StillThere {
        /// Which sandbox.
        name: String,
        /// Its processes, by name, state and where in the kernel each is.
        remains: String,
    },
    /// The answer to [`ToLauncher::Ping`].
    Pong(u64),
    /// Nothing of it runs and its cgroups are removed.
    Gone {
        /// Which sandbox.
        name: String,
        /// What it used.
        figures: Figures,
    },
}

/// What the launcher knows and a template has to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Surroundings {
    /// What the server said.
    pub(crate) configuration: Configuration,
    /// What the machine lets a launcher do.
    pub(crate) found: Found,
    /// The launcher's own namespaces, none of which a sandbox may be in.
    pub(crate) host: Namespaces,
}

/// What the machine lets a launcher do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Whether each sandbox has user ids of its own.
    pub(crate) own_uids: bool,
    /// Whether the working directory is an overlay; copied otherwise.
    pub(crate) overlays: bool,
    /// Whether each sandbox has devices of its own, which no other can lock or watch.
    pub(crate) own_devices: bool,
}

impl Found {
    /// Whether everything is there that an earlier launcher found.
    pub(crate) const fn is_as_good_as(self, earlier: Self) -> bool {
        (self.own_uids || !earlier.own_uids)
            && (self.overlays || !earlier.overlays)
            && (self.own_devices || !earlier.own_devices)
    }
}

/// From the launcher to a template.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToTemplate {
    /// The first message.
    Configure(Box<Surroundings>),
    /// Fork, and join a sandbox. The sandbox's init, the copy's end of its channel, and the files through which the
    /// sandbox's cgroups are joined travel along.
    Fork,
}

/// From a template to the launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromTemplate {
    /// It is booted.
    Ready,
    /// The copy runs, a child of the launcher. Its pidfd travels along.
    Forked {
        /// Its id in the launcher's pid namespace.
        pid: i32,
    },
    /// There is no copy: the kernel refused it, or the sandbox is gone.
    NotForked {
        /// Why.
        message: String,
    },
}

/// From the server to a copy of a booted node: what it is to run, as its script gets it. Standard output and standard
/// error travel along.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeProgram {
    /// Node's own options.
    pub(crate) options: Vec<String>,
    /// The script's path and its arguments.
    pub(crate) script: Vec<String>,
    /// All of the environment.
    pub(crate) environment: Vec<(String, String)>,
    /// The most that V8's old generation may take, in MiB.
    pub(crate) heap_mib: Option<u64>,
    /// For `Math.random`.
    pub(crate) seed: u32,
}

/// Why something could not be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Which step, and why, for the log.
    pub(crate) message: String,
    /// The operating system's number of it, if it gave one.
    pub(crate) errno: Option<i32>,
}

impl Failure {
    /// Of this error.
    pub(crate) fn of(error: &io::Error) -> Self {
        Self { message: error.to_string(), errno: number_of(error) }
    }

    /// As the caller of a sandbox gets it. What has no meaning of its own says that there are no sandboxes now.
    pub(crate) fn into_error(self, what: &str) -> SandboxError {
        let kind = match self.errno.map(kind_of_number) {
            None | Some(SandboxErrorKind::Failed) => SandboxErrorKind::Unavailable,
            Some(kind) => kind,
        };
        SandboxError::new(kind, format!("{what}: {}", self.message))
    }
}

/// What a sandbox used, by its cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Processor time in microseconds.
    pub(crate) cpu_micros: Option<u64>,
    /// The most memory at one time.
    pub(crate) max_memory_bytes: Option<u64>,
    /// Whether its own limit of memory was reached, and something of it was killed for that.
    pub(crate) out_of_memory: bool,
    /// Whether it was refused a process or lost one for want of memory though its own limits were not reached: the
    /// machine, or a group around all sandboxes, had too little.
    pub(crate) starved: bool,
}

/// From the server to a sandbox's init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToInit {
    /// Start a command. Its standard output and standard error travel along.
    Run(RunCommand),
    /// Kill a command and what it has started.
    Kill {
        /// Which command.
        command: u32,
    },
    /// Send a signal to a command's process group.
    Signal {
        /// Which command.
        command: u32,
        /// Which signal.
        signal: i32,
    },
    /// Kill every process, and hand over the directories with a machine's changes.
    Freeze,
    /// Kill every process.
    KillAll,
    /// Write files below the working directory. Their contents, one after the other, travel along in a file.
    Write {
        /// Path and length of each.
        files: Vec<(String, u64)>,
    },
    /// Make sockets for whoever tells names.
    MakeNameSockets,
}

/// How a command of a machine is started.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct InMachine {
    /// Where; the home of the ordinary user if nothing is said.
    pub(crate) directory: Option<String>,
    /// Whether as root and not as the ordinary user.
    pub(crate) as_root: bool,
    /// What is done in place of running a program.
    pub(crate) tool: Option<Tool>,
}

/// What is done for the server by a process of the machine, with the rights of its user. Standard error says what went
/// wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tool {
    /// Unpack standard input, a gzipped tar archive, into a directory.
    Unpack {
        /// Which directory.
        directory: String,
    },
    /// Write a file to standard output.
    Read {
        /// Which file.
        path: String,
    },
    /// Make a directory.
    MakeDirectory {
        /// Which one.
        path: String,
        /// Whether with those on the way, and without complaint if it is there.
        recursive: bool,
    },
}

impl Tool {
    /// The exit code of one that was told of a file that is not there.
    pub(crate) const NOT_FOUND: i32 = 3;
}

/// A command to start.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunCommand {
    /// Its number within the sandbox.
    pub(crate) command: u32,
    /// The program.
    pub(crate) program: String,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Its environment on top of the sandbox's own.
    pub(crate) env: Vec<(String, String)>,
    /// For a command of a machine; its standard input travels along, ahead of the outputs.
    pub(crate) machine: Option<InMachine>,
}

/// From a sandbox's init to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromInit {
    /// The walls stand. The working directory travels along.
    Ready,
    /// A step of setting up failed.
    SetupFailed(Failure),
    /// The command runs.
    Started {
        /// Which command.
        command: u32,
    },
    /// The command does not run.
    StartFailed {
        /// Which command.
        command: u32,
        /// The error number of starting it.
        errno: i32,
        /// Whether it is the directory to run in that cannot be entered.
        in_directory: bool,
    },
    /// The command has ended, and what it had started is killed.
    Exited(Exited),
    /// All processes are killed.
    AllKilled,
    /// All processes of a machine are killed. The directories with the changes to its root and to its `/usr` travel
    /// along.
    Frozen,
    /// The files are written, or why they are not.
    Written(Result<(), String>),
    /// Two sockets travel along: for datagrams, and for connections.
    NameSockets,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exited {
    /// Which command.
    pub(crate) command: u32,
    /// Its exit code, or the signal that ended it.
    pub(crate) status: Result<i32, i32>,
    /// Processor time of it and of its own reaped children, in microseconds.
    pub(crate) cpu_micros: u64,
    /// The largest resident size of one of them.
    pub(crate) max_resident_bytes: u64,
    /// Whether [`ToInit::Kill`] came before.
    pub(crate) asked: bool,
}

impl Exited {
    /// Of a command of which nothing more is known.
    pub(crate) const fn killed(command: u32, asked: bool) -> Self {
        Self { command, status: Err(9), cpu_micros: 0, max_resident_bytes: 0, asked }
    }

    /// Of what the kernel told of the command's process.
    pub(crate) fn new(command: u32, ended: Ended, asked: bool) -> Self {
        Self {
            command,
            status: ended.status,
            cpu_micros: u64::try_from(ended.cpu.as_micros()).unwrap_or(u64::MAX),
            max_resident_bytes: ended.max_resident_bytes,
            asked,
        }
    }
}
