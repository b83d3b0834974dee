//! Sandboxes with a whole system in them, for those who want a machine of their own and not only a function's run.
//!
//! A machine has a shell, tools, users and a root file system that can be written to everywhere; its commands run on
//! after each other or side by side, and what one leaves behind goes on. [`SandboxProvider`](super::SandboxProvider) is
//! the narrower port that invocations use.

use std::io;
use std::time::Duration;

use async_trait::async_trait;

use super::{CommandEvent, SandboxError, SandboxSource, Snapshot};
use crate::{NetworkPolicy, SandboxId, SnapshotId};

/// Makes machines and keeps their snapshots.
#[async_trait]
pub trait MachineProvider: Send + Sync {
    /// Makes a fresh machine.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::SnapshotNotFound`](super::SandboxErrorKind::SnapshotNotFound) when the snapshot to start
    /// from is gone; [`SandboxErrorKind::Unavailable`](super::SandboxErrorKind::Unavailable) when the provider cannot
    /// make machines now.
    async fn create(&self, spec: MachineSpec) -> Result<Box<dyn Machine>, SandboxError>;

    /// The snapshot with this id, if the provider still has it. It keeps snapshots until they are deleted.
    ///
    /// # Errors
    ///
    /// When the provider cannot tell.
    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError>;

    /// Removes a snapshot. Machines that were made from it go on. One that is gone already is no error.
    ///
    /// # Errors
    ///
    /// When the provider cannot tell, or cannot remove it.
    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError>;

    /// Every snapshot that there is, in no order: whoever keeps a list of them finds what nobody knows of any more.
    ///
    /// # Errors
    ///
    /// When the provider cannot tell.
    async fn snapshots(&self) -> Result<Vec<SnapshotId>, SandboxError>;
}

/// What to make a machine of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSpec {
    /// The files it starts with: those of the provider's own system, or those of a snapshot.
    pub source: SandboxSource,
    /// Memory of all processes together, in bytes, changed files included.
    pub memory_bytes: u64,
    /// Processes and threads at one time.
    pub processes: u32,
    /// Size of the changed files, in bytes.
    pub disk_bytes: u64,
    /// Whom it may talk to, at first.
    pub network: NetworkPolicy,
}

/// A machine. It ends with [`snapshot`](Self::snapshot) or [`stop`](Self::stop); one that is dropped is stopped in the
/// background.
///
/// Paths are absolute. File operations are those of the machine's ordinary user: its permissions count.
#[async_trait]
pub trait Machine: Send + Sync {
    /// Its id.
    fn id(&self) -> &SandboxId;

    /// The home of its ordinary user, where commands run unless told otherwise.
    fn home(&self) -> &str;

    /// Starts a command.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::CommandNotFound`](super::SandboxErrorKind::CommandNotFound) when there is no such program;
    /// [`SandboxErrorKind::FileNotFound`](super::SandboxErrorKind::FileNotFound) when there is no such directory to run
    /// in; otherwise when it has been stopped or the process cannot be started.
    async fn run(&self, command: MachineCommandSpec) -> Result<Box<dyn MachineCommand>, SandboxError>;

    /// Sends a signal to a command's process group. One that has ended is no error.
    ///
    /// # Errors
    ///
    /// When it has been stopped.
    async fn signal(&self, command: u32, signal: i32) -> Result<(), SandboxError>;

    /// Unpacks a gzipped tar archive of ordinary files below a directory, making directories on the way. Existing files
    /// are replaced.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::FileRefused`](super::SandboxErrorKind::FileRefused) with a sentence for the caller when the
    /// archive is malformed, has anything but ordinary files, leads out of the directory, or a file cannot be written.
    async fn write_archive(&self, directory: &str, archive: &mut dyn ByteSource) -> Result<(), SandboxError>;

    /// Reads an ordinary file.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::FileNotFound`](super::SandboxErrorKind::FileNotFound) when there is none;
    /// [`SandboxErrorKind::FileRefused`](super::SandboxErrorKind::FileRefused) with a sentence for the caller when it
    /// cannot be read.
    async fn read_file(&self, path: &str) -> Result<Box<dyn ByteSource>, SandboxError>;

    /// Makes a directory; with those on the way, and without complaint if it is there, when `recursive`.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::FileRefused`](super::SandboxErrorKind::FileRefused) with a sentence for the caller when it
    /// cannot be made.
    async fn make_directory(&self, path: &str, recursive: bool) -> Result<(), SandboxError>;

    /// Changes whom it may talk to, from the next connection on.
    fn set_network(&self, policy: NetworkPolicy);

    /// What it has used so far, or in all once it has ended: by a stop, by a snapshot, or by itself.
    async fn usage(&self) -> MachineUsage;

    /// Ends every process, freezes all files and removes the machine.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::StorageFull`](super::SandboxErrorKind::StorageFull) when there is no room: then the machine
    /// goes on as if it had not been asked. After any other error the machine is gone.
    async fn snapshot(&self) -> Result<Snapshot, SandboxError>;

    /// Kills every process and removes every file of it. Stopping twice is no error. When this returns nothing of it
    /// runs.
    ///
    /// # Errors
    ///
    /// When something could not be removed.
    async fn stop(&self) -> Result<(), SandboxError>;

    /// Returns when its processes have ended, for whatever reason.
    async fn ended(&self);
}

/// What a machine has used. What is not known is `None`, and nothing is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MachineUsage {
    /// Processor time of all its processes together.
    pub cpu: Option<Duration>,
    /// What it has exchanged with the outside.
    pub network: Option<NetworkTransfer>,
}

/// What was sent over connections to the outside and received from them, in bytes, without the headers of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkTransfer {
    /// Sent.
    pub sent: u64,
    /// Received.
    pub received: u64,
}

/// A command to run in a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineCommandSpec {
    /// The program, found by `PATH`, or a path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment on top of the machine's own.
    pub env: Vec<(String, String)>,
    /// Where it runs; the home of the ordinary user by default.
    pub directory: Option<String>,
    /// Whether it runs as the machine's root and not as its ordinary user.
    pub as_root: bool,
}

/// A process in a machine. It goes on when this is dropped; its output is lost then.
#[async_trait]
pub trait MachineCommand: Send {
    /// Its number within the machine.
    fn number(&self) -> u32;

    /// What it printed next, as soon as it is there, or how it ended. After [`CommandEvent::Exited`] there is `None`. A
    /// reader that is slow slows the command. May be dropped and called again without losing anything.
    ///
    /// # Errors
    ///
    /// When the machine ended first: then nobody knows how the command did.
    async fn next_event(&mut self) -> Result<Option<CommandEvent>, SandboxError>;
}

/// Bytes that arrive one piece after the other.
#[async_trait]
pub trait ByteSource: Send {
    /// The next piece, which is not empty; `None` at the end.
    ///
    /// # Errors
    ///
    /// When there is more that cannot be had.
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>>;
}
