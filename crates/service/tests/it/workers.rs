//! List, read, delete and expire.

use chrono::TimeDelta;
use workers_domain::ports::{ExistingWorkers, Store as _};
use workers_domain::{WorkerId, WorkerStatus};
use workers_service::{InvokeError, SetupError, SweepReport, WorkerError};
use workers_testing::{operator, scope_of_all, system};

use crate::support::TestPlatform;

#[tokio::test]
async fn workers_are_listed_newest_first() {
    let test = TestPlatform::new(|_| Vec::new());
    let older = test.deploy().await;
    test.clock.advance(TimeDelta::seconds(1));
    let newer = test.deploy().await;
    let listed: Vec<_> = test.list().await.into_iter().map(|worker| worker.id).collect();
    assert_eq!(listed, [newer.id, older.id]);
}

#[tokio::test]
async fn a_worker_lives_seven_days() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.clock.advance(TimeDelta::days(7) - TimeDelta::milliseconds(1));
    assert_eq!(test.platform.workers().get(operator(), worker.id).await.unwrap().status(), WorkerStatus::Ready);
    test.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(test.platform.workers().get(operator(), worker.id).await.unwrap().status(), WorkerStatus::Expired);
}

#[tokio::test]
async fn reading_an_expired_worker_stores_that_and_deletes_its_snapshot() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.clock.advance(TimeDelta::days(7));
    test.platform.workers().get(operator(), worker.id).await.unwrap();
    let stored = test.store.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap().unwrap();
    assert_eq!(stored.status(), WorkerStatus::Expired);
    assert_eq!(test.sandboxes.snapshot_count(), 0);
}

#[tokio::test]
async fn an_expired_worker_is_read_as_expired_while_that_cannot_be_stored() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.clock.advance(TimeDelta::days(7));
    test.store.refuse_writes();
    assert_eq!(test.platform.workers().get(operator(), worker.id).await.unwrap().status(), WorkerStatus::Expired);
    let refused = test.platform.invocations().invoke(operator(), worker.id, "greet", b"{}").await;
    assert!(matches!(refused, Err(InvokeError::Expired { .. })));
    assert_eq!(test.sandboxes.snapshot_count(), 1);
}

#[tokio::test]
async fn an_expired_worker_is_listed_as_expired_before_the_sweeper_came() {
    let test = TestPlatform::new(|_| Vec::new());
    test.deploy().await;
    test.clock.advance(TimeDelta::days(7));
    assert_eq!(test.list().await[0].status(), WorkerStatus::Expired);
}

#[tokio::test]
async fn the_sweeper_expires_what_is_due_and_nothing_else() {
    let test = TestPlatform::new(|_| Vec::new());
    for _ in 0..150 {
        test.deploy().await;
    }
    test.clock.advance(TimeDelta::days(7));
    let young = test.deploy().await;
    assert_eq!(
        test.platform.workers().sweep(system()).await.unwrap(),
        SweepReport { expired: 150, ..SweepReport::default() }
    );
    assert_eq!(test.sandboxes.snapshot_count(), 1);
    assert_eq!(test.platform.workers().get(operator(), young.id).await.unwrap().status(), WorkerStatus::Ready);
    assert_eq!(test.platform.workers().sweep(system()).await.unwrap(), SweepReport::default());
}

#[tokio::test]
async fn the_sweeper_settles_a_deploy_whose_server_died() {
    let test = TestPlatform::new(|_| Vec::new());
    let made = test.deploy().await;
    let stuck = workers_domain::Worker::creating(
        WorkerId::generate(made.created_at),
        made.tenant_id(),
        made.name.clone(),
        made.functions.clone(),
        made.created_at,
    );
    test.store.workers().insert(&stuck, "source").await.unwrap();
    // While a deploy of another server may still be running, the worker is left alone.
    test.clock.advance(TimeDelta::seconds(40));
    assert_eq!(test.platform.workers().settle_stuck(system()).await.unwrap(), 0);
    test.clock.advance(TimeDelta::seconds(10));
    assert_eq!(
        test.platform.workers().sweep(system()).await.unwrap(),
        SweepReport { failed: 1, ..SweepReport::default() }
    );
    assert_eq!(test.platform.workers().get(operator(), stuck.id).await.unwrap().status(), WorkerStatus::Error);
}

#[tokio::test]
async fn a_deleted_worker_is_gone_with_its_snapshot() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.platform.workers().delete(operator(), worker.id).await.unwrap();
    assert_eq!(test.sandboxes.snapshot_count(), 0);
    assert!(matches!(test.platform.workers().get(operator(), worker.id).await, Err(WorkerError::NotFound(_))));
    assert!(matches!(test.platform.workers().delete(operator(), worker.id).await, Err(WorkerError::NotFound(_))));
}

#[tokio::test]
async fn setting_up_again_removes_every_worker_and_snapshot_only_if_asked() {
    let test = TestPlatform::new(|_| Vec::new());
    test.deploy().await;
    test.deploy().await;
    let workers = test.platform.workers();
    let refused = workers.set_up(operator(), ExistingWorkers::Keep).await;
    assert!(matches!(refused, Err(SetupError::NotEmpty { workers: 2 })), "{refused:?}");
    assert_eq!((test.list().await.len(), test.sandboxes.snapshot_count()), (2, 2));
    let report = workers.set_up(operator(), ExistingWorkers::Remove).await.unwrap();
    assert_eq!((report.created, report.removed_workers), (false, 2));
    assert!(test.list().await.is_empty());
    // The snapshots are deleted in the background, after the call returns.
    while test.sandboxes.snapshot_count() > 0 {
        tokio::task::yield_now().await;
    }
    let report = workers.set_up(operator(), ExistingWorkers::Keep).await.unwrap();
    assert_eq!((report.created, report.removed_workers), (false, 0));
}
