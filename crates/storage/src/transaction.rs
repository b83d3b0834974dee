//! The common part of both databases' transactions: how they end without a commit.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use workers_domain::ports::RepositoryError;

/// The names of the first and the last operation of a transaction, for errors.
pub(crate) const BEGIN: &str = "begin of a transaction";
pub(crate) const COMMIT: &str = "commit of a transaction";

/// The reason why a transaction was rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RollbackReason {
    /// It was open for too long.
    #[error("it was held for longer than {0:?}, and others wait for what it holds")]
    HeldTooLong(Duration),
    /// One of its statements failed.
    #[error("the database has refused a part of it")]
    Refused,
    /// The task that ran it has ended.
    #[error("the server that began it is about to end")]
    Abandoned,
}

/// The reason why a transaction has ended, shared with the callers that use it. It is written before the last of them
/// gets an error.
#[derive(Debug, Clone, Default)]
pub(crate) struct RollbackCell(Arc<OnceLock<RollbackReason>>);

impl RollbackCell {
    /// Stores the reason. Only the first one counts.
    pub(crate) fn record(&self, reason: RollbackReason) {
        let _ = self.0.set(reason);
    }

    /// Returns the error for operations on a transaction that has ended.
    pub(crate) fn error(&self) -> RepositoryError {
        rolled_back(self.0.get().copied().unwrap_or(RollbackReason::Abandoned))
    }
}

/// Creates a [`RepositoryError::RolledBack`] with this reason.
pub(crate) fn rolled_back(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RepositoryError {
    RepositoryError::RolledBack(reason.into())
}
