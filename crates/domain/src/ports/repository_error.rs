//! Why a store does not do what it was asked.

use crate::WorkerId;

/// Why a repository could not answer.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The database cannot be reached, or no connection became free in time. Trying later may help.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database answered, but not as it should.
    #[error("the database refused the {operation}")]
    Refused {
        /// What was asked of it, as `insert of a worker`.
        operation: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database has no room left.
    #[error("the database has no room left for the {operation}")]
    Full {
        /// What was asked of it.
        operation: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored row makes no sense.
    #[error("column `{column}` of worker {id} holds {problem}")]
    Inconsistent {
        /// Which row.
        id: WorkerId,
        /// Which column.
        column: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A place in a list was asked for that is none: nothing that this repository has made.
    #[error("there is no such place in the list")]
    UnknownPlace,
    /// A transaction was rolled back before it was committed: it was held for too long, a statement of it failed, or
    /// another transaction was in its way. Nothing of it is stored, and the whole of it may be done again.
    #[error("the transaction was rolled back")]
    RolledBack(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database takes no writes now. What is stored can be read.
    #[error("the database takes no writes, and so not the {operation}")]
    ReadOnly {
        /// What was asked of it.
        operation: &'static str,
        /// What it said, or where that was seen.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database does not permit us what we need.
    #[error("the database does not permit the {operation}; grant the server's user what it lacks")]
    Denied {
        /// What was asked of it.
        operation: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What the database keeps is broken.
    #[error("the database is damaged; restore it from a backup, as docs/operations.md says")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tables are missing or of an older version.
    #[error("the database has no current schema; run `workersd migrate`")]
    SchemaMissing,
    /// The schema was made, and a part of it has gone since.
    #[error(
        "the database lacks a part of its schema that it had; put it back under its name, or restore the database \
         from a backup, as docs/operations.md says"
    )]
    SchemaIncomplete(#[source] Box<dyn std::error::Error + Send + Sync>),
}
