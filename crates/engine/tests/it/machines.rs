//! Machines: sandboxes with a whole system in them.

mod fallbacks;
mod files;
mod hostile;
mod snapshots;
mod support;
mod system;
mod walls;
