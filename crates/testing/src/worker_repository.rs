//! The conformance suite for the workers of every [`Store`]; see [`store_conformance!`](crate::store_conformance).

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;
use uuid::Uuid;
use workers_domain::ports::{
    ExistingWorkers, LastInvocation, Page, PageCursor, PageRequest, RemovedWorker, RepositoryError, SetupOutcome,
    Store, Update,
};
use workers_domain::{Isolation, SnapshotId, StoredWorker, TenantId, Worker, WorkerId, WorkerState};

use crate::AllWorkers as _;
use crate::access::{scope_of, scope_of_all};
use crate::workers::{
    at, change, found, functions, good, ids, in_state, insert, name, ready_until, with_state, worker,
};

/// Checks that a worker is found as it was inserted.
pub async fn a_worker_is_found_as_it_was_inserted(store: &dyn Store) {
    let repository = store.workers();
    for isolation in [None, Some(Isolation::Process), Some(Isolation::Sandbox)] {
        let mut worker = worker(at(0));
        worker.isolation = isolation;
        insert(store, &[&worker]).await;
        assert_eq!(found(repository, worker.id).await, worker);
    }
}

/// Checks that a worker keeps its tenant.
pub async fn a_worker_keeps_its_tenant(store: &dyn Store) {
    let repository = store.workers();
    let tenant_id = TenantId::generate(at(0));
    let mut worker = Worker::restore(StoredWorker { tenant_id, ..ready_until(at(60)).into_stored() });
    // Older than the other one, so that it comes last in the list.
    let of_the_default = self::worker(at(-1));
    insert(store, &[&worker, &of_the_default]).await;
    change(repository, &mut worker, WorkerState::Error { message: "no".to_owned() }).await;
    assert_eq!(found(repository, worker.id).await.tenant_id(), tenant_id);
    let tenants: Vec<_> = good(repository.list().await).iter().map(Worker::tenant_id).collect();
    assert_eq!(tenants, [tenant_id, TenantId::DEFAULT]);
    assert_eq!(
        good(repository.delete(&scope_of_all(), worker.id).await).map(|worker| worker.tenant_id()),
        Some(tenant_id)
    );
}

/// Checks that a worker of another tenant is not found, listed or deleted.
pub async fn a_worker_of_another_tenant_is_not_found_listed_or_deleted(store: &dyn Store) {
    let repository = store.workers();
    let [own, foreign] = [1, 2].map(|number| TenantId::from(Uuid::from_u128(number)));
    let [mine, other] = [of_tenant(own, 0), of_tenant(foreign, 1)];
    insert(store, &[&mine, &other]).await;
    let (scope, none) = (&scope_of(own), &scope_of(TenantId::DEFAULT));
    for (scope, id) in [(scope, other.id), (none, mine.id), (none, other.id)] {
        assert_eq!(good(repository.find_by_id(scope, id).await), None);
        assert_eq!(good(repository.find_source(scope, id).await), None);
        assert_eq!(good(repository.delete(scope, id).await), None);
    }
    let everything = page(None, 100);
    assert_eq!(good(repository.list_page(scope, &everything).await).items, std::slice::from_ref(&mine));
    assert_eq!(good(repository.list_page(none, &everything).await).items, []);
    assert_eq!(good(repository.list().await), [other.clone(), mine.clone()], "nothing was deleted");

    assert_eq!(good(repository.find_by_id(scope, mine.id).await), Some(mine.clone()));
    assert!(good(repository.find_source(scope, mine.id).await).is_some());
    assert_eq!(good(repository.delete(scope, mine.id).await), Some(mine));
    assert_eq!(good(repository.list().await), [other]);
}

fn of_tenant(tenant_id: TenantId, seconds: i64) -> Worker {
    let worker = worker(at(seconds));
    Worker::restore(StoredWorker { tenant_id, ..worker.into_stored() })
}

/// Checks that an unknown worker is not found.
pub async fn an_unknown_worker_is_not_found(store: &dyn Store) {
    let repository = store.workers();
    insert(store, &[&worker(at(0))]).await;
    let unknown = WorkerId::generate(at(0));
    assert_eq!(good(repository.find_by_id(&scope_of_all(), unknown).await), None);
    assert_eq!(good(repository.find_source(&scope_of_all(), unknown).await), None);
}

