//! The changes of a transaction that is not committed yet.

use workers_domain::ports::RepositoryError;

use super::state::StoredWorkers;

/// The changes of a transaction.
pub(super) struct Pending {
    /// The workers when the transaction began.
    pub(super) base: StoredWorkers,
    pub(super) workers: StoredWorkers,
    /// Whether a call in the transaction failed. Then it cannot be committed.
    pub(super) is_over: bool,
}

pub(super) fn rolled_back(reason: &'static str) -> RepositoryError {
    RepositoryError::RolledBack(reason.into())
}
