//! Classifies errors of SQLite by what the caller can do about them.

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use workers_domain::ports::RepositoryError;

use super::file::DatabaseFile;
use super::writable::WriteObstacle;
use crate::error::unavailable;

/// Converts the error of opening a connection to an error of the port.
pub(super) fn connect_error(operation: &'static str, error: ConnectionError, file: &DatabaseFile) -> RepositoryError {
    match error {
        ConnectionError::CouldntSetupConfiguration(error) => query_error(operation, error, file),
        other => directory_error(operation, file).unwrap_or_else(|| unavailable(other)),
    }
}

/// Converts the error of a failed query to an error of the port. Diesel does not expose SQLite's error codes, so we
/// compare messages, which have not changed in twenty years. If the message leaves the cause open, we examine the
/// file's directory.
pub(super) fn query_error(operation: &'static str, error: DieselError, file: &DatabaseFile) -> RepositoryError {
    let error = match error {
        // SQLite has already rolled back, so the second rollback failed. The first error is the relevant one.
        DieselError::RollbackErrorOnCommit { commit_error, .. } => *commit_error,
        error => error,
    };
    let DieselError::DatabaseError(kind, information) = &error else {
        return RepositoryError::Refused { operation, source: error.into() };
    };
    let says = |words: &str| information.message().contains(words);
    if lacks_schema(&error) {
        RepositoryError::SchemaMissing
    } else if matches!(kind, DatabaseErrorKind::ClosedConnection) || is_busy(&error) {
        unavailable(error)
    } else if says("readonly database") {
        RepositoryError::ReadOnly { operation, source: error.into() }
    } else if says("malformed") || says("not a database") {
        RepositoryError::Damaged(error.into())
    } else if says("disk is full") {
        RepositoryError::Full { operation, source: error.into() }
    } else if says("unable to open database file") || says("disk I/O error") || says("locking protocol") {
        directory_error(operation, file).unwrap_or_else(|| unavailable(error))
    } else {
        RepositoryError::Refused { operation, source: error.into() }
    }
}

/// Returns whether a query failed because a table or column is missing or different. Our queries never change, so the
/// schema must have.
pub(super) fn lacks_schema(error: &DieselError) -> bool {
    const STATES: [&str; 4] = ["no such table", "no such column", "has no column named", "cannot modify"];
    matches!(error, DieselError::DatabaseError(_, information)
        if STATES.iter().any(|words| information.message().contains(words)))
}

/// Returns whether a query failed because another connection has locked the file.
pub(super) fn is_busy(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(_, information) if information.message().contains("is locked"))
}

fn directory_error(operation: &'static str, file: &DatabaseFile) -> Option<RepositoryError> {
    Some(match file.obstacle()? {
        obstacle @ WriteObstacle::ReadOnly(_) => RepositoryError::ReadOnly { operation, source: obstacle.into() },
        obstacle @ WriteObstacle::Full(..) => RepositoryError::Full { operation, source: obstacle.into() },
    })
}

#[cfg(test)]
mod tests {
    use super::super::file::Access;
    use super::*;

    #[test]
    fn what_sqlite_says_is_sorted_by_what_can_be_done_about_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = DatabaseFile::new(&directory.path().join("workers.sqlite3"), Access::ReadWrite).unwrap();
        let database_error =
            |message: &str| DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()));
        let converted = |message| query_error("insert of a worker", database_error(message), &file);
        assert!(matches!(converted("database or disk is full"), RepositoryError::Full { .. }));
        assert!(matches!(converted("CHECK constraint failed"), RepositoryError::Refused { .. }));
        assert!(matches!(converted("attempt to write a readonly database"), RepositoryError::ReadOnly { .. }));
        for damaged in ["database disk image is malformed", "file is not a database", "malformed database schema (w)"] {
            assert!(matches!(converted(damaged), RepositoryError::Damaged(_)), "{damaged}");
        }
        for lacking in ["no such table: workers", "table workers has no column named name", "no such column: name"] {
            assert!(matches!(converted(lacking), RepositoryError::SchemaMissing), "{lacking}");
        }
        for passing in ["database is locked", "disk I/O error", "unable to open database file", "locking protocol"] {
            assert!(matches!(converted(passing), RepositoryError::Unavailable(_)), "{passing}");
        }
    }
}
