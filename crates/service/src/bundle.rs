//! Turns source into a worker script with its functions.

use std::sync::Arc;

use workers_domain::FunctionName;
use workers_transpiler::WorkerScript;

use crate::{CompileFailure, Compiler};

/// Compiles sources into bundles with the configured compiler.
pub(crate) struct Bundler {
    compiler: Arc<dyn Compiler>,
}

/// A worker script and the functions it exports.
pub(crate) struct Bundle {
    pub(crate) script: String,
    pub(crate) functions: Vec<FunctionName>,
}

impl Bundler {
    pub(crate) fn new(compiler: Arc<dyn Compiler>) -> Self {
        Self { compiler }
    }

    pub(crate) async fn compile(&self, source: &str) -> Result<Bundle, CompileFailure> {
        let WorkerScript { code, functions } = self.compiler.compile(source).await?;
        let functions = functions.iter().map(FunctionName::parse).collect::<Result<_, _>>();
        let functions = functions.map_err(|error| CompileFailure::Failed(format!("a function name {error}")))?;
        Ok(Bundle { script: code, functions })
    }
}
