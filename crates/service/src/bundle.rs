//! From source to snapshot: transpile, write the worker script into an empty sandbox, freeze it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;
use workers_domain::ports::{
    SandboxError, SandboxErrorKind, SandboxFile, SandboxPath, SandboxProvider, SandboxSource, SandboxSpec, Snapshot,
};
use workers_domain::{FunctionName, ResourceLimits};
use workers_transpiler::{Diagnostic, DiagnosticKind, SourceFile, TranspileOptions, WorkerScript};

/// The worker script's name in a snapshot.
pub(crate) const SCRIPT_FILE: &str = "worker.mjs";

/// What the user's file is called in stack traces.
const SOURCE_NAME: &str = "worker.ts";

/// Turns sources into snapshots; keeps the number of compilations at one time to the number of cores, for each may take a core
/// and many times the source's size in memory.
pub(crate) struct Bundler {
    compilations: Arc<Semaphore>,
}

/// Why a source became no script.
#[derive(Debug)]
pub(crate) enum BundleError {
    /// The source is at fault.
    Rejected(Vec<Diagnostic>),
    /// The transpiler is at fault.
    Internal(String),
}

/// A worker script and what it exports.
pub(crate) struct Bundle {
    pub(crate) script: String,
    pub(crate) functions: Vec<FunctionName>,
}

impl Bundler {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { compilations: Arc::new(Semaphore::new(cores)) }
    }

    /// Compiles off the async threads.
    pub(crate) async fn compile(&self, source: String) -> Result<Bundle, BundleError> {
        let permit = Arc::clone(&self.compilations).acquire_owned().await;
        let compiled = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let output = workers_transpiler::transpile(
                &SourceFile { name: SOURCE_NAME, code: &source },
                &TranspileOptions::default(),
            );
            (output.script, output.diagnostics)
        });
        match compiled.await {
            Ok((Some(script), _)) => Bundle::try_from(script),
            Ok((None, diagnostics)) if diagnostics.is_empty() => {
                Err(BundleError::Internal("no script and no diagnostic".to_owned()))
            }
            Ok((None, diagnostics)) => match diagnostics.iter().find(|found| found.kind == DiagnosticKind::Internal) {
                Some(internal) => Err(BundleError::Internal(internal.message.clone())),
                None => Err(BundleError::Rejected(diagnostics)),
            },
            Err(error) => Err(BundleError::Internal(error.to_string())),
        }
    }
}

impl TryFrom<WorkerScript> for Bundle {
    type Error = BundleError;

    fn try_from(script: WorkerScript) -> Result<Self, BundleError> {
        let functions = script.functions.iter().map(FunctionName::parse).collect::<Result<_, _>>();
        let functions = functions.map_err(|error| BundleError::Internal(format!("a function name {error}")))?;
        Ok(Self { script: script.code, functions })
    }
}

/// Freezes a script.
pub(crate) async fn make_snapshot(
    sandboxes: &dyn SandboxProvider,
    limits: ResourceLimits,
    script: String,
    expires_at: DateTime<Utc>,
) -> Result<Snapshot, SandboxError> {
    let path = SandboxPath::parse(SCRIPT_FILE)
        .map_err(|error| SandboxError::new(SandboxErrorKind::Failed, error.to_string()))?;
    let sandbox = sandboxes.create(SandboxSpec { source: SandboxSource::Empty, limits }).await?;
    let frozen = async {
        sandbox.write_files(vec![SandboxFile { path, contents: script.into_bytes() }]).await?;
        sandbox.snapshot(Some(expires_at)).await
    };
    let frozen = frozen.await;
    if frozen.is_err()
        && let Err(error) = sandbox.stop().await
    {
        tracing::warn!(sandbox.id = %sandbox.id(), error = &error as &dyn std::error::Error, "failed to stop a sandbox");
    }
    frozen
}
