//! The repository of workers on Postgres. Each method is one statement, and so atomic.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Timestamp, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use tracing::instrument;
use workers_domain::access::TenantScope;
use workers_domain::ports::{LastInvocation, Page, PageRequest, RepositoryError, Update, WorkerRepository};
use workers_domain::{SnapshotId, Worker, WorkerId};

use super::cursor::{ListedRow, SortKey};
use super::session::{PgSession, map_error};
use crate::pages::Pages;
use crate::queries::{
    by_id, due_to_expire, id_texts, in_revision, in_scope, snapshots_in_use, stuck_in_creating, without,
};
use crate::schema::workers;
use crate::sql_types::{Id, IdValue};
use crate::worker_row::{INSERT, NewWorkerRow, StateChange, WorkerRow, column_time};

/// Stores the times of invocations and sends notifications about them. Rows are locked in the order of their ids, so
/// that two processes cannot deadlock. A notification concerns one tenant, and holds 8,000 bytes: a hundred
/// invocations.
const RECORD_INVOCATIONS: &str = "\
    WITH newer AS ( \
        SELECT worker.id, invocation.at \
        FROM workers AS worker JOIN unnest($1, $2) AS invocation (id, at) ON invocation.id = worker.id \
        WHERE worker.last_invoked_at IS NULL OR worker.last_invoked_at < invocation.at \
        ORDER BY worker.id FOR UPDATE OF worker \
    ), stored AS ( \
        UPDATE workers SET last_invoked_at = newer.at FROM newer WHERE workers.id = newer.id \
        RETURNING workers.tenant_id, (extract(epoch FROM newer.at) * 1000000)::bigint || '@' || workers.id || ',' AS entry \
    ), tenants AS ( \
        SELECT tenant_id, string_agg(entry, '') AS entries \
        FROM (SELECT *, (row_number() OVER (PARTITION BY tenant_id) - 1) / 100 AS part FROM stored) AS parts \
        GROUP BY tenant_id, part \
    ) SELECT pg_notify('workers_changes', 'I' || tenant_id || entries) FROM tenants";

/// The repository of workers in a session.
pub(super) struct PgWorkers {
    session: PgSession,
}

impl PgWorkers {
    pub(super) fn new(session: PgSession) -> Self {
        Self { session }
    }
}

