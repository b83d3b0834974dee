//! Actions and resources that access is checked for.

use std::fmt;

use crate::WorkerId;

/// The action that a call requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Deploy a worker.
    DeployWorker,
    /// Make a worker ready again from its kept source.
    RedeployWorker,
    /// List workers, without their sources.
    ListWorkers,
    /// Read a worker, without its source.
    ReadWorker,
    /// Read the source of a worker.
    ReadSource,
    /// Delete a worker.
    DeleteWorker,
    /// Receive changes of workers as they happen.
    WatchWorkers,
    /// Invoke a function of a worker.
    Invoke,
    /// Read the limits that apply to the caller.
    ReadLimits,
    /// Read the load of the platform across all tenants: its metrics.
    ReadOperations,
    /// Create the schema of the database, or delete all its data.
    SetUp,
    /// Expire workers, settle deploys and delete snapshots that no worker needs.
    Maintain,
}

/// The resource that an action concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The whole platform, with all tenants.
    Platform,
    /// All records of the caller's tenant, or a new record.
    Tenant,
    /// One worker.
    Worker(WorkerId),
}

impl Action {
    /// Returns the scope that a caller needs for the action, as spelled in API keys and error bodies.
    #[must_use]
    pub const fn scope(self) -> &'static str {
        match self {
            Self::DeployWorker | Self::RedeployWorker => "workers:deploy",
            Self::ListWorkers | Self::ReadWorker | Self::ReadSource | Self::WatchWorkers | Self::ReadLimits => {
                "workers:read"
            }
            Self::DeleteWorker => "workers:delete",
            Self::Invoke => "workers:invoke",
            Self::ReadOperations => "platform:read",
            Self::SetUp => "platform:setup",
            Self::Maintain => "platform:maintain",
        }
    }

    /// Returns whether the action concerns all tenants at once.
    #[must_use]
    pub const fn is_of_platform(self) -> bool {
        matches!(self, Self::ReadOperations | Self::SetUp | Self::Maintain)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::DeployWorker => "deploy a worker",
            Self::RedeployWorker => "redeploy a worker",
            Self::ListWorkers => "list workers",
            Self::ReadWorker => "read a worker",
            Self::ReadSource => "read the source of a worker",
            Self::DeleteWorker => "delete a worker",
            Self::WatchWorkers => "watch workers",
            Self::Invoke => "invoke a function",
            Self::ReadLimits => "read limits",
            Self::ReadOperations => "read the metrics of the platform",
            Self::SetUp => "set up the database",
            Self::Maintain => "maintain the platform",
        })
    }
}
