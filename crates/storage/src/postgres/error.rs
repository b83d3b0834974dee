//! What Postgres says, sorted by what can be done about it.

use std::error::Error as _;
use std::fmt;

use diesel::result::Error as DieselError;
use tokio_postgres::error::SqlState;
use workers_domain::ports::RepositoryError;

use crate::error::{chain, unavailable};

/// An answer of the server that is an error. Left out: its details, which may quote a row.
#[derive(Debug)]
pub(super) struct ServerError {
    state: SqlState,
    message: String,
}

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

/// Says what a failed query means to the port.
pub(super) fn repository_error(operation: &'static str, error: DieselError) -> RepositoryError {
    let error = match error {
        DieselError::QueryBuilderError(error) => error,
        DieselError::RollbackErrorOnCommit { commit_error, .. } => return repository_error(operation, *commit_error),
        other => return RepositoryError::Refused { operation, source: other.into() },
    };
    if error.is::<ConnectionLostError>() {
        return unavailable(error);
    }
    match error.downcast::<ServerError>() {
        Ok(answer) if answer.is_passing() => unavailable(answer),
        Ok(answer) if answer.state == SqlState::DISK_FULL => RepositoryError::Full { operation, source: answer },
        Ok(answer) if answer.lacks_schema() => RepositoryError::SchemaMissing,
        Ok(answer) => RepositoryError::Refused { operation, source: answer },
        Err(source) => RepositoryError::Refused { operation, source },
    }
}

impl ServerError {
    /// Whether the same query may succeed later: the server stops, starts, is full, or others were in our way.
    fn is_passing(&self) -> bool {
        let class = &self.state.code()[..2];
        matches!(class, "08" | "53" | "57" | "58") && self.state != SqlState::DISK_FULL
            || [SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE].contains(&self.state)
    }

    fn lacks_schema(&self) -> bool {
        [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN].contains(&self.state)
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
