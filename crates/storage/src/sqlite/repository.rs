//! The port, on SQLite. Each method is one transaction, and so atomic by itself.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool};
use tracing::instrument;
use workers_domain::ports::{
    ExistingWorkers, InvocationMark, ListPlace, RepositoryError, SetupOutcome, Update, WorkerPage, WorkerRepository,
};
use workers_domain::{SnapshotId, Worker, WorkerId, WorkerStatus};

use super::backup::back_up;
use super::file::Access;
use super::migrations;
use super::place::{Key, ListedRow};
use super::pool::SqlitePool;
use super::rows::{NewWorkerRow, StateChange, StoredId, TextUuid, WorkerRow, may_stand_in};
use super::schema::workers;
use super::verify::verify;
use crate::database::StorageOptions;
use crate::error::{BackupError, ConnectError};
use crate::record::{Pages, WorkerRecord, check_source, column_time, without};

/// Workers on SQLite.
pub(crate) struct SqliteWorkerRepository {
    pool: SqlitePool,
}

impl SqliteWorkerRepository {
    pub(crate) fn open(path: &Path, access: Access, options: &StorageOptions) -> Result<Self, ConnectError> {
        Ok(Self { pool: SqlitePool::new(path, access, options)? })
    }

    /// Sees that the file is sound, and waits for that no longer than `limit`.
    #[instrument(name = "storage.verify", level = "debug", skip_all)]
    pub(crate) async fn verify(&self, limit: Duration) -> Result<(), RepositoryError> {
        verify(self.pool.file(), limit).await
    }

    /// Whether there is a file.
    pub(crate) fn is_there(&self) -> Result<bool, ConnectError> {
        self.pool.file().is_there()
    }

    /// Makes the file where there is none.
    pub(crate) fn create_if_none(&self) -> Result<(), ConnectError> {
        self.pool.file().create_if_none()
    }

