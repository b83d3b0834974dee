//! The schema: made, brought up to date, emptied, checked.

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::pooled_connection::deadpool::Object;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use tracing::warn;
use workers_domain::Worker;
use workers_domain::ports::{RepositoryError, SetupOutcome};

use super::connection::UnnamedPgConnection;
use super::error::repository_error;
use super::pool::bounded;
use super::rows::WorkerRow;
use super::schema::workers;
use crate::error::unavailable;
use crate::migration::{Applied, MigrateError, apply_pending, check_applied};

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Keeps a second process out until the transaction ends; both settings end with it too, so a pooler need not know of them. The
/// number is ours alone: "workersm" in ASCII. Whoever waits for a lock longer than a minute waits for something that hangs, and
/// keeps all others from the table meanwhile.
const LOCK: &str = "SET LOCAL lock_timeout = '1min'; SELECT pg_advisory_xact_lock(8606223218517373805)";

/// A connection on a thread that may block, as Diesel's migrations want one.
type BlockingConnection = AsyncConnectionWrapper<UnnamedPgConnection>;

/// Applies the migrations that have not been applied.
pub(super) async fn apply(connection: Object<UnnamedPgConnection>) -> Result<Vec<String>, RepositoryError> {
    in_transaction(connection, |connection| apply_pending(connection, &MIGRATIONS).map(|applied| applied.names)).await
}

/// Brings the schema up to date and removes all workers.
pub(super) async fn set_up(connection: Object<UnnamedPgConnection>) -> Result<SetupOutcome, RepositoryError> {
    in_transaction(connection, |connection| {
        let Applied { had_schema, .. } = apply_pending(connection, &MIGRATIONS)?;
        if !had_schema {
            return Ok(SetupOutcome::Created);
        }
        let delete = diesel::delete(workers::table).returning(WorkerRow::as_returning());
        let removed: Vec<WorkerRow> = diesel::RunQueryDsl::load(delete, connection)?;
        Ok(SetupOutcome::Emptied(removed.into_iter().filter_map(sound_worker).collect()))
    })
    .await
}

/// Answers if the schema is there and this binary's.
pub(super) async fn check(connection: &mut UnnamedPgConnection) -> Result<(), RepositoryError> {
    use crate::migration::__diesel_schema_migrations::dsl::{__diesel_schema_migrations as migrations, version};
    let applied = bounded("check of the schema", migrations.select(version).load(connection)).await?;
    check_applied::<Pg>(&MIGRATIONS, applied)
}

/// Runs `task` in a transaction under the lock. It runs to its end even if nobody waits for it any more, so no connection comes
/// back to the pool in the middle of a transaction.
async fn in_transaction<R: Send + 'static>(
    connection: Object<UnnamedPgConnection>,
    task: impl FnOnce(&mut BlockingConnection) -> Result<R, MigrateError> + Send + 'static,
) -> Result<R, RepositoryError> {
    let connection = Object::take(connection);
    let work = tokio::task::spawn_blocking(move || {
        BlockingConnection::from(connection).transaction(|connection| {
            connection.batch_execute(LOCK)?;
            task(connection)
        })
    });
    match work.await {
        Ok(result) => result.map_err(|error| error.into_repository_error(repository_error)),
        Err(panic) => Err(unavailable(panic)),
    }
}

/// The worker in a row that is being removed. One that makes no sense is removed all the same.
fn sound_worker(row: WorkerRow) -> Option<Worker> {
    Worker::try_from(row).inspect_err(|error| warn!(%error, "removed a worker that made no sense")).ok()
}
