//! Isolated environments in which commands run, and their frozen file systems.
//!
//! The traits mirror what the cloud offers, so that an adapter for it and our own engine are both honest. How an
//! invocation is spoken over a command's output is not known here.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{LogStream, NetworkPolicy, Part, ResourceLimits, ResourceUsage, SandboxId, SnapshotId, Trouble};

/// Makes sandboxes and keeps snapshots. What all providers have to say is left to no default: a provider around another
/// one would answer for itself.
#[async_trait]
pub trait SandboxProvider: Send + Sync {
    /// Which provider, in a word for logs and metrics, as `local`.
    fn name(&self) -> &'static str;

    /// Takes what [node scripts](Program::NodeScript) of this platform need ahead of them. Said once, before the first
    /// sandbox. Returns at once; what is made of it is made in the background.
    fn preload(&self, preload: NodePreload);

    /// Makes a fresh sandbox.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::SnapshotNotFound`] when the snapshot to start from is gone;
    /// [`SandboxErrorKind::Unavailable`] when the provider cannot make sandboxes now.
    async fn create(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError>;

    /// Says that a sandbox with these limits will likely be made from this snapshot soon. Returns at once: what a
    /// provider can do ahead, it does in the background. What cannot be done ahead is done by [`create`](Self::create).
    fn expect(&self, snapshot: &SnapshotId, limits: ResourceLimits);

    /// The snapshot with this id, if the provider still has it.
    ///
    /// # Errors
    ///
    /// When the provider cannot tell.
    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError>;

    /// Removes a snapshot. Sandboxes that were made from it go on. One that is gone already is no error.
    ///
    /// # Errors
    ///
    /// When the provider cannot tell, or cannot remove it.
    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError>;

    /// Whether snapshots are a server's own: each that needs one makes one, and removes it itself.
    fn keeps_own_snapshots(&self) -> bool;

    /// The snapshots that this server keeps for itself, if they have been here since `before` or longer. Empty where
    /// snapshots are kept for all servers together.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    async fn own_snapshots(&self, before: DateTime<Utc>) -> Result<Vec<SnapshotId>, SandboxError>;

    /// Answers if sandboxes can be made now.
    ///
    /// # Errors
    ///
    /// With what is missing.
    async fn check(&self) -> Result<(), SandboxError>;

    /// What is wrong with the parts that making sandboxes needs, told within two seconds. May make a sandbox to find
    /// out.
    async fn troubles(&self) -> Vec<Trouble> {
        let failed = |error: SandboxError| Trouble::fatal(Part::Sandboxes, error.to_string());
        self.check().await.err().map(failed).into_iter().collect()
    }
}

/// An isolated environment. It ends with [`snapshot`](Self::snapshot) or [`stop`](Self::stop); one that is dropped is
/// stopped in the background, so a caller that goes away leaves nothing running.
#[async_trait]
pub trait Sandbox: Send + Sync {
    /// Its id.
    fn id(&self) -> &SandboxId;

    /// Writes files below the working directory, directories on the way included. An existing file is replaced.
    ///
    /// # Errors
    ///
    /// When it has been stopped, or there is no room.
    async fn write_files(&self, files: Vec<SandboxFile>) -> Result<(), SandboxError>;

    /// Starts a command in the working directory.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::CommandNotFound`] when there is no such program; otherwise when it has been stopped or the
    /// process cannot be started.
    async fn run(&self, command: CommandSpec) -> Result<Box<dyn Command>, SandboxError>;

    /// Freezes the files below the working directory, those that commands wrote included, and stops the sandbox.
    ///
    /// # Errors
    ///
    /// When it has been stopped, or there is no room.
    async fn snapshot(&self, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError>;

    /// The same, and the snapshot gets this id, in place of one that has it: a snapshot that is a server's own cache is
    /// made again under the name that every server knows it by. A provider that names its snapshots itself, or that
    /// cannot give this name, gives another one; the answer says which.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    async fn snapshot_as(&self, _id: &SnapshotId, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        self.snapshot(expires_at).await
    }

    /// Looks for a fault of the provider's own that may be why a command in it failed: files that it was made of have
    /// changed, its snapshot is torn, the machine had too little for it though it kept to its own limits. Asked of a
    /// sandbox that has not been stopped. A snapshot that is torn is told as [`SandboxErrorKind::SnapshotNotFound`]: it
    /// can be made again.
    async fn find_fault(&self) -> Option<SandboxError> {
        None
    }

