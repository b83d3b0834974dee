//! The port, on Postgres. Each method is one statement, and so atomic by itself.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Timestamp, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use tracing::instrument;
use workers_domain::ports::{
    ExistingWorkers, InvocationMark, ListPlace, RepositoryError, SetupOutcome, StoredChanges, Update, WorkerPage,
    WorkerRepository,
};
use workers_domain::{SnapshotId, Worker, WorkerId, WorkerStatus};

use super::migrations;
use super::place::{Key, ListedRow};
use super::pool::PgPool;
use super::rows::{NewWorkerRow, StateChange, WorkerRow};
use super::schema::workers;
use super::session::{PgSession, sorted};
use super::url::PostgresUrl;
use crate::database::{ConnectionLimits, StorageOptions};
use crate::error::ConnectError;
use crate::record::{Pages, WorkerRecord, check_source, column_time, without};

/// Rows are locked in the order of their ids, so that two processes cannot wait for each other. A notification holds
/// 8,000 bytes: a hundred marks.
const RECORD_INVOCATIONS: &str = "\
    WITH newer AS ( \
        SELECT worker.id, mark.at \
        FROM workers AS worker JOIN unnest($1, $2) AS mark (id, at) ON mark.id = worker.id \
        WHERE worker.last_invoked_at IS NULL OR worker.last_invoked_at < mark.at \
        ORDER BY worker.id FOR UPDATE OF worker \
    ), stored AS ( \
        UPDATE workers SET last_invoked_at = newer.at FROM newer WHERE workers.id = newer.id \
        RETURNING workers.id, (extract(epoch FROM newer.at) * 1000000)::bigint || '@' || workers.id || ',' AS mark \
    ), told AS ( \
        SELECT string_agg(mark, '') AS marks \
        FROM (SELECT mark, (row_number() OVER () - 1) / 100 AS part FROM stored) AS parts GROUP BY part \
    ) SELECT pg_notify('workers_changes', 'i' || marks) FROM told";

/// The least of what the server, the database and the user allow; a limit below 0 is none. `reserved_connections` came
/// with version 16.
const ALLOWED: &str = "\
    SELECT LEAST( \
        CASE WHEN role.rolsuper THEN server.connections ELSE server.connections \
            - current_setting('superuser_reserved_connections')::int4 \
            - COALESCE(current_setting('reserved_connections', true), '0')::int4 END, \
        NULLIF(GREATEST(role.rolconnlimit, -1), -1), NULLIF(GREATEST(db.datconnlimit, -1), -1) \
    ) AS connections \
    FROM (SELECT current_setting('max_connections')::int4 AS connections) AS server, pg_roles AS role, pg_database AS db \
    WHERE role.rolname = current_user AND db.datname = current_database()";

#[derive(QueryableByName)]
struct Allowed {
    #[diesel(sql_type = Integer)]
    connections: i32,
}

/// Workers on Postgres.
pub(crate) struct PgWorkerRepository {
    pool: PgPool,
}

impl PgWorkerRepository {
    pub(crate) fn connect(url: &PostgresUrl, options: &StorageOptions) -> Result<Self, ConnectError> {
        Ok(Self { pool: PgPool::new(url, options)? })
    }

    /// How many connections this pool may have, and how many the server allows its user.
    pub(crate) async fn connection_limits(&self) -> Result<ConnectionLimits, RepositoryError> {
        let session = &mut PgSession::new(&self.pool);
        let operation = "question for the number of connections";
        let allowed: Allowed = sorted(operation, diesel::sql_query(ALLOWED).get_result(session).await)?;
        let allowed = usize::try_from(allowed.connections).unwrap_or(0);
        Ok(ConnectionLimits { pool: self.pool.max_connections(), allowed })
    }

    #[instrument(name = "storage.schema.migrate", level = "debug", skip_all)]
    pub(crate) async fn apply_migrations(&self) -> Result<Vec<String>, RepositoryError> {
        migrations::apply(&self.pool).await
    }
}

