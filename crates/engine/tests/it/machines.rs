//! Machines: sandboxes with a whole system in them.

pub(crate) mod counted;
mod fallbacks;
mod files;
mod hostile;
mod memory;
mod snapshots;
pub(crate) mod support;
mod system;
mod walls;
