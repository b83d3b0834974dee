//! Several servers that share one database, each with its own sandboxes.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Notify;
use workers_domain::ports::Store;
use workers_domain::{SnapshotId, Worker, WorkerStatus};
use workers_service::{ServiceOptions, SweepReport};
use workers_testing::{ScriptedCall, Step, operator, scope_of_all, system};

use crate::support::{TestPlatform, failed, follow, returned};

fn one(_: &ScriptedCall) -> Vec<Step> {
    vec![Step::Return("1".to_owned())]
}

async fn stored(test: &TestPlatform, worker: &Worker) -> Worker {
    test.store.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap().unwrap()
}

async fn call(test: &TestPlatform, worker: &Worker) {
    let invocation = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    assert_eq!(returned(&follow(invocation).await.1), "1");
}

#[tokio::test]
async fn a_worker_called_on_two_servers_in_turn_is_built_once_on_each() {
    let here = TestPlatform::new(one);
    let there = here.beside(one);
    let worker = here.deploy().await;
    for _ in 0..10 {
        call(&here, &worker).await;
        call(&there, &worker).await;
    }
    assert_eq!((here.sandboxes.snapshots_made(), there.sandboxes.snapshots_made()), (1, 1));
    let stored = stored(&here, &worker).await;
    assert_eq!((stored.state(), stored.revision), (worker.state(), worker.revision), "no server overwrites another");
}

#[tokio::test]
async fn a_snapshot_that_its_provider_names_is_stored_for_all_servers() {
    let here = TestPlatform::new(one);
    here.sandboxes.name_snapshots_itself();
    let worker = here.deploy().await;
    here.sandboxes.lose_snapshots();
    call(&here, &worker).await;
    let stored = stored(&here, &worker).await;
    assert_ne!(stored.snapshot_id(), worker.snapshot_id());
    assert_eq!(stored.expires_at(), worker.expires_at());
    call(&here, &worker).await;
    assert_eq!(here.sandboxes.snapshots_made(), 2);
}

#[tokio::test]
async fn a_redeploy_on_another_server_is_built_here_when_it_is_called() {
    let here = TestPlatform::new(one);
    let there = here.beside(one);
    let worker = here.deploy().await;
    call(&there, &worker).await;
    there.platform.workers().redeploy(operator(), worker.id).await.unwrap();
    call(&here, &worker).await;
    assert_eq!((here.sandboxes.snapshots_made(), there.sandboxes.snapshots_made()), (2, 2));
}

/// Runs a call that has read its worker and waits for its permit, while `meanwhile` runs on another server.
async fn overtaken(meanwhile: impl AsyncFnOnce(&TestPlatform, &Worker)) -> &'static str {
    let go = Arc::new(Notify::new());
    let waits = Arc::clone(&go);
    let one_at_a_time = |options: &mut ServiceOptions| options.max_concurrent_invocations = 1;
    let here = TestPlatform::with_options(one_at_a_time, move |_| {
        vec![Step::WaitFor(Arc::clone(&waits)), Step::Return("1".to_owned())]
    });
    let there = here.beside(one);
    let (busy, worker) = (here.deploy().await, there.deploy().await);
    let first = here.platform.invocations().invoke(operator(), busy.id, "greet", b"").await.unwrap();
    let (invocations, id) = (here.platform.invocations().clone(), worker.id);
    let second = tokio::spawn(async move { invocations.invoke(operator(), id, "greet", b"").await });
    while here.platform.invocations().load(operator()).unwrap().queued == 0 {
        tokio::task::yield_now().await;
    }
    meanwhile(&there, &worker).await;
    go.notify_one();
    follow(first).await;
    let report = follow(second.await.unwrap().unwrap()).await.1;
    assert_eq!(here.sandboxes.snapshot_count(), 1, "nothing is left of what was made for nothing");
    failed(&report)
}

#[tokio::test]
async fn a_call_that_a_delete_overtakes_says_that_the_worker_is_gone() {
    let code = overtaken(async |there, worker| {
        there.platform.workers().delete(operator(), worker.id).await.unwrap();
    });
    assert_eq!(code.await, "worker_not_found");
}

