//! Rows of the tables.

use chrono::NaiveDateTime;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Binary, Text};
use diesel::sqlite::Sqlite;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};
use workers_domain::{FunctionName, Worker, WorkerId};

use super::schema::workers;
use crate::record::{Cell, StateColumns, WorkerRecord, column_time};

/// An id in its hyphenated form. Text costs twenty bytes more a row than a blob, and an operator can read it.
#[derive(Debug, Clone, Copy, AsExpression)]
#[diesel(sql_type = Text)]
pub(super) struct TextUuid(Uuid);

/// An id as it was found. SQLite keeps whatever is written, so it may be none: then a stand-in is made from it, by
/// which the row is listed and deleted.
#[derive(Debug, Clone, FromSqlRow)]
pub(super) struct StoredId {
    pub(super) id: Uuid,
    /// What is wrong with what is stored.
    pub(super) problem: Option<String>,
}

/// Names as a JSON array.
#[derive(Debug, Clone, FromSqlRow, AsExpression)]
#[diesel(sql_type = Text)]
pub(super) struct JsonNames(Vec<String>);

/// A worker without its source.
#[derive(Queryable, Selectable)]
#[diesel(table_name = workers, check_for_backend(Sqlite))]
pub(super) struct WorkerRow {
    id: StoredId,
    name: Cell<String>,
    snapshot_id: Cell<String>,
    functions: Cell<JsonNames>,
    status: Cell<String>,
    error_message: Cell<Option<String>>,
    created_at: Cell<NaiveDateTime>,
    snapshot_expires_at: Cell<Option<NaiveDateTime>>,
    last_invoked_at: Cell<Option<NaiveDateTime>>,
    revision: Cell<i64>,
}

/// A worker to be stored. It owns its values, since it moves to another thread.
#[derive(Insertable)]
#[diesel(table_name = workers)]
pub(super) struct NewWorkerRow {
    id: TextUuid,
    name: String,
    snapshot_id: String,
    functions: JsonNames,
    status: &'static str,
    error_message: Option<String>,
    source_code: String,
    created_at: NaiveDateTime,
    snapshot_expires_at: Option<NaiveDateTime>,
    last_invoked_at: Option<NaiveDateTime>,
    revision: i64,
}

/// A worker's state, to be stored over the one it had.
#[derive(AsChangeset)]
#[diesel(table_name = workers, treat_none_as_null = true)]
pub(super) struct StateChange {
    snapshot_id: String,
    status: &'static str,
    error_message: Option<String>,
    snapshot_expires_at: Option<NaiveDateTime>,
    /// The one after that which was read.
    revision: i64,
}

impl NewWorkerRow {
    pub(super) fn new(worker: &Worker, source: &str) -> Self {
        let state = StateColumns::of(worker);
        Self {
            id: worker.id.into(),
            name: worker.name.as_str().to_owned(),
            snapshot_id: state.snapshot_id.to_owned(),
            functions: JsonNames(worker.functions.iter().map(FunctionName::to_string).collect()),
            status: state.status,
            error_message: state.error_message,
            source_code: source.to_owned(),
            created_at: column_time(worker.created_at),
            snapshot_expires_at: state.snapshot_expires_at,
            last_invoked_at: worker.last_invoked_at.map(column_time),
            revision: worker.revision.number(),
        }
    }
}

impl StateChange {
    pub(super) fn of(worker: &Worker) -> Self {
        let StateColumns { snapshot_id, status, error_message, snapshot_expires_at } = StateColumns::of(worker);
        let (snapshot_id, revision) = (snapshot_id.to_owned(), worker.revision.next().number());
        Self { snapshot_id, status, error_message, snapshot_expires_at, revision }
    }
}

impl From<WorkerRow> for WorkerRecord {
    fn from(row: WorkerRow) -> Self {
        Self {
            id: row.id.id,
            id_problem: row.id.problem,
            name: row.name,
            snapshot_id: row.snapshot_id,
            functions: row.functions.map(|names| names.0),
            status: row.status,
            error_message: row.error_message,
            created_at: row.created_at,
            snapshot_expires_at: row.snapshot_expires_at,
            last_invoked_at: row.last_invoked_at,
            revision: row.revision,
        }
    }
}

impl From<WorkerId> for TextUuid {
    fn from(id: WorkerId) -> Self {
        Self(id.as_uuid())
    }
}

impl ToSql<Text, Sqlite> for TextUuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<Text, Sqlite> for StoredId {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self::read(&bytes))
    }
}

impl StoredId {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        match Uuid::parse_str(&text) {
            // In another form, such as in capitals, no search would find it.
            Ok(id) if id.to_string() == text => Self { id, problem: None },
            _ => Self {
                id: stand_in(bytes),
                problem: Some(format!("`{}`, which is no UUID in hyphenated form and lower case", text.escape_debug())),
            },
        }
    }
}

/// The id that a row is listed under whose own is none: the same one each time, of a version that we give no worker.
fn stand_in(stored: &[u8]) -> Uuid {
    let digest = Sha256::digest(stored);
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, of_digest)| *byte = of_digest);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// Whether an id may be a stand-in.
pub(super) fn may_stand_in(id: WorkerId) -> bool {
    id.as_uuid().get_version_num() == 8
}

impl ToSql<Text, Sqlite> for JsonNames {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}

impl FromSql<Text, Sqlite> for JsonNames {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        match serde_json::from_str(&text) {
            Ok(names) => Ok(Self(names)),
            Err(error) => Err(format!("no list of names: {error}").into()),
        }
    }
}
