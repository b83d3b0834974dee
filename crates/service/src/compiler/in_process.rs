//! The compiler in this process.

use async_trait::async_trait;
use workers_transpiler::WorkerScript;

use super::{CompileFailure, Compiler, CompilerPlaces, compile_worker};

/// Compiles on blocking threads of this process. Quick and without parts, but a source that takes long holds its place
/// until it is done, wanted or not, and one that takes the compiler down takes this process along: for code that is not
/// hostile.
#[derive(Debug, Default)]
pub struct InProcessCompiler {
    places: CompilerPlaces,
}

impl InProcessCompiler {
    /// One compilation a core at one time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Compiler for InProcessCompiler {
    async fn compile(&self, source: &str) -> Result<WorkerScript, CompileFailure> {
        let place = self.places.enter().await?;
        let source = source.to_owned();
        let span = tracing::Span::current();
        let compiled = tokio::task::spawn_blocking(move || {
            let _entered = span.entered();
            let _place = place;
            compile_worker(&source, false)
        });
        Ok(compiled.await.map_err(|error| CompileFailure::Failed(error.to_string()))??)
    }
}
