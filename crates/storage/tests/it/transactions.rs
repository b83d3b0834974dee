//! Transactions: behaviour that the conformance suite cannot test on every store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use workers_domain::Worker;
use workers_domain::ports::{ExistingWorkers, RepositoryError, Store, Transaction, Update};
use workers_storage::StorageOptions;
use workers_testing::{AllWorkers as _, ThrowAwayPostgres, scope_of_all};

use crate::sqlite::url_in;
use crate::support::{SmallDisk, chain, connect_with, of, of_with, unavailable, worker};

/// How long a transaction may stay open in a test that waits for its end.
const SHORT: Duration = Duration::from_millis(300);

async fn set_up(url: &str, options: &StorageOptions) -> Arc<dyn Store> {
    let store = connect_with(url, options).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    store
}

async fn on_postgres(options: &StorageOptions) -> Arc<dyn Store> {
    set_up(&ThrowAwayPostgres::shared().create_database().await, options).await
}

fn rolled_back<R: std::fmt::Debug>(result: Result<R, RepositoryError>) -> String {
    match result {
        Err(error @ RepositoryError::RolledBack(_)) => chain(&error),
        other => panic!("it should be rolled back, but: {other:?}"),
    }
}

/// Stores that a worker has failed.
async fn fail(transaction: &dyn Transaction, worker: &Worker) -> Result<Update, RepositoryError> {
    let mut changed = worker.clone();
    changed.fail("no").unwrap();
    transaction.workers().update_state(&mut changed).await
}

async fn inserted(store: &dyn Store) -> Worker {
    let worker = worker();
    store.workers().insert(&worker, "").await.unwrap();
    worker
}

async fn assert_ended_when_held_too_long(store: &dyn Store) {
    let kept = inserted(store).await;
    let transaction = store.begin().await.unwrap();
    assert_eq!(fail(&*transaction, &kept).await.unwrap(), Update::Updated);
    // The next writer waits for what the first transaction holds, but not forever.
    let mut changed = kept.clone();
    changed.fail("another").unwrap();
    assert_eq!(store.workers().update_state(&mut changed).await.unwrap(), Update::Updated);
    let said = rolled_back(transaction.workers().list().await);
    assert!(said.contains("held for longer than 300ms"), "{said}");
    rolled_back(transaction.commit().await);
    assert_eq!(store.workers().list().await.unwrap(), [changed]);
}

#[tokio::test]
async fn on_postgres_a_transaction_that_is_held_for_too_long_is_rolled_back() {
    let store = on_postgres(&of_with(2, |options| options.transaction_timeout = SHORT)).await;
    assert_ended_when_held_too_long(&*store).await;
}

#[tokio::test]
async fn on_postgres_a_transaction_is_held_for_less_time_than_a_statement_waits_for_its_rows() {
    let store = on_postgres(&of_with(2, |options| options.statement_timeout = Duration::from_millis(2500))).await;
    let kept = inserted(&*store).await;
    let transaction = store.begin().await.unwrap();
    assert_eq!(fail(&*transaction, &kept).await.unwrap(), Update::Updated);
    let mut changed = kept.clone();
    changed.fail("another").unwrap();
    assert_eq!(
        store.workers().update_state(&mut changed).await.unwrap(),
        Update::Updated,
        "it waited, and not in vain"
    );
    assert!(rolled_back(transaction.commit().await).contains("held for longer than 2s"));
}

#[tokio::test]
async fn on_sqlite_a_transaction_that_is_held_for_too_long_is_rolled_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = set_up(&url_in(directory.path()), &of_with(2, |options| options.transaction_timeout = SHORT)).await;
    assert_ended_when_held_too_long(&*store).await;
}

#[tokio::test]
async fn on_postgres_the_second_of_two_open_transactions_sees_what_became_of_the_first() {
    let store = on_postgres(&of(3)).await;
    for commits in [true, false] {
        let read = inserted(&*store).await;
        let (first, second) = (store.begin().await.unwrap(), store.begin().await.unwrap());
        assert_eq!(fail(&*first, &read).await.unwrap(), Update::Updated);
        let end_first = async { if commits { first.commit().await.unwrap() } else { drop(first) } };
        let (reported, ()) = tokio::join!(fail(&*second, &read), end_first);
        assert_eq!(reported.unwrap(), if commits { Update::Conflict } else { Update::Updated });
        second.commit().await.unwrap();
    }
}

