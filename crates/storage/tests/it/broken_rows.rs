//! How both databases handle a row that cannot be read.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use workers_domain::ports::{ExistingWorkers, PageRequest, RepositoryError, SetupOutcome, Store};
use workers_domain::{SnapshotId, StoredWorker, Worker, WorkerId, WorkerState, WorkerStatus};
use workers_testing::{AllWorkers as _, scope_of_all};

use crate::support::{at, worker};

/// Damages the three workers that expire first, and the three that were created first.
pub(crate) const BREAK_OLDEST: &str = "UPDATE workers SET name = '' WHERE created_at < '2025-11-23 09:26:43' OR snapshot_expires_at < '2025-11-23 09:26:43'";

fn made_at(seconds: i64, state: WorkerState) -> Worker {
    let (id, created_at) = (WorkerId::generate(at(seconds)), at(seconds));
    Worker::restore(StoredWorker { id, created_at, state, ..worker().into_stored() })
}

fn ids(workers: &[Worker]) -> Vec<WorkerId> {
    workers.iter().map(|worker| worker.id).collect()
}

/// Stores three workers.
pub(crate) async fn three(store: &dyn Store) -> [Worker; 3] {
    let workers = [0, 1, 2].map(|seconds| made_at(seconds, WorkerState::Creating));
    for worker in &workers {
        store.workers().insert(worker, "").await.unwrap();
    }
    workers
}

/// Reads page after page. The caller checks that no worker is missing and none occurs twice.
async fn in_pages(store: &dyn Store, limit: u32) -> Vec<WorkerId> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let request = PageRequest { after, limit: NonZeroU32::new(limit).unwrap() };
        let page = store.workers().list_page(&scope_of_all(), &request).await.unwrap();
        found.extend(ids(&page.items));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

/// Checks that pages of every length lead through the list, whichever row they end with. Also checks that a page
/// continues after an unreadable row that was deleted.
pub(crate) async fn check_pages(store: &dyn Store, what: &str) {
    let listed = store.workers().list().await.unwrap();
    for limit in 1..=5 {
        assert_eq!(in_pages(store, limit).await, ids(&listed), "{what}: {limit}");
    }
    let broken = listed.iter().position(|worker| worker.problem().is_some()).unwrap();
    let up_to_it = NonZeroU32::new(u32::try_from(broken).unwrap() + 1).unwrap();
    let page = store.workers().list_page(&scope_of_all(), &PageRequest::first(up_to_it)).await.unwrap();
    assert!(ids(&page.items).contains(&listed[broken].id), "{what}");
    store.workers().delete(&scope_of_all(), listed[broken].id).await.unwrap();
    let behind = match &page.next {
        Some(next) => {
            let rest = PageRequest { after: Some(next.clone()), limit: NonZeroU32::MAX };
            store.workers().list_page(&scope_of_all(), &rest).await.unwrap().items
        }
        None => Vec::new(),
    };
    assert_eq!([ids(&page.items), ids(&behind)].concat(), ids(&listed), "{what}");
}

/// Checks that one row cannot be read because of `column`, that the others can, and that it can be deleted alone.
pub(crate) async fn check_spoilt(store: &dyn Store, column: &str, sound: &[Worker], spoilt: &Worker) {
    let listed = store.workers().list().await.unwrap();
    assert_eq!(listed.len(), sound.len() + 1, "{column}");
    let (broken, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(|worker| worker.problem().is_some());
    let [broken] = &broken[..] else { panic!("{column}: {broken:?}") };
    assert!(sound.iter().all(|worker| others.contains(worker)), "{column}: {others:?}");
    assert!(broken.problem().unwrap().contains(&format!("column `{column}`")), "{broken:?}");
    assert_eq!(broken.status(), WorkerStatus::Error);
    if column == "id" {
        assert!(!sound.iter().any(|worker| worker.id == broken.id));
        assert_eq!(
            store.workers().find_by_id(&scope_of_all(), spoilt.id).await.unwrap(),
            None,
            "the id it had is no row's"
        );
    } else {
        assert_eq!(broken.id, spoilt.id);
    }
    if column != "name" {
        assert_eq!(broken.name, spoilt.name, "{column}");
    }
    let error = store.workers().find_by_id(&scope_of_all(), broken.id).await.unwrap_err();
    assert!(matches!(&error, RepositoryError::Inconsistent { column: found, .. } if *found == column), "{error}");

    assert_eq!(
        store.workers().delete(&scope_of_all(), broken.id).await.unwrap().map(|worker| worker.id),
        Some(broken.id),
        "{column}"
    );
    assert_eq!(store.workers().delete(&scope_of_all(), broken.id).await.unwrap(), None, "{column}");
    assert_eq!(store.workers().find_by_id(&scope_of_all(), broken.id).await.unwrap(), None, "{column}");
    assert_eq!(store.workers().list().await.unwrap().len(), sound.len(), "{column}");
}

/// Stores eight workers: three that are due and three that are stuck, which will be damaged, and one more of each after
/// them, which are returned.
pub(crate) async fn due_workers(store: &dyn Store) -> [Worker; 2] {
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let due = |seconds| WorkerState::Ready { snapshot_id: SnapshotId::new("snap"), expires_at: at(seconds) };
    for seconds in 0..3 {
        store.workers().insert(&made_at(seconds, due(seconds)), "").await.unwrap();
        store.workers().insert(&made_at(seconds, WorkerState::Creating), "").await.unwrap();
    }
    let kept = [made_at(10, due(10)), made_at(10, WorkerState::Creating)];
    for worker in &kept {
        store.workers().insert(worker, "").await.unwrap();
    }
    kept
}

/// Checks that due and stuck workers are found behind rows that would fill the whole result.
pub(crate) async fn check_passed(store: &dyn Store, kept: &[Worker; 2]) {
    let now = at(0) + TimeDelta::minutes(1);
    for limit in [1, 2, 3, 100] {
        assert_eq!(ids(&store.workers().list_due_to_expire(now, limit).await.unwrap()), [kept[0].id], "{limit}");
        assert_eq!(ids(&store.workers().list_stuck_in_creating(now, limit).await.unwrap()), [kept[1].id], "{limit}");
    }
    let emptied = store.schema().set_up(ExistingWorkers::Remove).await.unwrap();
    assert!(matches!(&emptied, SetupOutcome::Emptied(workers) if workers.len() == 8), "{emptied:?}");
}