    /// Writes a copy of the database to a path where there is nothing yet.
    #[instrument(name = "storage.back_up", level = "debug", skip_all)]
    pub(crate) async fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        let to = to.to_owned();
        // Not with a connection that may only read: the copy is written.
        self.pool.read_at_length("backup", move |connection, file| Ok(back_up(connection, file, &to))).await?
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
        let find = move |connection: &mut SqliteConnection| match query.first(connection).optional()? {
            None if may_stand_in(id) => odd_row(connection, id)?
                .map(|rowid| {
                    workers::table
                        .filter(sql::<Bool>("rowid = ").bind::<BigInt, _>(rowid))
                        .select(WorkerRow::as_select())
                        .first(connection)
                })
                .transpose(),
            row => Ok(row),
        };
        let row: Option<WorkerRow> = self.pool.read("search for a worker", find).await?;
        row.map(|row| WorkerRecord::from(row).into_worker()).transpose()
    }

    #[instrument(name = "storage.worker.find_source", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_source(&self, id: WorkerId) -> Result<Option<String>, RepositoryError> {
        let query = workers::table.find(TextUuid::from(id)).select(workers::source_code);
        self.pool.read("search for a source", move |connection| query.first(connection).optional()).await
    }

    #[instrument(name = "storage.worker.list", level = "debug", skip_all)]
    async fn list_page(&self, after: Option<&ListPlace>, limit: NonZeroU32) -> Result<WorkerPage, RepositoryError> {
        let after = after.map(Key::read).transpose()?;
        let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let read = move |connection: &mut SqliteConnection| {
            let (rows, next) = read_page(connection, after.as_ref(), limit)?;
            let workers = rows.into_iter().map(|row| WorkerRecord::from(row.worker).into_listed()).collect();
            Ok(WorkerPage { workers, next })
        };
        self.pool.read_list("list of workers", read).await
    }

    #[instrument(name = "storage.worker.update_state", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn update_state(&self, worker: &mut Worker) -> Result<Update, RepositoryError> {
        let row = workers::table.find(TextUuid::from(worker.id));
        let expected = row.filter(workers::revision.eq(worker.revision.number()));
        let update = diesel::update(expected).set(StateChange::of(worker));
        let change = move |connection: &mut SqliteConnection| {
            connection.immediate_transaction(|connection| {
                if update.execute(connection)? > 0 {
                    return Ok(Update::Updated);
                }
                let is_there = diesel::select(diesel::dsl::exists(row)).get_result(connection)?;
                Ok(if is_there { Update::Conflict } else { Update::Gone })
            })
        };
        let done = self.pool.write("change of a worker", change).await?;
        if done == Update::Updated {
            worker.revision = worker.revision.next();
        }
        Ok(done)
    }

    #[instrument(name = "storage.worker.find_unused_snapshots", level = "debug", skip_all)]
    async fn find_unused_snapshots(&self, among: &[SnapshotId]) -> Result<Vec<SnapshotId>, RepositoryError> {
        let ids: Vec<_> = among.iter().map(|id| id.as_str().to_owned()).collect();
        let query = workers::table
            .filter(workers::snapshot_id.eq_any(ids))
            .filter(workers::status.ne(WorkerStatus::Expired.as_str()))
            .select(workers::snapshot_id);
        let find = move |connection: &mut SqliteConnection| query.load(connection);
        Ok(without(among, self.pool.read("search for unused snapshots", find).await?))
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
            .select(WorkerRow::as_select());
        let collect = move |connection: &mut SqliteConnection| {
            Pages::collect(limit, |count, after| query.limit(count).offset(after).load::<WorkerRow>(connection))
        };
        self.pool.read("search for expired workers", collect).await
    }

    #[instrument(name = "storage.worker.list_stuck_in_creating", level = "debug", skip_all)]
    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let query = workers::table
            .filter(workers::status.eq(WorkerStatus::Creating.as_str()))
            .filter(workers::created_at.le(column_time(before)))
            .order((workers::created_at, workers::id))
            .select(WorkerRow::as_select());
        let collect = move |connection: &mut SqliteConnection| {
            Pages::collect(limit, |count, after| query.limit(count).offset(after).load::<WorkerRow>(connection))
        };
        self.pool.read("search for stuck workers", collect).await
    }

    #[instrument(name = "storage.worker.delete", level = "debug", skip_all, fields(worker.id = %id))]
    async fn delete(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let delete = move |connection: &mut SqliteConnection| {
            connection.immediate_transaction(|connection| {
                let delete = diesel::delete(workers::table.find(TextUuid::from(id)));
                let removed: Vec<WorkerRow> = delete.returning(WorkerRow::as_returning()).load(connection)?;
                match removed.into_iter().next() {
                    None if may_stand_in(id) => odd_row(connection, id)?
                        .map(|rowid| {
                            let delete =
                                diesel::delete(workers::table.filter(sql::<Bool>("rowid = ").bind::<BigInt, _>(rowid)));
                            delete.returning(WorkerRow::as_returning()).get_result(connection)
                        })
                        .transpose(),
                    row => Ok(row),
                }
            })
        };
        let removed: Option<WorkerRow> = self.pool.write_to_make_room("removal of a worker", delete).await?;
        Ok(removed.map(|row| WorkerRecord::from(row).into_listed()))
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

/// The rows of a page, and the place behind them if there are more. A page that cannot end behind its last row ends
/// behind the next one that it can.
fn read_page(
    connection: &mut SqliteConnection,
    after: Option<&Key>,
    limit: usize,
) -> QueryResult<(Vec<ListedRow>, Option<ListPlace>)> {
    // One more says whether there is more.
    let mut count = limit.saturating_add(1);
    loop {
        let mut query = workers::table
            .order((workers::created_at.desc(), workers::id.desc()))
            .limit(i64::try_from(count).unwrap_or(i64::MAX))
            .select(ListedRow::as_select())
            .into_boxed();
        if let Some(Key { created_at, id }) = after {
            let [(before_time, behind_time), (before_id, behind_id)] = [created_at.around(), id.around()];
            // As a pair, so that the index over both columns finds the first row.
            let is_behind = sql::<Bool>(&format!("(created_at, id) < ({before_time}"))
                .bind::<Binary, _>(created_at.bytes())
                .sql(&format!("{behind_time}, {before_id}"))
                .bind::<Binary, _>(id.bytes())
                .sql(&format!("{behind_id})"));
            query = query.filter(is_behind);
        }
        let mut rows: Vec<ListedRow> = query.load(connection)?;
        let ends = limit..rows.len();
        if let Some((length, place)) = ends.into_iter().find_map(|length| Some((length, rows[length - 1].place()?))) {
            rows.truncate(length);
            return Ok((rows, Some(place)));
        }
        if rows.len() < count {
            return Ok((rows, None));
        }
        count = count.saturating_mul(2);
    }
}

/// Where the row is that is listed under this stand-in. Reads all ids: there is no index over what is no id.
fn odd_row(connection: &mut SqliteConnection, id: WorkerId) -> QueryResult<Option<i64>> {
    let rows: Vec<(i64, StoredId)> = workers::table.select((sql::<BigInt>("rowid"), workers::id)).load(connection)?;
    let is_wanted = |(_, stored): &(i64, StoredId)| stored.problem.is_some() && stored.id == id.as_uuid();
    Ok(rows.into_iter().find(is_wanted).map(|(rowid, _)| rowid))
}
