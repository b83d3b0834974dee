//! The background work in `Platform::run_background`: no test here calls the sweep itself.
//!
//! The runtime's clock is paused: it jumps to the next timer whenever all tasks wait.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use workers_domain::ports::Store as _;
use workers_domain::{Worker, WorkerId, WorkerStatus};
use workers_service::{CancellationToken, WorkerChange, WorkerChanges};
use workers_testing::{scope_of_all, system};

use crate::support::TestPlatform;

/// A platform with running background work.
struct AtWork {
    test: TestPlatform,
    token: CancellationToken,
    background: JoinHandle<()>,
    changes: WorkerChanges,
}

impl AtWork {
    /// Starts the background work, and lets its first rounds pass.
    async fn begin(test: TestPlatform) -> Self {
        let changes = test.platform.workers().changes(system()).unwrap();
        let token = CancellationToken::new();
        let background = tokio::spawn(test.platform.run_background(token.clone()));
        tokio::time::advance(Duration::from_millis(1)).await;
        Self { test, token, background, changes }
    }

    async fn change(&mut self) -> WorkerChange {
        timeout(Duration::from_hours(1), self.changes.next()).await.expect("something changes within an hour").unwrap()
    }

    /// Waits until a worker is in this state. Returns how long that took.
    async fn wait_for(&mut self, id: WorkerId, status: WorkerStatus) -> Duration {
        let began = Instant::now();
        loop {
            if let WorkerChange::State(worker) = self.change().await
                && (worker.id, worker.status()) == (id, status)
            {
                return began.elapsed();
            }
        }
    }

    async fn end(self) {
        self.token.cancel();
        self.background.await.unwrap();
    }
}

async fn stored(test: &TestPlatform, id: WorkerId) -> Worker {
    test.store.workers().find_by_id(&scope_of_all(), id).await.unwrap().unwrap()
}

/// Creates a worker whose server stopped during the deploy.
async fn stuck(test: &TestPlatform) -> WorkerId {
    let made = test.deploy().await;
    let id = WorkerId::generate(made.created_at);
    let stuck = Worker::creating(id, made.tenant_id(), made.name, made.functions, made.created_at);
    test.store.workers().insert(&stuck, "source").await.unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn an_expired_worker_is_swept_without_a_call() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    let mut at_work = AtWork::begin(test).await;
    assert_eq!(stored(&at_work.test, worker.id).await.status(), WorkerStatus::Ready);
    at_work.test.clock.advance(TimeDelta::days(7));
    let took = at_work.wait_for(worker.id, WorkerStatus::Expired).await;
    assert!(took <= at_work.test.platform.options().sweep_interval, "{took:?}");
    // The snapshot is deleted after the change was published.
    while at_work.test.sandboxes.snapshot_count() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stored(&at_work.test, worker.id).await.status(), WorkerStatus::Expired);
    at_work.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_stuck_deploy_settles_without_a_call_and_does_not_wait_for_the_sweep() {
    let test = TestPlatform::new(|_| Vec::new());
    let id = stuck(&test).await;
    let mut at_work = AtWork::begin(test).await;
    assert_eq!(stored(&at_work.test, id).await.status(), WorkerStatus::Creating);
    at_work.test.clock.advance(TimeDelta::seconds(50));
    let took = at_work.wait_for(id, WorkerStatus::Error).await;
    assert!(took <= at_work.test.platform.options().settle_interval, "{took:?}");
    at_work.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_shorter_interval_of_the_sweep_is_that_of_the_settling_too_and_an_interval_of_nothing_is_a_short_one() {
    let test = TestPlatform::with_options(|options| options.sweep_interval = Duration::ZERO, |_| Vec::new());
    let (worker, id) = (test.deploy().await, stuck(&test).await);
    let mut at_work = AtWork::begin(test).await;
    at_work.test.clock.advance(TimeDelta::days(7));
    // Both become due at the same time, in either order.
    let mut due = vec![(worker.id, WorkerStatus::Expired), (id, WorkerStatus::Error)];
    let began = Instant::now();
    while !due.is_empty() {
        if let WorkerChange::State(worker) = at_work.change().await {
            due.retain(|due| *due != (worker.id, worker.status()));
        }
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    at_work.end().await;
}

#[tokio::test(start_paused = true)]
async fn rounds_that_fail_or_panic_are_followed_by_others() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    let mut at_work = AtWork::begin(test).await;
    at_work.test.clock.advance(TimeDelta::days(7));
    at_work.test.store.fail("the database is away");
    tokio::time::advance(Duration::from_mins(5)).await;
    assert!(!at_work.background.is_finished());
    at_work.test.store.recover();
    at_work.test.store.overtake_next_update(|_| panic!("a bug in the store"));
    let took = at_work.wait_for(worker.id, WorkerStatus::Expired).await;
    assert!(took > Duration::from_mins(1), "the round with the bug went before: {took:?}");
    at_work.end().await;
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_token_although_a_sweep_is_under_way() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.sandboxes.hold_removals(Arc::new(Semaphore::new(0)));
    let at_work = AtWork::begin(test).await;
    at_work.test.clock.advance(TimeDelta::days(7));
    at_work.test.sandboxes.wait_for_held_removal().await;
    let (store, sandboxes) = (Arc::clone(&at_work.test.store), at_work.test.sandboxes.clone());
    at_work.end().await;
    assert_eq!(
        store.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap().unwrap().status(),
        WorkerStatus::Expired
    );
    assert_eq!(sandboxes.snapshot_count(), 1, "nothing goes on after the end");
}

#[tokio::test(start_paused = true)]
async fn it_does_nothing_with_a_token_that_was_cancelled_before() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.clock.advance(TimeDelta::days(7));
    let token = CancellationToken::new();
    token.cancel();
    test.platform.run_background(token).await;
    assert_eq!(stored(&test, worker.id).await.status(), WorkerStatus::Ready);
}
