//! The messages between server, launcher and init, one type per direction. An arrow shows the direction; descriptors
//! are sent along with some messages.
//!
//! ```text
//! server --ToLauncher--> launcher     make a sandbox; its channel is attached
//! server <-FromLauncher- launcher     its pidfd; later, that it is gone and what it used
//! server --ToLauncher--> launcher     fork a template; the child joins the sandbox
//! server <-FromLauncher- launcher     there is no template; the child has ended
//! launcher -ToTemplate-> template     fork, and join a sandbox
//! launcher <FromTemplate- template    booted; the child's pidfd
//! server <--FromChild--- child        it is parked in the sandbox
//! server -NodeProgram--> child        run this, or load it as a zygote
//! init -----ToZygote---> zygote       fork
//! init <---FromZygote--- zygote       the program is loaded; a run was forked, and has ended
//! server -NodeProgram--> run          run this
//! launcher ---Release--> init         its ids are mapped and its cgroup is joined: go on
//! server ---ToInit-----> init         run, kill, write, make sockets
//! server <--FromInit---- init         ready, started, exited, written; sockets
//! ```

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use workers_domain::ports::{SandboxError, SandboxErrorKind};
use workers_engine_sys::ReapedChild;

use crate::cgroup::{CgroupPlan, CgroupStats};
use crate::fault::{kind_of_number, number_of};
use crate::launcher::isolation_layer::IsolationLayer;
use crate::launcher::proc_self::NamespaceIds;

/// The first message to a launcher.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Configuration {
    /// How sandboxes are isolated; `None` for no isolation at all.
    pub(crate) isolation: Option<IsolationSetup>,
    /// The path of the node program on the host.
    pub(crate) node: String,
    /// The features that an earlier launcher of this server has found. This launcher must find them, too.
    pub(crate) required: Option<HostFeatures>,
}

/// What the isolation of sandboxes is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IsolationSetup {
    /// Where sandboxes' cgroups are made.
    pub(crate) cgroups: CgroupPlan,
    /// The read-only root.
    pub(crate) runtime: Runtime,
    /// The first host user id of the range that sandboxes are mapped to, if the launcher may map others' ids.
    pub(crate) first_uid: u32,
    /// Whether the operator allows all sandboxes to share the server's user id, if the server is not root.
    pub(crate) may_share_uids: bool,
    /// A layer of the isolation that is left out, to test that a sandbox without it does not start.
    pub(crate) omitted: Option<IsolationLayer>,
    /// The files of templates; `None` when there are no templates.
    pub(crate) templates: Option<TemplateSetup>,
    /// The directories of containers, for a launcher that makes containers and nothing else.
    pub(crate) containers: Option<ContainerSetup>,
}

/// The parts of the root of a worker's sandbox, as paths on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Runtime {
    /// The directory that becomes the root.
    pub(crate) root: PathBuf,
    /// An empty directory.
    pub(crate) nothing: PathBuf,
    /// The node program, which appears as `/usr/bin/node`.
    pub(crate) node: PathBuf,
    /// Whether the node program is already in the root directory.
    pub(crate) has_node: bool,
    /// Files below `/proc` that are hidden.
    pub(crate) masked_files: Vec<String>,
    /// Directories below `/proc` that are hidden.
    pub(crate) masked_directories: Vec<String>,
    /// Names of the devices below `/dev`.
    pub(crate) devices: Vec<String>,
}

/// The directories on the host that containers are made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ContainerSetup {
    /// Where each container mounts its own files, unseen by the others.
    pub(crate) stage: String,
    /// The system's files except `/usr`, owned by the root of containers as it is on disk.
    pub(crate) base: String,
    /// The layer with files and directories below `/usr` to mount on.
    pub(crate) places: String,
    /// The directory of the snapshots.
    pub(crate) images: String,
    /// The system's `/usr`.
    pub(crate) usr: String,
    /// Whether containers may share one range of ids where the kernel cannot give each its own.
    pub(crate) allow_shared_ids: bool,
}

/// The files of templates on the host, and the limits on templates.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TemplateSetup {
    /// The library that node loads before all others.
    pub(crate) library: String,
    /// The script that node runs.
    pub(crate) script: String,
    /// The module that the script loads, with work to do ahead of programs.
    pub(crate) module: String,
    /// The limits on templates, not counting the spare one; `None` for one template that serves all contents.
    pub(crate) budget: Option<TemplateBudget>,
    /// After how many forks a template is replaced.
    pub(crate) max_forks: u32,
}

