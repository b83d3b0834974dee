//! Recently published worker changes, to pass on a change only once if it arrives twice.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use workers_domain::{Worker, WorkerId};

use crate::WorkerChange;

/// Maximum number of workers that are remembered. The second copy of a change arrives within milliseconds.
const MOST: usize = 2048;

/// The last published changes of some workers.
#[derive(Debug, Default)]
pub(super) struct Published {
    workers: HashMap<WorkerId, LastPublished>,
    /// The ids of these workers, oldest entry first.
    order: VecDeque<WorkerId>,
}

#[derive(Debug, Default)]
struct LastPublished {
    state: Option<Arc<Worker>>,
    invoked_at: Option<DateTime<Utc>>,
    is_deleted: bool,
}

impl Published {
    /// Returns whether a change has not been published yet, and marks it as published.
    pub(super) fn is_new(&mut self, change: &WorkerChange) -> bool {
        match change {
            WorkerChange::State(worker) => {
                let last = self.of(worker.id);
                let is_new = !last.is_deleted && !last.state.as_ref().is_some_and(|state| is_same(state, worker));
                last.state = Some(Arc::clone(worker));
                is_new
            }
            WorkerChange::Invoked { id, at } => {
                let last = self.of(*id);
                let is_new = last.invoked_at.is_none_or(|known| known < *at);
                last.invoked_at = last.invoked_at.max(Some(*at));
                is_new
            }
            WorkerChange::Deleted(id) => !std::mem::replace(&mut self.of(*id).is_deleted, true),
            WorkerChange::Reset => {
                // After a reset the listeners read the list again, so what was published before does not matter to
                // them.
                self.workers.clear();
                self.order.clear();
                true
            }
        }
    }

    fn of(&mut self, id: WorkerId) -> &mut LastPublished {
        if !self.workers.contains_key(&id) {
            if self.order.len() == MOST
                && let Some(oldest) = self.order.pop_front()
            {
                self.workers.remove(&oldest);
            }
            self.order.push_back(id);
        }
        self.workers.entry(id).or_default()
    }
}

/// Returns whether two workers are equal except for the time of the last invocation, which is published as a separate
/// change.
fn is_same(one: &Worker, other: &Worker) -> bool {
    // The copy that comes back from the database has microseconds only. The revision alone does not suffice: a row that
    // was changed by hand keeps its revision.
    let microseconds = |worker: &Worker| worker.expires_at().map(|at| at.timestamp_micros());
    (one.revision, one.status(), one.snapshot_id(), &one.name)
        == (other.revision, other.status(), other.snapshot_id(), &other.name)
        && microseconds(one) == microseconds(other)
        && one.error_message() == other.error_message()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use workers_domain::{SnapshotId, TenantId, WorkerName};

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn ready() -> Worker {
        let name = WorkerName::parse("w").unwrap();
        let mut worker = Worker::creating(WorkerId::generate(at(0)), TenantId::DEFAULT, name, Vec::new(), at(0));
        worker.make_ready(SnapshotId::new("snap_1"), at(60)).unwrap();
        worker
    }

    fn state(worker: &Worker) -> WorkerChange {
        WorkerChange::State(Arc::new(worker.clone()))
    }

    #[test]
    fn a_change_that_comes_twice_is_new_once() {
        let (mut published, worker) = (Published::default(), ready());
        let id = worker.id;
        for change in [state(&worker), WorkerChange::Invoked { id, at: at(9) }, WorkerChange::Deleted(id)] {
            assert!(published.is_new(&change), "{change:?}");
            assert!(!published.is_new(&change), "{change:?}");
        }
        assert!(!published.is_new(&WorkerChange::Invoked { id, at: at(8) }), "a later one was published");
        assert!(published.is_new(&WorkerChange::Reset));
        assert!(published.is_new(&WorkerChange::Reset));
    }

    #[test]
    fn a_change_by_hand_which_counts_no_revision_is_new() {
        let (mut published, mut worker) = (Published::default(), ready());
        assert!(published.is_new(&state(&worker)));
        worker.make_ready(SnapshotId::new("snap_1"), at(600)).unwrap();
        assert!(published.is_new(&state(&worker)));
        worker.last_invoked_at = Some(at(9));
        assert!(!published.is_new(&state(&worker)));
    }

    #[test]
    fn a_worker_that_was_deleted_does_not_come_back() {
        let (mut published, worker) = (Published::default(), ready());
        assert!(published.is_new(&WorkerChange::Deleted(worker.id)));
        assert!(!published.is_new(&state(&worker)));
    }

    #[test]
    fn a_flood_of_workers_takes_no_more_room_than_there_is() {
        let mut published = Published::default();
        for _ in 0..2 * MOST {
            assert!(published.is_new(&WorkerChange::Deleted(WorkerId::generate(at(0)))));
        }
        assert_eq!((published.workers.len(), published.order.len()), (MOST, MOST));
    }
}
