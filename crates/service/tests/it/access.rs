//! A forbidden call does nothing, and reads nothing.

use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;
use workers_domain::access::{AccessError, Action, CallContext, RequestId};
use workers_domain::ports::{ExistingWorkers, PageRequest, Store as _};
use workers_domain::{Part, TenantId, Worker};
use workers_service::{DeployError, InvokeError, LimitsError, Load, RedeployError, SetupError, WorkerError};
use workers_testing::{Step, SwitchedPolicy, operator, operator_in, scope_of_all, system};

use crate::support::{BUNDLE, TestPlatform, follow, returned};

/// Creates a platform with a worker, then makes the policy refuse everything and the database fail. So a use case that
/// reads the database before it checks the policy returns a different error.
async fn refusing() -> (TestPlatform, Worker, Arc<SwitchedPolicy>) {
    let policy = Arc::new(SwitchedPolicy::default());
    let test = TestPlatform::with_ports(|builder| builder.policy(Arc::clone(&policy) as _), |_| Vec::new());
    let worker = test.deploy().await;
    policy.refuse();
    test.store.fail("nothing may be read");
    (test, worker, policy)
}

fn forbidden(action: Action) -> AccessError {
    AccessError::Forbidden(action)
}

#[tokio::test]
async fn what_the_policy_refuses_is_not_done() {
    let (test, worker, policy) = refusing().await;
    let (workers, id) = (test.platform.workers(), worker.id);
    let deployed = workers.deploy(operator(), "w".into(), BUNDLE.into()).await;
    assert!(matches!(deployed, Err(DeployError::Access(error)) if error == forbidden(Action::DeployWorker)));
    let redeployed = workers.redeploy(operator(), id).await;
    let is_refused = |error: &RedeployError| matches!(error, RedeployError::Deploy(DeployError::Access(error)) if *error == forbidden(Action::RedeployWorker));
    assert!(redeployed.is_err_and(|error| is_refused(&error)));
    for (answer, action) in [
        (workers.list_page(operator(), &PageRequest::first(NonZeroU32::MIN)).await.map(drop), Action::ListWorkers),
        (workers.get(operator(), id).await.map(drop), Action::ReadWorker),
        (workers.source(operator(), id).await.map(drop), Action::ReadSource),
        (workers.delete(operator(), id).await.map(drop), Action::DeleteWorker),
        (workers.sweep(system()).await.map(drop), Action::Maintain),
        (workers.settle_stuck(system()).await.map(drop), Action::Maintain),
    ] {
        assert!(matches!(answer, Err(WorkerError::Access(error)) if error == forbidden(action)), "{action}");
    }
    let set_up = workers.set_up(operator(), ExistingWorkers::Remove).await;
    assert!(matches!(set_up, Err(SetupError::Access(error)) if error == forbidden(Action::SetUp)));
    assert_eq!(workers.changes(operator()).err(), Some(forbidden(Action::WatchWorkers)));
    let invoked = test.platform.invocations().invoke(operator(), id, "greet", b"").await;
    assert!(matches!(invoked, Err(InvokeError::Access(error)) if error == forbidden(Action::Invoke)));
    assert_eq!(test.platform.invocations().load(operator()), Err(forbidden(Action::ReadOperations)));
    assert_eq!(test.platform.unread_bytes(operator()), Err(forbidden(Action::ReadOperations)));
    let limits = test.platform.limits(operator()).await;
    assert!(matches!(limits, Err(LimitsError::Access(error)) if error == forbidden(Action::ReadLimits)));

    policy.permit_all();
    test.store.recover();
    assert_eq!(test.store.workers().find_by_id(&scope_of_all(), id).await.unwrap(), Some(worker), "it is as it was");
    assert_eq!(
        (test.sandboxes.snapshot_count(), test.platform.invocations().load(operator()).unwrap()),
        (1, Load { running: 0, queued: 0 })
    );
}

