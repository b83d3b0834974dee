//! Which of the provider's snapshots are being removed.
//!
//! Nobody holds a lock while the provider works, so that one machine that hangs holds up nobody else. A snapshot that
//! is being removed is marked as such; a provider that gives the same files the same id may answer with it to whoever
//! freezes a machine meanwhile, who then waits for this one id and looks whether it is still there.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Which of the provider's snapshots are being removed.
#[derive(Debug)]
pub(super) struct Removing {
    ids: watch::Sender<HashSet<String>>,
    /// Those that could not be removed.
    failed: Mutex<BTreeSet<String>>,
}

/// A snapshot that is being removed, until this is dropped.
#[derive(Debug)]
pub(super) struct Mark<'a> {
    removing: &'a Removing,
    id: String,
}

impl Removing {
    pub(super) fn new() -> Self {
        Self { ids: watch::channel(HashSet::new()).0, failed: Mutex::default() }
    }

    /// Marks a snapshot, unless somebody else removes it already.
    pub(super) fn mark(&self, id: &str) -> Option<Mark<'_>> {
        let is_new = self.ids.send_if_modified(|ids| ids.insert(id.to_owned()));
        is_new.then(|| Mark { removing: self, id: id.to_owned() })
    }

    /// Whether a snapshot is being removed.
    pub(super) fn is_marked(&self, id: &str) -> bool {
        self.ids.borrow().contains(id)
    }

    /// Waits until a snapshot is not being removed.
    pub(super) async fn wait_for(&self, id: &str) {
        // The sender cannot be gone: we hold it.
        let _ = self.ids.subscribe().wait_for(|ids| !ids.contains(id)).await;
    }

    /// Remembers a snapshot that could not be removed.
    pub(super) fn failed(&self, id: &str) {
        self.lock().insert(id.to_owned());
    }

    /// What could not be removed, to be tried again.
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
