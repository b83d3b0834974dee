//! Classifies errors of Postgres by what the caller can do about them.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use diesel::result::Error as DieselError;
use tokio_postgres::error::{Severity, SqlState};
use workers_domain::ports::RepositoryError;

use crate::error::{chain, unavailable};

/// An error returned by the server. Its detail text is left out, because it may quote a row.
#[derive(Debug)]
pub(super) struct ServerError {
    state: SqlState,
    message: String,
}

/// The error for a statement that took too long.
#[derive(Debug, thiserror::Error)]
#[error("the statement got no answer within {0:?}: the server does not answer, or what it needs is locked")]
struct TooLongError(Duration);

/// An error of the pool, wrapped so that it can pass through Diesel.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct WrappedError(RepositoryError);

/// The error for a lost connection.
#[derive(Debug)]
pub(super) struct ConnectionLostError(String);

/// Wraps an error of the driver so that it can pass through Diesel. [`repository_error`] unwraps it.
pub(super) fn diesel_error(error: &tokio_postgres::Error) -> DieselError {
    match error.as_db_error() {
        Some(response) => DieselError::QueryBuilderError(Box::new(ServerError {
            state: response.code().clone(),
            message: response.message().to_owned(),
        })),
        // The driver keeps the kind of its errors private. A lost connection is known by these two signs only.
        None if error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>) => {
            DieselError::QueryBuilderError(Box::new(ConnectionLostError(chain(error))))
        }
        None => DieselError::DeserializationError(chain(error).into()),
    }
}

/// Returns whether an error means that the session is no longer usable: it was ended, its transaction is broken or
/// read-only, or it lacks a permission. A new session may work.
pub(super) fn spoils_session(error: &tokio_postgres::Error) -> bool {
    let Some(response) = error.as_db_error() else { return true };
    let code = response.code().code();
    let is_fatal = matches!(response.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    is_fatal
        || *response.code() == SqlState::INSUFFICIENT_PRIVILEGE
        // Classes of SQLSTATE: connection (08), state of the transaction (25), shutdown (57P), system (58), internal
        // (XX).
        || ["08", "25", "57P", "58", "XX"].iter().any(|start| code.starts_with(start))
}

/// Returns whether a failed statement has changed nothing and may succeed in another session, because this one was
/// read-only or was ended.
pub(super) fn needs_another_session(error: &DieselError) -> bool {
    let DieselError::QueryBuilderError(error) = error else { return false };
    error.downcast_ref::<ServerError>().is_some_and(|response| {
        // A connection that was lost without a message is not here: the server may have executed the statement.
        [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::ADMIN_SHUTDOWN].contains(&response.state)
    })
}

/// Returns whether a statement failed because of a conflict with another transaction. The whole transaction may then be
/// repeated.
pub(super) fn is_conflict(error: &DieselError) -> bool {
    const STATES: [SqlState; 2] = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    let DieselError::QueryBuilderError(error) = error else { return false };
    error.downcast_ref::<ServerError>().is_some_and(|response| STATES.contains(&response.state))
}

/// Creates the error of a statement that took too long.
pub(super) fn took_too_long(limit: Duration) -> DieselError {
    DieselError::QueryBuilderError(Box::new(TooLongError(limit)))
}

/// Wraps an error of the pool so that it can pass through Diesel.
pub(super) fn wrap_in_diesel(error: RepositoryError) -> DieselError {
    DieselError::QueryBuilderError(Box::new(WrappedError(error)))
}

/// Converts the error of a failed query to an error of the port.
pub(super) fn repository_error(operation: &'static str, error: DieselError) -> RepositoryError {
    let error = match error {
        DieselError::QueryBuilderError(error) => error,
        // The rollback failed too, but the first error is the cause.
        DieselError::RollbackErrorOnCommit { commit_error, .. } => return repository_error(operation, *commit_error),
        other => return RepositoryError::Refused { operation, source: other.into() },
    };
    if error.is::<ConnectionLostError>() || error.is::<TooLongError>() {
        return unavailable(error);
    }
    let error = match error.downcast::<WrappedError>() {
        Ok(carried) => return carried.0,
        Err(error) => error,
    };
    match error.downcast::<ServerError>() {
        Ok(response) if response.is_passing() => unavailable(response),
        Ok(response) if response.state == SqlState::DISK_FULL => RepositoryError::Full { operation, source: response },
        Ok(response) if response.state == SqlState::READ_ONLY_SQL_TRANSACTION => {
            RepositoryError::ReadOnly { operation, source: response }
        }
        // This code (42501) is in the class of `shows_other_schema`, so it comes first.
        Ok(response) if response.state == SqlState::INSUFFICIENT_PRIVILEGE => {
            RepositoryError::Denied { operation, source: response }
        }
        Ok(response) if response.shows_damage() => RepositoryError::Damaged(response),
        Ok(response) if response.lacks_schema() => RepositoryError::SchemaMissing,
        Ok(response) if response.shows_other_schema() => RepositoryError::SchemaIncomplete(response),
        Ok(response) => RepositoryError::Refused { operation, source: response },
        Err(source) => RepositoryError::Refused { operation, source },
    }
}

impl ServerError {
    /// Returns whether the same query may succeed later: the server is stopping, starting or full, or other
    /// transactions were in conflict.
    fn is_passing(&self) -> bool {
        // A full disk (53100) and a missing file (58P01) are in these classes too. They have kinds of their own,
        // because waiting does not mend them.
        let class = self.state.code().get(..2).unwrap_or_default();
        matches!(class, "08" | "53" | "57" | "58") && self.state != SqlState::DISK_FULL && !self.shows_damage()
            || [
                SqlState::IN_FAILED_SQL_TRANSACTION,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::LOCK_NOT_AVAILABLE,
            ]
            .contains(&self.state)
    }

    fn lacks_schema(&self) -> bool {
        [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN, SqlState::INVALID_SCHEMA_NAME].contains(&self.state)
    }

    /// Returns whether the error means that a part of the schema has changed. Our statements are fixed and valid, so an
    /// error in their meaning can have no other cause.
    fn shows_other_schema(&self) -> bool {
        self.state.code().starts_with("42")
    }

    /// Returns whether the error means that a file of the database is damaged or missing.
    fn shows_damage(&self) -> bool {
        [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED, SqlState::UNDEFINED_FILE].contains(&self.state)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (SQLSTATE {})", self.message, self.state.code())
    }
}

impl std::error::Error for ServerError {}

impl fmt::Display for ConnectionLostError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the connection was lost: {}", self.0)
    }
}

impl std::error::Error for ConnectionLostError {}
