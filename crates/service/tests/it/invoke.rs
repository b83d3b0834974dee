//! Invocations: what may be invoked, which callers wait, and what happens when a caller disconnects.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use tokio::sync::Notify;
use workers_domain::ports::Store as _;
use workers_domain::{WorkerId, WorkerStatus};
use workers_service::{InvokeError, Load, ServiceOptions};
use workers_testing::{Step, operator, scope_of_all};

use crate::support::{TestPlatform, failed, follow, returned};

fn one_at_a_time(queue: usize) -> impl FnOnce(&mut ServiceOptions) {
    move |options| (options.max_concurrent_invocations, options.max_queued_invocations) = (1, queue)
}

#[tokio::test]
async fn an_unknown_worker_is_distinguished_from_an_unknown_function() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    let unknown = WorkerId::generate(worker.created_at);
    let invocations = test.platform.invocations();
    assert!(matches!(invocations.invoke(operator(), unknown, "greet", b"").await, Err(InvokeError::WorkerNotFound(_))));
    for name in ["nope", "__proto__", "constructor", "toString", "", "a\0b"] {
        let refused = invocations.invoke(operator(), worker.id, name, b"").await;
        assert!(matches!(refused, Err(InvokeError::FunctionNotFound { available, .. }) if available.len() == 2));
    }
}

#[tokio::test]
async fn an_expired_worker_is_not_invoked() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.clock.advance(TimeDelta::days(7));
    let refused = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await;
    assert!(matches!(refused, Err(InvokeError::Expired { expired_at }) if Some(expired_at) == worker.expires_at()));
    let stored = test.store.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap().unwrap();
    assert_eq!(stored.status(), WorkerStatus::Expired);
}

#[tokio::test]
async fn a_worker_in_state_error_says_why() {
    let test = TestPlatform::new(|_| Vec::new());
    test.sandboxes.fail_with(Some(workers_domain::ports::SandboxErrorKind::Failed));
    test.platform.workers().deploy(operator(), "w".into(), crate::support::BUNDLE.into()).await.unwrap_err();
    let worker = test.list().await.remove(0);
    let refused = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await;
    let status = WorkerStatus::Error;
    assert!(matches!(refused, Err(InvokeError::NotReady { status: s, message: Some(_) }) if s == status));
}

#[tokio::test]
async fn a_payload_over_the_limit_is_refused() {
    let test = TestPlatform::with_options(|options| options.max_payload_bytes = 10, |_| Vec::new());
    let worker = test.deploy().await;
    let refused = test.platform.invocations().invoke(operator(), worker.id, "greet", &[b' '; 11]).await;
    assert!(matches!(refused, Err(InvokeError::PayloadTooLarge { bytes: 11, limit: 10 })));
}

#[tokio::test]
async fn every_invocation_has_its_own_sandbox_and_leaves_none() {
    let test = TestPlatform::new(|_| vec![Step::Return("1".into())]);
    let before = test.sandboxes.sandboxes_made();
    for _ in 0..3 {
        test.run(b"").await;
    }
    // Each run also deploys.
    assert_eq!(test.sandboxes.sandboxes_made() - before, 6);
    test.sandboxes.wait_for_live_sandboxes(0).await;
}

