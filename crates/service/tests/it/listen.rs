//! Which listeners receive which changes.

use std::sync::Arc;

use futures_util::FutureExt as _;
use uuid::Uuid;
use workers_domain::TenantId;
use workers_domain::access::TenantScope;
use workers_domain::ports::{EventBus, ExistingWorkers, WorkerChange, WorkerEvents};
use workers_service::{InProcessEventBus, WorkerChanges};
use workers_testing::{Step, operator, operator_in, system};

use crate::support::{TestPlatform, follow};

/// Returns all changes that have arrived and were not taken yet.
fn pending(changes: &mut WorkerChanges) -> Vec<WorkerChange> {
    std::iter::from_fn(|| changes.next().now_or_never().flatten()).collect()
}

#[tokio::test]
async fn a_listener_of_another_tenant_hears_of_nothing_but_the_reset_of_all() {
    let test = TestPlatform::new(|_| vec![Step::Return("1".into())]);
    let workers = test.platform.workers();
    let stranger = operator_in(TenantId::from(Uuid::from_u128(7)));
    let mut own = workers.changes(operator()).unwrap();
    let mut other = workers.changes(&stranger).unwrap();
    let mut all = workers.changes(system()).unwrap();

    let worker = test.deploy().await;
    follow(test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap()).await;
    workers.redeploy(operator(), worker.id).await.unwrap();
    workers.delete(operator(), worker.id).await.unwrap();
    test.platform.invocations().drain(std::time::Duration::from_secs(1)).await;
    let heard = pending(&mut own);
    assert!(heard.iter().any(|change| matches!(change, WorkerChange::State(_))), "{heard:?}");
    assert!(heard.iter().any(|change| matches!(change, WorkerChange::Invoked { .. })), "{heard:?}");
    assert!(heard.iter().any(|change| matches!(change, WorkerChange::Deleted(_))), "{heard:?}");
    assert_eq!(pending(&mut all), heard);
    assert_eq!(pending(&mut other), []);

    workers.set_up(operator(), ExistingWorkers::Remove).await.unwrap();
    for listener in [&mut own, &mut other, &mut all] {
        assert_eq!(pending(listener), [WorkerChange::Reset]);
    }
}

/// A custom event bus of an application: it also sends every change to another tenant.
#[derive(Default)]
struct Copying(InProcessEventBus);

/// The tenant that receives every change.
fn copied() -> TenantId {
    TenantId::from(Uuid::from_u128(9))
}

impl EventBus for Copying {
    fn publish(&self, tenant: TenantId, change: WorkerChange) {
        self.0.publish(tenant, change.clone());
        self.0.publish(copied(), change);
    }

    fn reset(&self) {
        self.0.reset();
    }

    fn has_listeners(&self, tenant: TenantId) -> bool {
        self.0.has_listeners(tenant) || self.0.has_listeners(copied())
    }

    fn listen(&self, scope: TenantScope) -> Box<dyn WorkerEvents> {
        self.0.listen(scope)
    }
}

#[tokio::test]
async fn changes_travel_over_the_bus_that_the_platform_was_given() {
    let test = TestPlatform::with_ports(|builder| builder.events(Arc::new(Copying::default())), |_| Vec::new());
    let copied = operator_in(copied());
    let mut changes = test.platform.workers().changes(&copied).unwrap();
    let worker = test.deploy().await;
    assert_eq!(pending(&mut changes), [WorkerChange::State(Arc::new(worker))]);
}
