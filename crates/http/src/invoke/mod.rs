//! Routes that run a function: watched as an event stream, or told at the end.

pub(crate) mod batch;
mod failure;
mod log;
pub(crate) mod outcome;
mod receipt;
pub(crate) mod stream;

use actix_web::http::header::HeaderName;

pub(crate) use receipt::{Receipt, Warning, whole_millis};

/// The header that names the invocation.
pub(crate) const INVOCATION_ID: HeaderName = HeaderName::from_static("x-invocation-id");
