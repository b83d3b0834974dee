//! External events that hit compiler processes are not blamed on the source.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use workers_compiler::CompilerProgram;
use workers_service::{CompileFailure, Compiler as _, TooExpensive};

use crate::support::{GOOD, TestCompiler, busy_processes, heavy, kill, processes, stop, wait_for};

/// Returns a source that takes a few tenths of a second, so that a test can find its process at work.
fn slow() -> String {
    format!("export const f = () => [{}]", "a(),".repeat(1 << 16))
}

#[tokio::test]
async fn idle_processes_that_are_stopped_are_found_and_replaced() {
    let test = TestCompiler::start(|_| {}).await;
    for _ in 0..3 {
        let stopped = processes();
        stopped.iter().copied().for_each(stop);
        let begun = Instant::now();
        test.compiles().await;
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        wait_for("their end", || processes().iter().all(|process| !stopped.contains(process))).await;
    }
}

#[tokio::test]
async fn a_check_finds_idle_processes_that_are_stopped_and_replaces_them() {
    let test = TestCompiler::start(|_| {}).await;
    let stopped = processes();
    stopped.iter().copied().for_each(stop);
    let begun = Instant::now();
    test.compiler.check().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    wait_for("their end", || processes().iter().all(|process| !stopped.contains(process))).await;
    let fresh = processes();
    test.compiler.check().await.unwrap();
    test.compiles().await;
    assert_eq!(processes(), fresh, "what works is kept");
}

#[tokio::test]
async fn a_check_does_not_wait_while_all_processes_compile() {
    let test = TestCompiler::start(|options| options.processes = 1).await;
    let heavy = heavy();
    let checks = async {
        wait_for("a process that compiles", || !busy_processes().is_empty()).await;
        for _ in 0..10 {
            test.compiler.check().await.unwrap();
        }
    };
    tokio::select! {
        biased;
        _ = test.compiler.compile(&heavy) => panic!("it is not heavy at all"),
        () = checks => {}
    }
}

#[tokio::test]
async fn a_process_that_is_stopped_while_it_compiles_is_replaced_unseen() {
    let test = TestCompiler::start(|options| options.processes = 1).await;
    let slow = slow();
    let stopper = async {
        wait_for("a process that compiles", || !busy_processes().is_empty()).await;
        busy_processes().into_iter().for_each(stop);
    };
    let (compiled, ()) = tokio::join!(test.compiler.compile(&slow), stopper);
    assert_eq!(compiled.unwrap().functions, ["f"]);
}

#[tokio::test]
async fn a_source_whose_process_is_killed_is_tried_again_unseen() {
    let test = TestCompiler::start(|options| options.processes = 1).await;
    let slow = slow();
    let killer = async {
        for _ in 0..2 {
            wait_for("a process that compiles", || !busy_processes().is_empty()).await;
            let victims = busy_processes();
            victims.iter().copied().for_each(kill);
            wait_for("its end", || processes().iter().all(|process| !victims.contains(process))).await;
        }
    };
    let (compiled, ()) = tokio::join!(test.compiler.compile(&slow), killer);
    assert_eq!(compiled.unwrap().functions, ["f"]);
}

