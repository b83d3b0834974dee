//! Transactions that take the write lock at their start.

use diesel::SqliteConnection;
use diesel::result::Error as DieselError;

/// Runs `task` in such a transaction. If it fails, returns its error, even if the rollback fails too: on a full disk
/// SQLite has already rolled back, and then reports an error for the second rollback.
pub(super) fn immediately<R, E: From<DieselError>>(
    connection: &mut SqliteConnection,
    task: impl FnOnce(&mut SqliteConnection) -> Result<R, E>,
) -> Result<R, E> {
    let mut failure = None;
    let done = connection.immediate_transaction(|connection| {
        task(connection).map_err(|error| {
            failure = Some(error);
            DieselError::RollbackTransaction
        })
    });
    done.map_err(|error| failure.unwrap_or_else(|| error.into()))
}
