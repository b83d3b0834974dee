//! The platform's persistent data, and transactions on it.

use async_trait::async_trait;

use super::{RepositoryError, SchemaAdmin, StoredChanges, WorkerRepository};

/// Stores the platform's persistent data: one repository per kind of record, and transactions across all of them.
///
/// A repository method called on the store directly is atomic, so a use case that changes a single record needs no
/// transaction. A use case that changes two records that must stay consistent begins a [`Transaction`].
#[async_trait]
pub trait Store: Send + Sync {
    /// Returns the repository of workers. Every method returns only after its change is stored.
    fn workers(&self) -> &dyn WorkerRepository;

    /// Begins a transaction. It takes its own connection and, on SQLite, the write lock, which blocks all other
    /// writers. Keep it short: do not wait for a sandbox, the compiler or a client inside it. A transaction that is
    /// open for longer than the store allows is rolled back.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or no connection became free in time.
    async fn begin(&self) -> Result<Box<dyn Transaction>, RepositoryError>;

    /// Returns a stream of the changes made from now on, by any server or by hand. `None` if the database cannot report
    /// changes; such a database is used by a single server only.
    fn listen(&self) -> Option<Box<dyn StoredChanges>>;

    /// Returns the administration of the schema.
    fn schema(&self) -> &dyn SchemaAdmin;
}

/// A transaction: all changes made through its repositories are stored together by [`commit`](Self::commit), or not at
/// all. Dropping it rolls it back, at any point.
///
/// It sees its own changes; others see them after the commit. Two transactions may change the same worker: an update
/// states the revision that it is based on, so the second one gets [`Conflict`](super::Update::Conflict), or fails with
/// [`RepositoryError::RolledBack`] and may be repeated.
///
/// If the database refuses a statement, the transaction is over: all later operations, including `commit`, fail with
/// [`RepositoryError::RolledBack`].
#[async_trait]
pub trait Transaction: Send + Sync {
    /// Returns the repository of workers, as seen by this transaction.
    fn workers(&self) -> &dyn WorkerRepository;

    /// Stores all changes.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::RolledBack`] and other errors mean that nothing was stored. The exception is
    /// [`RepositoryError::Unavailable`]: the commit may have succeeded, because the response may have been lost.
    async fn commit(self: Box<Self>) -> Result<(), RepositoryError>;
}
