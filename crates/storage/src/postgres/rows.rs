//! Rows of the tables.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use uuid::Uuid;
use workers_domain::Worker;

use super::schema::workers;
use crate::record::{Cell, StateColumns, WorkerRecord, column_time};

/// A worker without its source.
#[derive(Queryable, Selectable)]
#[diesel(table_name = workers, check_for_backend(diesel::pg::Pg))]
pub(super) struct WorkerRow {
    id: Uuid,
    name: Cell<String>,
    snapshot_id: Cell<String>,
    functions: Cell<Vec<String>>,
    status: Cell<String>,
    error_message: Cell<Option<String>>,
    created_at: Cell<NaiveDateTime>,
    snapshot_expires_at: Cell<Option<NaiveDateTime>>,
    last_invoked_at: Cell<Option<NaiveDateTime>>,
    revision: Cell<i64>,
}

/// A worker to be stored.
#[derive(Insertable)]
#[diesel(table_name = workers)]
pub(super) struct NewWorkerRow<'a> {
    id: Uuid,
    name: &'a str,
    snapshot_id: &'a str,
    functions: Vec<&'a str>,
    status: &'static str,
    error_message: Option<String>,
    source_code: &'a str,
    created_at: NaiveDateTime,
    snapshot_expires_at: Option<NaiveDateTime>,
    last_invoked_at: Option<NaiveDateTime>,
    revision: i64,
}

/// A worker's state, to be stored over the one it had.
#[derive(AsChangeset)]
#[diesel(table_name = workers, treat_none_as_null = true)]
pub(super) struct StateChange<'a> {
    snapshot_id: &'a str,
    status: &'static str,
    error_message: Option<String>,
    snapshot_expires_at: Option<NaiveDateTime>,
    /// The one after that which was read.
    revision: i64,
}

impl<'a> NewWorkerRow<'a> {
    pub(super) fn new(worker: &'a Worker, source: &'a str) -> Self {
        let state = StateColumns::of(worker);
        Self {
            id: worker.id.as_uuid(),
            name: worker.name.as_str(),
            snapshot_id: state.snapshot_id,
            functions: worker.functions.iter().map(workers_domain::FunctionName::as_str).collect(),
            status: state.status,
            error_message: state.error_message,
            source_code: source,
            created_at: column_time(worker.created_at),
            snapshot_expires_at: state.snapshot_expires_at,
            last_invoked_at: worker.last_invoked_at.map(column_time),
            revision: worker.revision.number(),
        }
    }
}

impl<'a> StateChange<'a> {
    pub(super) fn of(worker: &'a Worker) -> Self {
        let StateColumns { snapshot_id, status, error_message, snapshot_expires_at } = StateColumns::of(worker);
        let revision = worker.revision.next().number();
        Self { snapshot_id, status, error_message, snapshot_expires_at, revision }
    }
}

impl From<WorkerRow> for WorkerRecord {
    fn from(row: WorkerRow) -> Self {
        Self {
            id: row.id,
            id_problem: None,
            name: row.name,
            snapshot_id: row.snapshot_id,
            functions: row.functions,
            status: row.status,
            error_message: row.error_message,
            created_at: row.created_at,
            snapshot_expires_at: row.snapshot_expires_at,
            last_invoked_at: row.last_invoked_at,
            revision: row.revision,
        }
    }
}
