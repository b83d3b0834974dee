//! Isolated environments in which commands run, and snapshots of their file systems.
//!
//! The traits have the shape of a typical cloud API, so that an adapter for a cloud and our own engine can both
//! implement them without pretending. This module does not define how an invocation uses a command's output.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{Fault, LogStream, NetworkPolicy, Part, ResourceLimits, ResourceUsage, SandboxId, SnapshotId};

/// Creates sandboxes and stores snapshots. Methods that every provider has to implement have no default: otherwise a
/// provider that wraps another one would inherit the default instead of forwarding the call.
#[async_trait]
pub trait SandboxProvider: Send + Sync {
    /// Returns the provider's name for logs and metrics, such as `local`.
    fn name(&self) -> &'static str;

    /// Sets the code to run before [node scripts](Program::NodeScript) of this platform. Called once, before the first
    /// sandbox. Returns at once; preparation happens in the background.
    fn preload(&self, preload: NodePreload);

    /// Creates a new sandbox.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::SnapshotNotFound`] if the snapshot to start from does not exist;
    /// [`SandboxErrorKind::Unavailable`] if the provider cannot create sandboxes now.
    async fn create(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError>;

    /// Announces that such a sandbox will probably be created soon. Returns at once. The provider prepares what it can
    /// in the background; the rest is done by [`create`](Self::create).
    fn expect(&self, spec: SandboxSpec);

    /// Returns the snapshot with this id, if the provider still has it.
    ///
    /// # Errors
    ///
    /// If the provider cannot find out.
    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError>;

    /// Deletes a snapshot. Sandboxes that were created from it keep running. Deleting a snapshot that does not exist is
    /// not an error.
    ///
    /// # Errors
    ///
    /// If the provider cannot find out whether it exists, or cannot delete it.
    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError>;

    /// Returns whether each server has its own snapshots. If so, a server that needs a snapshot makes it and also
    /// deletes it.
    fn keeps_own_snapshots(&self) -> bool;

    /// Returns the snapshots that belong to this server and have existed since `before` or longer. Empty if all servers
    /// share their snapshots.
    ///
    /// # Errors
    ///
    /// If the snapshots cannot be listed.
    async fn own_snapshots(&self, before: DateTime<Utc>) -> Result<Vec<SnapshotId>, SandboxError>;

    /// Checks that sandboxes can be created now.
    ///
    /// # Errors
    ///
    /// Describes what is missing.
    async fn check(&self) -> Result<(), SandboxError>;

    /// Returns the faults in the parts that are needed to create sandboxes, within two seconds. May create a sandbox to
    /// find out.
    async fn faults(&self) -> Vec<Fault> {
        let failed = |error: SandboxError| Fault::fatal(Part::Sandboxes, error.to_string());
        self.check().await.err().map(failed).into_iter().collect()
    }
}

/// An isolated environment. It ends with [`snapshot`](Self::snapshot) or [`stop`](Self::stop). A sandbox that is
/// dropped is stopped in the background, so a caller that disappears leaves nothing running.
#[async_trait]
pub trait Sandbox: Send + Sync {
    /// Returns the sandbox's id.
    fn id(&self) -> &SandboxId;

    /// Returns how new it is, as it was created.
    fn age(&self) -> SandboxAge {
        SandboxAge::default()
    }

    /// Writes files below the working directory. Creates missing directories and replaces existing files.
    ///
    /// # Errors
    ///
    /// If the sandbox has been stopped, or there is no room.
    async fn write_files(&self, files: Vec<SandboxFile>) -> Result<(), SandboxError>;

    /// Starts a command in the working directory.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::CommandNotFound`] if the program does not exist; another kind if the sandbox has been
    /// stopped or the process cannot be started.
    async fn run(&self, command: CommandSpec) -> Result<Box<dyn Command>, SandboxError>;

