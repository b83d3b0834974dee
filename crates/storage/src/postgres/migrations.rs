//! The schema: created, migrated, emptied and checked.

use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use workers_domain::ports::{ExistingWorkers, RemovedWorker, RepositoryError, SetupOutcome};

use super::connection::UnnamedPgConnection;
use super::error::repository_error;
use super::pool::PgPool;
use super::session::{PgSession, map_error};
use crate::error::unavailable;
use crate::migration::{Applied, MigrateError, apply_pending, check_applied, log_applied};
use crate::queries::ANY_THOUSAND;
use crate::schema::workers;
use crate::worker_row::WorkerRow;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Keeps other processes out until the transaction ends. Both settings end with the transaction, so a pooler does not
/// have to support them. The number is specific to us: "workersm" in ASCII. After one minute we give up waiting for a
/// lock: its owner probably hangs, and our waiting blocks all others from the table.
const LOCK: &str = "SET LOCAL lock_timeout = '1min'; SELECT pg_advisory_xact_lock(8606223218517373805)";

const CHECK: &str = "check of the database";

/// How long a check may take: less than readiness probes wait.
const CHECK_TIMEOUT: Duration = Duration::from_millis(1500);

/// Reads what this session is allowed to do.
const SESSION: &str = "\
    SELECT current_setting('transaction_read_only') = 'on' AS is_read_only, \
        has_table_privilege('workers', 'INSERT') AND has_table_privilege('workers', 'UPDATE') \
        AND has_table_privilege('workers', 'DELETE') AS may_write";

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Bool)]
    is_read_only: bool,
    #[diesel(sql_type = Bool)]
    may_write: bool,
}

/// A blocking connection, which Diesel's migrations require.
type BlockingConnection = AsyncConnectionWrapper<UnnamedPgConnection>;

/// Applies pending migrations.
pub(super) async fn apply(pool: &PgPool) -> Result<Vec<String>, RepositoryError> {
    let apply =
        |connection: &mut BlockingConnection| apply_pending(connection, &MIGRATIONS).map(|applied| applied.names);
    in_transaction(pool, apply).await.inspect(|names| log_applied(names))
}

/// Applies pending migrations, and deletes all workers if requested.
pub(super) async fn set_up(pool: &PgPool, existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError> {
    in_transaction(pool, move |connection| {
        let Applied { had_schema, .. } = apply_pending(connection, &MIGRATIONS)?;
        if !had_schema {
            return Ok(SetupOutcome::Created);
        }
        if existing == ExistingWorkers::Keep {
            let count: i64 = diesel::RunQueryDsl::get_result(workers::table.count(), connection)?;
            return Ok(SetupOutcome::Kept(count.unsigned_abs()));
        }
        remove_all(connection).map(SetupOutcome::Emptied)
    })
    .await
}

/// Checks that the schema exists and matches this binary, and that this user can read and write its table.
pub(super) async fn check(pool: &PgPool) -> Result<(), RepositoryError> {
    // Read before the check, so that the sessions that it uses are the ones to renew.
    let generation = pool.generation();
    let check = async {
        match check_session(pool).await {
            // New sessions may be writable.
            Err(RepositoryError::ReadOnly { .. }) if pool.renew(generation) => check_session(pool).await,
            checked => checked,
        }
    };
    let Ok(checked) = tokio::time::timeout(CHECK_TIMEOUT, check).await else {
        return Err(unavailable(format!(
            "no answer within {CHECK_TIMEOUT:?}: the server does not answer, all connections are taken, or the table is locked"
        )));
    };
    checked
}

async fn check_session(pool: &PgPool) -> Result<(), RepositoryError> {
    use crate::migration::__diesel_schema_migrations::dsl::{__diesel_schema_migrations as migrations, version};
    let session = &mut PgSession::new(pool);
    let applied = map_error(CHECK, migrations.select(version).load(session).await)?;
    check_applied::<Pg>(&MIGRATIONS, applied)?;
    let look = workers::table.order((workers::created_at.desc(), workers::id.desc())).limit(1);
    // Names every column. The source may be long, so only its existence is read.
    let look = look.select((WorkerRow::as_select(), workers::source_code.is_null()));
    let look = map_error(CHECK, look.execute(session).await);
    look.map_err(|error| match error {
        RepositoryError::SchemaMissing => RepositoryError::SchemaIncomplete(
            "the table `workers`, or a column of it, is not there under its name, although the migrations were applied"
                .into(),
        ),
        other => other,
    })?;
    // Replicas, and users who may only read, pass the query above, so the right to write is checked by itself.
    let found: Session = map_error(CHECK, diesel::sql_query(SESSION).get_result(session).await)?;
    if found.is_read_only {
        let source = "the server is a replica, or transactions are read-only by default".into();
        return Err(RepositoryError::ReadOnly { operation: CHECK, source });
    }
    if !found.may_write {
        let source = "the user lacks INSERT, UPDATE or DELETE on the table `workers`".into();
        return Err(RepositoryError::Denied { operation: CHECK, source });
    }
    Ok(())
}

/// Runs `task` in a transaction under the lock. It runs to its end even if the caller has gone, so no connection
/// returns to the pool in the middle of a transaction.
async fn in_transaction<R: Send + 'static>(
    pool: &PgPool,
    task: impl FnOnce(&mut BlockingConnection) -> Result<R, MigrateError> + Send + 'static,
) -> Result<R, RepositoryError> {
    let connection = pool.acquire().await?.detach().ok_or_else(|| unavailable("there is no connection"))?;
    let span = tracing::Span::current();
    let work = tokio::task::spawn_blocking(move || {
        let _entered = span.entered();
        BlockingConnection::from(UnnamedPgConnection::new(connection)).transaction(|connection| {
            connection.batch_execute(LOCK)?;
            task(connection)
        })
    });
    match work.await {
        Ok(result) => result.map_err(|error| error.into_repository_error(repository_error)),
        Err(panic) => Err(unavailable(panic)),
    }
}

/// Deletes all workers in batches, because all of them at once may not fit into memory.
fn remove_all(connection: &mut BlockingConnection) -> Result<Vec<RemovedWorker>, MigrateError> {
    let mut removed = Vec::new();
    loop {
        let delete = diesel::delete(workers::table.filter(sql::<Bool>(ANY_THOUSAND)));
        let rows: Vec<WorkerRow> = diesel::RunQueryDsl::load(delete.returning(WorkerRow::as_returning()), connection)?;
        if rows.is_empty() {
            return Ok(removed);
        }
        removed.extend(rows.into_iter().map(WorkerRow::into_removed));
    }
}