/// The limits on templates. The least recently used template is ended first.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct TemplateBudget {
    /// The most templates.
    pub(crate) max_templates: u32,
    /// The memory of all templates together, in bytes.
    pub(crate) memory_bytes: u64,
}

/// Messages from the server to the launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToLauncher {
    /// The first message.
    Configure(Box<Configuration>),
    /// Make a sandbox. The init's end of its channel is attached.
    Create(CreateSandbox),
    /// Fork a template; the child joins a sandbox. The child's end of its channel is attached.
    ForkChild(ForkChild),
    /// Kill such a child and its process group.
    KillChild(CommandName),
    /// The server no longer waits for the end of a sandbox that was killed. Report which of its processes do not end,
    /// and go on killing it.
    SetAside {
        /// The sandbox.
        name: String,
    },
    /// The files of templates were made again: replace all templates, and boot again where that has failed before.
    RenewTemplates,
    /// Another launcher makes all further sandboxes: do not remove the directory of cgroups, which that launcher uses.
    Replaced,
    /// Respond with the same number.
    Ping(u64),
}

/// The name of a command: its sandbox and its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct CommandName {
    /// The sandbox.
    pub(crate) sandbox: String,
    /// The command's number within the sandbox.
    pub(crate) command: u32,
}

/// An order to fork a template. The child is parked in a sandbox: it joins the sandbox and waits for its program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForkChild {
    /// Its name in further messages.
    pub(crate) name: CommandName,
    /// The content whose template is forked: the one that the sandbox was made from.
    pub(crate) content: String,
    /// Whether to wait for a template that is booting. Otherwise only a template that has booted is forked.
    pub(crate) waits_for_boot: bool,
}

/// Messages from a child of a template to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromChild {
    /// It has joined the sandbox with all its isolation, and waits for its program.
    Parked,
    /// It could not join the sandbox.
    Failed {
        /// The step, and the reason.
        message: String,
        /// The error number, if the operating system refused.
        errno: Option<i32>,
    },
}

/// A sandbox to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CreateSandbox {
    /// Its name, which is also the name of its cgroups.
    pub(crate) name: String,
    /// The directory on the host with the files to start from; for a container that of its snapshot, or empty.
    pub(crate) lower: String,
    /// For a sandbox without isolation: the directory to run in.
    pub(crate) directory: String,
    /// The limit of memory, in bytes.
    pub(crate) memory_bytes: u64,
    /// The limit of processes and threads.
    pub(crate) processes: u32,
    /// The limit of files, in bytes.
    pub(crate) disk_bytes: u64,
    /// Not `None` if it is kept for several runs, one after the other: how it is compared after each.
    pub(crate) kept: Option<Comparison>,
}

/// How a sandbox that is kept is compared after each run with what it was before the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Comparison {
    /// What a run could change is compared.
    Usual,
    /// In addition everything that the sandbox's init can see, for tests.
    Thorough,
}

/// What has changed, if only the thorough comparison has found it.
pub(crate) const MISSED: &str = "what the usual comparison does not find";

/// Messages from the launcher to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromLauncher {
    /// The launcher is configured. With isolation, the listener of the seccomp filter is attached, for the launcher and
    /// all that it makes.
    Configured(HostFeatures),
    /// The launcher could not be configured, with the reason.
    ConfigurationFailed(String),
    /// The init runs. Its pidfd is attached.
    Created {
        /// The sandbox.
        name: String,
    },
    /// Whether there are templates; there are none when they fail to boot again and again.
    Templates {
        /// Whether one has booted.
        are_ready: bool,
    },
    /// There is no template to fork: the sandbox has to start its own node.
    NotForked(CommandName),
    /// The child has ended, and its process group was killed.
    ChildEnded {
        /// The sandbox.
        sandbox: String,
        /// How it ended.
        exited: Exited,
        /// What the sandbox has used so far.
        stats: CgroupStats,
    },
    /// The sandbox could not be made.
    CreateFailed {
        /// The sandbox.
        name: String,
        /// The reason.
        failure: Failure,
    },
    /// The sandbox was set aside. What still runs of it:
    SetAside {
        /// The sandbox.
        name: String,
        /// Its processes, with name, state and the kernel function that each waits in.
        processes: String,
    },
    /// The response to [`ToLauncher::Ping`].
    Pong(u64),
    /// No process of the sandbox runs any more, and its cgroups are removed.
    Gone {
        /// The sandbox.
        name: String,
        /// What it used.
        stats: CgroupStats,
    },
}