#[async_trait]
impl WorkerRepository for PgWorkerRepository {
    #[instrument(name = "storage.worker.insert", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError> {
        check_source(source)?;
        let mut session = PgSession::new(&self.pool);
        let insert = diesel::insert_into(workers::table).values(NewWorkerRow::new(worker, source));
        sorted("insert of a worker", insert.execute(&mut session).await).map(drop)
    }

    #[instrument(name = "storage.worker.find", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_by_id(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let mut session = PgSession::new(&self.pool);
        let query = workers::table.find(id.as_uuid()).select(WorkerRow::as_select());
        let row = sorted("search for a worker", query.first(&mut session).map(QueryResult::optional).await)?;
        row.map(|row: WorkerRow| WorkerRecord::from(row).into_worker()).transpose()
    }

    #[instrument(name = "storage.worker.find_source", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_source(&self, id: WorkerId) -> Result<Option<String>, RepositoryError> {
        let mut session = PgSession::new(&self.pool);
        let query = workers::table.find(id.as_uuid()).select(workers::source_code);
        sorted("search for a source", query.first(&mut session).map(QueryResult::optional).await)
    }

    #[instrument(name = "storage.worker.list", level = "debug", skip_all)]
    async fn list_page(&self, after: Option<&ListPlace>, limit: NonZeroU32) -> Result<WorkerPage, RepositoryError> {
        let mut session = PgSession::new(&self.pool);
        let mut query = workers::table
            .order((workers::created_at.desc(), workers::id.desc()))
            // One more says whether there is more.
            .limit(i64::from(limit.get()) + 1)
            .select(ListedRow::as_select())
            .into_boxed();
        if let Some(Key { created_at, id }) = after.map(Key::read).transpose()? {
            // As a pair, so that the index over both columns finds the first row.
            let is_behind = sql::<Bool>("(created_at, id) < (").bind::<Timestamp, _>(created_at);
            query = query.filter(is_behind.sql(", ").bind::<SqlUuid, _>(id).sql(")"));
        }
        let _place = self.pool.list_place().await?;
        let mut rows: Vec<ListedRow> = sorted("list of workers", query.load(&mut session).await)?;
        let length = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let next = (rows.len() > length).then(|| rows[length - 1].place());
        rows.truncate(length);
        let workers = rows.into_iter().map(|row| WorkerRecord::from(row.worker).into_listed()).collect();
        Ok(WorkerPage { workers, next })
    }

    #[instrument(name = "storage.worker.update_state", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn update_state(&self, worker: &mut Worker) -> Result<Update, RepositoryError> {
        let operation = "change of a worker";
        let mut session = PgSession::new(&self.pool);
        let row = workers::table.find(worker.id.as_uuid());
        let expected = row.filter(workers::revision.eq(worker.revision.number()));
        let update = diesel::update(expected).set(StateChange::of(worker));
        if sorted(operation, update.execute(&mut session).await)? > 0 {
            worker.revision = worker.revision.next();
            return Ok(Update::Updated);
        }
        let is_there = diesel::select(diesel::dsl::exists(row)).get_result(&mut session).await;
        Ok(if sorted(operation, is_there)? { Update::Conflict } else { Update::Gone })
    }

    #[instrument(name = "storage.worker.find_unused_snapshots", level = "debug", skip_all)]
    async fn find_unused_snapshots(&self, among: &[SnapshotId]) -> Result<Vec<SnapshotId>, RepositoryError> {
        let mut session = PgSession::new(&self.pool);
        let ids: Vec<_> = among.iter().map(SnapshotId::as_str).collect();
        let query = workers::table
            .filter(workers::snapshot_id.eq_any(ids))
            .filter(workers::status.ne(WorkerStatus::Expired.as_str()))
            .select(workers::snapshot_id);
        let used = sorted("search for unused snapshots", query.load(&mut session).await)?;
        Ok(without(among, used))
    }

    #[instrument(name = "storage.worker.record_invocations", level = "debug", skip_all, fields(marks = marks.len()))]
    async fn record_invocations(&self, marks: &[InvocationMark]) -> Result<(), RepositoryError> {
        // One mark a worker: the statement would take any of several.
        let mut latest = BTreeMap::new();
        for mark in marks {
            let at = column_time(mark.at);
            let known = latest.entry(mark.worker_id.as_uuid()).or_insert(at);
            *known = at.max(*known);
        }
        if latest.is_empty() {
            return Ok(());
        }
        let (ids, times): (Vec<_>, Vec<_>) = latest.into_iter().unzip();
        let mut session = PgSession::new(&self.pool);
        let update =
            diesel::sql_query(RECORD_INVOCATIONS).bind::<Array<SqlUuid>, _>(ids).bind::<Array<Timestamp>, _>(times);
        sorted("record of invocations", update.execute(&mut session).await).map(drop)
    }

    #[instrument(name = "storage.worker.list_due_to_expire", level = "debug", skip_all)]
    async fn list_due_to_expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let mut session = PgSession::new(&self.pool);
        let query = workers::table
            .filter(workers::status.eq(WorkerStatus::Ready.as_str()))
            .filter(workers::snapshot_expires_at.le(column_time(now)))
            .order((workers::snapshot_expires_at, workers::id))
            .select(WorkerRow::as_select());
        let mut pages = Pages::new(limit);
        while let Some((count, after)) = pages.next() {
            let page = query.limit(count).offset(after);
            let rows: Vec<WorkerRow> = sorted("search for expired workers", page.load(&mut session).await)?;
            if !pages.take(rows, count) {
                break;
            }
        }
        Ok(pages.into_found())
    }

    #[instrument(name = "storage.worker.list_stuck_in_creating", level = "debug", skip_all)]
    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let mut session = PgSession::new(&self.pool);
        let query = workers::table
            .filter(workers::status.eq(WorkerStatus::Creating.as_str()))
            .filter(workers::created_at.le(column_time(before)))
            .order((workers::created_at, workers::id))
            .select(WorkerRow::as_select());
        let mut pages = Pages::new(limit);
        while let Some((count, after)) = pages.next() {
            let page = query.limit(count).offset(after);
            let rows: Vec<WorkerRow> = sorted("search for stuck workers", page.load(&mut session).await)?;
            if !pages.take(rows, count) {
                break;
            }
        }
        Ok(pages.into_found())
    }

    #[instrument(name = "storage.worker.delete", level = "debug", skip_all, fields(worker.id = %id))]
    async fn delete(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let mut session = PgSession::new(&self.pool);
        let delete = diesel::delete(workers::table.find(id.as_uuid())).returning(WorkerRow::as_returning());
        let mut removed: Vec<WorkerRow> = sorted("removal of a worker", delete.load(&mut session).await)?;
        Ok(removed.pop().map(|row| WorkerRecord::from(row).into_listed()))
    }

    fn listen(&self) -> Option<Box<dyn StoredChanges>> {
        Some(Box::new(self.pool.listen()))
    }

    #[instrument(name = "storage.schema.set_up", level = "debug", skip_all)]
    async fn set_up(&self, existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError> {
        migrations::set_up(&self.pool, existing).await
    }

    #[instrument(name = "storage.schema.check", level = "debug", skip_all)]
    async fn check(&self) -> Result<(), RepositoryError> {
        migrations::check(&self.pool).await
    }
}
