//! Tracks which of the provider's snapshots are being removed.
//!
//! No lock is held while the provider works, so that one operation that hangs does not block the others. Instead, a
//! snapshot that is being removed is recorded here. A provider that gives the same id to the same files may return a
//! recorded id when another session takes its snapshot meanwhile; that session waits for this one id and then checks
//! whether the snapshot still exists.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The removals of the provider's snapshots that have begun and not ended.
#[derive(Debug)]
pub(super) struct SnapshotRemovals {
    ids: watch::Sender<HashSet<String>>,
    /// Snapshots that could not be removed.
    failed: Mutex<BTreeSet<String>>,
}

/// One removal, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Removal<'a> {
    removals: &'a SnapshotRemovals,
    id: String,
}

impl SnapshotRemovals {
    pub(super) fn new() -> Self {
        Self { ids: watch::channel(HashSet::new()).0, failed: Mutex::default() }
    }

    /// Begins a removal. Returns `None` if another task is already removing the snapshot.
    pub(super) fn begin(&self, id: &str) -> Option<Removal<'_>> {
        let is_new = self.ids.send_if_modified(|ids| ids.insert(id.to_owned()));
        is_new.then(|| Removal { removals: self, id: id.to_owned() })
    }

    /// Returns whether a snapshot is being removed.
    pub(super) fn is_removing(&self, id: &str) -> bool {
        self.ids.borrow().contains(id)
    }

    /// Waits until a snapshot is not being removed.
    pub(super) async fn wait_for(&self, id: &str) {
        // The sender cannot be dropped: `self.ids` holds it.
        let _ = self.ids.subscribe().wait_for(|ids| !ids.contains(id)).await;
    }

    /// Records that a snapshot could not be removed.
    pub(super) fn failed(&self, id: &str) {
        self.lock().insert(id.to_owned());
    }

    /// Takes the snapshots that could not be removed, to try again.
    pub(super) fn take_failed(&self) -> Vec<String> {
        std::mem::take(&mut *self.lock()).into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        self.removals.ids.send_modify(|ids| {
            ids.remove(&self.id);
        });
    }
}
