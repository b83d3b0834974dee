#![doc = include_str!("../README.md")]

mod background;
mod bundle;
mod compiler;
mod error;
mod event_bus;
mod fault_log;
mod freed_memory;
mod health;
mod invocations;
mod limits;
mod observer;
mod options;
mod platform;
mod shared;
mod snapshot;
mod source;
mod unread_budget;
mod workers;

pub use compiler::{CompileFailure, CompileLimiter, Compiler, InProcessCompiler, TooExpensive, compile_worker};
pub use error::{DeployError, InvokeError, RedeployError, SetupError, WorkerError};
pub use event_bus::InProcessEventBus;
pub use fault_log::{FaultLog, LogDecision};
pub use freed_memory::{FreedMemory, MemoryInUse};
pub use invocations::{Invocation, InvocationService, Load};
pub use limits::{EffectiveLimits, LimitsError};
pub use observer::{InvocationObserver, NoObserver};
pub use options::{LogLimits, ServiceOptions};
pub use platform::{Platform, PlatformBuilder};
pub use source::{CompilerOptions, Source};
/// Stops [`Platform::run_background`] when cancelled.
pub use tokio_util::sync::CancellationToken;
pub use unread_budget::{UnreadBudget, UnreadPermit};
pub use workers::{SetupReport, SweepReport, WorkerChanges, WorkerService};
/// The item type of [`WorkerChanges`].
pub use workers_domain::ports::WorkerChange;
pub use workers_transpiler::is_newer_node;
/// The transpiler's messages about a bundle, part of [`DeployError::Rejected`] and of the result of a [`Compiler`].
pub use workers_transpiler::{Diagnostic, DiagnosticKind, Rejection, TranspileError, WorkerScript};
