//! What both backends do alike between a row and a [`Worker`].

use std::collections::HashSet;

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use tracing::warn;
use uuid::Uuid;
use workers_domain::ports::{RemovedWorker, RepositoryError};
use workers_domain::{FunctionName, Revision, SnapshotId, StoredWorker, Worker, WorkerName, WorkerState, WorkerStatus};

/// Postgres keeps microseconds, so we do everywhere.
const SUBSECOND_DIGITS: u16 = 6;

/// Finds the rows that one statement removes when all are removed: each is in memory until it is known what it was.
/// Diesel knows no query within one over the same table.
pub(crate) const ANY_THOUSAND: &str = "id IN (SELECT id FROM workers LIMIT 1000)";

/// What a column holds, or why that cannot be read. A row of such columns is always read: one bad value would otherwise
/// hide the whole table, since Diesel ends a list at the first value that it cannot convert.
#[derive(Debug, Clone, FromSqlRow)]
pub(crate) struct Cell<T>(Result<T, String>);

/// The columns of a worker but its source, freed from the types of a backend.
pub(crate) struct WorkerRecord {
    pub(crate) id: Uuid,
    /// What is wrong with the id, in whose place another one stands.
    pub(crate) id_problem: Option<String>,
    pub(crate) name: Cell<String>,
    pub(crate) snapshot_id: Cell<String>,
    pub(crate) functions: Cell<Vec<String>>,
    pub(crate) status: Cell<String>,
    pub(crate) error_message: Cell<Option<String>>,
    pub(crate) created_at: Cell<NaiveDateTime>,
    pub(crate) snapshot_expires_at: Cell<Option<NaiveDateTime>>,
    pub(crate) last_invoked_at: Cell<Option<NaiveDateTime>>,
    pub(crate) revision: Cell<i64>,
}

/// The columns that make up a worker's state.
pub(crate) struct StateColumns<'a> {
    pub(crate) snapshot_id: &'a str,
    pub(crate) status: &'static str,
    pub(crate) error_message: Option<String>,
    pub(crate) snapshot_expires_at: Option<NaiveDateTime>,
}

impl<'a> StateColumns<'a> {
    pub(crate) fn of(worker: &'a Worker) -> Self {
        Self {
            snapshot_id: worker.snapshot_id().map_or("", SnapshotId::as_str),
            status: worker.status().as_str(),
            // Postgres has no U+0000 in text, and losing the message for it would be worse than changing it.
            error_message: worker.error_message().map(|message| message.replace('\0', "\u{FFFD}")),
            snapshot_expires_at: worker.expires_at().map(column_time),
        }
    }
}

impl<T> Cell<T> {
    /// Another type of value, read from the one that is there.
    pub(crate) fn map<R>(self, convert: impl FnOnce(T) -> R) -> Cell<R> {
        Cell(self.0.map(convert))
    }
}

impl<T, ST, DB: Backend> FromSql<ST, DB> for Cell<T>
where
    T: FromSql<ST, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(T::from_sql(value).map_err(|error| error.to_string())))
    }

    fn from_nullable_sql(value: Option<DB::RawValue<'_>>) -> deserialize::Result<Self> {
        Ok(Self(T::from_nullable_sql(value).map_err(|error| error.to_string())))
    }
}

impl WorkerRecord {
    /// The worker of this row.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Inconsistent`], with the first column that makes no sense.
    pub(crate) fn into_worker(self) -> Result<Worker, RepositoryError> {
        self.read()
    }

    /// The worker of this row; [unreadable](WorkerState::Unreadable) when the row makes no sense.
    pub(crate) fn into_listed(self) -> Worker {
        self.read().unwrap_or_else(|error| {
            let name = self.name.0.ok().and_then(|name| WorkerName::parse(name).ok());
            let created_at = self.created_at.0.ok().map(|time| time.and_utc());
            let snapshot_id = self.snapshot_id.0.ok().filter(|id| !id.is_empty()).map(SnapshotId::new);
            Worker::unreadable(self.id.into(), name, created_at, snapshot_id, error.to_string())
        })
    }

    /// What is left to know of the worker of this row, which was removed. One that makes no sense is removed all the
    /// same.
    pub(crate) fn into_removed(self) -> RemovedWorker {
        let worker = self.into_listed();
        if let Some(problem) = worker.problem() {
            warn!(problem, "removed a worker that made no sense");
        }
        RemovedWorker { id: worker.id, snapshot_id: worker.snapshot_id().cloned() }
    }

    fn read(&self) -> Result<Worker, RepositoryError> {
        if let Some(problem) = &self.id_problem {
            return Err(self.inconsistent("id", problem.clone()));
        }
        let state = self.state()?;
        let name = WorkerName::parse(self.value("name", &self.name)?.as_str())
            .map_err(|error| self.inconsistent("name", format!("a name that {error}")))?;
        let parse = |function: &String| {
            FunctionName::parse(function.as_str())
                .map_err(|error| self.inconsistent("functions", format!("a function name that {error}")))
        };
        let functions = self.value("functions", &self.functions)?.iter().map(parse).collect::<Result<_, _>>()?;
        let created_at = self.value("created_at", &self.created_at)?.and_utc();
        let last_invoked_at = self.value("last_invoked_at", &self.last_invoked_at)?.map(|time| time.and_utc());
        let revision = Revision::new(*self.value("revision", &self.revision)?);
        let id = self.id.into();
        Ok(Worker::restore(StoredWorker { id, name, functions, created_at, last_invoked_at, revision, state }))
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
        RepositoryError::Inconsistent { id: self.id.into(), column, problem: problem.into() }
    }
}

