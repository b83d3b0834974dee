//! The state of a provider, including the failures that a test has set.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use workers_domain::ports::{ContainerCommandSpec, ContainerSpec, ContainerUsage, SandboxErrorKind};
use workers_domain::{NetworkPolicy, SandboxId, SnapshotId};

use super::files::Files;
use super::step::ContainerStep;

pub(super) type Script = dyn Fn(&ContainerCommandSpec) -> Option<Vec<ContainerStep>> + Send + Sync;

/// The state of a provider, which its containers share.
pub(super) struct State {
    pub(super) script: Box<Script>,
    inner: Mutex<Inner>,
    pub(super) live: watch::Sender<usize>,
    pub(super) held: watch::Sender<bool>,
    pub(super) broken: watch::Sender<u64>,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) snapshots: HashMap<SnapshotId, Files>,
    pub(super) specs: Vec<ContainerSpec>,
    pub(super) networks: Vec<NetworkPolicy>,
    pub(super) made: u64,
    pub(super) taken: u64,
    pub(super) failure: Option<SandboxErrorKind>,
    pub(super) snapshots_fail: Option<SandboxErrorKind>,
    pub(super) snapshots_are_away: bool,
    pub(super) hanging: HashSet<SandboxId>,
    pub(super) usage: ContainerUsage,
}

impl Inner {
    pub(super) fn snapshot(&self, id: &SnapshotId) -> Option<&Files> {
        self.snapshots.get(id).filter(|_| !self.snapshots_are_away)
    }
}

impl State {
    pub(super) fn new(script: Box<Script>) -> Self {
        Self {
            script,
            inner: Mutex::default(),
            live: watch::channel(0).0,
            held: watch::channel(false).0,
            broken: watch::channel(0).0,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn unheld(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.held.subscribe().wait_for(|held| !*held).await;
    }

    /// Waits for ever if this container hangs.
    pub(super) async fn unhung(&self, id: &SandboxId) {
        let hangs = self.lock().hanging.contains(id);
        if hangs {
            std::future::pending::<()>().await;
        }
    }
}