    /// Kills every process and removes every file of it. Stopping twice is no error. When this returns nothing of it
    /// runs.
    ///
    /// # Errors
    ///
    /// When something could not be removed.
    async fn stop(&self) -> Result<(), SandboxError>;
}

/// A process in a sandbox, with what it starts itself: when it ends, what it started and left behind is killed.
/// Dropping it kills it.
#[async_trait]
pub trait Command: Send {
    /// What it printed next, as soon as it is there, or how it ended. After [`CommandEvent::Exited`] there is `None`.
    /// All that was printed before the end comes before it. A reader that is slow slows the command; nothing is
    /// collected meanwhile. May be dropped and called again without losing anything.
    ///
    /// # Errors
    ///
    /// When the provider lost the command: then nobody knows how it ended.
    async fn next_event(&mut self) -> Result<Option<CommandEvent>, SandboxError>;

    /// Kills it and all it started. [`next_event`](Self::next_event) still yields what was printed, and the end.
    ///
    /// # Errors
    ///
    /// When the provider cannot be reached.
    async fn kill(&self) -> Result<(), SandboxError>;

    /// Ends it because all that matters of it is known: kills it, and answers with what it had printed by now. Unlike
    /// after [`kill`](Self::kill), its end need not be waited for; there are no more events.
    ///
    /// # Errors
    ///
    /// When the provider lost the command.
    async fn abandon(&mut self) -> Result<Remains, SandboxError> {
        self.kill().await?;
        let mut remains = Remains::default();
        while let Some(event) = self.next_event().await? {
            match event {
                CommandEvent::Output { stream, bytes } => remains.output.push((stream, bytes)),
                CommandEvent::Exited(exit) => remains.usage = exit.usage,
            }
        }
        Ok(remains)
    }
}

/// What is left of a command that was abandoned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remains {
    /// What it had printed and nobody had read, in the order of each stream.
    pub output: Vec<(LogStream, Vec<u8>)>,
    /// What its sandbox has used so far.
    pub usage: ResourceUsage,
}

/// What a provider that keeps a Node.js booted for scripts has it do ahead of them, once for many. Scripts run without
/// it just as well, only later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePreload {
    /// The text of a `CommonJS` module that exports `warm()`, to do once what scripts do again and again (it may be
    /// asynchronous), and `prepare(environment)`, which runs before each script. It may draw no random number, and
    /// leave no handle, timer or request behind: all scripts would have them.
    pub module: String,
}

/// What to make a sandbox of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxSpec {
    /// The files it starts with.
    pub source: SandboxSource,
    /// What it may use.
    pub limits: ResourceLimits,
    /// Whom it may talk to. A provider that cannot enforce it says so in its documentation.
    pub network: NetworkPolicy,
}

/// The files a sandbox starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxSource {
    /// None of its own.
    Empty,
    /// Those of a snapshot.
    Snapshot(SnapshotId),
}

/// A file to be written into a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxFile {
    /// Where.
    pub path: SandboxPath,
    /// What.
    pub contents: Vec<u8>,
}

/// A path below a sandbox's working directory: relative, with `/`, of ordinary names (no `..`, no `.`, no empty name,
/// no NUL).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SandboxPath(String);

impl SandboxPath {
    /// Takes a path over from outside.
    ///
    /// # Errors
    ///
    /// When it is not as the type's documentation says, or longer than 1,024 bytes.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidPathError> {
        let text = text.into();
        let ordinary =
            |name: &str| !name.is_empty() && name != "." && name != ".." && name.len() <= 255 && !name.contains('\0');
        if text.len() <= 1024 && text.split('/').all(ordinary) { Ok(Self(text)) } else { Err(InvalidPathError) }
    }

    /// The path.
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

/// A path that leads out of a sandbox's working directory, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path must be relative, at most 1,024 bytes long, and free of `..`, `.`, empty names and NUL")]
pub struct InvalidPathError;

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// What runs.
    pub program: Program,
    /// Its arguments, each at most 128 KiB long.
    pub args: Vec<String>,
    /// Its environment on top of the sandbox's own (`PATH`, `HOME`). Of a [`Program::NodeScript`], variables that
    /// Node.js or its libraries read as they start (`TZ`, `NODE_*`, `LD_*`) may cost the time of a fresh start.
    pub env: Vec<(String, String)>,
}

