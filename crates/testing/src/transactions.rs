//! The conformance suite for the transactions of every [`Store`]; see [`store_conformance!`](crate::store_conformance).

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use async_trait::async_trait;
use futures_util::future::join_all;
use workers_domain::ports::{
    ExistingWorkers, RepositoryError, SchemaAdmin, SetupOutcome, Store, StoredChanges, Transaction, Update,
    WorkerRepository,
};
use workers_domain::{Worker, WorkerId, WorkerState};

use crate::AllWorkers as _;
use crate::access::scope_of_all;
use crate::workers::{at, change, found, good, ids, insert, ready_until, with_state, worker};

/// How many transactions are begun and dropped: more than there are connections.
const DROPPED: u32 = 40;

/// A transaction that stands in for a store, so that its repository runs the same suite as every other one. It does not
/// change the schema.
pub struct InTransaction<'a> {
    store: &'a dyn Store,
    transaction: Box<dyn Transaction>,
}

impl<'a> InTransaction<'a> {
    /// Sets the store up and begins a transaction.
    pub async fn begin(store: &'a dyn Store) -> Self {
        // Now, because a transaction does not change the schema (`set_up` below).
        good(store.schema().set_up(ExistingWorkers::Keep).await);
        Self { store, transaction: begun(store).await }
    }

    /// Commits, and checks that everything the transaction has seen is stored.
    pub async fn commit(self) {
        let seen = good(self.transaction.workers().list().await);
        good(self.transaction.commit().await);
        assert_eq!(good(self.store.workers().list().await), seen);
    }
}

#[async_trait]
impl Store for InTransaction<'_> {
    fn workers(&self) -> &dyn WorkerRepository {
        self.transaction.workers()
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, RepositoryError> {
        self.store.begin().await
    }

    fn listen(&self) -> Option<Box<dyn StoredChanges>> {
        self.store.listen()
    }

    fn schema(&self) -> &dyn SchemaAdmin {
        self
    }
}

#[async_trait]
impl SchemaAdmin for InTransaction<'_> {
    async fn apply_migrations(&self) -> Result<Vec<String>, RepositoryError> {
        Ok(Vec::new())
    }

    async fn set_up(&self, _existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError> {
        // The expectations set up again what `begin` has set up already.
        Ok(SetupOutcome::Created)
    }

    async fn check(&self) -> Result<(), RepositoryError> {
        Ok(())
    }
}

async fn begun(store: &dyn Store) -> Box<dyn Transaction> {
    good(store.begin().await)
}

fn assert_rolled_back<R>(result: Result<R, RepositoryError>) {
    assert!(matches!(result, Err(RepositoryError::RolledBack(_))), "{:?}", result.err());
}

fn failed(message: &str) -> WorkerState {
    WorkerState::Error { message: message.to_owned() }
}

/// Checks that a transaction is stored whole when it is committed.
pub async fn a_transaction_is_stored_whole_when_it_is_committed(store: &dyn Store) {
    let [mut changed, deleted, inserted] = [worker(at(0)), worker(at(1)), worker(at(2))];
    insert(store, &[&changed, &deleted]).await;
    let transaction = begun(store).await;
    change(transaction.workers(), &mut changed, failed("no")).await;
    good(transaction.workers().insert(&inserted, "source").await);
    assert_eq!(good(transaction.workers().delete(&scope_of_all(), deleted.id).await), Some(deleted));
    good(transaction.commit().await);
    assert_eq!(good(store.workers().find_source(&scope_of_all(), inserted.id).await).as_deref(), Some("source"));
    assert_eq!(good(store.workers().list().await), [inserted, changed]);
}

/// Checks that a transaction that is dropped leaves nothing.
pub async fn a_transaction_that_is_dropped_leaves_nothing(store: &dyn Store) {
    let [kept, new] = [worker(at(0)), worker(at(1))];
    insert(store, &[&kept]).await;
    let transaction = begun(store).await;
    change(transaction.workers(), &mut kept.clone(), failed("no")).await;
    good(transaction.workers().insert(&new, "").await);
    good(transaction.workers().delete(&scope_of_all(), kept.id).await);
    drop(transaction);
    assert_eq!(good(store.workers().list().await), std::slice::from_ref(&kept));
    // The locks of the dropped transaction must be released.
    change(store.workers(), &mut kept.clone(), failed("yes")).await;
}

