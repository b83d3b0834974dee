//! Measures how often a place becomes free while all of them are taken.

use std::time::Duration;

use tokio::time::Instant;

/// Weight of older measurements: a new one counts as one in this many.
const LATEST: u32 = 8;

/// The mean time between two places that become free. Measured only while all places are taken, because otherwise no
/// caller waits.
pub(super) struct Pace {
    mean: Option<Duration>,
    /// The last time that all places became taken, or that one of them was freed.
    since: Instant,
}

impl Pace {
    pub(super) const fn new(now: Instant) -> Self {
        Self { mean: None, since: now }
    }

    /// Records that all places are taken from now on.
    pub(super) const fn filled(&mut self, now: Instant) {
        self.since = now;
    }

    /// Records that one place becomes free while all were taken.
    pub(super) fn freed(&mut self, now: Instant) {
        let time = now.saturating_duration_since(self.since);
        self.mean = Some(self.mean.map_or(time, |mean| (mean * (LATEST - 1) + time) / LATEST));
        self.since = now;
    }

    /// Returns the estimated time until this many places have become free, if all are taken now.
    pub(super) fn time_for(&self, places: usize, now: Instant) -> Duration {
        // If nothing has become free for longer than usual, the mean is out of date.
        let since = now.saturating_duration_since(self.since);
        let each = self.mean.unwrap_or_default().max(since);
        each.saturating_mul(u32::try_from(places).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_time_for_places_follows_the_latest_times_between_them() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for each in [SECOND, 4 * SECOND] {
            for _ in 0..30 {
                now += each;
                pace.freed(now);
            }
            let time = pace.time_for(10, now).as_secs_f64();
            assert!((time / (10.0 * each.as_secs_f64()) - 1.0).abs() < 0.05, "{time} s at {each:?}");
        }
    }

    #[test]
    fn where_nothing_becomes_free_the_time_for_places_grows() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert_eq!(pace.time_for(3, now), Duration::ZERO);
        assert_eq!(pace.time_for(3, now + SECOND), 3 * SECOND);
        pace.freed(now + SECOND);
        assert_eq!(pace.time_for(3, now + SECOND), 3 * SECOND);
        assert_eq!(pace.time_for(3, now + 11 * SECOND), 30 * SECOND);
    }

    #[test]
    fn time_in_which_places_are_free_does_not_count() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.freed(now + SECOND);
        pace.filled(now + 1000 * SECOND);
        pace.freed(now + 1001 * SECOND);
        assert_eq!(pace.time_for(1, now + 1001 * SECOND), SECOND);
    }

    #[test]
    fn more_places_than_can_be_counted_take_the_longest_time() {
        let now = Instant::now();
        let pace = Pace::new(now);
        assert_eq!(pace.time_for(usize::MAX, now + Duration::from_hours(1 << 40)), Duration::MAX);
    }
}
