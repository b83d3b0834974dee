//! Invocations continue while many snapshots are deleted, however long that takes.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Semaphore;
use workers_domain::Worker;
use workers_domain::ports::ExistingWorkers;
use workers_service::SweepReport;
use workers_testing::{ScriptedCall, Step, operator, system};

use crate::support::{TestPlatform, follow, returned};

/// Number of snapshots to delete.
const MANY: usize = 20;

fn one(_: &ScriptedCall) -> Vec<Step> {
    vec![Step::Return("1".to_owned())]
}

async fn deploy_many(test: &TestPlatform) -> Vec<Worker> {
    let mut workers = Vec::new();
    for _ in 0..MANY {
        workers.push(test.deploy().await);
    }
    workers
}

async fn call(test: &TestPlatform, worker: &Worker) {
    let invocation = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    assert_eq!(returned(&follow(invocation).await.1), "1");
}

/// Blocks deletions of snapshots until the semaphore gets permits.
fn hold(test: &TestPlatform) -> Arc<Semaphore> {
    let permits = Arc::new(Semaphore::new(0));
    test.sandboxes.hold_removals(Arc::clone(&permits));
    permits
}

/// Runs a sweep. While its first deletion is blocked, invokes and deploys workers.
async fn sweep_beside_invocations(test: &TestPlatform, ready: &Worker) -> SweepReport {
    let permits = hold(test);
    let platform = test.platform.clone();
    let sweep = tokio::spawn(async move { platform.workers().sweep(system()).await });
    test.sandboxes.wait_for_held_removal().await;
    call(test, ready).await;
    call(test, &test.deploy().await).await;
    // The worker's snapshot has to be made again.
    test.sandboxes.lose_snapshots();
    call(test, ready).await;
    assert!(!sweep.is_finished(), "the first removal is held");
    permits.add_permits(MANY);
    sweep.await.unwrap().unwrap()
}

#[tokio::test]
async fn invocations_and_deploys_go_on_beside_a_sweep_that_expires_many_workers() {
    let test = TestPlatform::new(one);
    deploy_many(&test).await;
    test.clock.advance(TimeDelta::days(7));
    let ready = test.deploy().await;
    let report = sweep_beside_invocations(&test, &ready).await;
    assert_eq!(report, SweepReport { expired: MANY, ..SweepReport::default() });
}

#[tokio::test]
async fn invocations_and_deploys_go_on_beside_a_sweep_that_removes_what_other_servers_left_here() {
    let here = TestPlatform::new(one);
    let there = here.beside(one);
    let ready = here.deploy().await;
    for worker in deploy_many(&here).await {
        there.platform.workers().delete(operator(), worker.id).await.unwrap();
    }
    let report = sweep_beside_invocations(&here, &ready).await;
    assert_eq!(report, SweepReport { reclaimed: MANY, ..SweepReport::default() });
}

#[tokio::test]
async fn invocations_go_on_while_the_snapshots_of_all_earlier_workers_are_removed() {
    let test = TestPlatform::new(one);
    deploy_many(&test).await;
    let permits = hold(&test);
    let set_up = test.platform.workers().set_up(operator(), ExistingWorkers::Remove).await.unwrap();
    assert_eq!(set_up.removed_workers, MANY);
    test.sandboxes.wait_for_held_removal().await;
    let worker = test.deploy().await;
    call(&test, &worker).await;
    assert_eq!(test.sandboxes.snapshot_count(), MANY + 1);
    permits.add_permits(MANY);
    while test.sandboxes.snapshot_count() > 1 {
        tokio::task::yield_now().await;
    }
    call(&test, &worker).await;
}
