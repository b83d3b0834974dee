//! Outcomes that are not read keep no more memory than the limit.

use std::time::Duration;

use workers_domain::{InvocationEventKind, LogStream};
use workers_service::{Invocation, Load, ServiceOptions};
use workers_testing::{Step, operator};

use crate::support::{TestPlatform, failed, follow, returned};

/// Sets a memory budget for one result and its log, but not for two.
fn budget_for_one(patience: Duration) -> impl FnOnce(&mut ServiceOptions) {
    move |options| (options.max_unread_bytes, options.queue_timeout) = (64 * 1024, patience)
}

/// A worker whose results have 40,000 bytes.
fn platform(change: impl FnOnce(&mut ServiceOptions)) -> TestPlatform {
    TestPlatform::with_options(change, |_| {
        vec![Step::Log(LogStream::Stdout, "hello\n"), Step::Return(format!("\"{}\"", "x".repeat(40_000 - 2)))]
    })
}

/// Reads to the end, and keeps the invocation.
async fn read_and_hold(mut invocation: Invocation) -> Invocation {
    while let Some(event) = invocation.next().await {
        if matches!(event.kind, InvocationEventKind::Finished(_)) {
            break;
        }
    }
    invocation
}

#[tokio::test]
async fn a_result_waits_until_there_is_memory_and_is_whole() {
    let test = platform(budget_for_one(Duration::from_mins(1)));
    let worker = test.deploy().await;
    let invocations = test.platform.invocations();
    let first = read_and_hold(invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap()).await;
    let permit = first.into_unread_permit().unwrap();
    assert_eq!(test.platform.unread_bytes(operator()).unwrap(), 40 * 1024);
    let second = invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap();
    let (report, ()) = tokio::join!(follow(second), async { drop(permit) });
    assert_eq!(returned(&report.1).len(), 40_000);
    while test.platform.unread_bytes(operator()).unwrap() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_result_that_finds_no_memory_in_time_fails_and_its_permit_is_released() {
    let test = platform(budget_for_one(Duration::from_millis(1)));
    let worker = test.deploy().await;
    let invocations = test.platform.invocations();
    let first = read_and_hold(invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap()).await;
    let second = read_and_hold(invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap()).await;
    assert!(second.into_unread_permit().is_none());
    let (_, report) = follow(invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap()).await;
    assert_eq!(failed(&report), "busy");
    assert_eq!(test.platform.unread_bytes(operator()).unwrap(), 40 * 1024);
    test.sandboxes.wait_for_live_sandboxes(0).await;
    drop(first);
    let (_, report) = follow(invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap()).await;
    assert_eq!(returned(&report).len(), 40_000);
}

#[tokio::test]
async fn a_caller_that_goes_away_while_its_result_waits_for_memory_releases_its_permit() {
    let test = platform(budget_for_one(Duration::from_mins(1)));
    let worker = test.deploy().await;
    let invocations = test.platform.invocations();
    let _first = read_and_hold(invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap()).await;
    let mut second = invocations.invoke(operator(), worker.id, "greet", b"").await.unwrap();
    assert!(matches!(second.next().await.unwrap().kind, InvocationEventKind::Log(_)));
    drop(second);
    while invocations.load(operator()).unwrap() != (Load { running: 0, queued: 0 }) {
        tokio::task::yield_now().await;
    }
    assert_eq!(test.platform.unread_bytes(operator()).unwrap(), 40 * 1024);
}