#[tokio::test]
async fn two_hundred_at_once_are_not_mixed_up() {
    let test = TestPlatform::new(|call| vec![Step::Return(call.payload.clone())]);
    let worker = test.deploy().await;
    let calls = (0..200).map(|number: u32| {
        let invocations = test.platform.invocations().clone();
        tokio::spawn(async move {
            let payload = number.to_string();
            let (_, report) =
                follow(invocations.invoke(operator(), worker.id, "greet", payload.as_bytes()).await.unwrap()).await;
            assert_eq!(returned(&report), payload);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_that_finds_a_full_queue_is_refused() {
    let test = TestPlatform::with_options(one_at_a_time(0), |_| vec![Step::Hang]);
    let worker = test.deploy().await;
    let _running = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    let refused = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await;
    assert!(matches!(refused, Err(InvokeError::Busy { retry_after }) if retry_after > Duration::ZERO));
}

#[tokio::test]
async fn a_caller_that_waited_is_served_when_the_permit_is_released() {
    let go_on = Arc::new(Notify::new());
    let wait = Arc::clone(&go_on);
    let test = TestPlatform::with_options(one_at_a_time(1), move |_| {
        vec![Step::WaitFor(Arc::clone(&wait)), Step::Return("1".into())]
    });
    let worker = test.deploy().await;
    let invocations = test.platform.invocations();
    let first = invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap();
    let (second, ()) = tokio::join!(invocations.invoke(operator(), worker.id, "greet", b""), async {
        assert_eq!(invocations.load(operator()).unwrap(), Load { running: 1, queued: 1 });
        go_on.notify_one();
        follow(first).await;
    });
    go_on.notify_one();
    assert_eq!(returned(&follow(second.unwrap()).await.1), "1");
}

#[tokio::test]
async fn a_worker_that_holds_its_share_leaves_permits_for_another_worker() {
    let eight_at_a_time = |options: &mut ServiceOptions| options.max_concurrent_invocations = 8;
    let test = TestPlatform::with_options(eight_at_a_time, |call| {
        vec![if call.payload == "\"long\"" { Step::Hang } else { Step::Return("1".into()) }]
    });
    let (long, short) = (test.deploy().await, test.deploy().await);
    let invocations = test.platform.invocations();
    let mut running = Vec::new();
    for _ in 0..6 {
        running.push(invocations.invoke(operator(), long.id, "greet", b"\"long\"").await.unwrap());
    }
    let mut waiting: Vec<_> =
        (0..300).map(|_| Box::pin(invocations.invoke(operator(), long.id, "greet", b"\"long\""))).collect();
    for caller in &mut waiting {
        assert!(caller.now_or_never().is_none());
    }
    assert_eq!(invocations.load(operator()).unwrap(), Load { running: 6, queued: 300 });
    for _ in 0..20 {
        assert_eq!(
            returned(&follow(invocations.invoke(operator(), short.id, "greet", b"").await.unwrap()).await.1),
            "1"
        );
    }
    assert_eq!(invocations.load(operator()).unwrap().queued, 300);
}

#[tokio::test]
async fn an_invocation_of_another_worker_displaces_one_of_a_worker_that_fills_the_queue() {
    let test = TestPlatform::with_options(one_at_a_time(3), |_| vec![Step::Hang]);
    let (crowd, other) = (test.deploy().await, test.deploy().await);
    let invocations = test.platform.invocations();
    let _running = invocations.invoke(operator(), crowd.id, "greet", b"").await.unwrap();
    let mut waiting: Vec<_> =
        (0..3).map(|_| Box::pin(invocations.invoke(operator(), crowd.id, "greet", b""))).collect();
    for caller in &mut waiting {
        assert!(caller.now_or_never().is_none());
    }
    assert!(matches!(invocations.invoke(operator(), crowd.id, "greet", b"").await, Err(InvokeError::Busy { .. })));
    let mut newcomer = Box::pin(invocations.invoke(operator(), other.id, "greet", b""));
    assert!((&mut newcomer).now_or_never().is_none());
    assert!(matches!(waiting.pop().unwrap().now_or_never(), Some(Err(InvokeError::Busy { .. }))));
    assert_eq!(invocations.load(operator()).unwrap(), Load { running: 1, queued: 3 });
}

#[tokio::test]
async fn an_invocation_whose_caller_goes_away_leaves_no_sandbox() {
    let test = TestPlatform::new(|_| vec![Step::Hang]);
    let worker = test.deploy().await;
    let invocation = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    test.sandboxes.wait_for_live_sandboxes(1).await;
    drop(invocation);
    test.sandboxes.wait_for_live_sandboxes(0).await;
}

#[tokio::test]
async fn a_delete_lets_a_running_invocation_finish() {
    let go_on = Arc::new(Notify::new());
    let wait = Arc::clone(&go_on);
    let test = TestPlatform::new(move |_| vec![Step::WaitFor(Arc::clone(&wait)), Step::Return("1".into())]);
    let worker = test.deploy().await;
    let invocation = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    test.sandboxes.wait_for_live_sandboxes(1).await;
    test.platform.workers().delete(operator(), worker.id).await.unwrap();
    go_on.notify_one();
    assert_eq!(returned(&follow(invocation).await.1), "1");
}

#[tokio::test]
async fn a_lost_snapshot_is_made_again_unseen_by_the_caller() {
    let test = TestPlatform::new(|_| vec![Step::Return("1".into())]);
    let worker = test.deploy().await;
    test.sandboxes.lose_snapshots();
    let invocation = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    assert_eq!(returned(&follow(invocation).await.1), "1");
    let stored = test.store.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap().unwrap();
    assert_eq!((stored.state(), stored.revision), (worker.state(), worker.revision), "its name is the same");
}

#[tokio::test]
async fn a_snapshot_that_many_miss_is_made_once() {
    let test = TestPlatform::new(|_| vec![Step::Return("1".into())]);
    let worker = test.deploy().await;
    test.sandboxes.lose_snapshots();
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap());
    }
    for call in calls {
        assert_eq!(returned(&follow(call).await.1), "1");
    }
    assert_eq!(test.sandboxes.snapshot_count(), 1);
}

#[tokio::test]
async fn the_time_of_an_invocation_is_stored() {
    let test = TestPlatform::new(|_| vec![Step::Return("1".into())]);
    let (_, _) = test.run(b"").await;
    test.platform.invocations().drain(Duration::from_secs(1)).await;
    assert!(test.list().await[0].last_invoked_at.is_some());
}

#[tokio::test]
async fn draining_waits_for_what_runs_and_turns_new_ones_away() {
    let go_on = Arc::new(Notify::new());
    let wait = Arc::clone(&go_on);
    let test = TestPlatform::new(move |_| vec![Step::WaitFor(Arc::clone(&wait)), Step::Return("1".into())]);
    let worker = test.deploy().await;
    let invocations = test.platform.invocations();
    let running = invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap();
    let (in_time, ()) = tokio::join!(invocations.drain(Duration::from_mins(1)), async {
        let refused = invocations.invoke(operator(), worker.id, "greet", b"").await;
        assert!(matches!(refused, Err(InvokeError::ShuttingDown)));
        go_on.notify_one();
        assert_eq!(returned(&follow(running).await.1), "1");
    });
    assert!(in_time);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_while_draining_is_ended_and_says_so() {
    let test = TestPlatform::new(|_| vec![Step::Hang]);
    let worker = test.deploy().await;
    let running = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    let (in_time, (_, report)) =
        tokio::join!(test.platform.invocations().drain(Duration::from_secs(1)), follow(running));
    assert!(!in_time);
    assert_eq!(failed(&report), "sandbox_failed");
    test.sandboxes.wait_for_live_sandboxes(0).await;
}
