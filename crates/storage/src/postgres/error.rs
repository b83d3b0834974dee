//! What Postgres says, sorted by what can be done about it.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use diesel::result::Error as DieselError;
use tokio_postgres::error::{Severity, SqlState};
use workers_domain::ports::RepositoryError;

use crate::error::{chain, unavailable};

/// An answer of the server that is an error. Left out: its details, which may quote a row.
#[derive(Debug)]
pub(super) struct ServerError {
    state: SqlState,
    message: String,
}

/// A statement took longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("the statement got no answer within {0:?}: the server does not answer, or what it needs is locked")]
struct TooLongError(Duration);

/// What the pool has to say instead of an answer, on its way through Diesel.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct CarriedError(RepositoryError);

/// The connection has been lost.
#[derive(Debug)]
pub(super) struct ConnectionLostError(String);

/// Wraps what the driver says for its way through Diesel, from which [`repository_error`] takes it out again.
pub(super) fn diesel_error(error: &tokio_postgres::Error) -> DieselError {
    match error.as_db_error() {
        Some(answer) => DieselError::QueryBuilderError(Box::new(ServerError {
            state: answer.code().clone(),
            message: answer.message().to_owned(),
        })),
        None if error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>) => {
            DieselError::QueryBuilderError(Box::new(ConnectionLostError(chain(error))))
        }
        None => DieselError::DeserializationError(chain(error).into()),
    }
}

/// Whether the answer says that the session is of no more use: it was ended, its transactions are broken or read-only,
/// or it may not do what it must. A new one may be different.
pub(super) fn spoils_session(error: &tokio_postgres::Error) -> bool {
    let Some(answer) = error.as_db_error() else { return true };
    let code = answer.code().code();
    let is_fatal = matches!(answer.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    is_fatal
        || *answer.code() == SqlState::INSUFFICIENT_PRIVILEGE
        || ["08", "25", "57P", "58", "XX"].iter().any(|start| code.starts_with(start))
}

/// Whether a failed statement has done nothing, and may succeed in another session: this one was read-only, or was
/// ended.
pub(super) fn asks_for_another_session(error: &DieselError) -> bool {
    let DieselError::QueryBuilderError(error) = error else { return false };
    error
        .downcast_ref::<ServerError>()
        .is_some_and(|answer| [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::ADMIN_SHUTDOWN].contains(&answer.state))
}

/// Whether a statement failed because another transaction was in its way, and the whole transaction may be done again.
pub(super) fn is_in_the_way(error: &DieselError) -> bool {
    const SAID: [SqlState; 2] = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    let DieselError::QueryBuilderError(error) = error else { return false };
    error.downcast_ref::<ServerError>().is_some_and(|answer| SAID.contains(&answer.state))
}

/// The error of a statement that took longer than it may.
pub(super) fn took_too_long(limit: Duration) -> DieselError {
    DieselError::QueryBuilderError(Box::new(TooLongError(limit)))
}

/// Puts an error of the pool's on its way through Diesel.
pub(super) fn carry(error: RepositoryError) -> DieselError {
    DieselError::QueryBuilderError(Box::new(CarriedError(error)))
}

/// Says what a failed query means to the port.
pub(super) fn repository_error(operation: &'static str, error: DieselError) -> RepositoryError {
    let error = match error {
        DieselError::QueryBuilderError(error) => error,
        DieselError::RollbackErrorOnCommit { commit_error, .. } => return repository_error(operation, *commit_error),
        other => return RepositoryError::Refused { operation, source: other.into() },
    };
    if error.is::<ConnectionLostError>() || error.is::<TooLongError>() {
        return unavailable(error);
    }
    let error = match error.downcast::<CarriedError>() {
        Ok(carried) => return carried.0,
        Err(error) => error,
    };
    match error.downcast::<ServerError>() {
        Ok(answer) if answer.is_passing() => unavailable(answer),
        Ok(answer) if answer.state == SqlState::DISK_FULL => RepositoryError::Full { operation, source: answer },
        Ok(answer) if answer.state == SqlState::READ_ONLY_SQL_TRANSACTION => {
            RepositoryError::ReadOnly { operation, source: answer }
        }
        Ok(answer) if answer.state == SqlState::INSUFFICIENT_PRIVILEGE => {
            RepositoryError::Denied { operation, source: answer }
        }
        Ok(answer) if answer.tells_damage() => RepositoryError::Damaged(answer),
        Ok(answer) if answer.lacks_schema() => RepositoryError::SchemaMissing,
        Ok(answer) if answer.tells_other_schema() => RepositoryError::SchemaIncomplete(answer),
        Ok(answer) => RepositoryError::Refused { operation, source: answer },
        Err(source) => RepositoryError::Refused { operation, source },
    }
}

impl ServerError {
    /// Whether the same query may succeed later: the server stops, starts, is full, or others were in our way.
    fn is_passing(&self) -> bool {
        let class = &self.state.code()[..2];
        matches!(class, "08" | "53" | "57" | "58") && self.state != SqlState::DISK_FULL && !self.tells_damage()
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

    /// Whether a part of the schema is something else than it was: our statements are the same at all times, and make
    /// sense.
    fn tells_other_schema(&self) -> bool {
        self.state.code().starts_with("42")
    }

    /// Whether a file of the database is broken or gone.
    fn tells_damage(&self) -> bool {
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
