//! Limits of a tenant that are lower than the server's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::oneshot;
use uuid::Uuid;
use workers_domain::ports::RepositoryError;
use workers_domain::{TenantId, TenantLimits};
use workers_service::{DeployError, InvokeError, LimitsError, ServiceOptions};
use workers_testing::{Step, StubLimits, operator, system_in};

use crate::support::{BUNDLE, TestPlatform, failed, follow};

fn small() -> TenantId {
    TenantId::from(Uuid::from_u128(7))
}

/// Creates a platform on which one tenant has these limits.
fn platform(limits: TenantLimits, step: fn() -> Step) -> (TestPlatform, Arc<StubLimits>) {
    let stub = Arc::new(StubLimits::default());
    stub.set(small(), limits);
    let given = Arc::clone(&stub);
    (TestPlatform::with_ports(|builder| builder.limits(given), move |_| vec![step()]), stub)
}

#[tokio::test]
async fn limits_of_a_tenant_hold_for_its_calls_and_for_no_others() {
    let limits = TenantLimits {
        code_bytes: Some(10),
        payload_bytes: Some(3),
        result_bytes: Some(5),
        memory_bytes: Some(64 * 1024 * 1024),
        wall_clock: Some(Duration::from_secs(2)),
        ..TenantLimits::default()
    };
    let (test, _) = platform(limits, || Step::Return("\"12345\"".into()));
    // The caller may touch workers of the default tenant, and acts for the small tenant.
    let caller = &system_in(small());
    let reported = test.platform.limits(caller).await.unwrap();
    assert_eq!((reported.code_bytes, reported.sandbox.wall_clock), (10, Duration::from_secs(2)));
    let deployed = test.platform.workers().deploy(caller, "w".into(), BUNDLE.into()).await;
    assert!(matches!(deployed, Err(DeployError::CodeTooLarge { limit: 10, .. })));

    let worker = test.deploy().await;
    let invocations = test.platform.invocations();
    let refused = invocations.invoke(caller, worker.id, "greet", b"1234").await;
    assert!(matches!(refused, Err(InvokeError::PayloadTooLarge { bytes: 4, limit: 3 })));
    let (_, report) = follow(invocations.invoke(caller, worker.id, "greet", b"123").await.unwrap()).await;
    assert_eq!(failed(&report), "result_too_large");
    let used = test.sandboxes.limits_of_last().unwrap();
    assert_eq!((used.memory_bytes, used.wall_clock), (64 * 1024 * 1024, Duration::from_secs(2)));

    follow(invocations.invoke(operator(), worker.id, "greet", b"1234").await.unwrap()).await;
    assert_eq!(test.sandboxes.limits_of_last(), Some(ServiceOptions::default().sandbox));
}

#[tokio::test]
async fn a_snapshot_is_made_within_the_limits_of_its_worker_s_tenant_and_not_of_the_caller_s() {
    let (test, stub) = platform(TenantLimits::default(), || Step::Return("1".into()));
    let (memory_bytes, wall_clock) = (64 * 1024 * 1024, Duration::from_secs(2));
    let (memory, time) = (Some(memory_bytes), Some(wall_clock));
    // The limit is too low for the script, but the script is not a file that the function writes.
    let limits =
        TenantLimits { memory_bytes: memory, wall_clock: time, disk_bytes: Some(10), ..TenantLimits::default() };
    stub.set(TenantId::DEFAULT, limits);
    let used_for_next_snapshot = || {
        let (sandboxes, (used, reported)) = (test.sandboxes.clone(), oneshot::channel());
        test.sandboxes.when_next_snapshot_is_made(move || used.send(sandboxes.limits_of_last().unwrap()).unwrap());
        reported
    };
    let deployed = used_for_next_snapshot();
    let worker = test.deploy().await;
    let redeployed = used_for_next_snapshot();
    test.platform.workers().redeploy(&system_in(small()), worker.id).await.unwrap();
    test.sandboxes.lose_snapshots();
    let rebuilt = used_for_next_snapshot();
    let invocations = test.platform.invocations();
    follow(invocations.invoke(&system_in(small()), worker.id, "greet", b"").await.unwrap()).await;
    assert_eq!(test.sandboxes.limits_of_last(), Some(ServiceOptions::default().sandbox), "of the caller's tenant");
    for (step, used) in [("deploy", deployed), ("redeploy", redeployed), ("rebuild", rebuilt)] {
        let used = used.await.unwrap();
        assert_eq!((used.memory_bytes, used.wall_clock), (memory_bytes, wall_clock), "{step}");
        assert!((11..ServiceOptions::default().sandbox.disk_bytes).contains(&used.disk_bytes), "{step}: {used:?}");
    }
}

#[tokio::test]
async fn a_tenant_that_holds_its_permits_leaves_the_others_free() {
    let limits = TenantLimits { concurrent: Some(1), queued: Some(1), ..TenantLimits::default() };
    let (test, _) = platform(limits, || Step::Hang);
    let worker = test.deploy().await;
    let (invocations, caller) = (test.platform.invocations(), &system_in(small()));
    let _running = invocations.invoke(caller, worker.id, "greet", b"").await.unwrap();
    let mut waiting = Box::pin(invocations.invoke(caller, worker.id, "greet", b""));
    assert!((&mut waiting).now_or_never().is_none());
    assert!(matches!(invocations.invoke(caller, worker.id, "greet", b"").await, Err(InvokeError::Busy { .. })));
    assert!(invocations.invoke(operator(), worker.id, "greet", b"").await.is_ok());
}

#[tokio::test]
async fn without_its_limits_nothing_is_done_for_a_tenant() {
    let (test, stub) = platform(TenantLimits::default(), || Step::Return("1".into()));
    let worker = test.deploy().await;
    stub.fail();
    let deployed = test.platform.workers().deploy(operator(), "w".into(), BUNDLE.into()).await;
    assert!(matches!(deployed, Err(DeployError::Repository(RepositoryError::Unavailable(_)))));
    let redeployed = test.platform.workers().redeploy(operator(), worker.id).await;
    assert!(redeployed.is_err());
    let invoked = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await;
    assert!(matches!(invoked, Err(InvokeError::Repository(RepositoryError::Unavailable(_)))));
    assert!(matches!(test.platform.limits(operator()).await, Err(LimitsError::Repository(_))));
    assert_eq!(test.list().await, [worker]);
}