/// What a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The program with this name or path, found by the sandbox's own `PATH`; `node` always exists.
    Named(String),
    /// A script, in Node.js. A provider may have a Node.js booted for it, which is several times faster than a fresh
    /// start; the script sees no difference.
    NodeScript {
        /// Where it lies: relative to the working directory, or absolute.
        path: String,
        /// The most that V8's old generation may take, in MiB; V8's own choice otherwise.
        heap_mib: Option<u64>,
    },
}

impl CommandSpec {
    /// A program with arguments.
    pub fn named(program: impl Into<String>, args: Vec<String>) -> Self {
        Self { program: Program::Named(program.into()), args, env: Vec::new() }
    }

    /// A script with arguments, in Node.js.
    pub fn node_script(path: impl Into<String>, args: Vec<String>) -> Self {
        Self { program: Program::NodeScript { path: path.into(), heap_mib: None }, args, env: Vec::new() }
    }

    /// The program and all its arguments, for a provider that can start programs and nothing else.
    #[must_use]
    pub fn into_command_line(self) -> (String, Vec<String>) {
        match self.program {
            Program::Named(program) => (program, self.args),
            Program::NodeScript { path, heap_mib } => {
                let options = heap_mib.map(node_heap_option);
                ("node".to_owned(), options.into_iter().chain([path]).chain(self.args).collect())
            }
        }
    }
}

/// How Node.js is started with this much for V8's old generation.
#[must_use]
pub fn node_heap_option(mib: u64) -> String {
    format!("--max-old-space-size={mib}")
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandEvent {
    /// It printed these bytes.
    Output {
        /// Where.
        stream: LogStream,
        /// What; cut anywhere.
        bytes: Vec<u8>,
    },
    /// It ended.
    Exited(CommandExit),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandExit {
    /// What the process said.
    pub status: ExitStatus,
    /// Why the provider killed it, if it did.
    pub killed: Option<KillReason>,
    /// What its sandbox has used so far, earlier commands included.
    pub usage: ResourceUsage,
}

/// How a process ended. A provider that is told of signals as codes from 129 on, as a shell tells them, takes these
/// codes for signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// Why a provider killed a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillReason {
    /// Its wall-clock time ran out.
    Timeout,
    /// Its memory limit was reached.
    OutOfMemory,
    /// [`Command::kill`] or [`Sandbox::stop`] was called.
    Asked,
}

/// A frozen file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// Its size in bytes, as its provider counts it.
    pub size_bytes: u64,
    /// When the provider will remove it by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why a sandbox or its provider failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SandboxError {
    /// What kind of failure.
    pub kind: SandboxErrorKind,
    /// A fragment for the log that reads after "failed to run a sandbox:". May name internals.
    pub message: String,
    /// What caused it, where something else did.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Kinds of [`SandboxError`], as far as callers act on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SandboxErrorKind {
    /// The snapshot is gone; it can be rebuilt from the stored bundle.
    SnapshotNotFound,
    /// The sandbox has been stopped.
    Stopped,
    /// No such program in the sandbox.
    CommandNotFound,
    /// No such file or directory in the sandbox.
    FileNotFound,
    /// A file of the sandbox cannot be read or written as asked; the message is for the caller.
    FileRefused,
    /// There is no room for what is to be kept, and nothing was changed.
    StorageFull,
    /// Where things are kept takes no writes now, and nothing was changed.
    StorageReadOnly,
    /// Where things are kept is away, or another place has its name. What is kept there is not gone.
    StorageUnavailable,
    /// The machine has run out of descriptors, of processes or of memory for it. What was asked for has not begun.
    Exhausted,
    /// The provider cannot make sandboxes now, for example because the machine lacks a piece of the isolation.
    Unavailable,
    /// Everything else.
    Failed,
}

impl SandboxError {
    /// An error of this kind without a deeper cause.
    #[must_use]
    pub fn new(kind: SandboxErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// An error of kind [`SandboxErrorKind::Failed`] with its cause.
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