#[async_trait]
impl WorkerRepository for PgWorkers {
    #[instrument(name = "storage.worker.insert", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError> {
        let mut session = self.session.clone();
        let insert = diesel::insert_into(workers::table).values(NewWorkerRow::new(worker, source)?);
        map_error(INSERT, insert.execute(&mut session).await).map(drop)
    }

    #[instrument(name = "storage.worker.find", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_by_id(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let mut session = self.session.clone();
        let query = in_scope(id.into(), scope.into()).select(WorkerRow::as_select());
        let row: Option<WorkerRow> =
            map_error("search for a worker", query.first(&mut session).map(QueryResult::optional).await)?;
        row.map(WorkerRow::into_worker).transpose()
    }

    #[instrument(name = "storage.worker.find_source", level = "debug", skip_all, fields(worker.id = %id))]
    async fn find_source(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<String>, RepositoryError> {
        let mut session = self.session.clone();
        let query = in_scope(id.into(), scope.into()).select(workers::source_code);
        map_error("search for a source", query.first(&mut session).map(QueryResult::optional).await)
    }

    #[instrument(name = "storage.worker.list", level = "debug", skip_all)]
    async fn list_page(&self, scope: &TenantScope, request: &PageRequest) -> Result<Page<Worker>, RepositoryError> {
        let mut session = self.session.clone();
        let mut query = workers::table
            .order((workers::created_at.desc(), workers::id.desc()))
            // Read one row more than the page has, to find out whether there is another page.
            .limit(i64::from(request.limit.get()) + 1)
            .select(ListedRow::as_select())
            .into_boxed();
        if let Some(tenant) = scope.tenant() {
            query = query.filter(workers::tenant_id.eq(IdValue::from(tenant)));
        }
        if let Some(SortKey { created_at, id }) = request.after.as_ref().map(SortKey::read).transpose()? {
            // Compare as a pair, so that the index over both columns finds the first row.
            let is_behind = sql::<Bool>("(created_at, id) < (").bind::<Timestamp, _>(created_at);
            query = query.filter(is_behind.sql(", ").bind::<Id, _>(id).sql(")"));
        }
        let _permit = self.session.list_permit().await?;
        let mut rows: Vec<ListedRow> = map_error("list of workers", query.load(&mut session).await)?;
        let length = request.length();
        let next = (rows.len() > length).then(|| rows[length - 1].cursor());
        rows.truncate(length);
        Ok(Page { items: rows.into_iter().map(|row| row.worker.into_listed()).collect(), next })
    }

    #[instrument(name = "storage.worker.update_state", level = "debug", skip_all, fields(worker.id = %worker.id))]
    async fn update_state(&self, worker: &mut Worker) -> Result<Update, RepositoryError> {
        let operation = "change of a worker";
        let mut session = self.session.clone();
        let expected = in_revision(worker.id.into(), worker.revision.number());
        let update = diesel::update(expected).set(StateChange::of(worker));
        if map_error(operation, update.execute(&mut session).await)? > 0 {
            worker.revision = worker.revision.next();
            return Ok(Update::Updated);
        }
        // Nothing was changed, and this only looks for the reason. So it may be a second statement.
        let is_there = diesel::select(diesel::dsl::exists(by_id(worker.id.into()))).get_result(&mut session).await;
        Ok(if map_error(operation, is_there)? { Update::Conflict } else { Update::Gone })
    }

    #[instrument(name = "storage.worker.find_unused_snapshots", level = "debug", skip_all)]
    async fn find_unused_snapshots(&self, among: &[SnapshotId]) -> Result<Vec<SnapshotId>, RepositoryError> {
        let mut session = self.session.clone();
        let query = snapshots_in_use(id_texts(among));
        let used = map_error("search for unused snapshots", query.load(&mut session).await)?;
        Ok(without(among, used))
    }

    #[instrument(name = "storage.worker.record_invocations", level = "debug", skip_all, fields(invocations = invocations.len()))]
    async fn record_invocations(&self, invocations: &[LastInvocation]) -> Result<(), RepositoryError> {
        // One time per worker: if there were several, the statement would use an arbitrary one.
        let mut latest = BTreeMap::new();
        for invocation in invocations {
            let at = column_time(invocation.at);
            let known = latest.entry(invocation.worker_id.as_uuid()).or_insert(at);
            *known = at.max(*known);
        }
        if latest.is_empty() {
            return Ok(());
        }
        let (ids, times): (Vec<_>, Vec<_>) = latest.into_iter().unzip();
        let mut session = self.session.clone();
        let update =
            diesel::sql_query(RECORD_INVOCATIONS).bind::<Array<SqlUuid>, _>(ids).bind::<Array<Timestamp>, _>(times);
        map_error("record of invocations", update.execute(&mut session).await).map(drop)
    }

    #[instrument(name = "storage.worker.list_due_to_expire", level = "debug", skip_all)]
    async fn list_due_to_expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let query = due_to_expire(column_time(now)).select(WorkerRow::as_select());
        let mut pages = Pages::new(limit);
        while let Some((count, after)) = pages.next() {
            let page = query.limit(count).offset(after);
            let rows: Vec<WorkerRow> =
                map_error("search for expired workers", page.load(&mut self.session.clone()).await)?;
            if !pages.take(rows, count) {
                break;
            }
        }
        Ok(pages.into_found())
    }

    #[instrument(name = "storage.worker.list_stuck_in_creating", level = "debug", skip_all)]
    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let query = stuck_in_creating(column_time(before)).select(WorkerRow::as_select());
        let mut pages = Pages::new(limit);
        while let Some((count, after)) = pages.next() {
            let page = query.limit(count).offset(after);
            let rows: Vec<WorkerRow> =
                map_error("search for stuck workers", page.load(&mut self.session.clone()).await)?;
            if !pages.take(rows, count) {
                break;
            }
        }
        Ok(pages.into_found())
    }

    #[instrument(name = "storage.worker.delete", level = "debug", skip_all, fields(worker.id = %id))]
    async fn delete(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let mut session = self.session.clone();
        let delete = diesel::delete(in_scope(id.into(), scope.into())).returning(WorkerRow::as_returning());
        let mut removed: Vec<WorkerRow> = map_error("removal of a worker", delete.load(&mut session).await)?;
        Ok(removed.pop().map(WorkerRow::into_listed))
    }
}
