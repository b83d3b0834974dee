//! The ports: traits through which use cases reach the outside. Each port has its own file.
//!
//! An adapter implements a port in its own crate and passes the port's conformance suite in `workers-testing`. Adapters
//! never import each other; the programs in `bins` choose which adapters to use.

mod clock;
mod container_provider;
mod event_bus;
mod limits_for;
mod network_observer;
mod page;
mod repository_error;
mod sandbox_observer;
mod sandbox_provider;
mod schema_admin;
mod store;
mod stored_changes;
mod worker_repository;

pub use clock::{Clock, SystemClock};
pub use container_provider::{
    ByteSource, Container, ContainerCommand, ContainerCommandSpec, ContainerProvider, ContainerSpec, ContainerUsage,
    NetworkTransfer,
};
pub use event_bus::{EventBus, WorkerChange, WorkerEvents};
pub use limits_for::{LimitsFor, NoTenantLimits};
pub use network_observer::{NetworkObserver, NoNetworkObserver};
pub use page::{Page, PageCursor, PageRequest};
pub use repository_error::RepositoryError;
pub use sandbox_observer::{KeptStep, NoSandboxObserver, SandboxObserver};
pub use sandbox_provider::{
    Command, CommandEvent, CommandExit, CommandSpec, DrainedCommand, ExitStatus, InvalidPathError, KillReason,
    NodePreload, NodeScript, Program, Sandbox, SandboxAge, SandboxError, SandboxErrorKind, SandboxFile, SandboxPath,
    SandboxProvider, SandboxSource, SandboxSpec, Snapshot, node_heap_option,
};
pub use schema_admin::{ExistingWorkers, RemovedWorker, SchemaAdmin, SetupOutcome};
pub use store::{Store, Transaction};
pub use stored_changes::{StoredChange, StoredChanges};
pub use worker_repository::{LastInvocation, Update, WorkerRepository};
