//! Sandboxes with a whole system, for callers that need more than the run of one function.
//!
//! A container has a shell, tools, users and a root file system that is writable everywhere. Its commands run one after
//! another or at the same time, and changes made by one command stay for the next.
//! [`SandboxProvider`](super::SandboxProvider) is the narrower port that invocations use.

use std::io;
use std::time::Duration;

use async_trait::async_trait;

use super::{CommandEvent, SandboxError, SandboxSource, Snapshot};
use crate::{NetworkPolicy, SandboxId, SnapshotId};

/// Creates containers and stores their snapshots.
#[async_trait]
pub trait ContainerProvider: Send + Sync {
    /// Creates a new container.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::SnapshotNotFound`](super::SandboxErrorKind::SnapshotNotFound) if the snapshot to start from
    /// does not exist; [`SandboxErrorKind::Unavailable`](super::SandboxErrorKind::Unavailable) if the provider cannot
    /// create containers now.
    async fn create(&self, spec: ContainerSpec) -> Result<Box<dyn Container>, SandboxError>;

    /// Returns the snapshot with this id, if the provider still has it. Snapshots are kept until they are deleted.
    ///
    /// # Errors
    ///
    /// If the provider cannot find out.
    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError>;

    /// Deletes a snapshot. Containers that were created from it keep running. Deleting a snapshot that does not exist
    /// is not an error.
    ///
    /// # Errors
    ///
    /// If the provider cannot find out whether it exists, or cannot delete it.
    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError>;

    /// Lists the ids of all snapshots, in no particular order. A caller that keeps its own list of snapshots can
    /// compare the two and find snapshots that are no longer referenced.
    ///
    /// # Errors
    ///
    /// If the provider cannot list them.
    async fn snapshots(&self) -> Result<Vec<SnapshotId>, SandboxError>;
}

/// The parameters of a new container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// The initial files: those of the provider's own system, or those of a snapshot.
    pub source: SandboxSource,
    /// Maximum memory of all processes together, in bytes. Includes changed files.
    pub memory_bytes: u64,
    /// Maximum number of processes and threads at the same time.
    pub processes: u32,
    /// Maximum total size of changed files, in bytes.
    pub disk_bytes: u64,
    /// The initial network policy.
    pub network: NetworkPolicy,
}

/// A running container. It ends with [`snapshot`](Self::snapshot) or [`stop`](Self::stop). A container that is dropped
/// is stopped in the background.
///
/// Paths are absolute. File operations run as the container's ordinary user, with that user's permissions.
#[async_trait]
pub trait Container: Send + Sync {
    /// Returns the container's id.
    fn id(&self) -> &SandboxId;

    /// Returns the home directory of the ordinary user. Commands run there by default.
    fn home(&self) -> &str;

    /// Starts a command.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::CommandNotFound`](super::SandboxErrorKind::CommandNotFound) if the program does not exist;
    /// [`SandboxErrorKind::FileNotFound`](super::SandboxErrorKind::FileNotFound) if the working directory does not
    /// exist; another kind if the container has been stopped or the process cannot be started.
    async fn run(&self, command: ContainerCommandSpec) -> Result<Box<dyn ContainerCommand>, SandboxError>;

    /// Sends a signal to a command's process group. Signalling a command that has ended is not an error.
    ///
    /// # Errors
    ///
    /// If the container has been stopped.
    async fn signal(&self, command: u32, signal: i32) -> Result<(), SandboxError>;

    /// Unpacks a gzipped tar archive of ordinary files below a directory. Creates missing directories and replaces
    /// existing files.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::FileRefused`](super::SandboxErrorKind::FileRefused) with a message for the caller if the
    /// archive is malformed, contains anything but ordinary files, or leads out of the directory, or if a file cannot
    /// be written.
    async fn write_archive(&self, directory: &str, archive: &mut dyn ByteSource) -> Result<(), SandboxError>;

    /// Reads an ordinary file.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::FileNotFound`](super::SandboxErrorKind::FileNotFound) if the file does not exist;
    /// [`SandboxErrorKind::FileRefused`](super::SandboxErrorKind::FileRefused) with a message for the caller if it
    /// cannot be read.
    async fn read_file(&self, path: &str) -> Result<Box<dyn ByteSource>, SandboxError>;

    /// Creates a directory. If `recursive` is set, also creates missing parent directories and accepts that the
    /// directory already exists.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::FileRefused`](super::SandboxErrorKind::FileRefused) with a message for the caller if the
    /// directory cannot be created.
    async fn make_directory(&self, path: &str, recursive: bool) -> Result<(), SandboxError>;

    /// Changes the network policy. The new policy applies to connections made from now on.
    fn set_network(&self, policy: NetworkPolicy);

    /// Returns the resources used so far. After the container has ended (stopped, frozen as a snapshot, or exited on
    /// its own), returns the total.
    async fn usage(&self) -> ContainerUsage;

    /// Ends every process, saves all files as a snapshot and removes the container.
    ///
    /// # Errors
    ///
    /// [`SandboxErrorKind::StorageFull`](super::SandboxErrorKind::StorageFull) if there is no room; the container then
    /// keeps running unchanged. After any other error the container is gone.
    async fn snapshot(&self) -> Result<Snapshot, SandboxError>;

    /// Kills every process of the container and deletes all its files. Stopping twice is not an error. When this
    /// returns, no process of the container is running.
    ///
    /// # Errors
    ///
    /// If something could not be removed.
    async fn stop(&self) -> Result<(), SandboxError>;

    /// Waits until the container's processes have ended, for whatever reason.
    async fn ended(&self);
}

/// The resources that a container has used. An unknown value is `None`; values are never estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContainerUsage {
    /// Processor time of all processes together.
    pub cpu: Option<Duration>,
    /// Data exchanged with hosts outside the container.
    pub network: Option<NetworkTransfer>,
}

/// Bytes sent and received over connections to hosts outside the container, without packet headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkTransfer {
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

/// A command to run in a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerCommandSpec {
    /// The program: a name that is looked up in `PATH`, or a path.
    pub program: String,
    /// The arguments.
    pub args: Vec<String>,
    /// Environment variables, in addition to the container's own.
    pub env: Vec<(String, String)>,
    /// The working directory. Defaults to the home directory of the ordinary user.
    pub directory: Option<String>,
    /// Whether the command runs as root of the container instead of the ordinary user.
    pub as_root: bool,
}

/// A process in a container. If this is dropped, the process keeps running and its output is lost.
#[async_trait]
pub trait ContainerCommand: Send {
    /// Returns the command's number within the container.
    fn number(&self) -> u32;

    /// Returns the next output as soon as it is available, or how the command ended. Returns `None` after
    /// [`CommandEvent::Exited`]. A slow reader slows the command down. Cancel-safe: the future may be dropped without
    /// losing an event.
    ///
    /// # Errors
    ///
    /// If the container ended before the command. The result of the command is then unknown.
    async fn next_event(&mut self) -> Result<Option<CommandEvent>, SandboxError>;
}

/// A stream of bytes that arrives in pieces.
#[async_trait]
pub trait ByteSource: Send {
    /// Returns the next piece, which is not empty, or `None` at the end.
    ///
    /// # Errors
    ///
    /// If the rest of the stream cannot be read.
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>>;
}
