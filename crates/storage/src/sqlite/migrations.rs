//! The schema: created, migrated, emptied and checked.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use workers_domain::ports::{ExistingWorkers, RemovedWorker, RepositoryError, SetupOutcome};

use super::error::{is_busy, lacks_schema, query_error};
use super::file::{Access, DatabaseFile};
use super::immediate::immediately;
use super::pool::SqlitePool;
use super::writable::WriteObstacle;
use crate::migration::{Applied, MigrateError, OPERATION, apply_pending, check_applied, log_applied};
use crate::queries::ANY_THOUSAND;
use crate::schema::{EACH_INDEX, workers};
use crate::worker_row::WorkerRow;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

const CHECK: &str = "check of the database";

/// Applies pending migrations.
pub(super) async fn apply(pool: &SqlitePool) -> Result<Vec<String>, RepositoryError> {
    let apply = |connection: &mut SqliteConnection| apply_pending(connection, &MIGRATIONS).map(|applied| applied.names);
    in_transaction(pool, apply).await.inspect(|names| log_applied(names))
}

/// Applies pending migrations, and deletes all workers if requested.
pub(super) async fn set_up(pool: &SqlitePool, existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError> {
    in_transaction(pool, move |connection| {
        let Applied { had_schema, .. } = apply_pending(connection, &MIGRATIONS)?;
        if !had_schema {
            return Ok(SetupOutcome::Created);
        }
        if existing == ExistingWorkers::Keep {
            let count: i64 = workers::table.count().get_result(connection)?;
            return Ok(SetupOutcome::Kept(count.unsigned_abs()));
        }
        remove_all(connection).map(SetupOutcome::Emptied)
    })
    .await
}

/// Checks that the schema exists and matches this binary, and that its tables can be read and written. Takes less than
/// a millisecond.
pub(super) async fn check(pool: &SqlitePool) -> Result<(), RepositoryError> {
    let is_busy = pool.probe(CHECK, |connection, file| {
        if let Some(damage) = file.damage() {
            return Err(RepositoryError::Damaged(damage.to_owned().into()));
        }
        check_schema(connection, file)?;
        let is_busy = check_writable(connection, file)?;
        // SQLite needs no room to take the lock, so a full disk has to be looked for by itself.
        match file.obstacle() {
            None => Ok(is_busy),
            Some(obstacle @ WriteObstacle::ReadOnly(_)) => {
                Err(RepositoryError::ReadOnly { operation: CHECK, source: obstacle.into() })
            }
            Some(obstacle @ WriteObstacle::Full(..)) => {
                Err(RepositoryError::Full { operation: CHECK, source: obstacle.into() })
            }
        }
    });
    pool.note_busy(is_busy.await?)
}

fn check_schema(connection: &mut SqliteConnection, file: &DatabaseFile) -> Result<(), RepositoryError> {
    use crate::migration::__diesel_schema_migrations::dsl::{__diesel_schema_migrations as migrations, version};
    let applied = migrations.select(version).load(connection).map_err(|error| query_error(CHECK, error, file))?;
    check_applied::<Sqlite>(&MIGRATIONS, applied)?;
    read_each_column(connection).map_err(|error| {
        if lacks_schema(&error) {
            RepositoryError::SchemaIncomplete(error.into())
        } else {
            query_error(CHECK, error, file)
        }
    })
}

/// Reads from the table and each of its indexes, and names every column. The source may be long, so only its type is
/// read. The cache is emptied first, so that the data is read from the disk.
fn read_each_column(connection: &mut SqliteConnection) -> QueryResult<()> {
    connection.batch_execute("PRAGMA shrink_memory")?;
    let newest = workers::table.order((workers::created_at.desc(), workers::id.desc())).limit(1);
    let columns = (WorkerRow::as_select(), sql::<Text>("typeof(source_code)"));
    newest.select(columns).load::<(WorkerRow, String)>(connection)?;
    connection.batch_execute(EACH_INDEX)
}

/// Takes the write lock and releases it. Returns whether another connection holds it; that does not mean that this one
/// could not write.
fn check_writable(connection: &mut SqliteConnection, file: &DatabaseFile) -> Result<bool, RepositoryError> {
    if file.access() == Access::Inspect {
        let may = file.may_be_written();
        return may.map(|()| false).map_err(|error| RepositoryError::Denied { operation: CHECK, source: error.into() });
    }
    match connection.batch_execute("BEGIN IMMEDIATE; ROLLBACK") {
        Ok(()) => Ok(false),
        Err(error) if is_busy(&error) => Ok(true),
        Err(error) => Err(query_error(CHECK, error, file)),
    }
}

/// Runs `task` in a transaction that locks the file at its start, so that a second process waits before it reads
/// anything.
async fn in_transaction<R: Send + 'static>(
    pool: &SqlitePool,
    task: impl FnOnce(&mut SqliteConnection) -> Result<R, MigrateError> + Send + 'static,
) -> Result<R, RepositoryError> {
    pool.write_at_length(OPERATION, |connection, file| {
        let done = immediately(connection, task);
        done.map_err(|error| error.into_repository_error(|operation, error| query_error(operation, error, file)))
    })
    .await
}

/// Deletes all workers in batches, because all of them at once may not fit into memory.
fn remove_all(connection: &mut SqliteConnection) -> Result<Vec<RemovedWorker>, MigrateError> {
    let mut removed = Vec::new();
    loop {
        let delete = diesel::delete(workers::table.filter(sql::<Bool>(ANY_THOUSAND)));
        let rows: Vec<WorkerRow> = delete.returning(WorkerRow::as_returning()).load(connection)?;
        if rows.is_empty() {
            return Ok(removed);
        }
        removed.extend(rows.into_iter().map(WorkerRow::into_removed));
    }
}
