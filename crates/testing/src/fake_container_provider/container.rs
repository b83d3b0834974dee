//! A fake container, without processes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;
use workers_domain::ports::{
    ByteSource, Container, ContainerCommand, ContainerCommandSpec, ContainerUsage, SandboxError, SandboxErrorKind,
    Snapshot,
};
use workers_domain::{NetworkPolicy, SandboxId, SnapshotId};

use super::command::FakeContainerCommand;
use super::files::{Files, Pieces};
use super::state::State;

pub(super) struct FakeContainer {
    id: SandboxId,
    files: Mutex<Files>,
    numbers: AtomicU32,
    /// All signals so far: the number of the command and the signal.
    signals: watch::Sender<Vec<(u32, i32)>>,
    alive: watch::Sender<bool>,
    state: Arc<State>,
}

impl FakeContainer {
    pub(super) fn new(id: SandboxId, files: Files, state: Arc<State>) -> Self {
        state.live.send_modify(|live| *live += 1);
        Self {
            id,
            files: Mutex::new(files),
            numbers: AtomicU32::new(0),
            signals: watch::channel(Vec::new()).0,
            alive: watch::channel(true).0,
            state,
        }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_alive(&self) -> Result<(), SandboxError> {
        if *self.alive.borrow() {
            Ok(())
        } else {
            Err(SandboxError::new(SandboxErrorKind::Stopped, "the container was stopped"))
        }
    }

    fn end(&self) {
        // Only the first of a snapshot, a stop and a drop counts.
        if self.alive.send_replace(false) {
            self.state.live.send_modify(|live| *live -= 1);
        }
    }
}

impl Drop for FakeContainer {
    fn drop(&mut self) {
        self.end();
    }
}

#[async_trait]
impl Container for FakeContainer {
    fn id(&self) -> &SandboxId {
        &self.id
    }

    fn home(&self) -> &'static str {
        "/vercel"
    }

    async fn run(&self, command: ContainerCommandSpec) -> Result<Box<dyn ContainerCommand>, SandboxError> {
        self.check_alive()?;
        if command.directory.as_ref().is_some_and(|directory| !self.files().is_directory(directory)) {
            return Err(SandboxError::new(SandboxErrorKind::FileNotFound, "there is no such directory"));
        }
        let missing = || SandboxError::new(SandboxErrorKind::CommandNotFound, "there is no such program");
        let steps = (self.state.script)(&command).ok_or_else(missing)?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(FakeContainerCommand::new(number, steps, self.signals.subscribe(), self.alive.subscribe())))
    }

    async fn signal(&self, command: u32, signal: i32) -> Result<(), SandboxError> {
        self.check_alive()?;
        self.signals.send_modify(|signals| signals.push((command, signal)));
        Ok(())
    }

    async fn write_archive(&self, directory: &str, archive: &mut dyn ByteSource) -> Result<(), SandboxError> {
        let mut bytes = Vec::new();
        while let Some(piece) = archive.next().await.map_err(|error| {
            SandboxError::new(SandboxErrorKind::FileRefused, format!("the archive is incomplete: {error}"))
        })? {
            bytes.extend(piece);
        }
        self.check_alive()?;
        self.files().unpack(directory, &bytes)
    }

    async fn read_file(&self, path: &str) -> Result<Box<dyn ByteSource>, SandboxError> {
        self.check_alive()?;
        let contents = self.files().read(path)?;
        Ok(Box::new(Pieces(contents.into_iter())))
    }

    async fn make_directory(&self, path: &str, recursive: bool) -> Result<(), SandboxError> {
        self.check_alive()?;
        self.files().make_directory(path, recursive)
    }

    fn set_network(&self, policy: NetworkPolicy) {
        self.state.lock().networks.push(policy);
    }

    async fn usage(&self) -> ContainerUsage {
        self.state.lock().usage
    }

    async fn snapshot(&self) -> Result<Snapshot, SandboxError> {
        self.state.unheld().await;
        self.state.unhung(&self.id).await;
        self.check_alive()?;
        let files = self.files().clone();
        let mut inner = self.state.lock();
        let result = if let Some(kind) = inner.snapshots_fail {
            let error = SandboxError::new(kind, "the test asked for this failure");
            if kind == SandboxErrorKind::StorageFull {
                // A container whose snapshot finds no room goes on (`ContainerProvider::snapshot`).
                return Err(error);
            }
            Err(error)
        } else if inner.snapshots_are_away {
            Err(SandboxError::new(SandboxErrorKind::Failed, "the place of snapshots is away"))
        } else {
            inner.taken += 1;
            let id = SnapshotId::new(format!("frozen-{}", inner.taken));
            let size_bytes = files.size();
            inner.snapshots.insert(id.clone(), files);
            Ok(Snapshot { id, size_bytes, expires_at: None })
        };
        drop(inner);
        self.end();
        result
    }

    async fn stop(&self) -> Result<(), SandboxError> {
        self.state.unheld().await;
        self.state.unhung(&self.id).await;
        self.end();
        Ok(())
    }

    async fn ended(&self) {
        let mut broken = self.state.broken.subscribe();
        // Only what breaks from now on ends the wait.
        let before = *broken.borrow_and_update();
        let mut alive = self.alive.subscribe();
        tokio::select! {
            _ = broken.wait_for(|times| *times > before) => {}
            _ = alive.wait_for(|alive| !*alive) => {}
        }
    }
}
