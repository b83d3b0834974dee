//! What both backends do alike between a row and a [`Worker`].

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use uuid::Uuid;
use workers_domain::ports::RepositoryError;
use workers_domain::{FunctionName, SnapshotId, Worker, WorkerId, WorkerName, WorkerState, WorkerStatus};

/// Postgres keeps microseconds, so we do everywhere.
const SUBSECOND_DIGITS: u16 = 6;

/// The columns of a worker but its source, freed from the types of a backend.
pub(crate) struct WorkerRecord {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) snapshot_id: String,
    pub(crate) functions: Vec<String>,
    pub(crate) status: String,
    pub(crate) error_message: Option<String>,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) snapshot_expires_at: Option<NaiveDateTime>,
    pub(crate) last_invoked_at: Option<NaiveDateTime>,
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

impl TryFrom<WorkerRecord> for Worker {
    type Error = RepositoryError;

    fn try_from(record: WorkerRecord) -> Result<Self, RepositoryError> {
        let id = WorkerId::from(record.id);
        let state = restore_state(id, &record)?;
        let inconsistent = |column, problem| RepositoryError::Inconsistent { id, column, problem };
        let name =
            WorkerName::parse(record.name).map_err(|error| inconsistent("name", format!("a name that {error}")))?;
        let functions = record
            .functions
            .into_iter()
            .map(|function| {
                FunctionName::parse(function)
                    .map_err(|error| inconsistent("functions", format!("a function name that {error}")))
            })
            .collect::<Result<_, _>>()?;
        let last_invoked_at = record.last_invoked_at.as_ref().map(NaiveDateTime::and_utc);
        Ok(Self::restore(id, name, functions, record.created_at.and_utc(), last_invoked_at, state))
    }
}

fn restore_state(id: WorkerId, record: &WorkerRecord) -> Result<WorkerState, RepositoryError> {
    let inconsistent =
        |column, problem: &str| RepositoryError::Inconsistent { id, column, problem: problem.to_owned() };
    let status = record
        .status
        .parse()
        .map_err(|_| inconsistent("status", &format!("`{}`, which is not a status", record.status.escape_debug())))?;
    let snapshot = || {
        if record.snapshot_id.is_empty() {
            return Err(inconsistent("snapshot_id", &format!("nothing, though its status is {status}")));
        }
        let expires_at = record
            .snapshot_expires_at
            .ok_or_else(|| inconsistent("snapshot_expires_at", &format!("nothing, though its status is {status}")))?;
        Ok((SnapshotId::new(record.snapshot_id.as_str()), expires_at.and_utc()))
    };
    match status {
        WorkerStatus::Creating => Ok(WorkerState::Creating),
        WorkerStatus::Ready => {
            let (snapshot_id, expires_at) = snapshot()?;
            Ok(WorkerState::Ready { snapshot_id, expires_at })
        }
        WorkerStatus::Expired => {
            let (snapshot_id, expired_at) = snapshot()?;
            Ok(WorkerState::Expired { snapshot_id, expired_at })
        }
        WorkerStatus::Error => match &record.error_message {
            Some(message) => Ok(WorkerState::Error { message: message.clone() }),
            None => Err(inconsistent("error_message", "nothing, though its status is error")),
        },
    }
}

/// A time as it is stored.
pub(crate) fn column_time(time: DateTime<Utc>) -> NaiveDateTime {
    time.naive_utc().trunc_subsecs(SUBSECOND_DIGITS)
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
            name: "w".to_owned(),
            snapshot_id: "snap_1".to_owned(),
            functions: vec!["greet".to_owned()],
            status: "ready".to_owned(),
            error_message: None,
            created_at: time,
            snapshot_expires_at: Some(time),
            last_invoked_at: None,
        }
    }

    fn complaint(record: WorkerRecord) -> String {
        Worker::try_from(record).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_row_becomes_a_worker() {
        assert_eq!(Worker::try_from(ready()).unwrap().status(), WorkerStatus::Ready);
    }

    #[test]
    fn an_unsound_row_is_named_with_its_column() {
        let row = "00000000-0000-0000-0000-000000000007";
        assert_eq!(
            complaint(WorkerRecord { status: "asleep".to_owned(), ..ready() }),
            format!("column `status` of worker {row} holds `asleep`, which is not a status")
        );
        assert_eq!(
            complaint(WorkerRecord { snapshot_id: String::new(), ..ready() }),
            format!("column `snapshot_id` of worker {row} holds nothing, though its status is ready")
        );
        assert_eq!(
            complaint(WorkerRecord { snapshot_expires_at: None, status: "expired".to_owned(), ..ready() }),
            format!("column `snapshot_expires_at` of worker {row} holds nothing, though its status is expired")
        );
        assert_eq!(
            complaint(WorkerRecord { status: "error".to_owned(), ..ready() }),
            format!("column `error_message` of worker {row} holds nothing, though its status is error")
        );
        assert_eq!(
            complaint(WorkerRecord { name: " ".to_owned(), ..ready() }),
            format!("column `name` of worker {row} holds a name that must not be empty")
        );
        assert_eq!(
            complaint(WorkerRecord { functions: vec!["a\0".to_owned()], ..ready() }),
            format!(
                "column `functions` of worker {row} holds a function name that must not contain control characters"
            )
        );
    }
}
