//! Workers and their states.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{FunctionName, Isolation, Revision, SnapshotId, TenantId, WorkerId, WorkerName};

/// A deployed bundle, without its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// The name that the customer chose.
    pub name: WorkerName,
    /// The exported functions, in the order of the source.
    pub functions: Vec<FunctionName>,
    /// When it was deployed.
    pub created_at: DateTime<Utc>,
    /// When a function of the worker was last invoked. It is recorded with a delay, so it may be out of date by
    /// seconds.
    pub last_invoked_at: Option<DateTime<Utc>>,
    /// The revision of this value: that of the row it was read from, or that it was stored as.
    pub revision: Revision,
    /// How new each invocation has to be at least, as the worker's owner demands.
    pub isolation: Option<Isolation>,
    tenant_id: TenantId,
    state: WorkerState,
}

/// A worker as it is stored, with all its fields public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWorker {
    /// See [`Worker::id`].
    pub id: WorkerId,
    /// See [`Worker::tenant_id`].
    pub tenant_id: TenantId,
    /// See [`Worker::name`].
    pub name: WorkerName,
    /// See [`Worker::functions`].
    pub functions: Vec<FunctionName>,
    /// See [`Worker::created_at`].
    pub created_at: DateTime<Utc>,
    /// See [`Worker::last_invoked_at`].
    pub last_invoked_at: Option<DateTime<Utc>>,
    /// See [`Worker::revision`].
    pub revision: Revision,
    /// See [`Worker::isolation`].
    pub isolation: Option<Isolation>,
    /// See [`Worker::state`].
    pub state: WorkerState,
}

/// The readable parts of a worker whose database row is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableWorker {
    /// The worker's id, or a substitute if the id itself is invalid.
    pub id: WorkerId,
    /// The tenant that owns the worker. Both databases refuse to store an invalid id. If the id is invalid all the
    /// same, the worker counts as the default tenant's, and only the scope of all tenants finds it.
    pub tenant_id: Option<TenantId>,
    /// The worker's name.
    pub name: Option<WorkerName>,
    /// When it was deployed.
    pub created_at: Option<DateTime<Utc>>,
    /// The snapshot named in the row.
    pub snapshot_id: Option<SnapshotId>,
    /// The problem, for the log. It names the column.
    pub problem: String,
}

/// The state of a worker, with the data that belongs to the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerState {
    /// The snapshot is being made.
    Creating,
    /// The worker can be invoked until its snapshot expires.
    Ready {
        /// The snapshot that each invocation starts from.
        snapshot_id: SnapshotId,
        /// When the snapshot expires.
        expires_at: DateTime<Utc>,
    },
    /// The snapshot could not be made.
    Error {
        /// The reason, as a sentence for the worker's owner.
        message: String,
    },
    /// The worker's lifetime has ended. The snapshot is deleted or about to be.
    Expired {
        /// The snapshot that the worker had.
        snapshot_id: SnapshotId,
        /// When the worker expired.
        expired_at: DateTime<Utc>,
    },
    /// The stored row is invalid. The worker is listed with its readable parts and can be deleted; no other action is
    /// possible.
    Unreadable {
        /// The problem, for the log. It names the column.
        problem: String,
        /// The snapshot named in the row. It is deleted together with the worker.
        snapshot_id: Option<SnapshotId>,
    },
}

/// The error message that the owner of an unreadable worker sees.
const UNREADABLE: &str = "What is stored of this worker cannot be read. It can be deleted; or the operator can mend its row in the \
                          database: the log says what is wrong with it.";

/// [`WorkerState`] without its data, as it is stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkerStatus {
    /// See [`WorkerState::Creating`].
    Creating,
    /// See [`WorkerState::Ready`].
    Ready,
    /// See [`WorkerState::Error`]. Also the status of [`WorkerState::Unreadable`].
    Error,
    /// See [`WorkerState::Expired`].
    Expired,
}

/// The error for a transition that is not allowed from the worker's current state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a worker that is {from} cannot become {to}")]
pub struct InvalidTransitionError {
    /// The current state.
    pub from: WorkerStatus,
    /// The requested state.
    pub to: WorkerStatus,
}

