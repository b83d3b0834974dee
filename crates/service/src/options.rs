//! What the use cases may spend, each with its default.

use std::time::Duration;

use workers_domain::{NetworkPolicy, ResourceLimits};

/// Limits and times of the use cases. Take [`ServiceOptions::default`] and change what is to be different.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceOptions {
    /// The longest code of a worker, in bytes.
    pub max_code_bytes: usize,
    /// The longest payload of an invocation, in bytes.
    pub max_payload_bytes: usize,
    /// The longest result of an invocation, in bytes of JSON.
    pub max_result_bytes: usize,
    /// How much log an invocation may print.
    pub log: LogLimits,
    /// What a sandbox may use, the wall clock of an invocation included.
    pub sandbox: ResourceLimits,
    /// Whom an invocation may talk to.
    pub network: NetworkPolicy,
    /// Invocations that run at one time.
    pub max_concurrent_invocations: usize,
    /// Invocations of one worker that run at one time, so that its long ones leave places for other workers; `None` is
    /// three quarters of all, one at least. See [`ServiceOptions::concurrent_per_worker`].
    pub max_concurrent_per_worker: Option<usize>,
    /// Invocations that wait for a place at one time; further ones are turned away, or take the place in the queue of a
    /// worker with more.
    pub max_queued_invocations: usize,
    /// How long an invocation waits for a place before it is turned away.
    pub queue_timeout: Duration,
    /// Answers that wait for their readers, in bytes, all of them together. A result for which there is no room waits
    /// as long as an invocation waits for a place, and then the invocation fails as busy.
    pub max_unread_bytes: usize,
    /// How long a worker lives after its deploy.
    pub worker_lifetime: Duration,
    /// How often [`Platform::run_background`](crate::Platform::run_background) looks for expired workers, and for
    /// snapshots that no worker needs.
    pub sweep_interval: Duration,
    /// How often it looks for deploys whose server has stopped. It does so at least as often as it sweeps.
    pub settle_interval: Duration,
}

/// How much log an invocation may print before the rest is counted instead of kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// The longest line, in bytes; the rest of a longer one is dropped.
    pub line_bytes: usize,
    /// All lines of an invocation together, in bytes.
    pub total_bytes: usize,
}

impl ServiceOptions {
    /// Invocations of one worker that run at one time: what was said for it, or three quarters of all, rounded down;
    /// one at least, and no more than all.
    #[must_use]
    pub fn concurrent_per_worker(&self) -> usize {
        share_of_worker(self.max_concurrent_invocations.max(1), self.max_concurrent_per_worker)
    }
}

/// What one worker may have of so many places: what was said for it, or three quarters of them.
pub(crate) fn share_of_worker(all: usize, said: Option<usize>) -> usize {
    said.unwrap_or(all - all.div_ceil(4)).clamp(1, all)
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
    fn one_worker_has_three_quarters_of_all_places_unless_it_was_said_otherwise() {
        let share = |all, said| {
            let options = ServiceOptions {
                max_concurrent_invocations: all,
                max_concurrent_per_worker: said,
                ..ServiceOptions::default()
            };
            options.concurrent_per_worker()
        };
        for (all, expected) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 3), (5, 3), (8, 6), (16, 12)] {
            assert_eq!(share(all, None), expected, "{all}");
        }
        for (said, expected) in [(0, 1), (1, 1), (8, 8), (9, 8)] {
            assert_eq!(share(8, Some(said)), expected, "{said}");
        }
    }
}
