//! Start, reuse and end of processes.

use futures_util::future::join_all;
use workers_compiler::{CompilerOptions, CompilerProgram, ProcessCompiler, StartError};
use workers_service::Compiler as _;

use crate::support::{TestCompiler, busy_processes, heavy, kill, options, processes, wait_for};

#[tokio::test]
async fn a_program_without_the_hook_is_refused() {
    let refused = ProcessCompiler::start(CompilerOptions::default()).await;
    assert!(matches!(refused, Err(StartError::HookNotCalled)));
}

#[tokio::test]
async fn a_program_that_is_no_compiler_is_refused() {
    for path in ["/bin/true", "/nonexistent"] {
        let refused =
            ProcessCompiler::start(options(|options| options.program = CompilerProgram::Path(path.into()))).await;
        assert!(matches!(refused, Err(StartError::Process(_))), "{path}");
    }
}

#[tokio::test]
async fn a_compiler_starts_with_one_process_and_keeps_it() {
    let test = TestCompiler::start(|_| {}).await;
    let before = processes();
    assert_eq!(before.len(), 1);
    for _ in 0..20 {
        test.compiles().await;
    }
    assert_eq!(processes(), before);
}

#[tokio::test]
async fn an_idle_process_that_is_killed_is_replaced() {
    let test = TestCompiler::start(|_| {}).await;
    for _ in 0..3 {
        processes().into_iter().for_each(kill);
        wait_for("its end", || processes().is_empty()).await;
        test.compiles().await;
        wait_for("another one", || processes().len() == 1).await;
    }
}

#[tokio::test]
async fn a_process_that_has_grown_leaves_and_is_replaced() {
    let test = TestCompiler::start(|_| {}).await;
    let before = processes();
    let source = format!("export const f = () => [{}]", "a(),".repeat(1 << 18));
    test.compiler.compile(&source).await.unwrap();
    wait_for("another one", || processes().len() == 1 && processes() != before).await;
    test.compiles().await;
}

#[tokio::test]
async fn fifty_at_once_are_all_served_by_as_many_processes_as_allowed() {
    let test = TestCompiler::start(|options| options.processes = 3).await;
    let sources: Vec<_> = (0..50).map(|number| format!("export const f{number} = () => {number}")).collect();
    let outputs = join_all(sources.iter().map(|source| test.compiler.compile(source))).await;
    for (number, output) in outputs.into_iter().enumerate() {
        assert_eq!(output.unwrap().functions, [format!("f{number}")]);
    }
    assert!((1..=3).contains(&processes().len()));
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let test = TestCompiler::start(|_| {}).await;
    let TestCompiler { compiler, .. } = &test;
    let busy = compiler.clone();
    let heavy = tokio::spawn(async move { busy.compile(&heavy()).await });
    wait_for("a process that compiles", || !busy_processes().is_empty()).await;
    heavy.abort();
    assert!(heavy.await.unwrap_err().is_cancelled());
    let alone = test.dissolve();
    wait_for("the end of all", || processes().is_empty()).await;
    drop(alone);
}
