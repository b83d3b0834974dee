//! Rows of the table of workers, and their conversion to domain types. One definition for both databases.

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use tracing::warn;
use workers_domain::ports::{RemovedWorker, RepositoryError};
use workers_domain::{
    FunctionName, Isolation, Revision, SnapshotId, StoredWorker, UnreadableWorker, Worker, WorkerName, WorkerState,
    WorkerStatus,
};

use crate::cell::Cell;
use crate::schema::workers;
use crate::sql_types::{IdValue, NamesValue};
use crate::stored_id::StoredId;

/// Number of digits of fractional seconds. Postgres stores microseconds, so we use them everywhere.
const SUBSECOND_DIGITS: u16 = 6;

/// The name of the insert operation in errors.
pub(crate) const INSERT: &str = "insert of a worker";

/// A worker without its source.
#[derive(Queryable, Selectable)]
#[diesel(table_name = workers, check_for_backend(Pg, Sqlite))]
pub(crate) struct WorkerRow {
    id: StoredId,
    tenant_id: Cell<IdValue>,
    name: Cell<String>,
    snapshot_id: Cell<String>,
    functions: Cell<NamesValue>,
    status: Cell<String>,
    error_message: Cell<Option<String>>,
    created_at: Cell<NaiveDateTime>,
    snapshot_expires_at: Cell<Option<NaiveDateTime>>,
    last_invoked_at: Cell<Option<NaiveDateTime>>,
    revision: Cell<i64>,
    isolation: Cell<Option<String>>,
}

/// A worker to insert. It owns its values, because on SQLite it is moved to another thread.
#[derive(Insertable)]
#[diesel(table_name = workers)]
pub(crate) struct NewWorkerRow {
    id: IdValue,
    tenant_id: IdValue,
    name: String,
    functions: NamesValue,
    source_code: String,
    created_at: NaiveDateTime,
    last_invoked_at: Option<NaiveDateTime>,
    revision: i64,
    isolation: Option<&'static str>,
    #[diesel(embed)]
    state: StateColumns,
}

/// A worker's new state, to replace the stored one.
#[derive(AsChangeset)]
#[diesel(table_name = workers)]
pub(crate) struct StateChange {
    /// The new revision: the one that was read, plus one.
    revision: i64,
    #[diesel(embed)]
    state: StateColumns,
}

/// The columns that contain a worker's state.
#[derive(Insertable, AsChangeset)]
// By default, Diesel leaves a column unchanged whose new value is `None`, so an old message or expiry would stay.
#[diesel(table_name = workers, treat_none_as_null = true)]
pub(crate) struct StateColumns {
    snapshot_id: String,
    status: &'static str,
    error_message: Option<String>,
    snapshot_expires_at: Option<NaiveDateTime>,
}

impl NewWorkerRow {
    /// Creates the row of a worker.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Refused`] if Postgres could not store the source. This is the same on both databases.
    pub(crate) fn new(worker: &Worker, source: &str) -> Result<Self, RepositoryError> {
        if let Some(offset) = source.find('\0') {
            let problem = format!("its source has the character U+0000 at byte {offset}, which a database cannot hold");
            return Err(RepositoryError::Refused { operation: INSERT, source: problem.into() });
        }
        Ok(Self {
            id: worker.id.into(),
            tenant_id: worker.tenant_id().into(),
            name: worker.name.as_str().to_owned(),
            functions: NamesValue(worker.functions.iter().map(FunctionName::to_string).collect()),
            source_code: source.to_owned(),
            created_at: column_time(worker.created_at),
            last_invoked_at: worker.last_invoked_at.map(column_time),
            revision: worker.revision.number(),
            isolation: worker.isolation.map(Isolation::as_str),
            state: StateColumns::of(worker),
        })
    }
}

impl StateChange {
    pub(crate) fn of(worker: &Worker) -> Self {
        Self { revision: worker.revision.next().number(), state: StateColumns::of(worker) }
    }
}

impl StateColumns {
    fn of(worker: &Worker) -> Self {
        Self {
            snapshot_id: worker.snapshot_id().map_or("", SnapshotId::as_str).to_owned(),
            status: worker.status().as_str(),
            // Postgres does not support U+0000 in text. Replacing it is better than losing the whole message.
            error_message: worker.error_message().map(|message| message.replace('\0', "\u{FFFD}")),
            snapshot_expires_at: worker.expires_at().map(column_time),
        }
    }
}

