//! A container: its processes, and the snapshot that it runs from.

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use workers_domain::ports::{
    ByteSource, Container, ContainerCommand, ContainerCommandSpec, ContainerUsage, KillReason, SandboxError,
    SandboxErrorKind, Snapshot,
};
use workers_domain::{NetworkPolicy, SandboxId};

use super::HOME;
use super::command::{self, LocalContainerCommand, Start};
use super::files::{self, Reading};
use super::freeze::{Owners, freeze};
use super::images::{Images, Lease};
use crate::fault::refused;
use crate::message::{ToInit, Tool};
use crate::sandbox::processes::{SandboxProcesses, stopped};
use crate::server::shared_files::SharedFiles;

/// A container on this host.
#[derive(Debug)]
pub(super) struct LocalContainer {
    id: SandboxId,
    processes: Arc<SandboxProcesses>,
    next_command: AtomicU32,
    images: Arc<Images>,
    /// The snapshot that it was made from; `None` for the bare system. Dropped when the container has ended.
    lease: Mutex<Option<Lease>>,
    shared_files: Arc<SharedFiles>,
    made_at: Instant,
}

impl LocalContainer {
    /// Makes one; `made_at` is when its making began.
    pub(super) fn new(
        id: SandboxId,
        processes: Arc<SandboxProcesses>,
        images: Arc<Images>,
        lease: Option<Lease>,
        shared_files: Arc<SharedFiles>,
        made_at: Instant,
    ) -> Self {
        Self { id, processes, next_command: AtomicU32::new(0), images, lease: Mutex::new(lease), shared_files, made_at }
    }

    async fn start(&self, start: Start) -> Result<LocalContainerCommand, SandboxError> {
        if self.processes.reason().is_some() {
            return Err(stopped());
        }
        let number = self.next_command.fetch_add(1, Ordering::Relaxed);
        match command::start(Arc::clone(&self.processes), number, start).await {
            // A missing program or directory may be missing from the files that the container was made of.
            Err(error)
                if matches!(error.kind, SandboxErrorKind::CommandNotFound | SandboxErrorKind::FileNotFound)
                    && self.shared_files.was_broken_since(self.made_at).await =>
            {
                let message = format!("files that the container was made of were missing or have changed: {error}");
                Err(SandboxError::new(SandboxErrorKind::StorageUnavailable, message))
            }
            started => started,
        }
    }

    async fn tool(&self, tool: Tool, input: Option<OwnedFd>) -> Result<LocalContainerCommand, SandboxError> {
        // Run from the root directory, because all paths are absolute and the home may have been removed.
        let spec = ContainerCommandSpec { directory: Some("/".to_owned()), ..ContainerCommandSpec::default() };
        self.start(Start { spec, tool: Some(tool), input }).await
    }

    /// Checks that there is room for a snapshot.
    async fn check_room(&self) -> Result<(), SandboxError> {
        let (images, changes) = (Arc::clone(&self.images), self.processes.work().clone());
        let checked = self.processes.io().run(move |thread| images.check_room(changes.get(thread))).await;
        checked.flatten().map_err(|error| {
            let message = format!("there is no room for a snapshot: {error}");
            SandboxError { kind: SandboxErrorKind::StorageFull, message, source: Some(error.into()) }
        })
    }

    fn lease(&self) -> MutexGuard<'_, Option<Lease>> {
        // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Container for LocalContainer {
    fn id(&self) -> &SandboxId {
        &self.id
    }

    fn home(&self) -> &str {
        HOME
    }

    async fn run(&self, spec: ContainerCommandSpec) -> Result<Box<dyn ContainerCommand>, SandboxError> {
        Ok(Box::new(self.start(Start { spec, tool: None, input: None }).await?))
    }

    async fn signal(&self, command: u32, signal: i32) -> Result<(), SandboxError> {
        self.processes.send(&ToInit::Signal { command, signal }, &[]).await
    }

    async fn write_archive(&self, directory: &str, archive: &mut dyn ByteSource) -> Result<(), SandboxError> {
        let (theirs, ours) =
            command::input(self.processes.io()).map_err(|error| refused("a pipe into a container", &error))?;
        let tool = self.tool(Tool::Unpack { directory: directory.to_owned() }, Some(theirs)).await?;
        files::feed(tool, ours, archive).await
    }

    async fn read_file(&self, path: &str) -> Result<Box<dyn ByteSource>, SandboxError> {
        let tool = self.tool(Tool::Read { path: path.to_owned() }, None).await?;
        Ok(Box::new(Reading::begin(tool).await?))
    }

    async fn make_directory(&self, path: &str, recursive: bool) -> Result<(), SandboxError> {
        let mut tool = self.tool(Tool::MakeDirectory { path: path.to_owned(), recursive }, None).await?;
        files::finish(&mut tool, String::new()).await
    }

    fn set_network(&self, policy: NetworkPolicy) {
        self.processes.change_network(policy);
    }

    async fn usage(&self) -> ContainerUsage {
        let (stats, network) = tokio::join!(self.processes.stats(), self.processes.network_transfer());
        let cpu = stats.and_then(|stats| stats.cpu_micros).map(Duration::from_micros);
        ContainerUsage { cpu, network }
    }

    async fn snapshot(&self) -> Result<Snapshot, SandboxError> {
        if self.processes.reason().is_some() {
            return Err(stopped());
        }
        // Before `freeze`, which kills every process: where there is no room, the container goes on.
        self.check_room().await?;
        let changes = self.processes.freeze().await;
        let below = self.lease().as_ref().map(Lease::path);
        let images = Arc::clone(&self.images);
        let kept = match changes {
            Ok(changes) => {
                let written = self.processes.io().run_long(move |thread| {
                    let target = images.begin()?;
                    let changes = changes.each_ref().map(|changes| changes.get(thread));
                    let kept = write(changes, below.as_deref(), &target).and_then(|size| images.keep(&target, size));
                    if kept.is_err() {
                        // If this fails, the next start removes it.
                        let _ = fs::remove_dir_all(&target);
                    }
                    kept
                });
                written.await.flatten().map_err(|error| refused("a snapshot cannot be written", &error))
            }
            Err(error) => Err(error),
        };
        // Also after a failure: nothing runs in the container any more.
        self.stop().await?;
        kept
    }

    async fn stop(&self) -> Result<(), SandboxError> {
        self.processes.kill(KillReason::Requested);
        self.processes.wait().await;
        // Not earlier, because the snapshot's files are layers of the container.
        drop(self.lease().take());
        Ok(())
    }

    async fn ended(&self) {
        self.processes.wait().await;
    }
}

/// Writes both layers of a snapshot; returns the bytes that it takes up on disk.
fn write(changes: [BorrowedFd<'_>; 2], below: Option<&Path>, target: &Path) -> std::io::Result<u64> {
    // The snapshot's record takes one block.
    let mut size = rustix::fs::statvfs(target)?.f_frsize;
    // In the order in which the init sends them (`ContainerHandles::uppers`).
    for (changes, name) in changes.into_iter().zip(["root", "usr"]) {
        let layer = target.join(name);
        fs::create_dir(&layer)?;
        let below = below.map(|below| File::open(below.join(name))).transpose()?;
        let below = below.as_ref().map(AsFd::as_fd);
        size += freeze(changes, below, File::open(layer)?.as_fd(), Owners::of_changes(changes)?)?;
    }
    Ok(size)
}
