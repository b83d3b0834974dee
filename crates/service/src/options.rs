//! Limits and times of the use cases, with their defaults.

use std::time::Duration;

use workers_domain::{Isolation, NetworkPolicy, ResourceLimits};

/// Limits and times of the use cases. Start from [`ServiceOptions::default`] and change single fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceOptions {
    /// Maximum size of a worker's code, in bytes.
    pub max_code_bytes: usize,
    /// Maximum size of an invocation's payload, in bytes.
    pub max_payload_bytes: usize,
    /// Maximum size of an invocation's result, in bytes of JSON.
    pub max_result_bytes: usize,
    /// Limits of an invocation's log.
    pub log: LogLimits,
    /// Resource limits of a sandbox, including the wall clock of an invocation.
    pub sandbox: ResourceLimits,
    /// The destinations that an invocation may connect to.
    pub network: NetworkPolicy,
    /// Maximum number of invocations that run at the same time.
    pub max_concurrent_invocations: usize,
    /// Maximum number of invocations of one worker that run at the same time, so that its long invocations leave
    /// permits for other workers. `None` means three quarters of all permits, at least one. See
    /// [`ServiceOptions::concurrent_per_worker`].
    pub max_concurrent_per_worker: Option<usize>,
    /// Maximum number of invocations that wait for a permit at the same time. Further ones are refused, or displace a
    /// waiting invocation of a worker that has more of them in the queue.
    pub max_queued_invocations: usize,
    /// How long an invocation waits for a permit before it is refused.
    pub queue_timeout: Duration,
    /// Maximum size of all responses that clients have not read yet, in bytes, in total. A result that does not fit
    /// waits as long as an invocation waits for a permit, and then the invocation fails as busy.
    pub max_unread_bytes: usize,
    /// How long a worker lives after its deploy.
    pub worker_lifetime: Duration,
    /// How new each invocation is at least. A tenant's limits may demand more.
    pub isolation: Isolation,
    /// How often [`Platform::run_background`](crate::Platform::run_background) looks for expired workers, and for
    /// snapshots that no worker needs.
    pub sweep_interval: Duration,
    /// How often it looks for deploys whose server has stopped. It does so at least as often as it sweeps.
    pub settle_interval: Duration,
}

/// Limits of an invocation's log. Output beyond them is counted but not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// Maximum length of a line, in bytes. The rest of a longer line is dropped.
    pub line_bytes: usize,
    /// Maximum size of all lines of an invocation together, in bytes.
    pub total_bytes: usize,
}

impl ServiceOptions {
    /// Returns the maximum number of invocations of one worker that run at the same time: the configured value, or
    /// three quarters of all permits, rounded down. It is at least one and at most all permits.
    #[must_use]
    pub fn concurrent_per_worker(&self) -> usize {
        share_of_worker(self.max_concurrent_invocations.max(1), self.max_concurrent_per_worker)
    }
}

/// Returns how many of `all` permits one worker may hold: `configured` if it is set, otherwise three quarters.
pub(crate) fn share_of_worker(all: usize, configured: Option<usize>) -> usize {
    configured.unwrap_or(all - all.div_ceil(4)).clamp(1, all)
}

impl Default for ServiceOptions {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            max_code_bytes: 10 * MIB,
            max_payload_bytes: 6 * MIB,
            max_result_bytes: 6 * MIB,
            log: LogLimits::default(),
            sandbox: ResourceLimits::default(),
            network: NetworkPolicy::default(),
            max_concurrent_invocations: 4 * cores,
            max_concurrent_per_worker: None,
            max_queued_invocations: 1_000,
            queue_timeout: Duration::from_secs(10),
            max_unread_bytes: 256 * MIB,
            worker_lifetime: Duration::from_hours(7 * 24),
            isolation: Isolation::default(),
            sweep_interval: Duration::from_mins(1),
            settle_interval: Duration::from_secs(10),
        }
    }
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { line_bytes: 16 * 1024, total_bytes: 1024 * 1024 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_has_three_quarters_of_all_permits_by_default() {
        let share = |all, configured| {
            let options = ServiceOptions {
                max_concurrent_invocations: all,
                max_concurrent_per_worker: configured,
                ..ServiceOptions::default()
            };
            options.concurrent_per_worker()
        };
        for (all, expected) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 3), (5, 3), (8, 6), (16, 12)] {
            assert_eq!(share(all, None), expected, "{all}");
        }
        for (configured, expected) in [(0, 1), (1, 1), (8, 8), (9, 8)] {
            assert_eq!(share(8, Some(configured)), expected, "{configured}");
        }
    }
}
