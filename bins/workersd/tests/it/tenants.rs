//! Two platforms of an application that has tenants, over one Postgres.

use std::sync::Arc;

use futures_util::FutureExt as _;
use uuid::Uuid;
use workers_domain::TenantId;
use workers_service::{Platform, WorkerChange, WorkerChanges};
use workers_storage::{Database, DatabaseUrl, StorageOptions};
use workers_testing::{ScriptedSandboxProvider, Step, ThrowAwayPostgres, operator_in};

const BUNDLE: &str = "export async function greet() { return 1 }";

async fn platform(url: &str) -> Platform {
    let url: DatabaseUrl = url.parse().unwrap();
    let database = Database::connect(&url, &StorageOptions::default()).await.unwrap();
    database.store().schema().apply_migrations().await.unwrap();
    let sandboxes = ScriptedSandboxProvider::new(|_| vec![Step::Return("1".to_owned())]);
    Platform::builder(database.store(), Arc::new(sandboxes)).build()
}

/// Returns the next change that is about a worker.
async fn next(changes: &mut WorkerChanges) -> WorkerChange {
    loop {
        match changes.next().await.unwrap() {
            WorkerChange::Reset => {}
            change => return change,
        }
    }
}

#[tokio::test]
async fn a_listener_hears_what_another_server_does_in_its_tenant_and_nothing_of_another_one() {
    let url = ThrowAwayPostgres::shared().create_database().await;
    let (here, there) = (platform(&url).await, platform(&url).await);
    let [own, other] = [1, 2].map(|number| operator_in(TenantId::from(Uuid::from_u128(number))));
    let mut changes = here.workers().changes(&own).unwrap();
    let mut of_other = here.workers().changes(&other).unwrap();
    for (call, listener) in [(&other, &mut of_other), (&own, &mut changes)] {
        let worker = there.workers().deploy(call, "w".to_owned(), BUNDLE.into()).await.unwrap();
        let mut invocation = there.invocations().invoke(call, worker.id, "greet", b"").await.unwrap();
        while invocation.next().await.is_some() {}
        there.workers().delete(call, worker.id).await.unwrap();
        let mut reported = Vec::new();
        loop {
            match next(listener).await {
                WorkerChange::State(worker) => reported.push(worker.id),
                WorkerChange::Invoked { id, .. } => reported.push(id),
                WorkerChange::Deleted(id) => {
                    reported.push(id);
                    break;
                }
                WorkerChange::Reset => {}
            }
        }
        assert!(reported.iter().all(|id| *id == worker.id), "{reported:?}");
    }
    // Changes in the other tenant arrived there before those here, so nothing more is on its way.
    for listener in [&mut changes, &mut of_other] {
        while let Some(change) = listener.next().now_or_never() {
            assert!(!matches!(change, Some(WorkerChange::State(_) | WorkerChange::Deleted(_))), "{change:?}");
        }
    }
}
