//! Errors of the use cases, independent of how they are shown to clients.

use std::time::Duration;

use chrono::{DateTime, Utc};
use workers_domain::access::AccessError;
use workers_domain::ports::{RepositoryError, SandboxError};
use workers_domain::{FunctionName, InvalidNameError, WorkerId, WorkerStatus};
use workers_transpiler::Rejection;

use crate::{CompileFailure, TooExpensive};

/// The reason why a deploy failed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The name is not valid.
    #[error("the name {0}")]
    InvalidName(#[source] InvalidNameError),
    /// The code is empty or only white space.
    #[error("the code must not be empty")]
    EmptyCode,
    /// The code is too long.
    #[error("the code has {bytes} bytes, but at most {limit} are allowed")]
    CodeTooLarge {
        /// The length of the code.
        bytes: usize,
        /// The maximum length.
        limit: usize,
    },
    /// The code is not a bundle that can run.
    #[error("the code was rejected")]
    Rejected(#[source] Rejection),
    /// The code takes more time or memory than a compilation may use, or it crashes the compiler. Another attempt would
    /// fail too.
    #[error("the code costs too much to compile: {0}")]
    TooExpensive(#[source] TooExpensive),
    /// All permits of the compiler are taken and its queue is full, or the wait was too long.
    #[error("the platform is busy compiling")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// No compiler is available. The user's code is not the cause; another attempt may succeed. Nothing was stored.
    #[error("nothing can be compiled now: {0}")]
    CompilerUnavailable(String),
    /// The transpiler failed for a reason unrelated to the user's code.
    #[error("failed to transpile the code: {0}")]
    Transpiler(String),
    /// The code was compiled, but storing the worker panicked, which is a bug of the platform. What was stored is
    /// cleaned up later.
    #[error("the storing of the worker broke off: {0}")]
    BrokeOff(String),
    /// The sandbox provider failed. A new worker is kept in state error.
    #[error("failed to make the snapshot of worker {worker_id}")]
    Sandbox {
        /// The worker.
        worker_id: WorkerId,
        /// The provider's error.
        source: SandboxError,
    },
    /// The database failed.
    #[error("failed to store the worker")]
    Repository(#[from] RepositoryError),
}

impl From<CompileFailure> for DeployError {
    fn from(failure: CompileFailure) -> Self {
        match failure {
            CompileFailure::Rejected(rejection) => Self::Rejected(rejection),
            CompileFailure::TooExpensive(what) => Self::TooExpensive(what),
            CompileFailure::Busy { retry_after } => Self::Busy { retry_after },
            CompileFailure::Unavailable(cause) => Self::CompilerUnavailable(cause),
            CompileFailure::Failed(message) => Self::Transpiler(message),
        }
    }
}

/// The reason why a redeploy failed. The worker is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum RedeployError {
    /// The worker does not exist, or was deleted during the redeploy.
    #[error("there is no worker {0}")]
    NotFound(WorkerId),
    /// The worker's deploy is still running.
    #[error("the worker {0} is still being created")]
    Creating(WorkerId),
    /// The same errors as for a deploy.
    #[error(transparent)]
    Deploy(#[from] DeployError),
}

impl From<AccessError> for RedeployError {
    fn from(error: AccessError) -> Self {
        Self::Deploy(error.into())
    }
}

impl From<RepositoryError> for RedeployError {
    fn from(error: RepositoryError) -> Self {
        Self::Deploy(error.into())
    }
}

/// The reason why a use case about a worker failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The worker does not exist.
    #[error("there is no worker {0}")]
    NotFound(WorkerId),
    /// The requested page does not follow any page of this list.
    #[error("the cursor does not belong to the list of workers")]
    UnknownCursor,
    /// The database failed.
    #[error("failed to reach the stored workers")]
    Repository(#[from] RepositoryError),
}

/// The reason why the database was not set up. Nothing was deleted.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Workers exist, and the caller did not ask to delete them.
    #[error("the database has {workers} workers")]
    NotEmpty {
        /// The number of workers.
        workers: u64,
    },
    /// The database failed.
    #[error("failed to set up the database")]
    Repository(#[from] RepositoryError),
}

/// The reason why an invocation did not start. Once it has started, every failure is part of its outcome.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The worker does not exist.
    #[error("there is no worker {0}")]
    WorkerNotFound(WorkerId),
    /// The worker does not export this function.
    #[error("the worker has no function `{name}`")]
    FunctionNotFound {
        /// The requested function name, unchanged.
        name: String,
        /// The functions that the worker exports.
        available: Vec<FunctionName>,
    },
    /// The worker is being created, or its creation failed.
    #[error("the worker is not ready: its status is {status}")]
    NotReady {
        /// The worker's status.
        status: WorkerStatus,
        /// The reason, if the status is error.
        message: Option<String>,
    },
    /// The worker has expired.
    #[error("the worker expired at {expired_at}")]
    Expired {
        /// When it expired.
        expired_at: DateTime<Utc>,
    },
    /// The payload is too long.
    #[error("the payload has {bytes} bytes, but at most {limit} are allowed")]
    PayloadTooLarge {
        /// The length of the payload.
        bytes: usize,
        /// The maximum length.
        limit: usize,
    },
    /// All permits are taken and the queue is full, or the wait was too long.
    #[error("the platform is busy")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The platform is shutting down.
    #[error("the platform is shutting down")]
    ShuttingDown,
    /// The database failed.
    #[error("failed to look the worker up")]
    Repository(#[from] RepositoryError),
}