/// The launcher's configuration, and what it has found out about the host. Templates get a copy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LauncherContext {
    /// The server's configuration.
    pub(crate) configuration: Configuration,
    /// What the host lets a launcher do.
    pub(crate) features: HostFeatures,
    /// The launcher's own namespaces; a sandbox must not be in any of them.
    pub(crate) host: NamespaceIds,
}

/// What the host lets a launcher do.
#[expect(clippy::struct_excessive_bools, reason = "each is a feature of its own, in any combination")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostFeatures {
    /// Whether each sandbox has user ids of its own.
    pub(crate) own_uids: bool,
    /// Whether the working directory is an overlay; otherwise files are copied.
    pub(crate) overlays: bool,
    /// Whether each sandbox has devices of its own, which no other sandbox can lock or watch.
    pub(crate) own_devices: bool,
    /// Whether a sandbox's init can set the id of the next process, so that sandboxes can be kept.
    pub(crate) sets_process_ids: bool,
}

impl HostFeatures {
    /// Returns whether it has every feature that an earlier launcher found.
    pub(crate) const fn includes(self, earlier: Self) -> bool {
        (self.own_uids || !earlier.own_uids)
            && (self.overlays || !earlier.overlays)
            && (self.own_devices || !earlier.own_devices)
            && (self.sets_process_ids || !earlier.sets_process_ids)
    }
}

/// Messages from the launcher to a template.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToTemplate {
    /// The first message.
    Configure(Box<LauncherContext>),
    /// Fork, and join a sandbox. The pidfd of the sandbox's init, the child's end of its channel, and the files through
    /// which the sandbox's cgroups are joined are attached.
    Fork,
}

/// Messages from a template to the launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromTemplate {
    /// It has booted.
    Ready,
    /// The child runs, as a child of the launcher. Its pidfd is attached.
    Forked {
        /// Its id in the launcher's pid namespace.
        pid: i32,
    },
    /// There is no child: the kernel refused it, or the sandbox is gone.
    NotForked {
        /// The reason.
        message: String,
    },
}

/// The message from the server to a child of a template, or to a run that a zygote has forked: the program to run, in
/// the form in which the template's script gets it. Standard output and standard error are attached; for a zygote, its
/// channel to the sandbox's init.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeProgram {
    /// Node's own options.
    pub(crate) options: Vec<String>,
    /// The script's path and its arguments.
    pub(crate) script: Vec<String>,
    /// The whole environment.
    pub(crate) environment: Vec<(String, String)>,
    /// The limit of V8's old generation, in MiB.
    pub(crate) heap_mib: Option<u64>,
    /// The seed of `Math.random`.
    pub(crate) seed: u32,
    /// The id of the process that runs it.
    pub(crate) pid: u32,
    /// Whether the process is a zygote: it loads the script, without running it, and is then forked for each run. For a
    /// run itself this is `false`.
    pub(crate) zygote: bool,
}

impl NodeProgram {
    /// Returns a random seed of `Math.random`.
    ///
    /// # Errors
    ///
    /// When the kernel gives no random bytes.
    pub(crate) fn random_seed() -> io::Result<u32> {
        let mut bytes = [0; 4];
        if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())? < bytes.len() {
            return Err(io::Error::other("too few random bytes"));
        }
        // V8's flag is a signed number, and with 0 V8 chooses a seed itself.
        Ok(u32::from_ne_bytes(bytes) >> 1 | 1)
    }

    /// Returns the arguments and the environment as the kernel shows them: each text ends with a NUL.
    pub(crate) fn command_line(&self) -> (Vec<u8>, Vec<u8>) {
        let arguments = ["node"].into_iter().chain(self.options.iter().chain(&self.script).map(String::as_str));
        let arguments = arguments.flat_map(|text| text.bytes().chain([0])).collect();
        let variable = |(name, value): &(String, String)| format!("{name}={value}\0").into_bytes();
        (arguments, self.environment.iter().flat_map(variable).collect())
    }
}

/// A [`NodeProgram`] in the form in which a run gets it. A run is as short as its memory is small: it neither parses
/// nor copies what only the template's script looks at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PackedProgram<'a> {
    /// The number of the run that it is for.
    pub(crate) run: u32,
    /// As [`NodeProgram::command_line`].
    pub(crate) arguments: &'a [u8],
    /// As [`NodeProgram::command_line`].
    pub(crate) environment: &'a [u8],
    /// The program's script and environment as JSON, without the brace that opens the object.
    pub(crate) script: &'a str,
}

