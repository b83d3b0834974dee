//! What the transactions of both databases have in common: how they end without being committed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use workers_domain::ports::RepositoryError;

/// What is done with a transaction at first and at last, in words for an error.
pub(crate) const BEGIN: &str = "begin of a transaction";
pub(crate) const COMMIT: &str = "commit of a transaction";

/// Why a transaction was rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RollbackReason {
    /// It was held for too long.
    #[error("it was held for longer than {0:?}, and others wait for what it holds")]
    HeldTooLong(Duration),
    /// A statement of it failed.
    #[error("the database has refused a part of it")]
    Refused,
    /// What ran it has gone.
    #[error("the server that it was begun by is about to end")]
    Abandoned,
}

/// How a transaction has ended, known to those who ask something of it. It is written before the last of them is turned
/// away.
#[derive(Debug, Clone, Default)]
pub(crate) struct End(Arc<OnceLock<RollbackReason>>);

impl End {
    /// Notes why; the first reason counts.
    pub(crate) fn note(&self, reason: RollbackReason) {
        let _ = self.0.set(reason);
    }

    /// What is answered to one who asks something of a transaction that has ended.
    pub(crate) fn error(&self) -> RepositoryError {
        rolled_back(self.0.get().copied().unwrap_or(RollbackReason::Abandoned))
    }
}

/// The error for that.
pub(crate) fn rolled_back(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RepositoryError {
    RepositoryError::RolledBack(reason.into())
}
