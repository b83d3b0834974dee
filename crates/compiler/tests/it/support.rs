//! A compiler for tests, and helpers that inspect its processes.

use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};
use workers_compiler::{CompilerOptions, CompilerProgram, ProcessCompiler};
use workers_service::Compiler as _;

/// A source that compiles.
pub(crate) const GOOD: &str = "export const greet = (name: string) => `hello ${name}`";

/// A compiler whose processes are the only compiler children of this process, even if tests run in parallel.
pub(crate) struct TestCompiler {
    pub(crate) compiler: ProcessCompiler,
    alone: MutexGuard<'static, ()>,
}

impl TestCompiler {
    pub(crate) async fn start(change: impl FnOnce(&mut CompilerOptions)) -> Self {
        static ALONE: Mutex<()> = Mutex::const_new(());
        let alone = ALONE.lock().await;
        wait_for("the processes of the test before", || processes().is_empty()).await;
        Self { compiler: ProcessCompiler::start(options(change)).await.unwrap(), alone }
    }

    /// Ends the compiler, but still prevents other tests from starting one.
    pub(crate) fn dissolve(self) -> MutexGuard<'static, ()> {
        self.alone
    }

    pub(crate) async fn compiles(&self) {
        let output = self.compiler.compile(GOOD).await.unwrap();
        assert_eq!(output.functions, ["greet"]);
    }
}

/// Returns options for a busy host and unoptimised code.
pub(crate) fn options(change: impl FnOnce(&mut CompilerOptions)) -> CompilerOptions {
    let program = CompilerProgram::Path(env!("CARGO_BIN_EXE_workers-compiler").into());
    let patience = Duration::from_mins(1);
    let mut options = CompilerOptions {
        program,
        processor_time: patience,
        deadline: patience,
        queue_timeout: patience,
        ..CompilerOptions::default()
    };
    change(&mut options);
    options
}

/// Returns a source that takes seconds. It is correct; there is only much of it.
pub(crate) fn heavy() -> String {
    let mut source = "export const f = () => 1\n".to_owned();
    let line = "{ function _(a: number, b?: { c: string }) { return a + (b?.c.length ?? 0) * [1, 2, 3].length } }\n";
    source.push_str(&line.repeat((10 << 20) / line.len() - 1));
    source
}

/// Returns the live compiler processes that are children of this one.
pub(crate) fn processes() -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|id| is_compiler(*id)).collect()
}

/// Returns those of them that are compiling, which a second thread does.
pub(crate) fn busy_processes() -> Vec<u32> {
    let threads = |id: &u32| std::fs::read_dir(format!("/proc/{id}/task")).map_or(0, Iterator::count);
    processes().into_iter().filter(|id| threads(id) > 1).collect()
}

fn is_compiler(process: u32) -> bool {
    let read = |name| std::fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
    // The name, in parentheses, may contain anything; state and parent come after it.
    let stat = read("stat");
    let mut fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let lives = fields.next().is_some_and(|state| state != "Z" && state != "X");
    let ours = fields.next() == Some(&std::process::id().to_string());
    lives && ours && read("cmdline").contains("__workers-compiler")
}

pub(crate) fn kill(process: u32) {
    send("KILL", process);
}

/// Stops a process like Ctrl-Z does.
pub(crate) fn stop(process: u32) {
    send("STOP", process);
}

fn send(signal: &str, process: u32) {
    let sent = std::process::Command::new("kill").args(["-s", signal, &process.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Polls until the condition holds.
pub(crate) async fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
