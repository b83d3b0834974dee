//! The compiler that runs in this process.

use async_trait::async_trait;
use workers_transpiler::WorkerScript;

use super::{CompileFailure, CompileLimiter, Compiler, compile_worker};

/// Compiles on blocking threads of this process. It is fast and has no further components. But a source that takes long
/// holds its permit until it is compiled, even if the caller has given up, and a source that crashes the compiler
/// crashes this process. Use it only for code that is not hostile.
#[derive(Debug, Default)]
pub struct InProcessCompiler {
    limiter: CompileLimiter,
}

impl InProcessCompiler {
    /// Creates a compiler that runs at most one compilation per core at the same time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Compiler for InProcessCompiler {
    async fn compile(&self, source: &str) -> Result<WorkerScript, CompileFailure> {
        let permit = self.limiter.acquire().await?;
        let source = source.to_owned();
        let span = tracing::Span::current();
        let compiled = tokio::task::spawn_blocking(move || {
            let _entered = span.entered();
            // The thread holds the permit and not the caller: it goes on compiling when the caller has gone.
            let _permit = permit;
            compile_worker(&source, false)
        });
        Ok(compiled.await.map_err(|error| CompileFailure::Failed(error.to_string()))??)
    }
}