#[tokio::test]
async fn a_call_that_an_expiry_overtakes_says_that_the_worker_has_expired() {
    let code = overtaken(async |there, worker| {
        there.clock.advance(TimeDelta::days(8));
        assert_eq!(there.platform.workers().get(operator(), worker.id).await.unwrap().status(), WorkerStatus::Expired);
    });
    assert_eq!(code.await, "worker_expired");
}

#[tokio::test]
async fn what_a_server_keeps_of_a_worker_that_another_one_removed_is_swept() {
    let here = TestPlatform::new(one);
    let there = here.beside(one);
    let [gone, renewed, stays] = [here.deploy().await, here.deploy().await, here.deploy().await];
    for worker in [&gone, &renewed, &stays] {
        call(&there, worker).await;
    }
    here.platform.workers().delete(operator(), gone.id).await.unwrap();
    here.platform.workers().redeploy(operator(), renewed.id).await.unwrap();
    assert_eq!((here.sandboxes.snapshot_count(), there.sandboxes.snapshot_count()), (2, 3));
    let report = there.platform.workers().sweep(system()).await.unwrap();
    assert_eq!(report, SweepReport { reclaimed: 2, ..SweepReport::default() });
    assert_eq!(there.sandboxes.snapshot_count(), 1);
    assert_eq!(here.platform.workers().sweep(system()).await.unwrap(), SweepReport::default());
    call(&there, &stays).await;
    assert_eq!(there.sandboxes.snapshots_made(), 3);
}

#[tokio::test]
async fn an_expiry_never_undoes_a_redeploy() {
    let test = TestPlatform::new(one);
    let worker = test.deploy().await;
    test.clock.advance(TimeDelta::days(8));
    let until = test.clock.at_in(TimeDelta::days(7));
    let renew = move |worker: &mut Worker| worker.redeploy(SnapshotId::new("snap_new"), until).unwrap();
    test.store.overtake_next_update(renew);
    let read = test.platform.workers().get(operator(), worker.id).await.unwrap();
    assert_eq!((read.status(), read.expires_at()), (WorkerStatus::Ready, Some(until)));
    test.clock.advance(TimeDelta::days(8));
    test.store.overtake_next_update({
        let until = until + TimeDelta::days(30);
        move |worker: &mut Worker| worker.redeploy(SnapshotId::new("snap_newer"), until).unwrap()
    });
    assert_eq!(test.platform.workers().sweep(system()).await.unwrap().expired, 1);
    assert_eq!(stored(&test, &worker).await.snapshot_id(), Some(&SnapshotId::new("snap_newer")));
}

#[tokio::test]
async fn of_two_redeploys_at_once_the_later_one_stays_and_nothing_of_the_earlier_one() {
    let test = TestPlatform::new(one);
    let worker = test.deploy().await;
    let until = test.clock.at_in(TimeDelta::days(1));
    let renew = move |worker: &mut Worker| worker.redeploy(SnapshotId::new("snap_other"), until).unwrap();
    test.store.overtake_next_update(renew);
    let redeployed = test.platform.workers().redeploy(operator(), worker.id).await.unwrap();
    assert_eq!(stored(&test, &worker).await, redeployed);
    assert_ne!(redeployed.snapshot_id(), Some(&SnapshotId::new("snap_other")));
    call(&test, &redeployed).await;
}

#[tokio::test]
async fn a_deploy_that_another_server_took_for_dead_is_ready_all_the_same() {
    let test = TestPlatform::new(one);
    test.store.overtake_next_update(|worker| worker.fail("its server has stopped").unwrap());
    let worker = test.deploy().await;
    assert_eq!(worker.status(), WorkerStatus::Ready);
    assert_eq!(stored(&test, &worker).await, worker);
    call(&test, &worker).await;
}

#[tokio::test]
async fn a_worker_that_is_deleted_while_it_is_built_leaves_nothing_behind() {
    let here = TestPlatform::new(one);
    let there = here.beside(one);
    let worker = here.deploy().await;
    there.sandboxes.when_next_snapshot_is_made({
        let store = Arc::clone(&here.store);
        move || assert!(store.remove_now(worker.id))
    });
    let invocation = there.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    assert_eq!(failed(&follow(invocation).await.1), "worker_not_found");
    assert_eq!(there.sandboxes.snapshot_count(), 0);
}
