//! Machines: sandboxes with a whole system in them.

mod files;
mod hostile;
mod snapshots;
pub(crate) mod support;
mod system;
mod walls;
