//! Limits the rate of a sandbox's requests to the server: its calls, and its queries for names.

use std::time::Duration;

use tokio::time::Instant;

/// How many requests may come at once, and the time after which one more may come.
const BURST: u32 = 256;
const INTERVAL: Duration = Duration::from_millis(1);

/// Limits the rate of a sandbox's requests, so that a sandbox that sends them in a loop slows down only itself. It
/// permits a burst first, and a sustained rate after that.
#[derive(Debug)]
pub(super) struct RateLimiter {
    /// When all requests so far would have come at the sustained rate.
    due: Instant,
}

impl RateLimiter {
    pub(super) fn new() -> Self {
        Self { due: Instant::now() }
    }

    /// Records a request, and returns when it may be served. Requests that come at the same time get times one after
    /// the other.
    pub(super) fn reserve(&mut self, now: Instant) -> Instant {
        let ready_at = self.ready_at(now);
        self.record(now);
        ready_at
    }

    /// Returns when another request may come.
    pub(super) fn ready_at(&self, now: Instant) -> Instant {
        (self.due.max(now) + INTERVAL).checked_sub(INTERVAL * BURST).unwrap_or(now).max(now)
    }

    /// Records that a request has come.
    pub(super) fn record(&mut self, now: Instant) {
        self.due = self.due.max(now) + INTERVAL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_is_slowed_down_until_it_has_rested() {
        let mut limiter = RateLimiter::new();
        let started = limiter.due;
        for _ in 0..BURST {
            assert_eq!(limiter.reserve(started), started);
        }
        for ahead in 1..=3 {
            assert_eq!(limiter.reserve(started), started + INTERVAL * ahead, "one after the other");
        }
        for ahead in [0, 1, 1000] {
            limiter.due = started + INTERVAL * (BURST + ahead);
            assert_eq!(limiter.ready_at(started), started + INTERVAL * (ahead + 1));
        }
        let rested = limiter.due;
        assert_eq!(limiter.ready_at(rested), rested);
    }
}
