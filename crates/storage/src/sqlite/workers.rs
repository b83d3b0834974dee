//! The repository of workers on SQLite. Each method is one transaction or a part of one, and so atomic.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool};
use tracing::instrument;
use workers_domain::access::TenantScope;
use workers_domain::ports::{LastInvocation, Page, PageCursor, PageRequest, RepositoryError, Update, WorkerRepository};
use workers_domain::{SnapshotId, TenantId, Worker, WorkerId};

use super::cursor::{ListedRow, SortKey};
use super::session::{SqliteSession, together};
use crate::pages::Pages;
use crate::queries::{
    Scope, all_in_scope, by_id, due_to_expire, id_texts, in_revision, in_scope, not_invoked_since, snapshots_in_use,
    stuck_in_creating, without,
};
use crate::schema::workers;
use crate::sql_types::IdValue;
use crate::stored_id::{StoredId, may_be_substitute};
use crate::worker_row::{INSERT, NewWorkerRow, StateChange, WorkerRow, column_time};

/// The repository of workers in a session.
pub(super) struct SqliteWorkers {
    session: SqliteSession,
}

impl SqliteWorkers {
    pub(super) fn new(session: SqliteSession) -> Self {
        Self { session }
    }
}

#[async_trait]
impl WorkerRepository for SqliteWorkers {
    #[instrument(name = "storage.worker.insert", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError> {
        let row = NewWorkerRow::new(worker, source)?;
        let insert = move |connection: &mut SqliteConnection| {
            diesel::insert_into(workers::table).values(row).execute(connection)
        };
        self.session.write(INSERT, insert).await.map(drop)
    }

    #[instrument(name = "storage.worker.find", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_by_id(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let scope = Scope::from(scope);
        let query = in_scope(id.into(), scope).select(WorkerRow::as_select());
        let find = move |connection: &mut SqliteConnection| match query.first(connection).optional()? {
            // `odd_row` reads all ids. No worker gets such an id, so an ordinary unknown id never leads there.
            None if may_be_substitute(id) => odd_row(connection, scope, id)?
                .map(|rowid| {
                    workers::table
                        .filter(sql::<Bool>("rowid = ").bind::<BigInt, _>(rowid))
                        .select(WorkerRow::as_select())
                        .first(connection)
                })
                .transpose(),
            row => Ok(row),
        };
        let row: Option<WorkerRow> = self.session.read("search for a worker", find).await?;
        row.map(WorkerRow::into_worker).transpose()
    }

    #[instrument(name = "storage.worker.find_source", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_source(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<String>, RepositoryError> {
        let query = in_scope(id.into(), scope.into()).select(workers::source_code);
        self.session.read("search for a source", move |connection| query.first(connection).optional()).await
    }

    #[instrument(name = "storage.worker.list", level = "debug", skip_all)]
    async fn list_page(&self, scope: &TenantScope, request: &PageRequest) -> Result<Page<Worker>, RepositoryError> {
        let after = request.after.as_ref().map(SortKey::read).transpose()?;
        let (tenant, length) = (scope.tenant(), request.length());
        let read = move |connection: &mut SqliteConnection| {
            let (rows, next) = read_page(connection, tenant, after.as_ref(), length)?;
            Ok(Page { items: rows.into_iter().map(|row| row.worker.into_listed()).collect(), next })
        };
        self.session.read_list("list of workers", read).await
    }

    #[instrument(name = "storage.worker.update_state", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn update_state(&self, worker: &mut Worker) -> Result<Update, RepositoryError> {
        let row = by_id(worker.id.into());
        let expected = in_revision(worker.id.into(), worker.revision.number());
        let update = diesel::update(expected).set(StateChange::of(worker));
        let change = move |connection: &mut SqliteConnection| {
            together(connection, |connection| {
                if update.execute(connection)? > 0 {
                    return Ok(Update::Updated);
                }
                let is_there = diesel::select(diesel::dsl::exists(row)).get_result(connection)?;
                Ok(if is_there { Update::Conflict } else { Update::Gone })
            })
        };
        let done = self.session.write("change of a worker", change).await?;
        if done == Update::Updated {
            worker.revision = worker.revision.next();
        }
        Ok(done)
    }

    #[instrument(name = "storage.worker.find_unused_snapshots", level = "debug", skip_all)]
    async fn find_unused_snapshots(&self, among: &[SnapshotId]) -> Result<Vec<SnapshotId>, RepositoryError> {
        let query = snapshots_in_use(id_texts(among));
        let find = move |connection: &mut SqliteConnection| query.load(connection);
        Ok(without(among, self.session.read("search for unused snapshots", find).await?))
    }

    #[instrument(name = "storage.worker.record_invocations", level = "debug", skip_all, fields(invocations = invocations.len()))]
    async fn record_invocations(&self, invocations: &[LastInvocation]) -> Result<(), RepositoryError> {
        if invocations.is_empty() {
            return Ok(());
        }
        let invocations = invocations.to_vec();
        let record = move |connection: &mut SqliteConnection| {
            together(connection, |connection| {
                // All of them are one transaction, because with `synchronous = FULL` each one waits for the disk.
                for invocation in invocations {
                    let at = column_time(invocation.at);
                    diesel::update(not_invoked_since(invocation.worker_id.into(), at))
                        .set(workers::last_invoked_at.eq(at))
                        .execute(connection)?;
                }
                Ok(())
            })
        };
        self.session.write("record of invocations", record).await
    }

    #[instrument(name = "storage.worker.list_due_to_expire", level = "debug", skip_all)]
    async fn list_due_to_expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let query = due_to_expire(column_time(now)).select(WorkerRow::as_select());
        let collect = move |connection: &mut SqliteConnection| {
            Pages::collect(limit, |count, after| query.limit(count).offset(after).load(connection))
        };
        self.session.read("search for expired workers", collect).await
    }

    #[instrument(name = "storage.worker.list_stuck_in_creating", level = "debug", skip_all)]
    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let query = stuck_in_creating(column_time(before)).select(WorkerRow::as_select());
        let collect = move |connection: &mut SqliteConnection| {
            Pages::collect(limit, |count, after| query.limit(count).offset(after).load(connection))
        };
        self.session.read("search for stuck workers", collect).await
    }

    #[instrument(name = "storage.worker.delete", level = "debug", skip_all, fields(worker.id = %id))]
    async fn delete(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let scope = Scope::from(scope);
        let delete = move |connection: &mut SqliteConnection| {
            together(connection, |connection| {
                let delete = diesel::delete(in_scope(id.into(), scope));
                let removed: Vec<WorkerRow> = delete.returning(WorkerRow::as_returning()).load(connection)?;
                match removed.into_iter().next() {
                    None if may_be_substitute(id) => odd_row(connection, scope, id)?
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
        let removed: Option<WorkerRow> = self.session.write_to_make_room("removal of a worker", delete).await?;
        Ok(removed.map(WorkerRow::into_listed))
    }
}

/// Reads the rows of a page, and the cursor after them if there are more. If the page cannot end at its last row, it
/// ends at the next row where it can.
fn read_page(
    connection: &mut SqliteConnection,
    tenant: Option<TenantId>,
    after: Option<&SortKey>,
    limit: usize,
) -> QueryResult<(Vec<ListedRow>, Option<PageCursor>)> {
    // Read one row more than the page has, to find out whether there is another page.
    let mut count = limit.saturating_add(1);
    loop {
        let mut query = workers::table
            .order((workers::created_at.desc(), workers::id.desc()))
            .limit(i64::try_from(count).unwrap_or(i64::MAX))
            .select(ListedRow::as_select())
            .into_boxed();
        if let Some(tenant) = tenant {
            query = query.filter(workers::tenant_id.eq(IdValue::from(tenant)));
        }
        if let Some(SortKey { created_at, id }) = after {
            let [(before_time, behind_time), (before_id, behind_id)] = [created_at.around(), id.around()];
            // Compare as a pair, so that the index over both columns finds the first row.
            let is_behind = sql::<Bool>(&format!("(created_at, id) < ({before_time}"))
                .bind::<Binary, _>(created_at.bytes())
                .sql(&format!("{behind_time}, {before_id}"))
                .bind::<Binary, _>(id.bytes())
                .sql(&format!("{behind_id})"));
            query = query.filter(is_behind);
        }
        let mut rows: Vec<ListedRow> = query.load(connection)?;
        let ends = limit..rows.len();
        if let Some((length, cursor)) = ends.into_iter().find_map(|length| Some((length, rows[length - 1].cursor()?))) {
            rows.truncate(length);
            return Ok((rows, Some(cursor)));
        }
        if rows.len() < count {
            return Ok((rows, None));
        }
        // Doubled, so that few queries pass a long run of rows that no page can end with.
        count = count.saturating_mul(2);
    }
}

/// Finds the row that is listed under this substitute id. Reads all ids, because there is no index over substitutes.
fn odd_row(connection: &mut SqliteConnection, scope: Scope, id: WorkerId) -> QueryResult<Option<i64>> {
    let query = all_in_scope(scope).select((sql::<BigInt>("rowid"), workers::id));
    let rows: Vec<(i64, StoredId)> = query.load(connection)?;
    let is_wanted = |(_, stored): &(i64, StoredId)| stored.problem.is_some() && stored.id == id.as_uuid();
    Ok(rows.into_iter().find(is_wanted).map(|(rowid, _)| rowid))
}