/// Checks that a second worker with the same id is refused.
pub async fn a_second_worker_with_the_same_id_is_refused(store: &dyn Store) {
    let repository = store.workers();
    let worker = worker(at(0));
    insert(store, &[&worker]).await;
    assert!(matches!(repository.insert(&worker, "other").await, Err(RepositoryError::Refused { .. })));
    assert_ne!(good(repository.find_source(&scope_of_all(), worker.id).await), Some("other".to_owned()));
}

/// Checks that a source is found byte for byte.
pub async fn a_source_is_found_byte_for_byte(store: &dyn Store) {
    let repository = store.workers();
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    for source in ["", "\r\n\t'\"\\`${x}", "\u{feff}naïve 日本語 🦀 \u{200d}\u{1}\u{7f}", "\\x00 \\u0000 \\000 %00"]
    {
        let worker = worker(at(0));
        good(repository.insert(&worker, source).await);
        assert_eq!(good(repository.find_source(&scope_of_all(), worker.id).await).as_deref(), Some(source));
    }
}

/// Checks that a source of ten mebibytes is kept.
pub async fn a_source_of_ten_mebibytes_is_kept(store: &dyn Store) {
    let repository = store.workers();
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    let worker = worker(at(0));
    let line = "// a comment that does not compress to nothing: äöü\n";
    // 10 MiB is the default limit of the code of a worker.
    let source = line.repeat(10 * 1024 * 1024 / line.len() + 1);
    good(repository.insert(&worker, &source).await);
    let kept = good(repository.find_source(&scope_of_all(), worker.id).await);
    assert!(kept.is_some_and(|kept| kept == source));
}

/// Checks that a source with U+0000 is refused. Postgres cannot store the character, so no repository accepts it.
pub async fn a_source_with_a_nul_is_refused(store: &dyn Store) {
    let repository = store.workers();
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    let worker = worker(at(0));
    let refused = repository.insert(&worker, "const nul = '\0';").await;
    assert!(matches!(refused, Err(RepositoryError::Refused { operation: "insert of a worker", .. })));
    assert_eq!(good(repository.find_by_id(&scope_of_all(), worker.id).await), None);
}

