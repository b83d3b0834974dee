//! The port, on SQLite. Each method is one transaction, and so atomic by itself.

use std::path::Path;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use tracing::instrument;
use workers_domain::ports::{InvocationMark, RepositoryError, SetupOutcome, WorkerRepository};
use workers_domain::{Worker, WorkerId, WorkerStatus};

use super::migrations;
use super::pool::SqlitePool;
use super::rows::{NewWorkerRow, StateChange, TextUuid, WorkerRow};
use super::schema::workers;
use crate::database::StorageOptions;
use crate::error::ConnectError;
use crate::record::{check_source, column_time};

/// Workers on SQLite.
pub(crate) struct SqliteWorkerRepository {
    pool: SqlitePool,
}

impl SqliteWorkerRepository {
    pub(crate) fn open(path: &Path, options: &StorageOptions) -> Result<Self, ConnectError> {
        Ok(Self { pool: SqlitePool::new(path, options)? })
    }

    /// Whether there is a file.
    pub(crate) fn is_there(&self) -> Result<bool, ConnectError> {
        self.pool.file().is_there()
    }

    /// Makes the file where there is none.
    pub(crate) fn create_if_none(&self) -> Result<(), ConnectError> {
        self.pool.file().create_if_none()
    }

    #[instrument(name = "storage.schema.migrate", level = "debug", skip_all)]
    pub(crate) async fn apply_migrations(&self) -> Result<Vec<String>, RepositoryError> {
        migrations::apply(&self.pool).await
    }
}

#[async_trait]
impl WorkerRepository for SqliteWorkerRepository {
    #[instrument(name = "storage.worker.insert", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError> {
        check_source(source)?;
        let row = NewWorkerRow::new(worker, source);
        let insert = move |connection: &mut SqliteConnection| {
            diesel::insert_into(workers::table).values(row).execute(connection)
        };
        self.pool.write("insert of a worker", insert).await.map(drop)
    }

    #[instrument(name = "storage.worker.find", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_by_id(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let query = workers::table.find(TextUuid::from(id)).select(WorkerRow::as_select());
        let row = self.pool.read("search for a worker", move |connection| query.first(connection).optional()).await?;
        row.map(Worker::try_from).transpose()
    }

    #[instrument(name = "storage.worker.find_source", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_source(&self, id: WorkerId) -> Result<Option<String>, RepositoryError> {
        let query = workers::table.find(TextUuid::from(id)).select(workers::source_code);
        self.pool.read("search for a source", move |connection| query.first(connection).optional()).await
    }

    #[instrument(name = "storage.worker.list", level = "debug", skip_all)]
    async fn list(&self) -> Result<Vec<Worker>, RepositoryError> {
        let query =
            workers::table.order((workers::created_at.desc(), workers::id.desc())).select(WorkerRow::as_select());
        into_workers(self.pool.read("list of workers", move |connection| query.load(connection)).await?)
    }

    #[instrument(name = "storage.worker.update_state", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn update_state(&self, worker: &Worker) -> Result<bool, RepositoryError> {
        let update = diesel::update(workers::table.find(TextUuid::from(worker.id))).set(StateChange::of(worker));
        let changed = self.pool.write("change of a worker", move |connection| update.execute(connection)).await?;
        Ok(changed > 0)
    }

    #[instrument(name = "storage.worker.record_invocations", level = "debug", skip_all, fields(marks = marks.len()))]
    async fn record_invocations(&self, marks: &[InvocationMark]) -> Result<(), RepositoryError> {
        if marks.is_empty() {
            return Ok(());
        }
        let marks = marks.to_vec();
        let record = move |connection: &mut SqliteConnection| {
            connection.immediate_transaction(|connection| {
                for mark in marks {
                    let at = column_time(mark.at);
                    let is_older =
                        workers::last_invoked_at.is_null().or(workers::last_invoked_at.lt(at).assume_not_null());
                    diesel::update(workers::table.find(TextUuid::from(mark.worker_id)).filter(is_older))
                        .set(workers::last_invoked_at.eq(at))
                        .execute(connection)?;
                }
                Ok(())
            })
        };
        self.pool.write("record of invocations", record).await
    }

    #[instrument(name = "storage.worker.list_due_to_expire", level = "debug", skip_all)]
    async fn list_due_to_expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let query = workers::table
            .filter(workers::status.eq(WorkerStatus::Ready.as_str()))
            .filter(workers::snapshot_expires_at.le(column_time(now)))
            .order((workers::snapshot_expires_at, workers::id))
            .limit(limit.into())
            .select(WorkerRow::as_select());
        into_workers(self.pool.read("search for expired workers", move |connection| query.load(connection)).await?)
    }

    #[instrument(name = "storage.worker.list_stuck_in_creating", level = "debug", skip_all)]
    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let query = workers::table
            .filter(workers::status.eq(WorkerStatus::Creating.as_str()))
            .filter(workers::created_at.le(column_time(before)))
            .order((workers::created_at, workers::id))
            .limit(limit.into())
            .select(WorkerRow::as_select());
        into_workers(self.pool.read("search for stuck workers", move |connection| query.load(connection)).await?)
    }

    #[instrument(name = "storage.worker.delete", level = "debug", skip_all, fields(worker.id = %id))]
    async fn delete(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let delete = diesel::delete(workers::table.find(TextUuid::from(id))).returning(WorkerRow::as_returning());
        let mut removed: Vec<WorkerRow> =
            self.pool.write("removal of a worker", move |connection| delete.load(connection)).await?;
        removed.pop().map(Worker::try_from).transpose()
    }

    #[instrument(name = "storage.schema.set_up", level = "debug", skip_all)]
    async fn set_up(&self) -> Result<SetupOutcome, RepositoryError> {
        migrations::set_up(&self.pool).await
    }

    #[instrument(name = "storage.schema.check", level = "debug", skip_all)]
    async fn check(&self) -> Result<(), RepositoryError> {
        migrations::check(&self.pool).await
    }
}

fn into_workers(rows: Vec<WorkerRow>) -> Result<Vec<Worker>, RepositoryError> {
    rows.into_iter().map(Worker::try_from).collect()
}