impl<'a> PackedProgram<'a> {
    /// Packs a program.
    ///
    /// # Errors
    ///
    /// When it is longer than 4 GiB.
    pub(crate) fn pack(run: u32, program: &NodeProgram) -> io::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Script<'a> {
            script: &'a [String],
            environment: &'a [(String, String)],
        }
        let (arguments, environment) = program.command_line();
        let script = serde_json::to_vec(&Script { script: &program.script, environment: &program.environment })?;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map(u32::to_ne_bytes).map_err(io::Error::other);
        let head = [run.to_ne_bytes(), length(&arguments)?, length(&environment)?].concat();
        Ok([&head, arguments.as_slice(), &environment, script.get(1..).unwrap_or_default()].concat())
    }

    /// Unpacks what [`pack`](Self::pack) has made.
    ///
    /// # Errors
    ///
    /// When it has not made it.
    pub(crate) fn unpack(packed: &'a [u8]) -> io::Result<Self> {
        let broken = || io::Error::other("a program that cannot be read");
        let (run, rest) = packed.split_first_chunk::<4>().ok_or_else(broken)?;
        let (first, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let (second, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let length = |bytes: &[u8; 4]| usize::try_from(u32::from_ne_bytes(*bytes)).map_err(io::Error::other);
        let (arguments, rest) = rest.split_at_checked(length(first)?).ok_or_else(broken)?;
        let (environment, script) = rest.split_at_checked(length(second)?).ok_or_else(broken)?;
        let script = std::str::from_utf8(script).map_err(io::Error::other)?;
        Ok(Self { run: u32::from_ne_bytes(*run), arguments, environment, script })
    }
}

/// Messages from a sandbox's init to its zygote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ToZygote {
    /// Fork a run, which then waits for its program.
    Fork,
}

/// Messages from a zygote to its sandbox's init. A user's code may have written them, so init believes nothing of them
/// that matters to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FromZygote {
    /// The program is loaded, and runs can be forked.
    Loaded,
    /// The program is loaded, but a run of it would not be the same as one that loads it itself.
    Unfit {
        /// Why, for the log.
        reason: String,
    },
    /// The run waits for its program.
    Forked,
    /// The run has ended.
    Ended(Exited),
}

/// The reason why something could not be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The step and the reason, for the log.
    pub(crate) message: String,
    /// The error number, if the operating system gave one.
    pub(crate) errno: Option<i32>,
}

impl Failure {
    /// Makes a failure of an error.
    pub(crate) fn of(error: &io::Error) -> Self {
        Self { message: error.to_string(), errno: number_of(error) }
    }

    /// Returns the error for the caller of a sandbox. An error number without a meaning of its own becomes
    /// `Unavailable`: no sandbox can be made now.
    pub(crate) fn into_error(self, what: &str) -> SandboxError {
        let kind = match self.errno.map(kind_of_number) {
            None | Some(SandboxErrorKind::Failed) => SandboxErrorKind::Unavailable,
            Some(kind) => kind,
        };
        SandboxError::new(kind, format!("{what}: {}", self.message))
    }
}

/// Messages from the server to a sandbox's init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToInit {
    /// Start a command. Its standard output and standard error are attached.
    Run(RunCommand),
    /// Kill a command and what it has started.
    Kill {
        /// The command's number.
        command: u32,
    },
    /// Send a signal to a command's process group.
    Signal {
        /// The command's number.
        command: u32,
        /// The signal's number.
        signal: i32,
    },
    /// Kill every process, and send the directories with a container's changes.
    Freeze,
    /// Kill every process.
    KillAll,
    /// Write files below the working directory. A file with their contents, one after the other, is attached.
    Write {
        /// Path and length of each.
        files: Vec<(String, u64)>,
    },
    /// Make sockets for the name server.
    MakeNameSockets,
    /// Take the zygote that this channel leads to, which is attached: from here on fork a run each time the last one
    /// has ended and the sandbox is as it is now.
    TakeZygote,
}

/// How a command of a container is started.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct InContainer {
    /// The directory to run in; `None` for the home of the ordinary user.
    pub(crate) directory: Option<String>,
    /// Whether to run as root and not as the ordinary user.
    pub(crate) as_root: bool,
    /// A file operation to do instead of running a program.
    pub(crate) tool: Option<Tool>,
}

/// A file operation that a process of the container does for the server, with the rights of its user. It reports errors
/// on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tool {
    /// Unpack standard input, a gzipped tar archive, into a directory.
    Unpack {
        /// The directory.
        directory: String,
    },
    /// Write a file to standard output.
    Read {
        /// The file.
        path: String,
    },
    /// Make a directory.
    MakeDirectory {
        /// The directory.
        path: String,
        /// Whether to make missing parents, too, and to accept a directory that exists.
        recursive: bool,
    },
}

