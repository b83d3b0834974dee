//! Tests of containers: sandboxes that contain a whole system.

mod conformance;
pub(crate) mod counted;
mod fallbacks;
mod files;
mod hostile;
mod isolation;
mod memory;
mod snapshots;
pub(crate) mod support;
mod system;