#[tokio::test]
async fn on_postgres_one_of_two_transactions_that_wait_for_each_other_is_rolled_back() {
    let store = on_postgres(&of(3)).await;
    let (one, other) = (inserted(&*store).await, inserted(&*store).await);
    let (first, second) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    assert_eq!(fail(&*first, &one).await.unwrap(), Update::Updated);
    assert_eq!(fail(&*second, &other).await.unwrap(), Update::Updated);
    let crosswise = |transaction: Box<dyn Transaction>, worker: Worker| async move {
        let _ = fail(&*transaction, &worker).await?;
        transaction.commit().await
    };
    let ended = tokio::join!(crosswise(first, other), crosswise(second, one));
    let (lost, won) = if ended.0.is_err() { ended } else { (ended.1, ended.0) };
    assert!(rolled_back(lost).contains("deadlock"));
    won.unwrap();
}

#[tokio::test]
async fn on_postgres_a_transaction_whose_session_ends_is_lost_and_the_next_one_works() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let store = set_up(&url, &of(1)).await;
    let transaction = store.begin().await.unwrap();
    let worker = worker();
    transaction.workers().insert(&worker, "").await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    server.execute(&url, end).await;
    unavailable(transaction.workers().list().await);
    rolled_back(transaction.commit().await);
    let transaction = store.begin().await.unwrap();
    assert_eq!(transaction.workers().list().await.unwrap(), []);
    transaction.workers().insert(&worker, "").await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn on_sqlite_others_read_and_the_database_is_sound_while_a_transaction_is_held() {
    let directory = tempfile::tempdir().unwrap();
    let store = set_up(&url_in(directory.path()), &of(1)).await;
    let transaction = store.begin().await.unwrap();
    transaction.workers().insert(&worker(), "").await.unwrap();
    // Longer than another process may keep the file locked.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2300) {
        store.schema().check().await.unwrap();
        assert_eq!(store.workers().list().await.unwrap(), []);
        tokio::time::timeout(Duration::from_millis(100), std::future::pending::<()>()).await.unwrap_err();
    }
    transaction.commit().await.unwrap();
    assert_eq!(store.workers().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn on_sqlite_the_second_transaction_waits_for_the_first_and_for_no_longer_than_it_may() {
    let directory = tempfile::tempdir().unwrap();
    let store = set_up(&url_in(directory.path()), &of_with(1, |options| options.acquire_timeout = SHORT)).await;
    let first = store.begin().await.unwrap();
    let said = unavailable(store.begin().await.map(drop));
    assert!(said.contains("no connection became free"), "{said}");
    let (second, ()) = tokio::join!(store.begin(), async { first.commit().await.unwrap() });
    second.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn on_sqlite_a_transaction_is_not_acknowledged_whose_file_has_gone() {
    let directory = tempfile::tempdir().unwrap();
    let store = set_up(&url_in(directory.path()), &of(1)).await;
    let transaction = store.begin().await.unwrap();
    transaction.workers().insert(&worker(), "").await.unwrap();
    let (here, away) = (directory.path().join("workers.sqlite3"), directory.path().join("away"));
    std::fs::rename(&here, &away).unwrap();
    assert!(unavailable(transaction.commit().await).contains("is missing"));
    std::fs::rename(&away, &here).unwrap();
    store.schema().check().await.unwrap();
}

#[tokio::test]
async fn on_sqlite_a_transaction_that_does_not_fit_on_the_disk_stores_nothing_and_harms_nothing() {
    let disk = SmallDisk::mount("size=4m");
    let store = set_up(&url_in(disk.path()), &of(1)).await;
    let kept = inserted(&*store).await;
    let source = "x".repeat(512 * 1024);
    let transaction = store.begin().await.unwrap();
    let mut stored = Ok(());
    for _ in 0..16 {
        stored = transaction.workers().insert(&worker(), &source).await;
        if stored.is_err() {
            break;
        }
    }
    let ended = transaction.commit().await;
    match stored {
        Ok(()) => assert!(matches!(ended, Err(RepositoryError::Full { .. })), "{ended:?}"),
        Err(refused) => {
            assert!(matches!(refused, RepositoryError::Full { .. }), "{}", chain(&refused));
            rolled_back(ended);
        }
    }
    assert_eq!(store.workers().list().await.unwrap(), std::slice::from_ref(&kept));
    store.workers().delete(&scope_of_all(), kept.id).await.unwrap();
}