    /// Saves the files below the working directory as a snapshot, including files that commands wrote, and stops the
    /// sandbox.
    ///
    /// # Errors
    ///
    /// If the sandbox has been stopped, or there is no room.
    async fn snapshot(&self, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError>;

    /// Like [`snapshot`](Self::snapshot), but gives the snapshot this id and replaces an existing snapshot with the
    /// same id. This is for snapshots that are a server's own cache: each server makes the snapshot again under the id
    /// that all servers use for it. A provider that chooses ids itself, or cannot use this id, uses another one; the
    /// returned snapshot contains the id.
    ///
    /// # Errors
    ///
    /// As for [`snapshot`](Self::snapshot).
    async fn snapshot_as(&self, _id: &SnapshotId, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        self.snapshot(expires_at).await
    }

    /// Looks for a fault of the provider that may be the reason why a command failed: the sandbox's files were changed,
    /// its snapshot is damaged, or the host ran out of a resource although the sandbox stayed within its own limits.
    /// Call it before the sandbox is stopped. A damaged snapshot is returned as [`SandboxErrorKind::SnapshotNotFound`],
    /// because it can be made again.
    async fn find_fault(&self) -> Option<SandboxError> {
        None
    }

    /// Kills every process of the sandbox and deletes all its files. Stopping twice is not an error. When this returns,
    /// no process of the sandbox is running.
    ///
    /// # Errors
    ///
    /// If something could not be removed.
    async fn stop(&self) -> Result<(), SandboxError>;
}

/// A process in a sandbox, including its child processes: when it ends, children that are still running are killed.
/// Dropping it kills it.
#[async_trait]
pub trait Command: Send {
    /// Returns the next output as soon as it is available, or how the command ended. Returns `None` after
    /// [`CommandEvent::Exited`]. All output printed before the end is returned before the end. A slow reader slows the
    /// command down, because output is not buffered in between. Cancel-safe: the future may be dropped without losing
    /// an event.
    ///
    /// # Errors
    ///
    /// If the provider lost the command. How the command ended is then unknown.
    async fn next_event(&mut self) -> Result<Option<CommandEvent>, SandboxError>;

    /// Kills the command and its children. [`next_event`](Self::next_event) still returns what was printed, and the
    /// end.
    ///
    /// # Errors
    ///
    /// If the provider cannot be reached.
    async fn kill(&self) -> Result<(), SandboxError>;

    /// Ends a command whose result is already known: kills it and returns the output that has not been read yet. Unlike
    /// [`kill`](Self::kill), the caller does not have to wait for the end; there are no more events.
    ///
    /// # Errors
    ///
    /// If the provider lost the command.
    async fn kill_and_drain(&mut self) -> Result<DrainedCommand, SandboxError> {
        self.kill().await?;
        let mut drained = DrainedCommand::default();
        while let Some(event) = self.next_event().await? {
            match event {
                CommandEvent::Output { stream, bytes } => drained.output.push((stream, bytes)),
                CommandEvent::Exited(exit) => drained.usage = exit.usage,
            }
        }
        Ok(drained)
    }
}

/// What is left of a command that was ended by [`Command::kill_and_drain`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DrainedCommand {
    /// Output that was printed but not read, in the order of each stream.
    pub output: Vec<(LogStream, Vec<u8>)>,
    /// The resources that the sandbox has used so far.
    pub usage: ResourceUsage,
}

/// Code that a provider runs in its prepared Node.js process before scripts start, once for many scripts. It only saves
/// time: scripts work the same without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePreload {
    /// The source of a `CommonJS` module that exports two functions. `warm()` does once what scripts do repeatedly, and
    /// may be asynchronous. `prepare(environment, park)` runs before each script. The module must not draw random
    /// numbers and must not leave handles, timers or requests open, because all scripts would share them.
    ///
    /// `park` is `undefined` unless the script is loaded once for several runs ([`SandboxSpec::kept_for`]). Then the
    /// script must call `park.watch()` before it loads code that it does not know, and `park()` when that is loaded.
    /// `park()` returns in the process of each run, with `{script, variables, output}`: the path of the script and its
    /// arguments; the variables of the command, by name; a descriptor of standard output and the number of its pipe.
    pub module: String,
}

