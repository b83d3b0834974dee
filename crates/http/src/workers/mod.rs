//! Routes about workers, one file per endpoint.

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

/// Parses a worker's id. An invalid id gives the same error as one that no worker has.
pub(crate) fn parse_id(text: &str) -> Result<WorkerId, ApiError> {
    text.parse().map_err(|_| worker_not_found(text))
}