/// Checks that names are kept whatever their characters.
pub async fn names_are_kept_whatever_their_characters(store: &dyn Store) {
    let repository = store.workers();
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    // 255 characters of 4 bytes each: the limit is one of characters.
    let longest = "🦀".repeat(255);
    // Postgres keeps a list of names as an array, and SQLite as JSON: these have a meaning in one of the two.
    for text in ["a", "naïve 日本語 e\u{301}", r#"'"\{},NULL"#, "null", r"\x00", "{}", "[]", longest.as_str()] {
        let mut worker = worker(at(0));
        worker.name = name(text);
        worker.functions = functions([text, "$", "ünïcode", r#"{"a","b"}"#, "NULL", r"\", longest.as_str()]);
        good(repository.insert(&worker, "").await);
        assert_eq!(found(repository, worker.id).await, worker);
    }
}

/// Checks that a thousand functions keep their order.
pub async fn a_thousand_functions_keep_their_order(store: &dyn Store) {
    let repository = store.workers();
    let mut worker = worker(at(0));
    // Each number below 1,000 once, in an order that no sorting gives.
    let names: Vec<String> = (0..1000).map(|index| format!("f{}", index * 7919 % 1000)).collect();
    worker.functions = functions(names.iter().map(String::as_str));
    insert(store, &[&worker]).await;
    assert_eq!(found(repository, worker.id).await.functions, worker.functions);
    worker.id = WorkerId::generate(at(0));
    worker.functions.clear();
    good(repository.insert(&worker, "").await);
    assert_eq!(found(repository, worker.id).await.functions, []);
}

/// Checks that text that looks like SQL is stored as text.
pub async fn text_that_looks_like_sql_is_only_text(store: &dyn Store) {
    let repository = store.workers();
    let bystander = worker(at(0));
    insert(store, &[&bystander]).await;
    let attack = "'); DROP TABLE workers; --";
    let mut worker = worker(at(1));
    worker.name = name(attack);
    worker.functions = functions([attack, "$1", "?"]);
    good(repository.insert(&worker, attack).await);
    let state = WorkerState::Ready { snapshot_id: SnapshotId::new(attack), expires_at: at(60) };
    change(repository, &mut worker, state).await;
    assert_eq!(found(repository, worker.id).await.snapshot_id().map(SnapshotId::as_str), Some(attack));
    assert_eq!(good(repository.find_source(&scope_of_all(), worker.id).await).as_deref(), Some(attack));
    assert_eq!(found(repository, bystander.id).await, bystander);
}

/// Checks that workers are listed newest first.
pub async fn workers_are_listed_newest_first(store: &dyn Store) {
    let repository = store.workers();
    let [first, second, third] = [worker(at(1)), worker(at(2)), worker(at(3))];
    insert(store, &[&second, &third, &first]).await;
    assert_eq!(good(repository.list().await), [third, second, first]);
}

/// Checks that workers of the same time are listed by id.
pub async fn workers_of_the_same_time_are_listed_by_id(store: &dyn Store) {
    let repository = store.workers();
    let mut same: Vec<Worker> = (0..8).map(|_| worker(at(0))).collect();
    insert(store, &same.iter().collect::<Vec<_>>()).await;
    same.sort_by_key(|worker| std::cmp::Reverse(worker.id));
    assert_eq!(ids(&good(repository.list().await)), ids(&same));
}

fn page(after: Option<&PageCursor>, limit: u32) -> PageRequest {
    let limit = NonZeroU32::new(limit).unwrap_or_else(|| panic!("a page holds something"));
    PageRequest { after: after.cloned(), limit }
}

/// Checks that following the pages returns the whole list.
pub async fn pages_lead_through_the_whole_list(store: &dyn Store) {
    let repository = store.workers();
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    let empty = Page { items: Vec::new(), next: None };
    assert_eq!(good(repository.list_page(&scope_of_all(), &page(None, 1)).await), empty);
    // Some workers have equal times, on both sides of every end of a page.
    let workers: Vec<Worker> = [0, 1, 1, 1, 1, 2, 3, 3, 3, 4, 4, 5].map(|seconds| worker(at(seconds))).into();
    insert(store, &workers.iter().collect::<Vec<_>>()).await;
    let all = good(repository.list().await);
    assert_eq!(all.len(), workers.len());
    // Up to one more than there are workers.
    for count in 1..=13 {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = good(repository.list_page(&scope_of_all(), &page(after.as_ref(), count)).await);
            assert!(!page.items.is_empty(), "{count}: nothing is behind the end");
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
            assert_eq!(found.len() % count as usize, 0, "{count}: a page is full unless it is the last");
        }
        assert_eq!(ids(&found), ids(&all), "{count}");
    }
}

/// Checks that pages of one tenant contain no worker of another one.
pub async fn pages_of_one_tenant_hold_no_other(store: &dyn Store) {
    let repository = store.workers();
    let [one, another] = [1, 2].map(|number| TenantId::from(Uuid::from_u128(number)));
    // The tenants alternate, some workers have equal times, and one tenant has more in a row than fit on a page.
    let workers: Vec<Worker> = (0..24)
        .map(|number| of_tenant(if number % 2 == 0 || number > 16 { one } else { another }, number / 3))
        .collect();
    insert(store, &workers.iter().collect::<Vec<_>>()).await;
    let all = good(repository.list().await);
    for tenant in [one, another, TenantId::DEFAULT] {
        let own: Vec<_> = all.iter().filter(|worker| worker.tenant_id() == tenant).cloned().collect();
        for count in [1, 2, 5, 100] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = good(repository.list_page(&scope_of(tenant), &page(after.as_ref(), count)).await);
                found.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
                assert_eq!(found.len() % count as usize, 0, "{count}: a page is full unless it is the last");
            }
            assert_eq!(found, own, "{tenant}: {count}");
        }
    }
    // A cursor belongs to the list of all tenants: in another tenant's list it continues at the same time.
    let middle = good(repository.list_page(&scope_of(one), &page(None, 5)).await);
    let last = middle.items.last().map_or_else(|| at(0), |worker| worker.created_at);
    let behind = good(repository.list_page(&scope_of(another), &page(middle.next.as_ref(), 100)).await);
    assert!(behind.items.iter().all(|worker| worker.tenant_id() == another && worker.created_at <= last));
}

