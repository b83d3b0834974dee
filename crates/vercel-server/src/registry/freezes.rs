//! Snapshots that are being taken.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts snapshots that are being taken, so that what the provider has already and no record has yet is not removed. Nobody waits for
/// anybody: a machine that takes its time holds up no other.
#[derive(Debug, Default)]
pub(super) struct Freezes {
    begun: AtomicU64,
    over: AtomicU64,
}

/// A snapshot that is being taken, until it is dropped.
pub(super) struct Freeze<'a>(&'a Freezes);

impl Freezes {
    /// One is taken from now on.
    pub(super) fn begin(&self) -> Freeze<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Freeze(self)
    }

    /// How many have been, if none is being taken now.
    pub(super) fn settled(&self) -> Option<u64> {
        // In this order: one that ends in between counts as still being taken.
        let over = self.over.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == over).then_some(over)
    }
}

impl Drop for Freeze<'_> {
    fn drop(&mut self) {
        self.0.over.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_settled_while_a_snapshot_is_being_taken() {
        let freezes = Freezes::default();
        let before = freezes.settled();
        let freeze = freezes.begin();
        assert_eq!((before, freezes.settled()), (Some(0), None));
        drop(freeze);
        assert_eq!(freezes.settled(), Some(1), "and that one was taken meanwhile shows");
    }
}
