//! Options of the compiler.

use std::path::PathBuf;
use std::time::Duration;

/// How much processor time a compilation may use. Ten mebibytes of ordinary code take two seconds; the rest is for slow
/// hosts.
const PROCESSOR_TIME: Duration = Duration::from_secs(10);
/// How long a compilation may last. Twice its processor time, for a host whose processors also have other work.
const DEADLINE: Duration = Duration::from_secs(20);
/// How much memory a compilation may use, in bytes. Ten mebibytes of the densest code need about half of it.
const MEMORY_BYTES: u64 = 2 << 30;

/// The program that compiles, and limits for compilations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerOptions {
    /// The program that compiles.
    pub program: CompilerProgram,
    /// Maximum number of compilations at one time, each in a process of its own. A compilation keeps one core busy.
    pub processes: usize,
    /// How much processor time a compilation may use. A compilation that uses more is killed, and the source is refused
    /// as too expensive.
    pub processor_time: Duration,
    /// How long a compilation may last, including all processes that attempt it. After that it has failed for a reason
    /// that is not the source's.
    pub deadline: Duration,
    /// How much memory a compilation may use, in bytes. A compilation that uses more is ended, and the source is
    /// refused as too expensive.
    pub memory_bytes: u64,
    /// How long a source waits for a free process before it is refused.
    pub queue_timeout: Duration,
    /// Whether workers run on a newer Node.js, which may export more than the compiler's list contains: then imports of
    /// unlisted names are not checked until run time.
    pub newer_node: bool,
}

/// The program that compiles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CompilerProgram {
    /// The current program, through [`run_compiler_if_asked`](crate::run_compiler_if_asked).
    #[default]
    CurrentExe,
    /// The program `workers-compiler` at this path.
    Path(PathBuf),
}

impl Default for CompilerOptions {
    fn default() -> Self {
        Self {
            program: CompilerProgram::CurrentExe,
            processes: std::thread::available_parallelism().map_or(1, usize::from),
            processor_time: PROCESSOR_TIME,
            deadline: DEADLINE,
            memory_bytes: MEMORY_BYTES,
            // Unless the host is overloaded, the compilations ahead are done or killed by then.
            queue_timeout: PROCESSOR_TIME,
            newer_node: false,
        }
    }
}