/// Checks that pages contain each worker that exists throughout exactly once, whatever is inserted and deleted
/// meanwhile.
pub async fn pages_hold_what_was_there_throughout_once_whatever_comes_and_goes(store: &dyn Store) {
    let repository = store.workers();
    let workers: Vec<Worker> = (0..9).map(|index| worker(at(index / 2))).collect();
    insert(store, &workers.iter().collect::<Vec<_>>()).await;
    let all = ids(&good(repository.list().await));
    let first = good(repository.list_page(&scope_of_all(), &page(None, 3)).await);
    // The last worker of the page and its neighbours are deleted; others are inserted before it and with the same time.
    for gone in &all[1..5] {
        good(repository.delete(&scope_of_all(), *gone).await);
    }
    let newer = worker(at(60));
    good(repository.insert(&newer, "").await);
    let second = good(repository.list_page(&scope_of_all(), &page(first.next.as_ref(), 3)).await);
    assert_eq!((ids(&first.items), ids(&second.items)), (all[..3].to_vec(), all[5..8].to_vec()));
    // A cursor can be used again and continues at the same point.
    assert_eq!(good(repository.list_page(&scope_of_all(), &page(first.next.as_ref(), 3)).await), second);
    good(store.schema().set_up(ExistingWorkers::Remove).await);
    let end = Page { items: Vec::new(), next: None };
    assert_eq!(good(repository.list_page(&scope_of_all(), &page(second.next.as_ref(), 3)).await), end);
}

/// Checks that a cursor that no page has returned is refused.
pub async fn a_cursor_that_is_of_no_page_is_refused(store: &dyn Store) {
    let repository = store.workers();
    insert(store, &[&worker(at(0)), &worker(at(1))]).await;
    let cursor = good(repository.list_page(&scope_of_all(), &page(None, 1)).await)
        .next
        .unwrap_or_else(|| panic!("there is more"));
    let real = cursor.as_bytes();
    let mut longer = real.to_vec();
    longer.push(0);
    let mut other = real.to_vec();
    other[0] ^= 1;
    for bytes in [&[][..], b"nonsense", &real[..1], &real[..real.len() - 1], &longer, &other, &[0xff; 4096]] {
        let refused =
            repository.list_page(&scope_of_all(), &page(Some(&PageCursor::from_bytes(bytes.to_vec())), 1)).await;
        assert!(matches!(refused, Err(RepositoryError::UnknownCursor)), "{bytes:?}: {refused:?}");
    }
}

fn every_state() -> Vec<WorkerState> {
    let snapshot_id = SnapshotId::new("snap_".to_owned() + &"x".repeat(250));
    vec![
        WorkerState::Creating,
        WorkerState::Ready { snapshot_id: snapshot_id.clone(), expires_at: at(60) },
        WorkerState::Error { message: "the disk is full: `/tmp`\n — 日本語".to_owned() },
        WorkerState::Error { message: String::new() },
        WorkerState::Expired { snapshot_id, expired_at: at(-60) },
    ]
}

/// Checks that every state is read back as it was stored.
pub async fn every_state_survives(store: &dyn Store) {
    let repository = store.workers();
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    for state in every_state() {
        let worker = in_state(state);
        good(repository.insert(&worker, "").await);
        assert_eq!(found(repository, worker.id).await, worker);
    }
}

/// Checks that a state replaces all fields of the previous one.
pub async fn a_state_replaces_all_of_the_one_before(store: &dyn Store) {
    let repository = store.workers();
    let mut worker = worker(at(0));
    insert(store, &[&worker]).await;
    for before in every_state() {
        for after in every_state() {
            change(repository, &mut worker, before.clone()).await;
            change(repository, &mut worker, after.clone()).await;
            assert_eq!(found(repository, worker.id).await.state(), &after);
        }
    }
}

