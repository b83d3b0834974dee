//! Why a use case failed, without a word about how that is shown.

use std::time::Duration;

use chrono::{DateTime, Utc};
use workers_domain::access::AccessError;
use workers_domain::ports::{RepositoryError, SandboxError};
use workers_domain::{FunctionName, InvalidNameError, WorkerId, WorkerStatus};
use workers_transpiler::Rejection;

use crate::{CompileFailure, TooExpensive};

/// Why a deploy failed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The name cannot be one.
    #[error("the name {0}")]
    InvalidName(#[source] InvalidNameError),
    /// There is no code.
    #[error("the code must not be empty")]
    EmptyCode,
    /// The code is too long.
    #[error("the code has {bytes} bytes, but at most {limit} are allowed")]
    CodeTooLarge {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The code is no bundle that can run.
    #[error("the code was rejected")]
    Rejected(#[source] Rejection),
    /// The code takes more time or memory than a compilation may, or it crashes the compiler. It would again.
    #[error("the code costs too much to compile: {0}")]
    TooExpensive(#[source] TooExpensive),
    /// Every compiler is taken, and so is every seat in the queue, or the wait was too long.
    #[error("the platform is busy compiling")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// No compiler works now, which is not the user's doing; another attempt may succeed. Nothing was left behind.
    #[error("nothing can be compiled now: {0}")]
    CompilerUnavailable(String),
    /// The transpiler failed in a way that is not the user's doing.
    #[error("failed to transpile the code: {0}")]
    Transpiler(String),
    /// The code was compiled, and the storing of the worker panicked, which is a bug of ours. What it has left is
    /// cleared away later.
    #[error("the storing of the worker broke off: {0}")]
    BrokeOff(String),
    /// The sandbox provider failed; a new worker is kept in state error.
    #[error("failed to make the snapshot of worker {worker_id}")]
    Sandbox {
        /// The worker.
        worker_id: WorkerId,
        /// What went wrong.
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

/// Why a redeploy failed; the worker is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum RedeployError {
    /// There is no such worker, or it was deleted meanwhile.
    #[error("there is no worker {0}")]
    NotFound(WorkerId),
    /// Its deploy still goes on.
    #[error("the worker {0} is still being created")]
    Creating(WorkerId),
    /// As at a deploy.
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

/// Why a use case about a worker failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// There is no such worker.
    #[error("there is no worker {0}")]
    NotFound(WorkerId),
    /// A page was asked for that is behind no other.
    #[error("there is no such place in the list of workers")]
    UnknownPlace,
    /// The database failed.
    #[error("failed to reach the stored workers")]
    Repository(#[from] RepositoryError),
}

/// Why the database was not set up; nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// There are workers, and their removal was not asked for.
    #[error("the database has {workers} workers")]
    NotEmpty {
        /// How many.
        workers: u64,
    },
    /// The database failed.
    #[error("failed to set up the database")]
    Repository(#[from] RepositoryError),
}

/// Why an invocation did not begin. Once it has, every failure is an outcome of it.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// There is no such worker.
    #[error("there is no worker {0}")]
    WorkerNotFound(WorkerId),
    /// The worker has no such function.
    #[error("the worker has no function `{name}`")]
    FunctionNotFound {
        /// What was asked for, as it came.
        name: String,
        /// What there is.
        available: Vec<FunctionName>,
    },
    /// The worker is being created or could not be.
    #[error("the worker is not ready: its status is {status}")]
    NotReady {
        /// The state it is in.
        status: WorkerStatus,
        /// Why, for state error.
        message: Option<String>,
    },
    /// The worker has expired.
    #[error("the worker expired at {expired_at}")]
    Expired {
        /// When.
        expired_at: DateTime<Utc>,
    },
    /// The payload is too long.
    #[error("the payload has {bytes} bytes, but at most {limit} are allowed")]
    PayloadTooLarge {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Every place is taken, and so is every seat in the queue, or the wait was too long.
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
