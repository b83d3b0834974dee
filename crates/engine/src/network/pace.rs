//! Limits the rate of a sandbox's questions.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How many questions a sandbox may ask at once, and the time until it may ask one more.
const BURST: u32 = 256;
const INTERVAL: Duration = Duration::from_millis(1);

/// Limits the rate of a sandbox's questions, so that a sandbox that asks in a loop slows down only itself.
#[derive(Debug)]
pub(super) struct Pace {
    /// When all its questions so far would have been asked at the sustained rate.
    due: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { due: Instant::now() }
    }

    /// Waits until another question may be asked, and counts it. Cancel-safe.
    pub(super) async fn next(&mut self) {
        let now = Instant::now();
        let may = self.may_at(now);
        if may > now {
            sleep_until(may).await;
        }
        self.count(now);
    }

    /// Returns when another question may be asked.
    pub(super) fn may_at(&self, now: Instant) -> Instant {
        (self.due.max(now) + INTERVAL).checked_sub(INTERVAL * BURST).unwrap_or(now).max(now)
    }

    /// Counts a question.
    pub(super) fn count(&mut self, now: Instant) {
        self.due = self.due.max(now) + INTERVAL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_passes_and_a_flood_is_slowed_down_until_it_has_rested() {
        let mut pace = Pace::new();
        let started = Instant::now();
        for _ in 0..BURST {
            pace.next().await;
        }
        assert!(started.elapsed() < INTERVAL * BURST);
        for ahead in [0, 1, 1000] {
            pace.due = started + INTERVAL * (BURST + ahead);
            assert_eq!(pace.may_at(started), started + INTERVAL * (ahead + 1));
        }
        let rested = pace.due;
        assert_eq!(pace.may_at(rested), rested);
    }
}