/// Checks that a change of state touches nothing else.
pub async fn a_change_of_state_touches_nothing_else(store: &dyn Store) {
    let repository = store.workers();
    let [worker, other] = [worker(at(0)), worker(at(0))];
    insert(store, &[&worker, &other]).await;
    good(repository.record_invocations(&[LastInvocation { worker_id: worker.id, at: at(9) }]).await);
    let mut changed = with_state(&worker, WorkerState::Error { message: "no".to_owned() });
    changed.name = name("renamed");
    changed.functions.clear();
    changed.created_at = at(5);
    assert_eq!(good(repository.update_state(&mut changed).await), Update::Updated);

    let kept = found(repository, worker.id).await;
    assert_eq!(kept.state(), changed.state());
    assert_eq!((kept.name, kept.functions, kept.created_at), (worker.name, worker.functions, worker.created_at));
    assert_eq!(kept.last_invoked_at, Some(at(9)));
    assert_eq!(found(repository, other.id).await, other);
}

/// Checks that an error message with U+0000 is kept, with the character replaced.
pub async fn a_nul_in_an_error_message_does_not_lose_it(store: &dyn Store) {
    let repository = store.workers();
    let mut worker = worker(at(0));
    insert(store, &[&worker]).await;
    change(repository, &mut worker, WorkerState::Error { message: "a\0b".to_owned() }).await;
    assert_eq!(found(repository, worker.id).await.error_message(), Some("a\u{FFFD}b"));
}

/// Checks that a stale update is refused.
pub async fn a_stale_update_is_refused(store: &dyn Store) {
    let repository = store.workers();
    let mut stale = ready_until(at(60));
    insert(store, &[&stale]).await;
    let mut newer = found(repository, stale.id).await;
    let renewed = WorkerState::Ready { snapshot_id: SnapshotId::new("snap_2"), expires_at: at(600) };
    change(repository, &mut newer, renewed).await;
    assert!(stale.expire_if_due(at(61)));
    let before = stale.clone();
    assert_eq!(good(repository.update_state(&mut stale).await), Update::Conflict);
    assert_eq!(stale, before, "a refused update changes nothing of what was handed over");
    assert_eq!(found(repository, stale.id).await, newer);
    // The time of an invocation does not change the revision: a decision that was made before it is still valid.
    good(repository.record_invocations(&[LastInvocation { worker_id: newer.id, at: at(9) }]).await);
    change(repository, &mut newer, WorkerState::Error { message: "no".to_owned() }).await;
    assert_eq!(found(repository, newer.id).await.revision, newer.revision);
}

/// Checks that two writers cannot both win.
pub async fn two_writers_cannot_both_win(store: &dyn Store) {
    let repository = store.workers();
    let worker = worker(at(0));
    insert(store, &[&worker]).await;
    for round in 0..10 {
        let read = found(repository, worker.id).await;
        let write = |writer: u32| {
            let message = format!("{round}: {writer}");
            let mut worker = with_state(&read, WorkerState::Error { message });
            async move { (good(repository.update_state(&mut worker).await), worker) }
        };
        let done = join_all((0..8).map(write)).await;
        let mut winners = done.into_iter().filter(|(update, _)| *update == Update::Updated);
        let winner = winners.next().unwrap_or_else(|| panic!("the first of them wins"));
        assert_eq!(winners.next(), None);
        assert_eq!(found(repository, worker.id).await, winner.1);
    }
}

/// Checks that snapshots without a live worker are found.
pub async fn snapshots_that_no_worker_needs_are_found(store: &dyn Store) {
    let repository = store.workers();
    let snapshot = |number: u32| SnapshotId::new(format!("snap_{number}"));
    let state = |number| WorkerState::Ready { snapshot_id: snapshot(number), expires_at: at(60) };
    let [needed, expired, redeployed] = [1, 2, 3].map(|number| in_state(state(number)));
    insert(store, &[&needed, &expired, &redeployed]).await;
    let over = WorkerState::Expired { snapshot_id: snapshot(2), expired_at: at(60) };
    change(repository, &mut expired.clone(), over).await;
    change(repository, &mut redeployed.clone(), state(4)).await;
    let among: Vec<_> = (1..=5).map(snapshot).chain([SnapshotId::new("'; --")]).collect();
    let unused = good(repository.find_unused_snapshots(&among).await);
    assert_eq!(unused, [snapshot(2), snapshot(3), snapshot(5), SnapshotId::new("'; --")]);
    assert_eq!(good(repository.find_unused_snapshots(&[]).await), []);
}