#[tokio::test]
async fn a_source_whose_processes_are_all_stopped_or_killed_is_not_to_blame() {
    for harm in [kill, stop] {
        let test = TestCompiler::start(|options| options.processes = 1).await;
        let heavy = heavy();
        let harmful = async {
            loop {
                busy_processes().into_iter().for_each(harm);
                tokio::task::yield_now().await;
            }
        };
        let failed = tokio::select! {
            failed = test.compiler.compile(&heavy) => failed,
            () = harmful => unreachable!(),
        };
        assert!(matches!(failed, Err(CompileFailure::Unavailable(_))), "{failed:?}");
        test.compiles().await;
        test.compiler.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_process_that_is_frozen_is_noticed_and_another_one_answers() {
    workers_testing::skip_unless_root("a cgroup freezes the process");
    let freezer = Group::make("freezer");
    let test = TestCompiler::start(|_| {}).await;
    let frozen = processes();
    for process in &frozen {
        freezer.take_in(*process);
    }
    freezer.set("freezer.state", "FROZEN");
    let begun = Instant::now();
    test.compiles().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(freezer);
    wait_for("its end", || processes().iter().all(|process| !frozen.contains(process))).await;
}

#[tokio::test]
async fn a_process_that_can_have_no_thread_says_so_and_works_again_when_it_can() {
    workers_testing::skip_unless_root("a cgroup limits the threads");
    let narrow = Group::make("pids");
    let test = TestCompiler::start(|options| options.processes = 1).await;
    let process = processes()[0];
    narrow.take_in(process);
    // One for the thread that waits for sources; then one for the thread that starts the compiler, but none for the
    // compiler's own thread.
    for threads in ["1", "2"] {
        narrow.set("pids.max", threads);
        let failed = test.compiler.compile(GOOD).await;
        assert!(matches!(&failed, Err(CompileFailure::Unavailable(cause)) if cause.contains("thread")), "{failed:?}");
        assert!(matches!(test.compiler.check().await, Err(CompileFailure::Unavailable(_))));
    }
    narrow.set("pids.max", "max");
    test.compiles().await;
    test.compiler.check().await.unwrap();
    assert_eq!(processes(), [process], "it stayed");
    drop(test);
}

#[tokio::test]
async fn processes_that_cannot_be_started_for_want_of_descriptors_are_awaited_briefly_and_then_reported() {
    let test = TestCompiler::start(|options| options.processes = 1).await;
    let before = getrlimit(Resource::Nofile);
    let scarce = || setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..before }).unwrap();
    let enough = || setrlimit(Resource::Nofile, before).unwrap();
    let victims = processes();
    victims.iter().copied().for_each(kill);
    wait_for("its end", || processes().is_empty()).await;

    scarce();
    let failed = test.compiler.compile(GOOD).await;
    enough();
    assert!(matches!(&failed, Err(CompileFailure::Unavailable(_))), "{failed:?}");

    scarce();
    let (compiled, ()) = tokio::join!(test.compiler.compile(GOOD), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        enough();
    });
    assert_eq!(compiled.unwrap().functions, ["greet"]);
    test.compiles().await;
}

#[tokio::test]
async fn how_a_process_dies_decides_who_is_to_blame() {
    let directory = tempfile::tempdir().unwrap();
    for (number, (end, is_to_blame)) in [
        ("kill -s SEGV $$", true),
        ("echo \"thread 'transpile' (7) has overflowed its stack\" >&2; kill -s ABRT $$", true),
        ("kill -s ABRT $$", false),
        ("kill -s TERM $$", false),
        ("exit 1", false),
        ("printf nonsense; sleep 60", false),
    ]
    .into_iter()
    .enumerate()
    {
        let program = fake_compiler(&directory.path().join(number.to_string()), end);
        let test = TestCompiler::start(|options| options.program = CompilerProgram::Path(program)).await;
        match test.compiler.compile(GOOD).await {
            Err(CompileFailure::TooExpensive(TooExpensive::Crash)) => assert!(is_to_blame, "{end}"),
            Err(CompileFailure::Unavailable(_)) => assert!(!is_to_blame, "{end}"),
            other => panic!("{end}: {other:?}"),
        }
    }
}

/// Writes a program that reports that it is ready, in the format of `wire.rs`, and runs `end` when the first source
/// arrives.
fn fake_compiler(path: &Path, end: &str) -> PathBuf {
    let hello = r#"\020\000\000\000\000\000\000\000{"problem":null}"#;
    std::fs::write(path, format!("#!/bin/sh\nprintf '{hello}'\nhead -c 4 >/dev/null\n{end}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_owned()
}

/// A cgroup in a hierarchy of version 1. Thawed and removed when it is dropped.
struct Group {
    directory: PathBuf,
}

impl Group {
    /// Creates the group. Skips the test where the hierarchy is not mounted.
    fn make(hierarchy: &str) -> Self {
        let hierarchy = Path::new("/sys/fs/cgroup").join(hierarchy);
        if !hierarchy.join("cgroup.procs").exists() {
            workers_testing::skip("this host has no cgroup hierarchy of version 1 for it");
        }
        let directory = hierarchy.join(format!("workers-compiler-test-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        Self { directory }
    }

    fn set(&self, file: &str, value: &str) {
        std::fs::write(self.directory.join(file), value).unwrap();
    }

    fn take_in(&self, process: u32) {
        self.set("cgroup.procs", &process.to_string());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::write(self.directory.join("freezer.state"), "THAWED");
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::fs::remove_dir(&self.directory).is_err() {
            assert!(Instant::now() < deadline, "a process stays in {}", self.directory.display());
            std::thread::yield_now();
        }
    }
}