impl WorkerRow {
    /// Converts the row to a worker.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Inconsistent`], with the first column that is invalid.
    pub(crate) fn into_worker(self) -> Result<Worker, RepositoryError> {
        self.read()
    }

    /// Converts the row to a worker, or to an [unreadable](WorkerState::Unreadable) one if the row is invalid.
    pub(crate) fn into_listed(self) -> Worker {
        self.read().unwrap_or_else(|error| {
            let name = self.name.0.ok().and_then(|name| WorkerName::parse(name).ok());
            let created_at = self.created_at.0.ok().map(|time| time.and_utc());
            // Kept even here, so that the snapshot of an invalid row can be removed together with the row
            // (`into_removed`).
            let snapshot_id = self.snapshot_id.0.ok().filter(|id| !id.is_empty()).map(SnapshotId::new);
            Worker::unreadable(UnreadableWorker {
                id: self.id.id.into(),
                tenant_id: self.tenant_id.0.ok().map(|id| id.0.into()),
                name,
                created_at,
                snapshot_id,
                problem: error.to_string(),
            })
        })
    }

    /// Converts the row of a deleted worker. An invalid row is logged and converted as well.
    pub(crate) fn into_removed(self) -> RemovedWorker {
        let worker = self.into_listed();
        if let Some(problem) = worker.problem() {
            warn!(problem, "removed a worker that made no sense");
        }
        RemovedWorker { id: worker.id, snapshot_id: worker.snapshot_id().cloned() }
    }

    fn read(&self) -> Result<Worker, RepositoryError> {
        if let Some(problem) = &self.id.problem {
            return Err(self.inconsistent("id", problem.clone()));
        }
        let state = self.state()?;
        let name = WorkerName::parse(self.value("name", &self.name)?.as_str())
            .map_err(|error| self.inconsistent("name", format!("a name that {error}")))?;
        let parse = |function: &String| {
            FunctionName::parse(function.as_str())
                .map_err(|error| self.inconsistent("functions", format!("a function name that {error}")))
        };
        let functions = self.value("functions", &self.functions)?.0.iter().map(parse).collect::<Result<_, _>>()?;
        let created_at = self.value("created_at", &self.created_at)?.and_utc();
        let last_invoked_at = self.value("last_invoked_at", &self.last_invoked_at)?.map(|time| time.and_utc());
        let revision = Revision::new(*self.value("revision", &self.revision)?);
        let isolation = self.value("isolation", &self.isolation)?.as_deref().map(|word| {
            word.parse().map_err(|_| {
                self.inconsistent("isolation", format!("`{}`, which is not an isolation", word.escape_debug()))
            })
        });
        let isolation = isolation.transpose()?;
        let (id, tenant_id) = (self.id.id.into(), self.value("tenant_id", &self.tenant_id)?.0.into());
        Ok(Worker::restore(StoredWorker {
            id,
            tenant_id,
            name,
            functions,
            created_at,
            last_invoked_at,
            revision,
            isolation,
            state,
        }))
    }

    fn state(&self) -> Result<WorkerState, RepositoryError> {
        let status = self.value("status", &self.status)?;
        let status = status
            .parse()
            .map_err(|_| self.inconsistent("status", format!("`{}`, which is not a status", status.escape_debug())))?;
        match status {
            WorkerStatus::Creating => Ok(WorkerState::Creating),
            WorkerStatus::Ready => {
                let (snapshot_id, expires_at) = self.snapshot(status)?;
                Ok(WorkerState::Ready { snapshot_id, expires_at })
            }
            WorkerStatus::Expired => {
                let (snapshot_id, expired_at) = self.snapshot(status)?;
                Ok(WorkerState::Expired { snapshot_id, expired_at })
            }
            WorkerStatus::Error => match self.value("error_message", &self.error_message)? {
                Some(message) => Ok(WorkerState::Error { message: message.clone() }),
                None => Err(self.inconsistent("error_message", "nothing, though its status is error")),
            },
        }
    }

