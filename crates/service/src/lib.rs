//! The use cases of the Workers Platform: deploy a bundle, invoke a function and follow its log, list, read, delete and
//! expire workers. Everything outside is reached through the ports of `workers-domain`, so the same code runs over
//! SQLite or Postgres, over the local engine or a cloud.
//!
//! Start with [`Platform`], which wires both groups of use cases: [`WorkerService`] and [`InvocationService`].
//!
//! ```no_run
//! # async fn example(store: std::sync::Arc<dyn workers_domain::ports::Store>,
//! #                  sandboxes: std::sync::Arc<dyn workers_domain::ports::SandboxProvider>) -> Result<(), Box<dyn std::error::Error>> {
//! use workers_domain::InvocationEventKind;
//! use workers_domain::access::{CallContext, RequestId};
//! use workers_service::{CancellationToken, Platform};
//!
//! let platform = Platform::builder(store, sandboxes).build();
//! // Expires workers, and ends deploys whose server has stopped, until the token is cancelled.
//! let token = CancellationToken::new();
//! let background = tokio::spawn(platform.run_background(token.clone()));
//! // Every use case takes the call first.
//! let call = CallContext::embedder(RequestId::generate(platform.clock().now()));
//! let code = "export async function greet({ name }) { console.log('hi'); return `hello ${name}`; }";
//! let worker = platform.workers().deploy(&call, "greeter".into(), code.into()).await?;
//! let mut invocation = platform.invocations().invoke(&call, worker.id, "greet", br#"{"name":"Ada"}"#).await?;
//! while let Some(event) = invocation.next().await {
//!     match event.kind {
//!         InvocationEventKind::Log(entry) => println!("{}", entry.message),
//!         InvocationEventKind::Finished(report) => println!("{:?}", report.outcome),
//!     }
//! }
//! token.cancel();
//! background.await?;
//! # Ok(())
//! # }
//! ```
//!
//! Left out on purpose: HTTP, SQL, how a sandbox is made, and reading configuration.

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
