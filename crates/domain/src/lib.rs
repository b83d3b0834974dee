//! The words of the Workers Platform as Rust types: workers and their life cycle, invocations and their outcomes,
//! limits, network policies, and the *ports*, the traits through which the use cases reach a database, a sandbox
//! provider and the clock.
//!
//! Start with [`Worker`] (what is deployed), [`InvocationEvent`] (what an invocation yields), [`access`] (who calls) and
//! [`ports`] (what an adapter implements).
//!
//! Left out on purpose: all I/O, every framework, HTTP status codes, SQL, and how an invocation is spoken
//! over a command's standard output (that is `workers-service`).

pub mod access;
mod capacity;
mod error_chain;
mod health;
mod id;
mod in_words;
mod invocation;
mod limits;
mod name;
mod network;
pub mod ports;
mod revision;
mod worker;

pub use capacity::{Budget, Permit, Refusal, Resource, Resources, Sharing};
pub use error_chain::error_chain;
pub use health::{Part, Trouble};
pub use id::{InvocationId, ParseIdError, SandboxId, SnapshotId, TenantId, WorkerId};
pub use in_words::in_words;
pub use invocation::{
    DroppedOutput, ErrorDetails, Failure, FailureCode, InvocationEvent, InvocationEventKind, InvocationReport,
    JsonText, LogEntry, LogStream, Outcome, ResourceUsage, Timings, ValueWarning,
};
pub use limits::{ResourceLimits, TenantLimits};
pub use name::{FunctionName, InvalidNameError, WorkerName};
pub use network::{
    AddressRange, AllowedOrigin, Authority, Destination, DomainName, Host, InvalidAllowedOriginError,
    InvalidAuthorityError, InvalidDomainNameError, InvalidOriginError, InvalidPolicyError, InvalidRangeError,
    InvalidRuleError, NamePattern, NetworkDenial, NetworkPolicy, NetworkRule, Origin, Ports, destination, is_public,
};
pub use revision::Revision;
pub use worker::{InvalidTransitionError, StoredWorker, UnreadableWorker, Worker, WorkerState, WorkerStatus};
