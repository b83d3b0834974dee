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

/// What one tenant may have. `None` is what the server's options say; more than they say is not given either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantLimits {
    /// The longest code of a worker, in bytes.
    pub code_bytes: Option<usize>,
    /// The longest payload of an invocation, in bytes.
    pub payload_bytes: Option<usize>,
    /// The longest result of an invocation, in bytes of JSON.
    pub result_bytes: Option<usize>,
    /// The longest line of a log, in bytes.
    pub log_line_bytes: Option<usize>,
    /// The log of an invocation, in bytes.
    pub log_bytes: Option<usize>,
    /// The memory of an invocation, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes and threads of an invocation at one time.
    pub processes: Option<u32>,
    /// How long an invocation may run.
    pub wall_clock: Option<Duration>,
    /// The files that an invocation may write, in bytes.
    pub disk_bytes: Option<u64>,
    /// Invocations that run at one time.
    pub concurrent: Option<usize>,
    /// Invocations of one worker that run at one time.
    pub concurrent_per_worker: Option<usize>,
    /// Invocations that wait for a place at one time.
    pub queued: Option<usize>,
    /// How long a worker lives after its deploy.
    pub worker_lifetime: Option<Duration>,
}