#[tokio::test]
async fn an_embedding_application_reads_how_busy_the_platform_is() {
    let test = TestPlatform::new(|_| Vec::new());
    let call = CallContext::embedder(RequestId::parse("r").unwrap());
    assert_eq!(test.platform.invocations().load(&call), Ok(Load { running: 0, queued: 0 }));
    assert_eq!(test.platform.unread_bytes(&call), Ok(0));
}

#[tokio::test]
async fn whether_the_platform_works_is_reported_without_a_call_whatever_the_policy_says() {
    let (test, _, _) = refusing().await;
    let parts: Vec<_> = test.platform.faults().await.iter().map(|fault| fault.part).collect();
    assert_eq!(parts, [Part::Database]);
}

#[tokio::test]
async fn the_users_of_an_embedding_application_may_not_empty_the_database_nor_sweep_it() {
    let test = TestPlatform::new(|_| vec![Step::Return("1".into())]);
    let call = CallContext::embedder(RequestId::parse("r").unwrap());
    let workers = test.platform.workers();
    let worker = workers.deploy(&call, "w".into(), BUNDLE.into()).await.unwrap();
    assert!(matches!(workers.set_up(&call, ExistingWorkers::Remove).await, Err(SetupError::Access(_))));
    assert!(matches!(workers.sweep(&call).await, Err(WorkerError::Access(_))));
    let invocation = test.platform.invocations().invoke(&call, worker.id, "greet", b"").await.unwrap();
    assert_eq!(returned(&follow(invocation).await.1), "1");
}

#[tokio::test]
async fn a_worker_of_another_tenant_is_as_one_that_does_not_exist() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    let (workers, id) = (test.platform.workers(), worker.id);
    let stranger = &operator_in(TenantId::from(Uuid::from_u128(7)));
    for answer in [
        workers.get(stranger, id).await.map(drop),
        workers.source(stranger, id).await.map(drop),
        workers.delete(stranger, id).await.map(drop),
    ] {
        assert!(matches!(answer, Err(WorkerError::NotFound(found)) if found == id));
    }
    assert!(matches!(workers.redeploy(stranger, id).await, Err(RedeployError::NotFound(_))));
    let invoked = test.platform.invocations().invoke(stranger, id, "greet", b"").await;
    assert!(matches!(invoked, Err(InvokeError::WorkerNotFound(_))));
    let page = workers.list_page(stranger, &PageRequest::first(NonZeroU32::MIN)).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    assert_eq!(test.list().await, [worker]);
}

#[tokio::test]
async fn each_tenant_has_workers_of_its_own() {
    let test = TestPlatform::new(|_| vec![Step::Return("1".into())]);
    let (workers, other) = (test.platform.workers(), operator_in(TenantId::from(Uuid::from_u128(7))));
    let mut made = Vec::new();
    for call in [operator(), &other] {
        made.push(workers.deploy(call, "same".into(), BUNDLE.into()).await.unwrap());
    }
    for (call, own) in [operator(), &other].into_iter().zip(&made) {
        assert_eq!(own.tenant_id(), call.tenant());
        let page = workers.list_page(call, &PageRequest::first(NonZeroU32::MAX)).await.unwrap();
        assert_eq!(page.items, std::slice::from_ref(own));
        let invocation = test.platform.invocations().invoke(call, own.id, "greet", b"").await.unwrap();
        assert_eq!(returned(&follow(invocation).await.1), "1");
        assert_eq!(workers.redeploy(call, own.id).await.unwrap().tenant_id(), call.tenant());
    }
    // Maintenance covers the workers of all tenants.
    test.clock.advance(TimeDelta::days(365));
    assert_eq!(workers.sweep(system()).await.unwrap().expired, 2);
    workers.delete(&other, made[1].id).await.unwrap();
    assert_eq!(test.list().await.iter().map(|worker| worker.id).collect::<Vec<_>>(), [made[0].id]);
}
