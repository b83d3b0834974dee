//! Limits of what a source may cost.

use std::time::Duration;

use workers_service::{CompileFailure, Compiler as _, TooExpensive};

use crate::support::{TestCompiler, heavy, processes, wait_for};

#[tokio::test]
async fn a_compilation_over_its_processor_time_is_killed_and_the_next_one_works() {
    let test = TestCompiler::start(|options| {
        options.processes = 1;
        options.processor_time = Duration::from_millis(500);
    })
    .await;
    let before = processes();
    let failed = test.compiler.compile(&heavy()).await;
    assert_eq!(failed, Err(CompileFailure::TooExpensive(TooExpensive::Time)));
    test.compiles().await;
    assert!(processes().iter().all(|process| !before.contains(process)), "it was replaced");
}

#[tokio::test]
async fn a_compilation_over_its_deadline_that_had_processor_time_left_has_failed_and_is_not_to_blame() {
    let test = TestCompiler::start(|options| {
        options.processes = 1;
        options.deadline = Duration::from_millis(500);
    })
    .await;
    let failed = test.compiler.compile(&heavy()).await;
    assert!(matches!(failed, Err(CompileFailure::Unavailable(_))), "{failed:?}");
    test.compiles().await;
}

#[tokio::test]
async fn a_compilation_that_grows_too_large_is_ended_and_the_next_one_works() {
    let test = TestCompiler::start(|options| {
        options.processes = 1;
        options.memory_bytes = 128 << 20;
    })
    .await;
    let source = format!("export const f = () => [{}]", "a(),".repeat(1 << 20));
    assert_eq!(test.compiler.compile(&source).await, Err(CompileFailure::TooExpensive(TooExpensive::Memory)));
    test.compiles().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_releases_its_permit_at_once() {
    let test = TestCompiler::start(|options| options.processes = 1).await;
    let before = processes();
    let heavy = heavy();
    let impatient = tokio::time::timeout(Duration::from_millis(300), test.compiler.compile(&heavy)).await;
    assert!(impatient.is_err());
    test.compiles().await;
    wait_for("the end of the killed process", || processes().iter().all(|one| !before.contains(one))).await;
}

#[tokio::test]
async fn a_caller_that_finds_every_process_taken_for_too_long_is_refused() {
    let test = TestCompiler::start(|options| {
        options.processes = 1;
        options.queue_timeout = Duration::from_millis(100);
    })
    .await;
    let heavy = heavy();
    let turned_away = async {
        tokio::task::yield_now().await;
        test.compiler.compile("export const f = () => 1").await
    };
    tokio::select! {
        biased;
        _ = test.compiler.compile(&heavy) => panic!("it is not heavy at all"),
        refused = turned_away => assert!(matches!(refused, Err(CompileFailure::Busy { .. })), "{refused:?}"),
    }
    test.compiles().await;
}
