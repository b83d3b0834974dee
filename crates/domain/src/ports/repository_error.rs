//! Errors of repositories and stores.

use crate::WorkerId;

/// The reason why a repository operation failed.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The database cannot be reached, or no connection became free in time. A later attempt may succeed.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database returned an error that belongs to no other variant.
    #[error("the database refused the {operation}")]
    Refused {
        /// The operation, such as `insert of a worker`.
        operation: &'static str,
        /// The database's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database has no room left.
    #[error("the database has no room left for the {operation}")]
    Full {
        /// The operation.
        operation: &'static str,
        /// The database's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored row contains an invalid value.
    #[error("column `{column}` of worker {id} holds {problem}")]
    Inconsistent {
        /// The worker whose row it is.
        id: WorkerId,
        /// The column.
        column: &'static str,
        /// What is wrong with the value.
        problem: String,
    },
    /// The cursor of the requested page is not valid: this repository did not create it.
    #[error("the cursor does not belong to this list")]
    UnknownCursor,
    /// A transaction was rolled back before it was committed: it was open for too long, one of its statements failed,
    /// or it conflicted with another transaction. Nothing of it is stored, and the whole transaction may be repeated.
    #[error("the transaction was rolled back")]
    RolledBack(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database accepts no writes now. Stored data can still be read.
    #[error("the database takes no writes, and so not the {operation}")]
    ReadOnly {
        /// The operation.
        operation: &'static str,
        /// The database's error, or where the state was detected.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database user lacks a permission that the server requires.
    #[error("the database does not permit the {operation}; grant the server's user what it lacks")]
    Denied {
        /// The operation.
        operation: &'static str,
        /// The database's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The stored data is damaged.
    #[error("the database is damaged; restore it from a backup, as docs/operations.md says")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tables are missing or belong to an older version of the schema.
    #[error("the database has no current schema; run `workersd migrate`")]
    SchemaMissing,
    /// The schema was created, but a part of it has been removed since.
    #[error(
        "the database lacks a part of its schema that it had; put it back under its name, or restore the database \
         from a backup, as docs/operations.md says"
    )]
    SchemaIncomplete(#[source] Box<dyn std::error::Error + Send + Sync>),
}
