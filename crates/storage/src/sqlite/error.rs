//! What SQLite says, sorted by what can be done about it.

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use workers_domain::ports::RepositoryError;

use crate::error::unavailable;

/// Why a task on a connection failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TaskError {
    /// There is no connection to be had.
    #[error(transparent)]
    Connect(#[from] ConnectionError),
    /// A query failed.
    #[error(transparent)]
    Query(#[from] DieselError),
}

/// Says what a failed task means to the port.
pub(super) fn repository_error(operation: &'static str, error: TaskError) -> RepositoryError {
    match error {
        TaskError::Connect(error) => unavailable(error),
        TaskError::Query(error) => query_error(operation, error),
    }
}

/// Says what a failed query means to the port. SQLite tells by words alone, which have not changed in twenty years.
pub(super) fn query_error(operation: &'static str, error: DieselError) -> RepositoryError {
    let DieselError::DatabaseError(kind, information) = &error else {
        return RepositoryError::Refused { operation, source: error.into() };
    };
    let message = information.message();
    if message.starts_with("no such table") || message.starts_with("no such column") {
        RepositoryError::SchemaMissing
    } else if matches!(kind, DatabaseErrorKind::ClosedConnection)
        || message.contains("database is locked")
        || message.contains("unable to open database file")
    {
        unavailable(error)
    } else if message.contains("disk is full") {
        RepositoryError::Full { operation, source: error.into() }
    } else {
        RepositoryError::Refused { operation, source: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_a_refusal() {
        let said = |message: &str| DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()));
        let sorted = |message| query_error("insert of a worker", said(message));
        assert!(matches!(sorted("database or disk is full"), RepositoryError::Full { .. }));
        assert!(matches!(sorted("CHECK constraint failed"), RepositoryError::Refused { .. }));
    }
}
