//! The port to the compiler: from a bundle's source to a worker script, in this process or in another.

mod in_process;
mod places;

use std::time::Duration;

use async_trait::async_trait;
use workers_transpiler::{Rejection, SourceFile, TranspileError, TranspileOptions, WorkerScript};

use crate::Source;

pub use self::{in_process::InProcessCompiler, places::CompilerPlaces};

/// What the user's file is called in stack traces.
const SOURCE_NAME: &str = "worker.ts";

/// Compiles bundles. Compiling is running a parser over text that a stranger wrote: an implementation decides what such
/// a text can cost, and whom.
#[async_trait]
pub trait Compiler: Send + Sync {
    /// Compiles a bundle, given as it is stored. Dropping the future abandons the compilation.
    ///
    /// # Errors
    ///
    /// [`CompileFailure::Busy`] before anything was done, [`CompileFailure::Rejected`] and
    /// [`CompileFailure::TooExpensive`] when the source is to blame, [`CompileFailure::Unavailable`] and
    /// [`CompileFailure::Failed`] when we are.
    async fn compile(&self, source: &str) -> Result<WorkerScript, CompileFailure>;

    /// Whether a bundle could be compiled now, told within about 1.5 s: by compiling one of a line, where nothing else
    /// is compiled.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile), but never because all places are taken.
    async fn check(&self) -> Result<(), CompileFailure> {
        Ok(())
    }
}

/// Why a source became no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileFailure {
    /// The code is no bundle that can run.
    #[error(transparent)]
    Rejected(Rejection),
    /// Every place is taken, and so is every seat in the queue, or the wait was too long.
    #[error("every compiler is busy")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The source takes more time or memory than a compilation may, or it crashes the compiler.
    #[error("the code costs too much to compile: {0}")]
    TooExpensive(TooExpensive),
    /// No compiler could do it, for reasons of ours: none can be started, or those that were tried stood still or were
    /// killed. Another attempt may succeed.
    #[error("nothing can be compiled now: {0}")]
    Unavailable(String),
    /// The compiler failed, whatever the source.
    #[error("failed to compile the code: {0}")]
    Failed(String),
}

impl From<TranspileError> for CompileFailure {
    fn from(error: TranspileError) -> Self {
        match error {
            TranspileError::Rejected(rejection) => Self::Rejected(rejection),
            TranspileError::OutOfResources(lacking) => Self::Unavailable(lacking),
            TranspileError::Internal(message) => Self::Failed(message),
        }
    }
}

/// What a source takes too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooExpensive {
    /// The compilation had not ended when it had used its processor time.
    #[error("it takes too long")]
    Time,
    /// The compilation grew too large.
    #[error("it takes too much memory")]
    Memory,
    /// The compiler's process died of it, more than once.
    #[error("it ends the compiler")]
    Crash,
}

/// What every compiler does once it is where it works: the platform's way to compile a worker, given as it is stored.
/// Blocks until it is done. `newer_node` says that workers run on a Node.js that may export more than the compiler
/// knows.
///
/// # Errors
///
/// The code's mistakes, or why the compiler could not look for them.
pub fn compile_worker(source: &str, newer_node: bool) -> Result<WorkerScript, TranspileError> {
    let Source { code, compiler_options } = Source::decode(source);
    let experimental_decorators = compiler_options.experimental_decorators;
    let options = TranspileOptions { experimental_decorators, newer_node, ..TranspileOptions::default() };
    workers_transpiler::transpile(&SourceFile { name: SOURCE_NAME, code: &code }, &options)
}