    fn snapshot(&self, status: WorkerStatus) -> Result<(SnapshotId, DateTime<Utc>), RepositoryError> {
        let nothing = |column| self.inconsistent(column, format!("nothing, though its status is {status}"));
        let id = self.value("snapshot_id", &self.snapshot_id)?;
        // The column cannot be null; the empty text stands for no snapshot.
        if id.is_empty() {
            return Err(nothing("snapshot_id"));
        }
        let expires_at = self.value("snapshot_expires_at", &self.snapshot_expires_at)?;
        let expires_at = expires_at.ok_or_else(|| nothing("snapshot_expires_at"))?;
        Ok((SnapshotId::new(id.as_str()), expires_at.and_utc()))
    }

    fn value<'a, T>(&self, column: &'static str, cell: &'a Cell<T>) -> Result<&'a T, RepositoryError> {
        cell.0.as_ref().map_err(|problem| self.inconsistent(column, format!("what cannot be read: {problem}")))
    }

    fn inconsistent(&self, column: &'static str, problem: impl Into<String>) -> RepositoryError {
        RepositoryError::Inconsistent { id: self.id.id.into(), column, problem: problem.into() }
    }
}

/// Converts a time to its stored form.
pub(crate) fn column_time(time: DateTime<Utc>) -> NaiveDateTime {
    time.naive_utc().trunc_subsecs(SUBSECOND_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> WorkerRow {
        let time = DateTime::from_timestamp(1_763_890_000, 0).unwrap().naive_utc();
        WorkerRow {
            id: StoredId { id: uuid::Uuid::from_u128(7), problem: None },
            tenant_id: Cell(Ok(IdValue(uuid::Uuid::nil()))),
            name: text("w"),
            snapshot_id: text("snap_1"),
            functions: Cell(Ok(NamesValue(vec!["greet".to_owned()]))),
            status: text("ready"),
            error_message: Cell(Ok(None)),
            created_at: Cell(Ok(time)),
            snapshot_expires_at: Cell(Ok(Some(time))),
            last_invoked_at: Cell(Ok(None)),
            revision: Cell(Ok(0)),
            isolation: Cell(Ok(Some("sandbox".to_owned()))),
        }
    }

    fn text(text: &str) -> Cell<String> {
        Cell(Ok(text.to_owned()))
    }

    fn problem_of(row: WorkerRow) -> String {
        row.into_worker().unwrap_err().to_string()
    }

    #[test]
    fn a_sound_row_becomes_a_worker() {
        let worker = ready().into_worker().unwrap();
        assert_eq!((worker.status(), worker.isolation), (WorkerStatus::Ready, Some(Isolation::Sandbox)));
    }

    #[test]
    fn an_unsound_row_is_named_with_its_column() {
        let row = "00000000-0000-0000-0000-000000000007";
        assert_eq!(
            problem_of(WorkerRow { status: text("asleep"), ..ready() }),
            format!("column `status` of worker {row} holds `asleep`, which is not a status")
        );
        assert_eq!(
            problem_of(WorkerRow { snapshot_id: text(""), ..ready() }),
            format!("column `snapshot_id` of worker {row} holds nothing, though its status is ready")
        );
        assert_eq!(
            problem_of(WorkerRow { snapshot_expires_at: Cell(Ok(None)), status: text("expired"), ..ready() }),
            format!("column `snapshot_expires_at` of worker {row} holds nothing, though its status is expired")
        );
        assert_eq!(
            problem_of(WorkerRow { status: text("error"), ..ready() }),
            format!("column `error_message` of worker {row} holds nothing, though its status is error")
        );
        assert_eq!(
            problem_of(WorkerRow { isolation: Cell(Ok(Some("some".to_owned()))), ..ready() }),
            format!("column `isolation` of worker {row} holds `some`, which is not an isolation")
        );
        assert_eq!(
            problem_of(WorkerRow { name: text(" "), ..ready() }),
            format!("column `name` of worker {row} holds a name that must not be empty")
        );
        assert_eq!(
            problem_of(WorkerRow { functions: Cell(Ok(NamesValue(vec!["a\0".to_owned()]))), ..ready() }),
            format!(
                "column `functions` of worker {row} holds a function name that must not contain control characters"
            )
        );
    }
}
