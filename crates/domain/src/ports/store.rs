//! What the platform remembers, and units of work on it.

use async_trait::async_trait;

use super::{RepositoryError, SchemaAdmin, StoredChanges, WorkerRepository};

/// Keeps what the platform remembers: one repository for each kind of thing, and transactions over all of them.
///
/// A method of a repository that comes from the store itself is atomic by itself, so a use case that changes one thing
/// needs no more than that. A use case that changes two things which must not be torn apart begins a [`Transaction`].
#[async_trait]
pub trait Store: Send + Sync {
    /// The workers. Every method stores what it changes before it answers.
    fn workers(&self) -> &dyn WorkerRepository;

    /// Begins a unit of work. It takes a connection of its own, and on SQLite the right to write, which all others wait
    /// for. So hold it for short: no sandbox, no compiler and no client is waited for in between. A transaction that
    /// was held for longer than the store allows is rolled back.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or no connection became free in time.
    async fn begin(&self) -> Result<Box<dyn Transaction>, RepositoryError>;

    /// What is changed from now on, by any server and by hand. `None` where the database cannot tell; such a one has a
    /// single server.
    fn listen(&self) -> Option<Box<dyn StoredChanges>>;

    /// The schema that all of this is kept in.
    fn schema(&self) -> &dyn SchemaAdmin;
}

/// A unit of work: what its repositories change is stored together by [`commit`](Self::commit), or not at all. To drop
/// it is to roll it back, at whatever point that happens.
///
/// It sees what it has changed itself; all others see that when it is committed. Two transactions may be about the
/// same worker: an update names the revision that it was decided on, so the second gets
/// [`Conflict`](super::Update::Conflict), or fails with [`RepositoryError::RolledBack`] and may be done again.
///
/// When the database refuses a statement, the transaction is over: all that is asked of it afterwards, `commit`
/// included, fails with [`RepositoryError::RolledBack`].
#[async_trait]
pub trait Transaction: Send + Sync {
    /// The workers, as this transaction sees them.
    fn workers(&self) -> &dyn WorkerRepository;

    /// Stores all that was changed.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::RolledBack`], and the others, when nothing was stored; but after
    /// [`RepositoryError::Unavailable`] it is unknown whether it was: the answer may have been lost.
    async fn commit(self: Box<Self>) -> Result<(), RepositoryError>;
}