impl Tool {
    /// The exit code if the file does not exist.
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
    /// Its variables in addition to the sandbox's own environment.
    pub(crate) env: Vec<(String, String)>,
    /// For a command of a container. Its standard input is then attached, before the outputs.
    pub(crate) container: Option<InContainer>,
}

/// Messages from a sandbox's init to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromInit {
    /// The isolation is set up. The working directory is attached.
    Ready,
    /// A step of setting up failed.
    SetupFailed(Failure),
    /// The command runs.
    Started {
        /// The command's number.
        command: u32,
    },
    /// The command does not run.
    StartFailed {
        /// The command's number.
        command: u32,
        /// The error number.
        errno: i32,
        /// Whether the working directory could not be entered.
        in_directory: bool,
    },
    /// The command has ended, and what it had started was killed.
    Exited(Exited),
    /// All processes were killed.
    AllKilled,
    /// All processes of a container were killed. The directories with the changes to its root and to its `/usr` are
    /// attached.
    Frozen,
    /// The files were written, or the reason why not.
    Written(Result<(), String>),
    /// Two sockets are attached: one for datagrams, one for connections.
    NameSockets,
    /// The zygote is taken: it may load its program.
    ZygoteTaken,
    /// What has become of the zygote, or of the sandbox after a run.
    Zygote(ZygoteState),
}

/// Whether a sandbox with a zygote can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ZygoteState {
    /// A run waits for its program, and the sandbox is as it was before the first one.
    Ready,
    /// The program has to be loaded for each run.
    Unfit {
        /// Why, for the log.
        reason: String,
    },
    /// The sandbox is not as it was, or it is not known whether it is.
    Changed {
        /// What has changed, for the log.
        what: String,
    },
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exited {
    /// The command's number.
    pub(crate) command: u32,
    /// Its exit code, or the signal that ended it.
    pub(crate) status: Result<i32, i32>,
    /// Processor time of it and of its own reaped children, in microseconds.
    pub(crate) cpu_micros: u64,
    /// The largest resident size of one of them, in bytes.
    pub(crate) max_resident_bytes: u64,
    /// Whether [`ToInit::Kill`] came before.
    pub(crate) kill_requested: bool,
}

impl Exited {
    /// Makes the record of a command that was killed and of which nothing was measured.
    pub(crate) const fn killed(command: u32, kill_requested: bool) -> Self {
        // 9 is `SIGKILL`.
        Self { command, status: Err(9), cpu_micros: 0, max_resident_bytes: 0, kill_requested }
    }

    /// Makes the record from what the kernel reports about the command's process.
    pub(crate) fn new(command: u32, ended: ReapedChild, kill_requested: bool) -> Self {
        Self {
            command,
            status: ended.status,
            cpu_micros: u64::try_from(ended.cpu.as_micros()).unwrap_or(u64::MAX),
            max_resident_bytes: ended.max_resident_bytes,
            kill_requested,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_unpacked_as_it_was_packed() {
        let program = NodeProgram {
            options: vec!["--max-old-space-size=192".to_owned()],
            script: ["worker.mjs", "main", "{\"a\":\"\u{e4}\\n\"}"].map(str::to_owned).to_vec(),
            environment: vec![("PATH".to_owned(), "/usr/bin".to_owned()), ("EMPTY".to_owned(), String::new())],
            heap_mib: Some(192),
            seed: 7,
            pid: 3,
            zygote: false,
        };
        let packed = PackedProgram::pack(9, &program).unwrap();
        let PackedProgram { run, arguments, environment, script } = PackedProgram::unpack(&packed).unwrap();
        assert_eq!(run, 9);
        assert_eq!(arguments, b"node\0--max-old-space-size=192\0worker.mjs\0main\0{\"a\":\"\xc3\xa4\\n\"}\0");
        assert_eq!(environment, b"PATH=/usr/bin\0EMPTY=\0");
        let script: serde_json::Value = serde_json::from_str(&format!("{{{script}")).unwrap();
        let expected = serde_json::json!({"script": program.script, "environment": program.environment});
        assert_eq!(script, expected);
        for length in [0, 3, 7, 11, packed.len() / 2] {
            let cut = PackedProgram::unpack(packed.get(..length).unwrap());
            assert!(cut.is_err() || cut.is_ok_and(|cut| cut.script != script), "{length}");
        }
    }
}