/// Checks that only the transaction itself sees its changes until it is committed.
pub async fn a_transaction_alone_sees_what_it_has_changed_until_it_is_committed(store: &dyn Store) {
    let [old, new] = [worker(at(0)), worker(at(1))];
    insert(store, &[&old]).await;
    let transaction = begun(store).await;
    let mut changed = old.clone();
    change(transaction.workers(), &mut changed, failed("no")).await;
    good(transaction.workers().insert(&new, "source").await);
    assert_eq!(good(transaction.workers().list().await), [new.clone(), changed.clone()]);
    assert_eq!(good(store.workers().list().await), std::slice::from_ref(&old));
    assert_eq!(good(store.workers().find_source(&scope_of_all(), new.id).await), None);
    good(transaction.commit().await);
    assert_eq!(good(store.workers().list().await), [new, changed]);
}

/// Changes a worker in a transaction. Returns whether the change was stored, and fails if it was lost in a way that is
/// not permitted.
async fn changes_in_a_transaction(store: &dyn Store, read: &Worker, message: String) -> bool {
    let transaction = begun(store).await;
    let mut changed = with_state(read, WorkerState::Error { message });
    match transaction.workers().update_state(&mut changed).await {
        Ok(Update::Updated) => {}
        Ok(Update::Conflict) => return false,
        other => {
            assert_rolled_back(other);
            return false;
        }
    }
    match transaction.commit().await {
        Ok(()) => true,
        other => {
            assert_rolled_back(other);
            false
        }
    }
}

/// Checks that of transactions that were decided on the same revision exactly one wins.
pub async fn of_transactions_that_were_decided_on_the_same_revision_one_wins(store: &dyn Store) {
    let worker = worker(at(0));
    insert(store, &[&worker]).await;
    for round in 0..5 {
        let read = found(store.workers(), worker.id).await;
        let writers = (0..4).map(|writer| changes_in_a_transaction(store, &read, format!("{round}: {writer}")));
        let won: Vec<_> = join_all(writers).await.into_iter().enumerate().filter(|(_, won)| *won).collect();
        let [(winner, _)] = won[..] else { panic!("one wins: {won:?}") };
        let stored = found(store.workers(), worker.id).await;
        assert_eq!(stored.error_message(), Some(&*format!("{round}: {winner}")));
        assert_eq!(stored.revision, read.revision.next());
    }
}

/// Checks that transactions that read and write the same worker lose no change.
pub async fn transactions_that_read_and_write_the_same_worker_lose_no_change(store: &dyn Store) {
    let worker = worker(at(0));
    insert(store, &[&worker]).await;
    let write = |writer: u32| async move {
        // A writer that is refused starts again.
        loop {
            let transaction = begun(store).await;
            let read = found(transaction.workers(), worker.id).await;
            let before = read.error_message().unwrap_or_default();
            let mut changed = with_state(&read, failed(&format!("{before}{writer}")));
            if matches!(transaction.workers().update_state(&mut changed).await, Ok(Update::Updated))
                && transaction.commit().await.is_ok()
            {
                return;
            }
        }
    };
    join_all((0..5).map(write)).await;
    let stored = found(store.workers(), worker.id).await;
    let mut written: Vec<_> = stored.error_message().unwrap_or_default().chars().collect();
    written.sort_unstable();
    assert_eq!(written, ['0', '1', '2', '3', '4']);
}