/// Checks that a deleted worker stays deleted.
pub async fn a_deleted_worker_stays_deleted(store: &dyn Store) {
    let repository = store.workers();
    let mut worker = ready_until(at(60));
    insert(store, &[&worker]).await;
    good(repository.delete(&scope_of_all(), worker.id).await);
    assert_eq!(good(repository.update_state(&mut worker).await), Update::Gone);
    good(repository.record_invocations(&[LastInvocation { worker_id: worker.id, at: at(1) }]).await);
    assert_eq!(good(repository.find_by_id(&scope_of_all(), worker.id).await), None);
    assert_eq!(good(repository.list().await), []);
}

/// Checks that a removed worker is returned once.
pub async fn a_removed_worker_is_answered_once(store: &dyn Store) {
    let repository = store.workers();
    let [worker, other] = [ready_until(at(60)), ready_until(at(60))];
    insert(store, &[&worker, &other]).await;
    assert_eq!(good(repository.delete(&scope_of_all(), worker.id).await), Some(worker.clone()));
    assert_eq!(good(repository.delete(&scope_of_all(), worker.id).await), None);
    assert_eq!(good(repository.find_source(&scope_of_all(), worker.id).await), None);
    assert_eq!(good(repository.list().await), [other]);
}

/// Checks that the time of the last invocation only moves forward.
pub async fn invocations_only_move_forward(store: &dyn Store) {
    let repository = store.workers();
    let worker = worker(at(0));
    insert(store, &[&worker]).await;
    for (invocation, expected) in [(5, 5), (3, 5), (5, 5), (8, 8)] {
        good(repository.record_invocations(&[LastInvocation { worker_id: worker.id, at: at(invocation) }]).await);
        assert_eq!(found(repository, worker.id).await.last_invoked_at, Some(at(expected)));
    }
}

/// Checks that the latest of several times counts.
pub async fn the_latest_of_several_times_counts(store: &dyn Store) {
    let repository = store.workers();
    let [worker, other] = [worker(at(0)), worker(at(0))];
    insert(store, &[&worker, &other]).await;
    let invocation = |worker: &Worker, seconds| LastInvocation { worker_id: worker.id, at: at(seconds) };
    good(
        repository
            .record_invocations(&[
                invocation(&worker, 2),
                invocation(&other, 1),
                invocation(&worker, 7),
                invocation(&worker, 4),
            ])
            .await,
    );
    assert_eq!(found(repository, worker.id).await.last_invoked_at, Some(at(7)));
    assert_eq!(found(repository, other.id).await.last_invoked_at, Some(at(1)));
}

/// Checks that invocations of unknown workers are skipped.
pub async fn invocations_of_unknown_workers_are_skipped(store: &dyn Store) {
    let repository = store.workers();
    let worker = worker(at(0));
    insert(store, &[&worker]).await;
    good(repository.record_invocations(&[]).await);
    let unknown = LastInvocation { worker_id: WorkerId::generate(at(0)), at: at(1) };
    good(repository.record_invocations(&[unknown, LastInvocation { worker_id: worker.id, at: at(1) }, unknown]).await);
    assert_eq!(found(repository, worker.id).await.last_invoked_at, Some(at(1)));
}

/// Checks that due workers are listed in the order in which they expire.
pub async fn due_workers_come_soonest_first(store: &dyn Store) {
    let repository = store.workers();
    let [first, second, third, later] =
        [ready_until(at(1)), ready_until(at(2)), ready_until(at(3)), ready_until(at(4))];
    insert(store, &[&third, &first, &later, &second]).await;
    assert_eq!(good(repository.list_due_to_expire(at(3), 10).await), [first.clone(), second.clone(), third]);
    assert_eq!(good(repository.list_due_to_expire(at(3), 2).await), [first, second]);
    assert_eq!(good(repository.list_due_to_expire(at(0), 10).await), []);
    assert_eq!(good(repository.list_due_to_expire(at(3), 0).await), []);
    assert_eq!(good(repository.list_due_to_expire(at(9), u32::MAX).await).len(), 4);
}

/// Checks that only ready workers are due to expire.
pub async fn only_ready_workers_come_due(store: &dyn Store) {
    let repository = store.workers();
    let workers: Vec<Worker> = every_state().into_iter().map(in_state).collect();
    insert(store, &workers.iter().collect::<Vec<_>>()).await;
    assert_eq!(good(repository.list_due_to_expire(at(1000), 10).await), [workers[1].clone()]);
}