/// The parameters of a new sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxSpec {
    /// The initial files.
    pub source: SandboxSource,
    /// The resource limits.
    pub limits: ResourceLimits,
    /// The network policy. A provider that cannot enforce it says so in its documentation.
    pub network: NetworkPolicy,
    /// Not `None` if the sandbox may be one that is kept for runs of this script, one after the other. Each run is a
    /// new process, and the provider throws the sandbox away unless it knows that a run has left nothing behind. The
    /// provider may load the script once for all runs, if no run can tell. A provider that keeps no sandboxes makes a
    /// new one.
    pub kept_for: Option<NodeScript>,
}

/// A script, and what every run of it has in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeScript {
    /// As in [`Program::NodeScript`].
    pub path: String,
    /// As in [`Program::NodeScript`].
    pub heap_mib: Option<u64>,
    /// Environment variables that all runs have. Those in [`CommandSpec::env`] belong to one run.
    pub env: Vec<(String, String)>,
}

/// How new a sandbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SandboxAge {
    /// Whether the sandbox is kept for runs of one script ([`SandboxSpec::kept_for`]).
    pub is_kept: bool,
    /// Whether a run before this one has used it.
    pub is_reused: bool,
}

/// The initial files of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxSource {
    /// No files.
    Empty,
    /// The files of a snapshot.
    Snapshot(SnapshotId),
}

/// A file to write into a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxFile {
    /// The path of the file.
    pub path: SandboxPath,
    /// The contents of the file.
    pub contents: Vec<u8>,
}

/// A path below a sandbox's working directory. It is relative, uses `/`, and consists of ordinary names (no `..`, no
/// `.`, no empty name, no NUL).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SandboxPath(String);

impl SandboxPath {
    /// Validates a path from an external source.
    ///
    /// # Errors
    ///
    /// If the path does not have the form that the type's documentation describes, or is longer than 1,024 bytes.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidPathError> {
        let text = text.into();
        // 255 bytes is the longest name that Linux file systems accept.
        let ordinary =
            |name: &str| !name.is_empty() && name != "." && name != ".." && name.len() <= 255 && !name.contains('\0');
        if text.len() <= 1024 && text.split('/').all(ordinary) { Ok(Self(text)) } else { Err(InvalidPathError) }
    }

    /// Returns the path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SandboxPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The error for a path that leads out of the sandbox's working directory or is not a valid path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path must be relative, at most 1,024 bytes long, and free of `..`, `.`, empty names and NUL")]
pub struct InvalidPathError;

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// The program to run.
    pub program: Program,
    /// The arguments, each at most 128 KiB long.
    pub args: Vec<String>,
    /// Environment variables, in addition to the sandbox's own (`PATH`, `HOME`). For a [`Program::NodeScript`], setting
    /// variables that Node.js or its libraries read at startup (`TZ`, `NODE_*`, `LD_*`) may require a fresh, slower
    /// start.
    pub env: Vec<(String, String)>,
}

/// The program that a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A program by name or path, looked up in the sandbox's own `PATH`. `node` always exists.
    Named(String),
    /// A script that runs in Node.js. A provider may run it in an already booted Node.js, which is several times faster
    /// than a fresh start. The script cannot notice the difference.
    NodeScript {
        /// The script's path: relative to the working directory, or absolute.
        path: String,
        /// Maximum size of V8's old generation, in MiB. `None` leaves the choice to V8.
        heap_mib: Option<u64>,
    },
}

impl CommandSpec {
    /// Creates a command that runs a program with arguments.
    pub fn named(program: impl Into<String>, args: Vec<String>) -> Self {
        Self { program: Program::Named(program.into()), args, env: Vec::new() }
    }

    /// Creates a command that runs a script with arguments in Node.js.
    pub fn node_script(path: impl Into<String>, args: Vec<String>) -> Self {
        Self { program: Program::NodeScript { path: path.into(), heap_mib: None }, args, env: Vec::new() }
    }

