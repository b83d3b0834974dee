//! Limits for sandboxes and tenants.

use std::time::Duration;

use crate::Isolation;

/// Resource limits of one sandbox. A provider enforces what it can, and documents what it cannot enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Total memory of all processes, in bytes. Includes private files (`/tmp`).
    pub memory_bytes: u64,
    /// Maximum number of processes and threads at the same time.
    pub processes: u32,
    /// Maximum wall-clock time of one command. When it is exceeded, the whole sandbox is killed.
    pub wall_clock: Duration,
    /// Maximum total size of the files that a sandbox may write, in bytes.
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

/// Limits of one tenant. `None` means that the server's option applies. A value above the server's option has no
/// effect: the lower of the two applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantLimits {
    /// Maximum size of a worker's code, in bytes.
    pub code_bytes: Option<usize>,
    /// Maximum size of an invocation's payload, in bytes.
    pub payload_bytes: Option<usize>,
    /// Maximum size of an invocation's result, in bytes of JSON.
    pub result_bytes: Option<usize>,
    /// Maximum size of one log line, in bytes.
    pub log_line_bytes: Option<usize>,
    /// Maximum size of an invocation's whole log, in bytes.
    pub log_bytes: Option<usize>,
    /// Maximum memory of an invocation, in bytes.
    pub memory_bytes: Option<u64>,
    /// Maximum number of processes and threads of an invocation at the same time.
    pub processes: Option<u32>,
    /// Maximum run time of an invocation.
    pub wall_clock: Option<Duration>,
    /// Maximum total size of the files that an invocation writes, in bytes.
    pub disk_bytes: Option<u64>,
    /// Maximum number of invocations that run at the same time.
    pub concurrent: Option<usize>,
    /// Maximum number of invocations of one worker that run at the same time.
    pub concurrent_per_worker: Option<usize>,
    /// Maximum number of invocations that wait for a permit at the same time.
    pub queued: Option<usize>,
    /// How long a worker lives after its deploy.
    pub worker_lifetime: Option<Duration>,
    /// How new each invocation is at least.
    pub isolation: Option<Isolation>,
}
