//! What holds a session's descriptors for log readers and file transfers.

use tokio::sync::OwnedSemaphorePermit;

/// A reader of a log or a transfer of a file, counted against the session's limit until dropped.
#[derive(Debug)]
pub(crate) struct TransferPermit {
    _permit: OwnedSemaphorePermit,
}

impl TransferPermit {
    pub(super) const fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit }
    }
}