    /// Returns the program and all its arguments, for a provider that can only start programs.
    #[must_use]
    pub fn into_command_line(self) -> (String, Vec<String>) {
        match self.program {
            Program::Named(program) => (program, self.args),
            Program::NodeScript { path, heap_mib } => {
                // In front of the path: Node.js takes what follows the path as arguments of the script.
                let options = heap_mib.map(node_heap_option);
                ("node".to_owned(), options.into_iter().chain([path]).chain(self.args).collect())
            }
        }
    }
}

/// Returns the Node.js option that sets the maximum size of V8's old generation.
#[must_use]
pub fn node_heap_option(mib: u64) -> String {
    format!("--max-old-space-size={mib}")
}

/// An event of a running command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandEvent {
    /// The command printed these bytes.
    Output {
        /// The output stream.
        stream: LogStream,
        /// The bytes. A piece may be cut anywhere, also inside a line or a character.
        bytes: Vec<u8>,
    },
    /// The command ended.
    Exited(CommandExit),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandExit {
    /// The exit status of the process.
    pub status: ExitStatus,
    /// Why the provider killed the command, if it did.
    pub killed: Option<KillReason>,
    /// The resources that the sandbox has used so far, including earlier commands.
    pub usage: ResourceUsage,
}

/// How a process ended. Some providers report signals as exit codes from 129 on, as a shell does; such a provider
/// translates these codes to signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// The process exited with this code.
    Code(i32),
    /// The process was ended by this signal.
    Signal(i32),
}

/// Why a provider killed a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillReason {
    /// The wall-clock limit was reached.
    Timeout,
    /// Its memory limit was reached.
    OutOfMemory,
    /// [`Command::kill`] or [`Sandbox::stop`] was called.
    Requested,
}

/// A saved file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The snapshot's id.
    pub id: SnapshotId,
    /// The size in bytes, as the provider counts it.
    pub size_bytes: u64,
    /// When the provider will delete the snapshot automatically; `None` if never.
    pub expires_at: Option<DateTime<Utc>>,
}

/// An error of a sandbox or its provider.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SandboxError {
    /// The kind of failure.
    pub kind: SandboxErrorKind,
    /// A message for the log that completes the sentence "failed to run a sandbox:". May contain internals.
    pub message: String,
    /// The underlying error, if there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Kinds of [`SandboxError`] that callers handle differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SandboxErrorKind {
    /// The snapshot does not exist. It can be rebuilt from the stored bundle.
    SnapshotNotFound,
    /// The sandbox has been stopped.
    Stopped,
    /// The program does not exist in the sandbox.
    CommandNotFound,
    /// The file or directory does not exist in the sandbox.
    FileNotFound,
    /// A file of the sandbox cannot be read or written as requested. The message is meant for the caller.
    FileRefused,
    /// There is no room to store something. Nothing was changed.
    StorageFull,
    /// The storage is read-only now. Nothing was changed.
    StorageReadOnly,
    /// The storage is not mounted, or something else is mounted under its name. The stored data is not lost.
    StorageUnavailable,
    /// The host has run out of file descriptors, processes or memory. The requested operation has not started.
    Exhausted,
    /// The provider cannot create sandboxes now, for example because the host lacks an isolation feature.
    Unavailable,
    /// Any other failure.
    Failed,
}

impl SandboxError {
    /// Creates an error of this kind without an underlying error.
    #[must_use]
    pub fn new(kind: SandboxErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Creates an error of kind [`SandboxErrorKind::Failed`] with its underlying error.
    pub fn failed(message: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: SandboxErrorKind::Failed, message: message.into(), source: Some(source.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_ordinary_names_is_accepted() {
        for path in ["worker.mjs", "a/b/c.txt", "..a/b..", "with space"] {
            assert_eq!(SandboxPath::parse(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn a_path_that_leads_out_or_nowhere_is_refused() {
        for path in ["", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a/", "a\0b"] {
            assert_eq!(SandboxPath::parse(path), Err(InvalidPathError), "{path:?}");
        }
        assert_eq!(SandboxPath::parse("a/".repeat(600) + "b"), Err(InvalidPathError));
    }
}