impl Worker {
    /// Creates a worker whose snapshot is about to be made.
    #[must_use]
    pub const fn creating(
        id: WorkerId,
        tenant_id: TenantId,
        name: WorkerName,
        functions: Vec<FunctionName>,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            name,
            functions,
            created_at,
            last_invoked_at: None,
            revision: Revision::FIRST,
            isolation: None,
            tenant_id,
            state: WorkerState::Creating,
        }
    }

    /// Creates a worker from its stored form.
    #[must_use]
    pub fn restore(stored: StoredWorker) -> Self {
        let StoredWorker { id, tenant_id, name, functions, created_at, last_invoked_at, revision, isolation, state } =
            stored;
        Self { id, name, functions, created_at, last_invoked_at, revision, isolation, tenant_id, state }
    }

    /// Returns all fields of the worker.
    #[must_use]
    pub fn into_stored(self) -> StoredWorker {
        let Self { id, name, functions, created_at, last_invoked_at, revision, isolation, tenant_id, state } = self;
        StoredWorker { id, tenant_id, name, functions, created_at, last_invoked_at, revision, isolation, state }
    }

    /// Creates a worker from a row that could only partly be read. If the creation time is missing, the time encoded in
    /// the id is used.
    #[must_use]
    pub fn unreadable(read: UnreadableWorker) -> Self {
        let UnreadableWorker { id, tenant_id, name, created_at, snapshot_id, problem } = read;
        Self {
            id,
            name: name.unwrap_or_else(WorkerName::unreadable),
            functions: Vec::new(),
            created_at: created_at.unwrap_or_else(|| id.made_at()),
            last_invoked_at: None,
            revision: Revision::FIRST,
            isolation: None,
            tenant_id: tenant_id.unwrap_or(TenantId::DEFAULT),
            state: WorkerState::Unreadable { problem, snapshot_id },
        }
    }

    /// Returns the tenant that owns the worker. It never changes.
    #[must_use]
    pub const fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }

    /// Returns what is wrong with the stored row, for the log; `None` if the worker could be read.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        match &self.state {
            WorkerState::Unreadable { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// Returns the current state.
    #[must_use]
    pub const fn state(&self) -> &WorkerState {
        &self.state
    }

    /// Returns the current state without its data.
    #[must_use]
    pub const fn status(&self) -> WorkerStatus {
        match self.state {
            WorkerState::Creating => WorkerStatus::Creating,
            WorkerState::Ready { .. } => WorkerStatus::Ready,
            WorkerState::Error { .. } | WorkerState::Unreadable { .. } => WorkerStatus::Error,
            WorkerState::Expired { .. } => WorkerStatus::Expired,
        }
    }

    /// Returns the snapshot that the worker has or had.
    #[must_use]
    pub const fn snapshot_id(&self) -> Option<&SnapshotId> {
        match &self.state {
            WorkerState::Ready { snapshot_id, .. } | WorkerState::Expired { snapshot_id, .. } => Some(snapshot_id),
            WorkerState::Unreadable { snapshot_id, .. } => snapshot_id.as_ref(),
            WorkerState::Creating | WorkerState::Error { .. } => None,
        }
    }

    /// Returns when the snapshot expires or expired.
    #[must_use]
    pub const fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            WorkerState::Ready { expires_at, .. } => Some(expires_at),
            WorkerState::Expired { expired_at, .. } => Some(expired_at),
            WorkerState::Creating | WorkerState::Error { .. } | WorkerState::Unreadable { .. } => None,
        }
    }

    /// Returns why the status is [`WorkerStatus::Error`], as a sentence for the worker's owner.
    #[must_use]
    pub fn error_message(&self) -> Option<&str> {
        match &self.state {
            WorkerState::Error { message } => Some(message),
            WorkerState::Unreadable { .. } => Some(UNREADABLE),
            _ => None,
        }
    }

    /// Returns the number of days until the worker expires. A started day counts as a whole one; 0 if no time is left.
    #[must_use]
    pub fn expires_in_days(&self, now: DateTime<Utc>) -> i64 {
        let Some(expires_at) = self.expires_at() else { return 0 };
        let day = TimeDelta::days(1).num_milliseconds();
        let left = (expires_at - now).num_milliseconds();
        if left <= 0 { 0 } else { (left + day - 1) / day }
    }

    /// Returns whether the worker exports a function with this name.
    #[must_use]
    pub fn exports(&self, function: &str) -> bool {
        self.functions.iter().any(|name| name.as_str() == function)
    }

    /// Sets the worker's snapshot and makes it ready: the first snapshot, or a replacement for one that the provider
    /// has lost.
    ///
    /// # Errors
    ///
    /// If the worker's status is error or expired.
    pub fn make_ready(
        &mut self,
        snapshot_id: SnapshotId,
        expires_at: DateTime<Utc>,
    ) -> Result<(), InvalidTransitionError> {
        match self.state {
            // Also from ready: a provider that chooses the ids gives a rebuilt snapshot a new one.
            WorkerState::Creating | WorkerState::Ready { .. } => {
                self.state = WorkerState::Ready { snapshot_id, expires_at };
                Ok(())
            }
            WorkerState::Error { .. } | WorkerState::Expired { .. } | WorkerState::Unreadable { .. } => {
                Err(self.refuse(WorkerStatus::Ready))
            }
        }
    }

    /// Sets a new snapshot that was made from the stored source. This is the only way to make a failed or expired
    /// worker ready again.
    ///
    /// # Errors
    ///
    /// If the worker is still being created, or cannot be read.
    pub fn redeploy(
        &mut self,
        snapshot_id: SnapshotId,
        expires_at: DateTime<Utc>,
    ) -> Result<(), InvalidTransitionError> {
        match self.state {
            WorkerState::Ready { .. } | WorkerState::Error { .. } | WorkerState::Expired { .. } => {
                self.state = WorkerState::Ready { snapshot_id, expires_at };
                Ok(())
            }
            WorkerState::Creating | WorkerState::Unreadable { .. } => Err(self.refuse(WorkerStatus::Ready)),
        }
    }

    /// Records that the snapshot could not be made.
    ///
    /// # Errors
    ///
    /// If the worker is not being created.
    pub fn fail(&mut self, message: impl Into<String>) -> Result<(), InvalidTransitionError> {
        match self.state {
            WorkerState::Creating => {
                self.state = WorkerState::Error { message: message.into() };
                Ok(())
            }
            _ => Err(self.refuse(WorkerStatus::Error)),
        }
    }

    /// Returns whether the worker is still marked as ready although its lifetime has ended.
    #[must_use]
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        matches!(self.state, WorkerState::Ready { expires_at, .. } if expires_at <= now)
    }

    /// Changes the state to expired if the lifetime has ended. Returns whether it did.
    pub fn expire_if_due(&mut self, now: DateTime<Utc>) -> bool {
        match &self.state {
            WorkerState::Ready { snapshot_id, expires_at } if *expires_at <= now => {
                self.state = WorkerState::Expired { snapshot_id: snapshot_id.clone(), expired_at: *expires_at };
                true
            }
            _ => false,
        }
    }

    const fn refuse(&self, to: WorkerStatus) -> InvalidTransitionError {
        InvalidTransitionError { from: self.status(), to }
    }
}

