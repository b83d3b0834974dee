#![doc = include_str!("../README.md")]

pub mod access;
mod capacity;
mod error_chain;
mod health;
mod id;
mod in_words;
mod invocation;
mod isolation;
mod limits;
mod name;
mod network;
pub mod ports;
mod revision;
mod worker;

pub use capacity::{Budget, Permit, Refusal, Resource, Resources, Sharing};
pub use error_chain::error_chain;
pub use health::{Fault, Part};
pub use id::{InvocationId, ParseIdError, SandboxId, SnapshotId, TenantId, WorkerId};
pub use in_words::in_words;
pub use invocation::{
    DroppedOutput, ErrorDetails, Failure, FailureCode, InvocationEvent, InvocationEventKind, InvocationReport,
    JsonText, LogEntry, LogStream, Outcome, ResourceUsage, Timings, ValueWarning,
};
pub use isolation::{InvalidIsolationError, Isolation};
pub use limits::{ResourceLimits, TenantLimits};
pub use name::{FunctionName, InvalidNameError, WorkerName};
pub use network::{
    AddressRange, AllowedOrigin, Authority, Destination, DomainName, Host, InvalidAllowedOriginError,
    InvalidAuthorityError, InvalidDomainNameError, InvalidOriginError, InvalidPolicyError, InvalidRangeError,
    InvalidRuleError, NamePattern, NetworkDenial, NetworkPolicy, NetworkRule, Origin, Ports, destination, is_public,
};
pub use revision::Revision;
pub use worker::{InvalidTransitionError, StoredWorker, UnreadableWorker, Worker, WorkerState, WorkerStatus};
