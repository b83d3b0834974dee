//! Routes about the installation, one file per endpoint.

pub(crate) mod healthz;
pub(crate) mod limits;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod readyz;
pub(crate) mod setup;
