//! A transaction that has the right to write from its start.

use diesel::SqliteConnection;
use diesel::result::Error as DieselError;

/// Runs `task` in such a transaction. When it fails, its error is the answer, also if the rollback fails: on a full
/// disk SQLite has rolled back by itself, and then says so.
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
