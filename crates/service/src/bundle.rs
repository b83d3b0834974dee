//! From source to snapshot: transpile, write the worker script into an empty sandbox, freeze it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use workers_domain::ports::{
    Sandbox, SandboxError, SandboxErrorKind, SandboxFile, SandboxPath, SandboxSource, SandboxSpec, Snapshot,
};
use workers_domain::{FunctionName, NetworkPolicy, ResourceLimits, SnapshotId};
use workers_transpiler::{Diagnostic, DiagnosticKind, TranspileOutput, WorkerScript};

use crate::health::Health;
use crate::platform::Shared;
use crate::{CompileFailure, Compiler, DeployError, TooExpensive};

/// The worker script's name in a snapshot.
pub(crate) const SCRIPT_FILE: &str = "worker.mjs";

/// Turns sources into bundles, with whatever compiler there is.
pub(crate) struct Bundler {
    compiler: Arc<dyn Compiler>,
}

/// Why a source became no script.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The source is at fault; there is at least one diagnostic.
    #[error("the code was rejected: {}", .0.first().map_or("", |first| first.message.as_str()))]
    Rejected(Vec<Diagnostic>),
    /// Nobody is, but there is no time for it now.
    #[error("every compiler is busy")]
    Busy { retry_after: Duration },
    /// The platform is: it has no compiler that works now.
    #[error("nothing can be compiled now: {0}")]
    Unavailable(String),
    /// The compiler is at fault.
    #[error("the compiler failed: {0}")]
    Internal(String),
}

/// A worker script and what it exports.
pub(crate) struct Bundle {
    pub(crate) script: String,
    pub(crate) functions: Vec<FunctionName>,
}

impl Bundler {
    pub(crate) fn new(compiler: Arc<dyn Compiler>) -> Self {
        Self { compiler }
    }

    pub(crate) async fn compile(&self, source: &str) -> Result<Bundle, BundleError> {
        match self.compiler.compile(source).await? {
            TranspileOutput { script: Some(script), .. } => Bundle::try_from(script),
            TranspileOutput { diagnostics, .. } if diagnostics.is_empty() => {
                Err(BundleError::Internal("no script and no diagnostic".to_owned()))
            }
            TranspileOutput { diagnostics, .. } => {
                let message =
                    |kind| diagnostics.iter().find(|found| found.kind == kind).map(|found| found.message.clone());
                if let Some(internal) = message(DiagnosticKind::Internal) {
                    Err(BundleError::Internal(internal))
                } else if let Some(lacking) = message(DiagnosticKind::OutOfResources) {
                    Err(BundleError::Unavailable(lacking))
                } else {
                    Err(BundleError::Rejected(diagnostics))
                }
            }
        }
    }
}

impl From<CompileFailure> for BundleError {
    fn from(failure: CompileFailure) -> Self {
        match failure {
            CompileFailure::Busy { retry_after } => Self::Busy { retry_after },
            CompileFailure::TooExpensive(too_expensive) => {
                Self::Rejected(vec![too_expensive_diagnostic(too_expensive)])
            }
            CompileFailure::Unavailable(cause) => Self::Unavailable(cause),
            CompileFailure::Failed(message) => Self::Internal(message),
        }
    }
}

/// The same source would cost the same again, so its author is told. What takes a compiler that much nests, in one way
/// or another.
fn too_expensive_diagnostic(too_expensive: TooExpensive) -> Diagnostic {
    Diagnostic {
        kind: DiagnosticKind::TooDeep,
        message: format!("This cannot be compiled: {too_expensive}."),
        line: 1,
        column: 1,
        code_frame: String::new(),
        help: Some("Look for long runs of nested brackets, `<` among them, and for very large literals.".to_owned()),
    }
}

impl From<BundleError> for DeployError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Rejected(diagnostics) => Self::Rejected(diagnostics),
            BundleError::Busy { retry_after } => Self::Busy { retry_after },
            BundleError::Unavailable(cause) => Self::CompilerUnavailable(cause),
            BundleError::Internal(message) => Self::Transpiler(message),
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

/// Freezes a script, in a sandbox with these limits.
pub(crate) async fn make_snapshot(
    shared: &Shared,
    limits: ResourceLimits,
    script: String,
    expires_at: DateTime<Utc>,
) -> Result<Snapshot, SandboxError> {
    let sandbox = script_in_sandbox(shared, limits, script).await?;
    frozen(shared, &*sandbox, sandbox.snapshot(Some(expires_at)).await).await
}

/// Freezes a script as the snapshot with this id, if the provider can, in a sandbox with these limits.
pub(crate) async fn make_snapshot_as(
    shared: &Shared,
    limits: ResourceLimits,
    id: &SnapshotId,
    script: String,
    expires_at: DateTime<Utc>,
) -> Result<Snapshot, SandboxError> {
    let sandbox = script_in_sandbox(shared, limits, script).await?;
    frozen(shared, &*sandbox, sandbox.snapshot_as(id, Some(expires_at)).await).await
}

/// A sandbox in which nothing runs, with a script.
async fn script_in_sandbox(
    shared: &Shared,
    limits: ResourceLimits,
    script: String,
) -> Result<Box<dyn Sandbox>, SandboxError> {
    let path = SandboxPath::parse(SCRIPT_FILE)
        .map_err(|error| SandboxError::new(SandboxErrorKind::Failed, error.to_string()))?;
    // The script is no file of the function's: it may be longer than what the function may write.
    let disk_bytes = limits.disk_bytes.max(u64::try_from(script.len()).unwrap_or(u64::MAX));
    let (limits, network) = (ResourceLimits { disk_bytes, ..limits }, NetworkPolicy::DenyAll);
    let sandbox = shared.sandboxes.create(SandboxSpec { source: SandboxSource::Empty, limits, network }).await?;
    let written = sandbox.write_files(vec![SandboxFile { path, contents: script.into_bytes() }]).await;
    frozen(shared, &*sandbox, written).await?;
    Ok(sandbox)
}

/// What came of a step towards a snapshot. After a failure nothing is left of the sandbox.
async fn frozen<T>(shared: &Shared, sandbox: &dyn Sandbox, step: Result<T, SandboxError>) -> Result<T, SandboxError> {
    if step.is_err() {
        stop(sandbox, &shared.health).await;
    }
    step
}

/// Stops a sandbox. A failure is logged and no more: what was asked of the sandbox is decided by then.
pub(crate) async fn stop(sandbox: &dyn Sandbox, health: &Health) {
    if let Err(error) = sandbox.stop().await {
        health.warn("stop_sandbox", &error, format_args!("failed to stop the sandbox {}", sandbox.id()));
    }
}