/// Checks that workers stuck in *creating* are listed oldest first.
pub async fn stuck_workers_come_oldest_first(store: &dyn Store) {
    let repository = store.workers();
    let [first, second, third] = [worker(at(1)), worker(at(2)), worker(at(3))];
    insert(store, &[&third, &second, &first, &ready_until(at(60))]).await;
    assert_eq!(good(repository.list_stuck_in_creating(at(2), 10).await), [first.clone(), second]);
    assert_eq!(good(repository.list_stuck_in_creating(at(9), 1).await), [first]);
    assert_eq!(good(repository.list_stuck_in_creating(at(0), 10).await), []);
}

/// Checks that times are kept to the microsecond.
pub async fn times_are_kept_to_the_microsecond(store: &dyn Store) {
    let repository = store.workers();
    let exact = at(0) + TimeDelta::microseconds(123_456);
    let finer = exact + TimeDelta::nanoseconds(789);
    let mut worker = ready_until(finer);
    worker.created_at = finer;
    insert(store, &[&worker]).await;
    good(repository.record_invocations(&[LastInvocation { worker_id: worker.id, at: finer }]).await);
    let kept = found(repository, worker.id).await;
    assert_eq!((kept.created_at, kept.expires_at(), kept.last_invoked_at), (exact, Some(exact), Some(exact)));

    let microsecond = TimeDelta::microseconds(1);
    assert_eq!(good(repository.list_due_to_expire(exact - microsecond, 1).await), []);
    assert_eq!(good(repository.list_due_to_expire(exact, 1).await).len(), 1);

    // Times with fewer digits must sort correctly among those with more.
    let [whole, next] = [ready_until(at(0)), ready_until(at(1))];
    good(repository.insert(&whole, "").await);
    good(repository.insert(&next, "").await);
    assert_eq!(ids(&good(repository.list_due_to_expire(at(1), 9).await)), [whole.id, worker.id, next.id]);
    // 1900 and 2100, both outside of what signed 32 bits hold as Unix time.
    for year in [-2_208_988_800, 4_102_444_800] {
        let worker = ready_until(DateTime::UNIX_EPOCH + TimeDelta::seconds(year));
        good(repository.insert(&worker, "").await);
        assert_eq!(found(repository, worker.id).await, worker);
    }
}

/// Checks that fifty concurrent inserts are all stored.
pub async fn fifty_inserts_at_once_all_arrive(store: &dyn Store) {
    let repository = store.workers();
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    let workers: Vec<Worker> = (0..50).map(|index| worker(at(index))).collect();
    for result in join_all(workers.iter().map(|worker| repository.insert(worker, "source"))).await {
        good(result);
    }
    assert_eq!(good(repository.list().await), workers.into_iter().rev().collect::<Vec<_>>());
}

/// Checks that concurrent readers and writers do not disturb each other.
pub async fn concurrent_readers_and_writers_do_not_disturb_each_other(store: &dyn Store) {
    let repository = store.workers();
    let workers: Vec<Worker> = (0..20).map(|index| worker(at(index))).collect();
    insert(store, &workers.iter().collect::<Vec<_>>()).await;
    let work = workers.iter().map(|worker| async move {
        let ready = WorkerState::Ready { snapshot_id: SnapshotId::new("snap_1"), expires_at: at(60) };
        change(repository, &mut worker.clone(), ready).await;
        good(repository.record_invocations(&[LastInvocation { worker_id: worker.id, at: at(5) }]).await);
        assert_eq!(good(repository.list().await).len(), 20);
        assert!(found(repository, worker.id).await.snapshot_id().is_some());
        assert!(good(repository.find_source(&scope_of_all(), worker.id).await).is_some());
    });
    join_all(work).await;
    let invocations: Vec<_> = workers.iter().map(|worker| LastInvocation { worker_id: worker.id, at: at(7) }).collect();
    // Statements that lock the same rows in opposite orders can deadlock.
    let backwards: Vec<_> = invocations.iter().rev().copied().collect();
    for result in join_all(
        (0..10).flat_map(|_| [&invocations, &backwards]).map(|invocations| repository.record_invocations(invocations)),
    )
    .await
    {
        good(result);
    }
    let listed = good(repository.list_due_to_expire(at(60), 100).await);
    assert_eq!(listed.len(), 20);
    assert!(listed.iter().all(|worker| worker.last_invoked_at == Some(at(7))));
}

