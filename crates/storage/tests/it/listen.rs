//! Which changes a server receives from another one that uses the same Postgres.

use uuid::Uuid;
use workers_domain::ports::{LastInvocation, StoredChange, StoredChanges, Update};
use workers_domain::{SnapshotId, StoredWorker, TenantId, Worker, WorkerId};
use workers_testing::{ThrowAwayPostgres, scope_of_all};

use crate::support::{at, connect, worker};

/// More invocations than one notification can hold.
const MANY: i64 = 250;

fn of_tenant(tenant_id: TenantId) -> Worker {
    Worker::restore(StoredWorker { id: WorkerId::generate(at(0)), tenant_id, ..worker().into_stored() })
}

/// Returns the next change, and skips reports of missed changes.
async fn next(changes: &mut Box<dyn StoredChanges>) -> StoredChange {
    loop {
        match changes.next().await {
            StoredChange::Missed => {}
            change => return change,
        }
    }
}

#[tokio::test]
async fn every_change_names_the_tenant_whose_worker_it_is() {
    let url = ThrowAwayPostgres::shared().create_database().await;
    let (here, there) = (connect(&url).await, connect(&url).await);
    here.store().schema().apply_migrations().await.unwrap();
    let mut changes = here.store().listen().unwrap();
    // After this, nothing is missed.
    assert_eq!(changes.next().await, StoredChange::Missed);

    let store = there.store();
    for tenant in [TenantId::DEFAULT, TenantId::from(Uuid::from_u128(7))] {
        let mut worker = of_tenant(tenant);
        let id = worker.id;
        store.workers().insert(&worker, "").await.unwrap();
        assert_eq!(next(&mut changes).await, StoredChange::Changed { tenant, id, unneeded: None });

        worker.make_ready(SnapshotId::new("snap_1"), at(60)).unwrap();
        assert_eq!(store.workers().update_state(&mut worker).await.unwrap(), Update::Updated);
        assert!(
            matches!(next(&mut changes).await, StoredChange::Changed { tenant: reported, .. } if reported == tenant)
        );

        store.workers().delete(&scope_of_all(), id).await.unwrap();
        let unneeded = Some(SnapshotId::new("snap_1"));
        assert_eq!(next(&mut changes).await, StoredChange::Removed { tenant, id, unneeded });
    }
}

#[tokio::test]
async fn invocations_are_notified_tenant_by_tenant_however_many_there_are() {
    let url = ThrowAwayPostgres::shared().create_database().await;
    let (here, there) = (connect(&url).await, connect(&url).await);
    here.store().schema().apply_migrations().await.unwrap();
    let tenants = [TenantId::DEFAULT, TenantId::from(Uuid::from_u128(7))];
    let mut expected = tenants.map(|_| Vec::new());
    let mut invocations = Vec::new();
    for number in 0..MANY {
        for (tenant, expected) in tenants.iter().zip(&mut expected) {
            let worker = of_tenant(*tenant);
            there.store().workers().insert(&worker, "").await.unwrap();
            let invocation = LastInvocation { worker_id: worker.id, at: at(number) };
            expected.push(invocation);
            invocations.push(invocation);
        }
    }
    let mut changes = here.store().listen().unwrap();
    assert_eq!(changes.next().await, StoredChange::Missed);
    there.store().workers().record_invocations(&invocations).await.unwrap();

    let mut reported = tenants.map(|_| Vec::new());
    while reported.iter().map(Vec::len).sum::<usize>() < invocations.len() {
        let StoredChange::Invoked { tenant, invocations } = next(&mut changes).await else { continue };
        let which = tenants.iter().position(|known| *known == tenant).unwrap();
        reported[which].extend(invocations);
    }
    let in_order = |invocations: &mut Vec<LastInvocation>| {
        invocations.sort_by_key(|invocation| (invocation.worker_id, invocation.at));
    };
    reported.iter_mut().for_each(in_order);
    expected.iter_mut().for_each(in_order);
    assert_eq!(reported, expected);
}

#[tokio::test]
async fn a_change_by_hand_is_heard_like_one_by_a_server() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let here = connect(&url).await;
    here.store().schema().apply_migrations().await.unwrap();
    let kept = of_tenant(TenantId::from(Uuid::from_u128(7)));
    here.store().workers().insert(&kept, "").await.unwrap();
    let mut changes = here.store().listen().unwrap();
    assert_eq!(changes.next().await, StoredChange::Missed);
    server.execute(&url, "UPDATE workers SET name = 'by-hand'").await;
    let (tenant, id) = (kept.tenant_id(), kept.id);
    assert_eq!(next(&mut changes).await, StoredChange::Changed { tenant, id, unneeded: None });
}
