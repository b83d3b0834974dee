//! Measures how often a permit is released while all of them are in use, to estimate how long a caller waits.

use std::time::Duration;

use tokio::time::Instant;

/// The weight of a new measurement in the mean: one in this many.
const LATEST: u32 = 8;

/// Estimates waits from the mean time between two releases of permits. It measures only while all permits are in use,
/// because otherwise no caller waits.
pub(super) struct WaitEstimator {
    mean: Option<Duration>,
    /// The last time that the last free permit was taken, or that a permit was released.
    since: Instant,
}

impl WaitEstimator {
    pub(super) const fn new(now: Instant) -> Self {
        Self { mean: None, since: now }
    }

    /// Records that all permits are in use from now on.
    pub(super) const fn exhausted(&mut self, now: Instant) {
        self.since = now;
    }

    /// Records that a permit is released while all were in use.
    pub(super) fn released(&mut self, now: Instant) {
        let time = now.saturating_duration_since(self.since);
        self.mean = Some(self.mean.map_or(time, |mean| (mean * (LATEST - 1) + time) / LATEST));
        self.since = now;
    }

    /// Returns the estimated time until this many permits have been released, if all are in use now.
    pub(super) fn time_for(&self, permits: usize, now: Instant) -> Duration {
        // If no permit was released for longer than usual, the mean is out of date.
        let since = now.saturating_duration_since(self.since);
        let each = self.mean.unwrap_or_default().max(since);
        each.saturating_mul(u32::try_from(permits).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_time_for_permits_follows_the_latest_times_between_releases() {
        let mut now = Instant::now();
        let mut estimator = WaitEstimator::new(now);
        for each in [SECOND, 4 * SECOND] {
            for _ in 0..30 {
                now += each;
                estimator.released(now);
            }
            let time = estimator.time_for(10, now).as_secs_f64();
            assert!((time / (10.0 * each.as_secs_f64()) - 1.0).abs() < 0.05, "{time} s at {each:?}");
        }
    }

    #[test]
    fn without_a_release_the_time_for_permits_grows() {
        let now = Instant::now();
        let mut estimator = WaitEstimator::new(now);
        assert_eq!(estimator.time_for(3, now), Duration::ZERO);
        assert_eq!(estimator.time_for(3, now + SECOND), 3 * SECOND);
        estimator.released(now + SECOND);
        assert_eq!(estimator.time_for(3, now + SECOND), 3 * SECOND);
        assert_eq!(estimator.time_for(3, now + 11 * SECOND), 30 * SECOND);
    }

    #[test]
    fn time_in_which_permits_are_free_does_not_count() {
        let now = Instant::now();
        let mut estimator = WaitEstimator::new(now);
        estimator.released(now + SECOND);
        estimator.exhausted(now + 1000 * SECOND);
        estimator.released(now + 1001 * SECOND);
        assert_eq!(estimator.time_for(1, now + 1001 * SECOND), SECOND);
    }

    #[test]
    fn more_permits_than_can_be_counted_take_the_longest_time() {
        let now = Instant::now();
        let estimator = WaitEstimator::new(now);
        assert_eq!(estimator.time_for(usize::MAX, now + Duration::from_hours(1 << 40)), Duration::MAX);
    }
}
