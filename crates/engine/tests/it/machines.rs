//! Machines: sandboxes with a whole system in them.

mod counted;
mod fallbacks;
mod files;
mod hostile;
mod memory;
mod snapshots;
pub(crate) mod support;
mod system;
mod walls;
