//! Redeploy: a worker is deployed again from its source.

use chrono::TimeDelta;
use workers_domain::ports::{Clock as _, Store as _, Update};
use workers_domain::{TenantId, Worker, WorkerId, WorkerStatus};
use workers_service::{CompilerOptions, RedeployError, Source, SweepReport};
use workers_testing::{operator, scope_of_all, system};

use crate::support::TestPlatform;

#[tokio::test]
async fn a_ready_worker_is_renewed_and_its_old_snapshot_goes() {
    let test = TestPlatform::new(|_| Vec::new());
    let old = test.deploy().await;
    test.clock.advance(TimeDelta::days(3));
    let new = test.platform.workers().redeploy(operator(), old.id).await.unwrap();
    assert_eq!((new.id, &new.functions, new.created_at), (old.id, &old.functions, old.created_at));
    assert_ne!(new.snapshot_id(), old.snapshot_id());
    assert_eq!(new.expires_at(), old.expires_at().map(|at| at + TimeDelta::days(3)));
    assert_eq!(test.sandboxes.snapshot_count(), 1);
    assert_eq!(test.sandboxes.expected().last(), new.snapshot_id());
    assert_eq!(test.store.workers().find_by_id(&scope_of_all(), old.id).await.unwrap(), Some(new));
}

#[tokio::test]
async fn the_sweeper_leaves_alone_what_was_redeployed() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.clock.advance(TimeDelta::days(7));
    test.platform.workers().redeploy(operator(), worker.id).await.unwrap();
    assert_eq!(test.platform.workers().sweep(system()).await.unwrap(), SweepReport::default());
    assert_eq!(test.platform.workers().get(operator(), worker.id).await.unwrap().status(), WorkerStatus::Ready);
}

#[tokio::test]
async fn of_many_redeploys_at_once_one_snapshot_is_left_and_it_is_the_stored_one() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.clock.advance(TimeDelta::days(7));
    let workers = test.platform.workers();
    let (one, other, third, swept) = tokio::join!(
        workers.redeploy(operator(), worker.id),
        workers.redeploy(operator(), worker.id),
        workers.redeploy(operator(), worker.id),
        workers.sweep(system())
    );
    for done in [one, other, third] {
        assert_eq!(done.unwrap().status(), WorkerStatus::Ready);
    }
    swept.unwrap();
    assert_eq!(test.sandboxes.snapshot_count(), 1);
    let (_, report) =
        crate::support::follow(test.platform.invocations().invoke(operator(), worker.id, "greet", b"1").await.unwrap())
            .await;
    assert_eq!(test.sandboxes.snapshot_count(), 1, "it was not made again: {report:?}");
}

#[tokio::test]
async fn a_worker_that_is_deleted_meanwhile_leaves_no_snapshot() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    let workers = test.platform.workers();
    let (redeployed, deleted) =
        tokio::join!(workers.redeploy(operator(), worker.id), workers.delete(operator(), worker.id));
    deleted.unwrap();
    assert!(matches!(redeployed, Ok(_) | Err(RedeployError::NotFound(_))), "{redeployed:?}");
    assert_eq!(test.sandboxes.snapshot_count(), 0);
}

#[tokio::test]
async fn a_redeploy_compiles_with_the_options_of_the_deploy() {
    let test = TestPlatform::new(|_| Vec::new());
    let code = "const d = () => {}; class C { m(@d a) {} } export function f() {}".to_owned();
    let compiler_options = CompilerOptions { experimental_decorators: Some(true) };
    let source = Source { code, compiler_options };
    let worker = test.platform.workers().deploy(operator(), "w".to_owned(), source.clone()).await.unwrap();
    test.platform.workers().redeploy(operator(), worker.id).await.unwrap();
    assert_eq!(test.platform.workers().source(operator(), worker.id).await.unwrap(), source);
    // The older kind does not support private members with decorators, so this code shows for which kind it was
    // compiled.
    let code = "const d = () => {}; class C { @d #m() {} } export function f() {}";
    for (mark, compiles) in [("", true), ("\n//# workers compilerOptions experimentalDecorators=true", false)] {
        let now = test.clock.now();
        let worker = Worker::creating(WorkerId::generate(now), TenantId::DEFAULT, worker.name.clone(), Vec::new(), now);
        test.store.workers().insert(&worker, &format!("{code}{mark}")).await.unwrap();
        let mut failed = worker.clone();
        failed.fail("no snapshot").unwrap();
        assert_eq!(test.store.workers().update_state(&mut failed).await.unwrap(), Update::Updated);
        assert_eq!(test.platform.workers().redeploy(operator(), worker.id).await.is_ok(), compiles, "{mark}");
    }
}
