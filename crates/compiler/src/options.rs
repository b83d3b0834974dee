//! What an embedder says when it starts the compiler.

use std::path::PathBuf;
use std::time::Duration;

/// How long a compilation may take. Ten mebibytes of ordinary code take two seconds on one busy core; the rest is for slow machines.
const DEADLINE: Duration = Duration::from_secs(10);
/// How much memory a compilation may use. Ten mebibytes of the densest code need about half of it.
const MEMORY_BYTES: u64 = 2 << 30;

/// What compilations may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerOptions {
    /// Which program compiles.
    pub program: CompilerProgram,
    /// Compilations at one time, each in a process of its own. A compilation keeps a core busy.
    pub processes: usize,
    /// How long a compilation may take; then it is killed, and its author told.
    pub deadline: Duration,
    /// How much memory a compilation may use, in bytes; what uses more is ended, and its author told.
    pub memory_bytes: u64,
    /// How long a source waits for a free process before it is turned away.
    pub queue_timeout: Duration,
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
            deadline: DEADLINE,
            memory_bytes: MEMORY_BYTES,
            // Whoever is in front is done or killed by then.
            queue_timeout: DEADLINE,
        }
    }
}
