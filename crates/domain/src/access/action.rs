//! What a call wants to do, and with what.

use std::fmt;

use crate::WorkerId;

/// What a call wants to do.
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
    /// Watch what changes about workers.
    WatchWorkers,
    /// Invoke a function of a worker.
    Invoke,
    /// Read the limits that hold for the caller.
    ReadLimits,
    /// Read how busy the platform is, over all tenants: its metrics.
    ReadOperations,
    /// Create the schema of the database, or remove everything in it.
    SetUp,
    /// Expire workers, settle deploys and remove snapshots that no worker needs.
    Maintain,
}

/// What a call wants to do it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Everything there is, of all tenants.
    Platform,
    /// What the caller's tenant has, or something new.
    Tenant,
    /// One worker.
    Worker(WorkerId),
}

impl Action {
    /// What a caller needs in order to do it, as keys and error bodies spell it.
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

    /// Whether it concerns all tenants at once.
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
