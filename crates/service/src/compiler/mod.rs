//! The port to the compiler, which turns a bundle's source into a worker script, in this process or in another one.

mod in_process;
mod limiter;

use std::time::Duration;

use async_trait::async_trait;
use workers_transpiler::{Rejection, SourceFile, TranspileError, TranspileOptions, WorkerScript};

use crate::Source;

pub use self::{in_process::InProcessCompiler, limiter::CompileLimiter};

/// The file name of the user's code in stack traces.
const SOURCE_NAME: &str = "worker.ts";

/// Compiles bundles. Compiling means running a parser on untrusted text: the implementation decides how much such a
/// text can cost, and which process pays for it.
#[async_trait]
pub trait Compiler: Send + Sync {
    /// Compiles a bundle, given in its stored form. Dropping the future cancels the compilation.
    ///
    /// # Errors
    ///
    /// [`CompileFailure::Busy`] if compiling has not started; [`CompileFailure::Rejected`] and
    /// [`CompileFailure::TooExpensive`] if the source is the cause; [`CompileFailure::Unavailable`] and
    /// [`CompileFailure::Failed`] if the platform is the cause.
    async fn compile(&self, source: &str) -> Result<WorkerScript, CompileFailure>;

    /// Checks that a bundle could be compiled now, within about 1.5 s. It compiles a bundle of one line, unless other
    /// compilations are running.
    ///
    /// # Errors
    ///
    /// As for [`compile`](Self::compile), except that it does not fail because all permits are taken.
    async fn check(&self) -> Result<(), CompileFailure> {
        Ok(())
    }
}

/// The reason why a source could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileFailure {
    /// The code is not a bundle that can run.
    #[error(transparent)]
    Rejected(Rejection),
    /// All permits are taken and the queue is full, or the wait was too long.
    #[error("every compiler is busy")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The source takes more time or memory than a compilation may use, or it crashes the compiler.
    #[error("the code costs too much to compile: {0}")]
    TooExpensive(TooExpensive),
    /// No compiler is available, for reasons unrelated to the source: none can be started, or those that were tried
    /// hung or were killed. Another attempt may succeed.
    #[error("nothing can be compiled now: {0}")]
    Unavailable(String),
    /// The compiler failed, for a reason unrelated to the source.
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

/// The resource that a source takes too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooExpensive {
    /// The compilation used up its processor time before it ended.
    #[error("it takes too long")]
    Time,
    /// The compilation used too much memory.
    #[error("it takes too much memory")]
    Memory,
    /// The source crashed the compiler's process, more than once.
    #[error("it ends the compiler")]
    Crash,
}

/// Compiles a worker, given in its stored form. This is the common part of all compilers; they differ in the process in
/// which they call it. Blocks until the compilation is done. `newer_node` says that workers run on a newer Node.js,
/// which may export more than this compiler's list contains.
///
/// # Errors
///
/// The mistakes in the code, or the reason why the compiler could not look for them.
pub fn compile_worker(source: &str, newer_node: bool) -> Result<WorkerScript, TranspileError> {
    let Source { code, compiler_options } = Source::decode(source);
    let experimental_decorators = compiler_options.experimental_decorators;
    let options = TranspileOptions { experimental_decorators, newer_node, ..TranspileOptions::default() };
    workers_transpiler::transpile(&SourceFile { name: SOURCE_NAME, code: &code }, &options)
}
