#![doc = include_str!("../README.md")]

mod background;
mod bundle;
mod compiler;
mod error;
mod event_bus;
mod fault_log;
mod freed;
mod health;
mod invocations;
mod limits;
mod observer;
mod options;
mod platform;
mod source;
mod unread;
mod workers;

pub use compiler::{CompileFailure, Compiler, CompilerPlaces, InProcessCompiler, TooExpensive, compile_worker};
pub use error::{DeployError, InvokeError, RedeployError, SetupError, WorkerError};
pub use event_bus::InProcessEventBus;
pub use fault_log::{FaultLog, Telling};
pub use freed::{Freed, InUse};
pub use invocations::{Invocation, InvocationService, Load};
pub use limits::{EffectiveLimits, LimitsError};
pub use observer::{InvocationObserver, NoObserver};
pub use options::{LogLimits, ServiceOptions};
pub use platform::{Platform, PlatformBuilder};
pub use source::{CompilerOptions, Source};
/// Ends [`Platform::run_background`].
pub use tokio_util::sync::CancellationToken;
pub use unread::{Unread, UnreadRoom};
pub use workers::{SetupReport, SweepReport, WorkerChanges, WorkerService};
/// What [`WorkerChanges`] yields.
pub use workers_domain::ports::WorkerChange;
pub use workers_transpiler::is_newer_node;
/// What the transpiler has to say about a bundle, part of [`DeployError::Rejected`] and of what a [`Compiler`] answers.
pub use workers_transpiler::{Diagnostic, DiagnosticKind, Rejection, TranspileError, WorkerScript};
