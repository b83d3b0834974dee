//! A container provider without processes: files are in memory, and commands play a script that the test wrote.

mod command;
mod container;
mod files;
mod state;
mod step;

use std::sync::Arc;

use async_trait::async_trait;
use workers_domain::ports::{
    Container, ContainerCommandSpec, ContainerProvider, ContainerSpec, ContainerUsage, SandboxError, SandboxErrorKind,
    SandboxSource, Snapshot,
};
use workers_domain::{NetworkPolicy, SandboxId, SnapshotId};

use container::FakeContainer;
use files::Files;
use state::State;

pub use step::ContainerStep;

/// A container provider without processes. Clones are cheap and are the same provider.
#[derive(Clone)]
pub struct FakeContainerProvider {
    state: Arc<State>,
}

impl FakeContainerProvider {
    /// Creates a provider whose commands play the steps that `script` returns for them. If `script` returns `None`, the
    /// program does not exist.
    pub fn new(script: impl Fn(&ContainerCommandSpec) -> Option<Vec<ContainerStep>> + Send + Sync + 'static) -> Self {
        Self { state: Arc::new(State::new(Box::new(script))) }
    }

    /// Makes the creation of containers fail with this kind from now on. `None` ends that.
    pub fn fail_with(&self, kind: Option<SandboxErrorKind>) {
        self.state.lock().failure = kind;
    }

    /// Makes snapshots fail with this kind from now on. `None` ends that. After `StorageFull` the container goes on, as
    /// the port requires; after any other kind it has ended.
    pub fn fail_snapshots_with(&self, kind: Option<SandboxErrorKind>) {
        self.state.lock().snapshots_fail = kind;
    }

    /// Sets the usage that every container reports from now on.
    pub fn say_used(&self, usage: ContainerUsage) {
        self.state.lock().usage = usage;
    }

    /// Makes the storage of snapshots unavailable or available again. While it is away, no snapshot is found, they
    /// cannot be listed, and none can be taken.
    pub fn move_snapshots_away(&self, away: bool) {
        self.state.lock().snapshots_are_away = away;
    }

    /// Makes a container hang when it is to be snapshotted or stopped: only dropping it ends it. `number` is the
    /// container's place in the order of creation, counted from 1.
    pub fn hang_container(&self, number: u64) {
        self.state.lock().hanging.insert(container_id(number));
    }

    /// While `held` is set, the creation, stop and snapshot of containers wait.
    pub fn hold(&self, held: bool) {
        self.state.held.send_replace(held);
    }

    /// Breaks every container that lives now, as if its processes had died.
    pub fn break_containers(&self) {
        self.state.broken.send_modify(|times| *times += 1);
    }

    /// Adds an empty snapshot that no container has taken.
    pub fn plant_snapshot(&self, id: &str) {
        self.state.lock().snapshots.insert(SnapshotId::new(id), Files::default());
    }

    /// Removes every snapshot.
    pub fn lose_snapshots(&self) {
        self.state.lock().snapshots.clear();
    }

    /// Returns how many snapshots exist.
    #[must_use]
    pub fn snapshot_count(&self) -> usize {
        self.state.lock().snapshots.len()
    }

    /// Returns how many containers were created so far.
    #[must_use]
    pub fn containers_made(&self) -> u64 {
        self.state.lock().made
    }

    /// Returns the specs of all created containers, in order.
    #[must_use]
    pub fn specs(&self) -> Vec<ContainerSpec> {
        self.state.lock().specs.clone()
    }

    /// Returns the policies that were set on running containers, in order.
    #[must_use]
    pub fn networks(&self) -> Vec<NetworkPolicy> {
        self.state.lock().networks.clone()
    }

    /// Waits until exactly this number of containers lives.
    pub async fn wait_for_live_containers(&self, number: usize) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.state.live.subscribe().wait_for(|live| *live == number).await;
    }
}

fn container_id(number: u64) -> SandboxId {
    SandboxId::new(format!("container-{number}"))
}

#[async_trait]
impl ContainerProvider for FakeContainerProvider {
    async fn create(&self, spec: ContainerSpec) -> Result<Box<dyn Container>, SandboxError> {
        self.state.unheld().await;
        let mut inner = self.state.lock();
        if let Some(kind) = inner.failure {
            return Err(SandboxError::new(kind, "the test asked for this failure"));
        }
        let files = match &spec.source {
            SandboxSource::Empty => Files::fresh(),
            SandboxSource::Snapshot(id) => inner.snapshot(id).cloned().ok_or_else(|| {
                SandboxError::new(SandboxErrorKind::SnapshotNotFound, format!("there is no snapshot {id}"))
            })?,
        };
        inner.made += 1;
        inner.specs.push(spec);
        let id = container_id(inner.made);
        drop(inner);
        Ok(Box::new(FakeContainer::new(id, files, Arc::clone(&self.state))))
    }

    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError> {
        let inner = self.state.lock();
        let found = inner.snapshot(id);
        Ok(found.map(|files| Snapshot { id: id.clone(), size_bytes: files.size(), expires_at: None }))
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError> {
        let mut inner = self.state.lock();
        if !inner.snapshots_are_away {
            inner.snapshots.remove(id);
        }
        Ok(())
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotId>, SandboxError> {
        let inner = self.state.lock();
        if inner.snapshots_are_away {
            return Err(SandboxError::new(SandboxErrorKind::Failed, "the place of snapshots is away"));
        }
        Ok(inner.snapshots.keys().cloned().collect())
    }
}