/// Collects up to `limit` workers that can be read, page by page: rows that cannot must not fill the only page, or what
/// comes after them would never be seen.
pub(crate) struct Pages {
    limit: i64,
    rows: i64,
    found: Vec<Worker>,
}

impl Pages {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit: limit.into(), rows: 0, found: Vec::new() }
    }

    /// Which rows to read next: how many, and after how many; `None` when it is enough.
    pub(crate) fn next(&self) -> Option<(i64, i64)> {
        let found = i64::try_from(self.found.len()).unwrap_or(i64::MAX);
        (found < self.limit).then_some((self.limit - found, self.rows))
    }

    /// Takes what was read, and says whether there may be more.
    pub(crate) fn take<R: Into<WorkerRecord>>(&mut self, rows: Vec<R>, asked: i64) -> bool {
        let read = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.rows += read;
        // What is left out here is told of where workers are listed.
        self.found.extend(rows.into_iter().filter_map(|row| row.into().into_worker().ok()));
        read == asked
    }

    /// Reads page after page with `read`, which gets how many rows to read, and after how many.
    pub(crate) fn collect<R: Into<WorkerRecord>, E>(
        limit: u32,
        mut read: impl FnMut(i64, i64) -> Result<Vec<R>, E>,
    ) -> Result<Vec<Worker>, E> {
        let mut pages = Self::new(limit);
        while let Some((count, after)) = pages.next() {
            if !pages.take(read(count, after)?, count) {
                break;
            }
        }
        Ok(pages.into_found())
    }

    pub(crate) fn into_found(self) -> Vec<Worker> {
        self.found
    }
}

/// A time as it is stored.
pub(crate) fn column_time(time: DateTime<Utc>) -> NaiveDateTime {
    time.naive_utc().trunc_subsecs(SUBSECOND_DIGITS)
}

/// Those of `among` that are not among those in use.
pub(crate) fn without(among: &[SnapshotId], used: Vec<String>) -> Vec<SnapshotId> {
    let used: HashSet<_> = used.into_iter().collect();
    among.iter().filter(|id| !used.contains(id.as_str())).cloned().collect()
}

/// Refuses a source that Postgres could not hold, on every backend alike.
pub(crate) fn check_source(source: &str) -> Result<(), RepositoryError> {
    match source.find('\0') {
        None => Ok(()),
        Some(offset) => Err(RepositoryError::Refused {
            operation: "insert of a worker",
            source: format!("its source has the character U+0000 at byte {offset}, which a database cannot hold")
                .into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> WorkerRecord {
        let time = DateTime::from_timestamp(1_763_890_000, 0).unwrap().naive_utc();
        WorkerRecord {
            id: Uuid::from_u128(7),
            id_problem: None,
            name: text("w"),
            snapshot_id: text("snap_1"),
            functions: Cell(Ok(vec!["greet".to_owned()])),
            status: text("ready"),
            error_message: Cell(Ok(None)),
            created_at: Cell(Ok(time)),
            snapshot_expires_at: Cell(Ok(Some(time))),
            last_invoked_at: Cell(Ok(None)),
            revision: Cell(Ok(0)),
        }
    }

    fn text(text: &str) -> Cell<String> {
        Cell(Ok(text.to_owned()))
    }

    fn complaint(record: WorkerRecord) -> String {
        record.into_worker().unwrap_err().to_string()
    }

    #[test]
    fn a_sound_row_becomes_a_worker() {
        assert_eq!(ready().into_worker().unwrap().status(), WorkerStatus::Ready);
    }

    #[test]
    fn an_unsound_row_is_named_with_its_column() {
        let row = "00000000-0000-0000-0000-000000000007";
        assert_eq!(
            complaint(WorkerRecord { status: text("asleep"), ..ready() }),
            format!("column `status` of worker {row} holds `asleep`, which is not a status")
        );
        assert_eq!(
            complaint(WorkerRecord { snapshot_id: text(""), ..ready() }),
            format!("column `snapshot_id` of worker {row} holds nothing, though its status is ready")
        );
        assert_eq!(
            complaint(WorkerRecord { snapshot_expires_at: Cell(Ok(None)), status: text("expired"), ..ready() }),
            format!("column `snapshot_expires_at` of worker {row} holds nothing, though its status is expired")
        );
        assert_eq!(
            complaint(WorkerRecord { status: text("error"), ..ready() }),
            format!("column `error_message` of worker {row} holds nothing, though its status is error")
        );
        assert_eq!(
            complaint(WorkerRecord { name: text(" "), ..ready() }),
            format!("column `name` of worker {row} holds a name that must not be empty")
        );
        assert_eq!(
            complaint(WorkerRecord { functions: Cell(Ok(vec!["a\0".to_owned()])), ..ready() }),
            format!(
                "column `functions` of worker {row} holds a function name that must not contain control characters"
            )
        );
    }
}