impl WorkerStatus {
    /// Returns the word for the status in the database and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Error => "error",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for WorkerStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The error for text that is not a [`WorkerStatus`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a worker status")]
pub struct ParseWorkerStatusError(String);

impl FromStr for WorkerStatus {
    type Err = ParseWorkerStatusError;

    fn from_str(text: &str) -> Result<Self, ParseWorkerStatusError> {
        match text {
            "creating" => Ok(Self::Creating),
            "ready" => Ok(Self::Ready),
            "error" => Ok(Self::Error),
            "expired" => Ok(Self::Expired),
            _ => Err(ParseWorkerStatusError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_890_000 + seconds, 0).unwrap()
    }

    fn creating() -> Worker {
        let functions = vec![FunctionName::parse("greet").unwrap()];
        Worker::creating(
            WorkerId::generate(at(0)),
            TenantId::DEFAULT,
            WorkerName::parse("w").unwrap(),
            functions,
            at(0),
        )
    }

    fn ready_until(expires_at: DateTime<Utc>) -> Worker {
        let mut worker = creating();
        worker.make_ready(SnapshotId::new("snap_1"), expires_at).unwrap();
        worker
    }

    #[test]
    fn a_new_worker_becomes_ready_with_its_snapshot() {
        let worker = ready_until(at(60));
        assert_eq!(worker.status(), WorkerStatus::Ready);
        assert_eq!(worker.snapshot_id(), Some(&SnapshotId::new("snap_1")));
    }

    #[test]
    fn a_ready_worker_may_be_given_another_snapshot() {
        let mut worker = ready_until(at(60));
        worker.make_ready(SnapshotId::new("snap_2"), at(60)).unwrap();
        assert_eq!(worker.snapshot_id(), Some(&SnapshotId::new("snap_2")));
    }

    #[test]
    fn a_failed_worker_keeps_its_message_and_does_not_become_ready_by_itself() {
        let mut worker = creating();
        worker.fail("the disk is full").unwrap();
        assert_eq!(worker.error_message(), Some("the disk is full"));
        let refused = worker.make_ready(SnapshotId::new("snap_1"), at(60));
        assert_eq!(refused, Err(InvalidTransitionError { from: WorkerStatus::Error, to: WorkerStatus::Ready }));
    }

    #[test]
    fn a_ready_worker_cannot_fail() {
        assert!(ready_until(at(60)).fail("late").is_err());
    }

    #[test]
    fn a_worker_expires_at_its_time_and_not_before() {
        let mut worker = ready_until(at(60));
        assert!(!worker.expire_if_due(at(59)));
        assert!(worker.expire_if_due(at(60)));
        assert_eq!(worker.status(), WorkerStatus::Expired);
        assert_eq!(worker.expires_at(), Some(at(60)));
        assert!(!worker.expire_if_due(at(61)));
    }

    #[test]
    fn an_expired_worker_does_not_become_ready_by_itself() {
        let mut worker = ready_until(at(60));
        worker.expire_if_due(at(60));
        assert!(worker.make_ready(SnapshotId::new("snap_2"), at(600)).is_err());
    }

    #[test]
    fn a_worker_is_ready_anew_once_it_is_redeployed_whatever_it_was() {
        let mut failed = creating();
        failed.fail("the disk is full").unwrap();
        let mut expired = ready_until(at(60));
        expired.expire_if_due(at(60));
        for mut worker in [failed, expired, ready_until(at(60))] {
            worker.redeploy(SnapshotId::new("snap_2"), at(600)).unwrap();
            assert_eq!(worker.status(), WorkerStatus::Ready);
            assert_eq!((worker.snapshot_id(), worker.expires_at()), (Some(&SnapshotId::new("snap_2")), Some(at(600))));
            assert_eq!(worker.error_message(), None);
        }
    }

    #[test]
    fn a_worker_that_is_being_created_cannot_be_redeployed() {
        let refused = creating().redeploy(SnapshotId::new("snap_1"), at(60));
        assert_eq!(refused, Err(InvalidTransitionError { from: WorkerStatus::Creating, to: WorkerStatus::Ready }));
    }

    #[test]
    fn a_worker_that_cannot_be_read_shows_what_is_known_of_it_and_moves_nowhere() {
        let id = WorkerId::generate(at(0));
        let mut worker = Worker::unreadable(UnreadableWorker {
            id,
            tenant_id: None,
            name: None,
            created_at: None,
            snapshot_id: Some(SnapshotId::new("snap_1")),
            problem: "column `status`".into(),
        });
        assert_eq!((worker.name.as_str(), worker.created_at), ("(unreadable)", at(0)));
        assert_eq!((worker.status(), worker.snapshot_id()), (WorkerStatus::Error, Some(&SnapshotId::new("snap_1"))));
        assert!(worker.error_message().is_some_and(|message| !message.contains("column")));
        assert_eq!(worker.problem(), Some("column `status`"));
        assert!(worker.make_ready(SnapshotId::new("s"), at(60)).is_err() && worker.fail("late").is_err());
        assert!(worker.redeploy(SnapshotId::new("s"), at(60)).is_err() && !worker.expire_if_due(at(60)));
    }

    #[test]
    fn only_a_ready_worker_is_due_and_only_from_its_time_on() {
        let mut worker = ready_until(at(60));
        assert!(!worker.is_due(at(59)) && worker.is_due(at(60)));
        worker.expire_if_due(at(60));
        assert!(!worker.is_due(at(61)) && !creating().is_due(at(61)));
    }

    #[test]
    fn a_begun_day_counts_as_a_day_left() {
        let day = 24 * 60 * 60;
        let worker = ready_until(at(7 * day));
        assert_eq!(worker.expires_in_days(at(0)), 7);
        assert_eq!(worker.expires_in_days(at(1)), 7);
        assert_eq!(worker.expires_in_days(at(day)), 6);
        assert_eq!(worker.expires_in_days(at(7 * day - 1)), 1);
        assert_eq!(worker.expires_in_days(at(7 * day)), 0);
        assert_eq!(worker.expires_in_days(at(9 * day)), 0);
    }

    #[test]
    fn a_worker_exports_what_it_lists_and_nothing_that_objects_inherit() {
        let worker = creating();
        assert!(worker.exports("greet"));
        assert!(!worker.exports("__proto__"));
        assert!(!worker.exports("toString"));
    }

    #[test]
    fn every_status_survives_being_printed_and_parsed() {
        for status in [WorkerStatus::Creating, WorkerStatus::Ready, WorkerStatus::Error, WorkerStatus::Expired] {
            assert_eq!(status.to_string().parse(), Ok(status));
        }
    }
}
