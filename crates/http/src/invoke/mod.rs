//! Routes that run a function: with an event stream, or with one response at the end.

pub(crate) mod batch;
mod begin;
mod failure;
mod log;
pub(crate) mod outcome;
mod receipt;
pub(crate) mod stream;
pub(crate) mod watch;

use actix_web::http::header::HeaderName;

pub(crate) use receipt::{Receipt, Warning, whole_millis};

/// The header with the id of the invocation.
pub(crate) const INVOCATION_ID: HeaderName = HeaderName::from_static("x-invocation-id");
