//! What an embedder says when it starts the compiler.

use std::path::PathBuf;
use std::time::Duration;

/// How much processor time a compilation may use. Ten mebibytes of ordinary code take two seconds; the rest is for slow
/// machines.
const PROCESSOR_TIME: Duration = Duration::from_secs(10);
/// How long a compilation may last. Twice its processor time, for a machine whose processors have other work too.
const DEADLINE: Duration = Duration::from_secs(20);
/// How much memory a compilation may use. Ten mebibytes of the densest code need about half of it.
const MEMORY_BYTES: u64 = 2 << 30;

/// What compilations may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerOptions {
    /// Which program compiles.
    pub program: CompilerProgram,
    /// Compilations at one time, each in a process of its own. A compilation keeps a core busy.
    pub processes: usize,
    /// How much processor time a compilation may use; what uses more is killed, and its author told.
    pub processor_time: Duration,
    /// How long a compilation may last, with all processes that try; then it has failed, which is not its author's
    /// doing.
    pub deadline: Duration,
    /// How much memory a compilation may use, in bytes; what uses more is ended, and its author told.
    pub memory_bytes: u64,
    /// How long a source waits for a free process before it is turned away.
    pub queue_timeout: Duration,
    /// Workers run on a Node.js that may export more than the compiler knows: imports of unknown names are left to the
    /// run.
    pub newer_node: bool,
}

/// Which program compiles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CompilerProgram {
    /// This one, through [`run_compiler_if_asked`](crate::run_compiler_if_asked).
    #[default]
    CurrentExe,
    /// The one at this path: `workers-compiler`.
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
            // On a machine that is not starved, what is in front is done or killed by then.
            queue_timeout: PROCESSOR_TIME,
            newer_node: false,
        }
    }
}
