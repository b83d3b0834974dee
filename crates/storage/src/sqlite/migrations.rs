//! The schema: made, brought up to date, emptied, checked.

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use tracing::warn;
use workers_domain::Worker;
use workers_domain::ports::{RepositoryError, SetupOutcome};

use super::error::query_error;
use super::pool::SqlitePool;
use super::rows::WorkerRow;
use super::schema::workers;
use crate::error::unavailable;
use crate::migration::{Applied, MigrateError, apply_pending, check_applied};

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Why a task in a transaction failed, before or inside it.
enum TransactionError {
    Connect(ConnectionError),
    Migrate(MigrateError),
}

/// Applies the migrations that have not been applied.
pub(super) async fn apply(pool: &SqlitePool) -> Result<Vec<String>, RepositoryError> {
    in_transaction(pool, |connection| apply_pending(connection, &MIGRATIONS).map(|applied| applied.names)).await
}

/// Brings the schema up to date and removes all workers.
pub(super) async fn set_up(pool: &SqlitePool) -> Result<SetupOutcome, RepositoryError> {
    in_transaction(pool, |connection| {
        let Applied { had_schema, .. } = apply_pending(connection, &MIGRATIONS)?;
        if !had_schema {
            return Ok(SetupOutcome::Created);
        }
        let removed: Vec<WorkerRow> =
            diesel::delete(workers::table).returning(WorkerRow::as_returning()).load(connection)?;
        Ok(SetupOutcome::Emptied(removed.into_iter().filter_map(sound_worker).collect()))
    })
    .await
}

/// Answers if the schema is there and this binary's.
pub(super) async fn check(pool: &SqlitePool) -> Result<(), RepositoryError> {
    use crate::migration::__diesel_schema_migrations::dsl::{__diesel_schema_migrations as migrations, version};
    let applied = pool.read("check of the schema", |connection| migrations.select(version).load(connection)).await?;
    check_applied::<Sqlite>(&MIGRATIONS, applied)
}

/// Runs `task` in a transaction that has locked the file from its start, so that a second process waits before it looks.
async fn in_transaction<R: Send + 'static>(
    pool: &SqlitePool,
    task: impl FnOnce(&mut SqliteConnection) -> Result<R, MigrateError> + Send + 'static,
) -> Result<R, RepositoryError> {
    let work =
        |connection: &mut SqliteConnection| connection.immediate_transaction(task).map_err(TransactionError::Migrate);
    match pool.write_raw(work).await? {
        Ok(result) => Ok(result),
        Err(TransactionError::Connect(error)) => Err(unavailable(error)),
        Err(TransactionError::Migrate(error)) => Err(error.into_repository_error(query_error)),
    }
}

/// The worker in a row that is being removed. One that makes no sense is removed all the same.
fn sound_worker(row: WorkerRow) -> Option<Worker> {
    Worker::try_from(row).inspect_err(|error| warn!(%error, "removed a worker that made no sense")).ok()
}

impl From<ConnectionError> for TransactionError {
    fn from(error: ConnectionError) -> Self {
        Self::Connect(error)
    }
}