/// Checks that a stale update in a transaction is a conflict and the rest is stored.
pub async fn a_stale_update_in_a_transaction_is_a_conflict_and_the_rest_is_stored(store: &dyn Store) {
    let [mut stale, other] = [ready_until(at(60)), worker(at(1))];
    insert(store, &[&stale]).await;
    change(store.workers(), &mut stale.clone(), failed("first")).await;
    let transaction = begun(store).await;
    assert_eq!(good(transaction.workers().update_state(&mut stale).await), Update::Conflict);
    stale.id = WorkerId::generate(at(0));
    assert_eq!(good(transaction.workers().update_state(&mut stale).await), Update::Gone);
    good(transaction.workers().insert(&other, "").await);
    good(transaction.commit().await);
    assert_eq!(found(store.workers(), other.id).await, other);
}

/// Checks that after a refusal by the database a transaction stores nothing.
pub async fn after_a_refusal_by_the_database_a_transaction_stores_nothing(store: &dyn Store) {
    let [kept, new] = [worker(at(0)), worker(at(1))];
    insert(store, &[&kept]).await;
    let transaction = begun(store).await;
    good(transaction.workers().insert(&new, "").await);
    let refused = transaction.workers().insert(&kept, "").await;
    assert!(matches!(refused, Err(RepositoryError::Refused { .. })), "{refused:?}");
    assert_rolled_back(transaction.workers().find_by_id(&scope_of_all(), kept.id).await);
    assert_rolled_back(transaction.workers().delete(&scope_of_all(), kept.id).await);
    assert_rolled_back(transaction.commit().await);
    assert_eq!(good(store.workers().list().await), [kept]);
}

/// Checks that a call that is refused before it reaches the database does not end the transaction.
pub async fn what_is_refused_before_the_database_is_asked_does_not_end_a_transaction(store: &dyn Store) {
    let worker = worker(at(0));
    insert(store, &[]).await;
    let transaction = begun(store).await;
    let refused = transaction.workers().insert(&worker, "\0").await;
    assert!(matches!(refused, Err(RepositoryError::Refused { .. })), "{refused:?}");
    good(transaction.workers().insert(&worker, "").await);
    good(transaction.commit().await);
    assert_eq!(good(store.workers().list().await), [worker]);
}

/// Polls a future up to `polls` times, and then drops it.
async fn polled<F: Future>(future: F, polls: u32) {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|context| {
        polled += 1;
        let is_done = future.as_mut().poll(context).is_ready() || polled > polls;
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Checks that transactions that are dropped at any moment return their connections: the client of a request may
/// disconnect at any moment.
pub async fn transactions_that_are_dropped_at_any_moment_give_their_connections_back(store: &dyn Store) {
    insert(store, &[]).await;
    for round in 0..DROPPED {
        let transaction = begun(store).await;
        let worker = worker(at(0));
        polled(transaction.workers().insert(&worker, "source"), round % 4).await;
        if round % 3 == 0 {
            polled(transaction.workers().find_by_id(&scope_of_all(), worker.id), round % 2).await;
        }
    }
    let (first, second) = (begun(store).await, worker(at(1)));
    good(first.workers().insert(&second, "").await);
    good(first.commit().await);
    assert_eq!(ids(&good(store.workers().list().await)), [second.id]);
    good(store.schema().check().await);
}

/// Checks that a transaction whose `begin` is dropped leaves the store usable.
pub async fn a_transaction_whose_beginning_is_given_up_leaves_the_store_usable(store: &dyn Store) {
    insert(store, &[]).await;
    for round in 0..DROPPED {
        polled(store.begin(), round % 4).await;
    }
    let (transaction, worker) = (begun(store).await, worker(at(0)));
    good(transaction.workers().insert(&worker, "").await);
    good(transaction.commit().await);
    assert_eq!(good(store.workers().list().await), [worker]);
}

/// Checks that many transactions one after the other are all stored.
pub async fn many_transactions_one_after_the_other_are_all_stored(store: &dyn Store) {
    insert(store, &[]).await;
    let workers: Vec<Worker> = (0..i64::from(DROPPED)).map(|second| worker(at(second))).collect();
    for worker in &workers {
        let transaction = begun(store).await;
        good(transaction.workers().insert(worker, "").await);
        good(transaction.commit().await);
    }
    assert_eq!(good(store.workers().list().await), workers.into_iter().rev().collect::<Vec<_>>());
}
