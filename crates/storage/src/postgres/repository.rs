//! The port, on Postgres. Each method is one statement, and so atomic by itself.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Timestamp, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use tracing::instrument;
use workers_domain::ports::{InvocationMark, RepositoryError, SetupOutcome, WorkerRepository};
use workers_domain::{Worker, WorkerId, WorkerStatus};

use super::migrations;
use super::pool::{PgPool, bounded};
use super::rows::{NewWorkerRow, StateChange, WorkerRow};
use super::schema::workers;
use super::url::PostgresUrl;
use crate::database::StorageOptions;
use crate::error::ConnectError;
use crate::record::{check_source, column_time};

/// Rows are locked in the order of their ids, so that two processes cannot wait for each other.
const RECORD_INVOCATIONS: &str = "\
    UPDATE workers SET last_invoked_at = newer.at FROM ( \
        SELECT worker.id, mark.at \
        FROM workers AS worker JOIN unnest($1, $2) AS mark (id, at) ON mark.id = worker.id \
        WHERE worker.last_invoked_at IS NULL OR worker.last_invoked_at < mark.at \
        ORDER BY worker.id FOR UPDATE OF worker \
    ) AS newer WHERE workers.id = newer.id";

/// Workers on Postgres.
pub(crate) struct PgWorkerRepository {
    pool: PgPool,
}

impl PgWorkerRepository {
    pub(crate) fn connect(url: &PostgresUrl, options: &StorageOptions) -> Result<Self, ConnectError> {
        Ok(Self { pool: PgPool::new(url, options)? })
    }

    #[instrument(name = "storage.schema.migrate", level = "debug", skip_all)]
    pub(crate) async fn apply_migrations(&self) -> Result<Vec<String>, RepositoryError> {
        migrations::apply(self.pool.acquire().await?).await
    }
}

#[async_trait]
impl WorkerRepository for PgWorkerRepository {
    #[instrument(name = "storage.worker.insert", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError> {
        check_source(source)?;
        let mut connection = self.pool.acquire().await?;
        let insert = diesel::insert_into(workers::table).values(NewWorkerRow::new(worker, source));
        bounded("insert of a worker", insert.execute(&mut connection)).await.map(drop)
    }

    #[instrument(name = "storage.worker.find", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_by_id(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let mut connection = self.pool.acquire().await?;
        let query = workers::table.find(id.as_uuid()).select(WorkerRow::as_select());
        let row = bounded("search for a worker", query.first(&mut connection).map(QueryResult::optional)).await?;
        row.map(Worker::try_from).transpose()
    }

    #[instrument(name = "storage.worker.find_source", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_source(&self, id: WorkerId) -> Result<Option<String>, RepositoryError> {
        let mut connection = self.pool.acquire().await?;
        let query = workers::table.find(id.as_uuid()).select(workers::source_code);
        bounded("search for a source", query.first(&mut connection).map(QueryResult::optional)).await
    }

    #[instrument(name = "storage.worker.list", level = "debug", skip_all)]
    async fn list(&self) -> Result<Vec<Worker>, RepositoryError> {
        let mut connection = self.pool.acquire().await?;
        let query =
            workers::table.order((workers::created_at.desc(), workers::id.desc())).select(WorkerRow::as_select());
        into_workers(bounded("list of workers", query.load(&mut connection)).await?)
    }

    #[instrument(name = "storage.worker.update_state", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn update_state(&self, worker: &Worker) -> Result<bool, RepositoryError> {
        let mut connection = self.pool.acquire().await?;
        let update = diesel::update(workers::table.find(worker.id.as_uuid())).set(StateChange::of(worker));
        let changed = bounded("change of a worker", update.execute(&mut connection)).await?;
        Ok(changed > 0)
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
        let mut connection = self.pool.acquire().await?;
        let update =
            diesel::sql_query(RECORD_INVOCATIONS).bind::<Array<SqlUuid>, _>(ids).bind::<Array<Timestamp>, _>(times);
        bounded("record of invocations", update.execute(&mut connection)).await.map(drop)
    }

    #[instrument(name = "storage.worker.list_due_to_expire", level = "debug", skip_all)]
    async fn list_due_to_expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let mut connection = self.pool.acquire().await?;
        let query = workers::table
            .filter(workers::status.eq(WorkerStatus::Ready.as_str()))
            .filter(workers::snapshot_expires_at.le(column_time(now)))
            .order((workers::snapshot_expires_at, workers::id))
            .limit(limit.into())
            .select(WorkerRow::as_select());
        into_workers(bounded("search for expired workers", query.load(&mut connection)).await?)
    }

    #[instrument(name = "storage.worker.list_stuck_in_creating", level = "debug", skip_all)]
    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let mut connection = self.pool.acquire().await?;
        let query = workers::table
            .filter(workers::status.eq(WorkerStatus::Creating.as_str()))
            .filter(workers::created_at.le(column_time(before)))
            .order((workers::created_at, workers::id))
            .limit(limit.into())
            .select(WorkerRow::as_select());
        into_workers(bounded("search for stuck workers", query.load(&mut connection)).await?)
    }

    #[instrument(name = "storage.worker.delete", level = "debug", skip_all, fields(worker.id = %id))]
    async fn delete(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let mut connection = self.pool.acquire().await?;
        let delete = diesel::delete(workers::table.find(id.as_uuid())).returning(WorkerRow::as_returning());
        let mut removed: Vec<WorkerRow> = bounded("removal of a worker", delete.load(&mut connection)).await?;
        removed.pop().map(Worker::try_from).transpose()
    }

    #[instrument(name = "storage.schema.set_up", level = "debug", skip_all)]
    async fn set_up(&self) -> Result<SetupOutcome, RepositoryError> {
        migrations::set_up(self.pool.acquire().await?).await
    }

    #[instrument(name = "storage.schema.check", level = "debug", skip_all)]
    async fn check(&self) -> Result<(), RepositoryError> {
        let mut connection = self.pool.acquire().await?;
        migrations::check(&mut connection).await
    }
}

fn into_workers(rows: Vec<WorkerRow>) -> Result<Vec<Worker>, RepositoryError> {
    rows.into_iter().map(Worker::try_from).collect()
}
