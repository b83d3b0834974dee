//! Routes about workers, one endpoint a file.

pub(crate) mod delete;
pub(crate) mod deploy;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod redeploy;
mod response;
pub(crate) mod source;

use workers_domain::WorkerId;

use crate::error::{ApiError, worker_not_found};

pub(crate) use response::WorkerResponse;

/// An id that cannot be one belongs to no worker.
pub(crate) fn parse_id(text: &str) -> Result<WorkerId, ApiError> {
    text.parse().map_err(|_| worker_not_found(text))
}
