//! What a sandbox may use.

use std::time::Duration;

/// What a sandbox may use. A provider enforces what it can, and says in its documentation what it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Memory of all processes together, in bytes, private files (`/tmp`) included.
    pub memory_bytes: u64,
    /// Processes and threads at one time.
    pub processes: u32,
    /// Wall-clock time of one command, after which its whole sandbox is killed.
    pub wall_clock: Duration,
    /// Size of the files that a sandbox may write, in bytes.
    pub disk_bytes: u64,
}

impl Default for ResourceLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 * 1024 * 1024,
            processes: 64,
            wall_clock: Duration::from_secs(30),
            disk_bytes: 64 * 1024 * 1024,
        }
    }
}