/// Checks that a future that is dropped leaves the repository usable: the client of a request may disconnect at any
/// moment.
pub async fn a_future_that_is_dropped_leaves_the_repository_usable(store: &dyn Store) {
    let repository = store.workers();
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    // Dropped after one to eight polls, so that each step of an insert is cut off at some time.
    for polls in 0..40_u32 {
        let worker = worker(at(0));
        let mut insertion = std::pin::pin!(repository.insert(&worker, "source"));
        let mut polled = 0;
        std::future::poll_fn(|context| {
            polled += 1;
            let outcome = insertion.as_mut().poll(context);
            if outcome.is_ready() || polled > polls % 8 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
    let worker = worker(at(1));
    good(repository.insert(&worker, "source").await);
    assert_eq!(found(repository, worker.id).await, worker);
    good(store.schema().check().await);
}

/// Checks that setting up creates the schema, keeps existing workers, and removes them only on request.
pub async fn set_up_creates_keeps_and_removes_only_if_asked(store: &dyn Store) {
    let repository = store.workers();
    assert_eq!(good(store.schema().set_up(ExistingWorkers::Keep).await), SetupOutcome::Created);
    good(store.schema().check().await);
    assert_eq!(good(store.schema().set_up(ExistingWorkers::Keep).await), SetupOutcome::Kept(0));
    assert_eq!(good(store.schema().set_up(ExistingWorkers::Remove).await), SetupOutcome::Emptied(vec![]));

    let mut workers: Vec<Worker> = every_state().into_iter().map(in_state).collect();
    for worker in &workers {
        good(repository.insert(worker, "source").await);
    }
    let kept = SetupOutcome::Kept(workers.len() as u64);
    assert_eq!(good(store.schema().set_up(ExistingWorkers::Keep).await), kept);
    assert_eq!(good(repository.list().await).len(), workers.len());
    let removed = good(store.schema().set_up(ExistingWorkers::Remove).await);
    let SetupOutcome::Emptied(mut removed) = removed else { panic!("there was a schema") };
    workers.sort_by_key(|worker| worker.id);
    removed.sort_by_key(|worker| worker.id);
    let expected: Vec<_> = workers
        .iter()
        .map(|worker| RemovedWorker { id: worker.id, snapshot_id: worker.snapshot_id().cloned() })
        .collect();
    assert_eq!(removed, expected);
    assert_eq!(good(repository.list().await), []);
    assert_eq!(good(repository.find_source(&scope_of_all(), workers[0].id).await), None);
}

fn assert_missing<R>(result: Result<R, RepositoryError>) {
    assert!(matches!(result, Err(RepositoryError::SchemaMissing)), "{:?}", result.err());
}

/// Checks that every call fails with `SchemaMissing` if there is no schema.
pub async fn without_a_schema_every_call_says_so(store: &dyn Store) {
    let repository = store.workers();
    let mut worker = worker(at(0));
    assert_missing(store.schema().check().await);
    assert_missing(repository.insert(&worker, "").await);
    assert_missing(repository.find_by_id(&scope_of_all(), worker.id).await);
    assert_missing(repository.find_source(&scope_of_all(), worker.id).await);
    assert_missing(repository.list().await);
    assert_missing(repository.update_state(&mut worker).await);
    assert_missing(repository.find_unused_snapshots(&[SnapshotId::new("snap_1")]).await);
    assert_missing(repository.record_invocations(&[LastInvocation { worker_id: worker.id, at: at(0) }]).await);
    assert_missing(repository.list_due_to_expire(at(0), 1).await);
    assert_missing(repository.list_stuck_in_creating(at(0), 1).await);
    assert_missing(repository.delete(&scope_of_all(), worker.id).await);
    match store.begin().await {
        Ok(transaction) => assert_missing(transaction.workers().list().await),
        begun => assert_missing(begun.map(drop)),
    }
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    good(store.schema().check().await);
}
