//! Tracks which of the provider's snapshots are being removed.
//!
//! No lock is held while the provider works, so that one operation that hangs does not block the others. Instead, a
//! snapshot that is being removed is marked here. A provider that gives the same id to the same files may return a
//! marked id when another session takes its snapshot meanwhile; that session waits for this one id and then checks
//! whether the snapshot still exists.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The provider's snapshots that are being removed.
#[derive(Debug)]
pub(super) struct Removing {
    ids: watch::Sender<HashSet<String>>,
    /// Snapshots that could not be removed.
    failed: Mutex<BTreeSet<String>>,
}

/// Marks a snapshot as being removed, until dropped.
#[derive(Debug)]
pub(super) struct Mark<'a> {
    removing: &'a Removing,
    id: String,
}

impl Removing {
    pub(super) fn new() -> Self {
        Self { ids: watch::channel(HashSet::new()).0, failed: Mutex::default() }
    }

    /// Marks a snapshot. Returns `None` if another task is already removing it.
    pub(super) fn mark(&self, id: &str) -> Option<Mark<'_>> {
        let is_new = self.ids.send_if_modified(|ids| ids.insert(id.to_owned()));
        is_new.then(|| Mark { removing: self, id: id.to_owned() })
    }

    /// Returns whether a snapshot is being removed.
    pub(super) fn is_marked(&self, id: &str) -> bool {
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

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.removing.ids.send_modify(|ids| {
            ids.remove(&self.id);
        });
    }
}
