//! Numbers that user code reports about itself. It may have forged each of them, so each is limited by values measured
//! outside the sandbox before it is used.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// A duration reported by the sandbox, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimedTime(pub(super) f64);

/// The time of a print reported by the sandbox, in Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimedMoment(pub(super) i64);

impl ClaimedTime {
    /// Returns the reported time, limited to what is possible: at most the measured time, at least zero.
    pub(super) fn at_most(self, measured: Duration) -> Duration {
        let Self(milliseconds) = self;
        // NaN fails this comparison too.
        if milliseconds > 0.0 {
            Duration::try_from_secs_f64(milliseconds / 1000.0).map_or(measured, |claimed| claimed.min(measured))
        } else {
            Duration::ZERO
        }
    }
}

impl ClaimedMoment {
    /// Returns the reported moment, limited to what is possible: not before the invocation began, and not later than
    /// now.
    pub(super) fn within(self, began: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        // An invalid moment counts as now. `min(now)` comes last, because the clock may have been set back in the
        // meantime.
        DateTime::from_timestamp_millis(self.0).unwrap_or(now).max(began).min(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_was_measured_at_most_and_nothing_at_least() {
        let measured = Duration::from_millis(40);
        for (claimed, expected) in [
            (0.0, Duration::ZERO),
            (1.5, Duration::from_micros(1500)),
            (40.0, measured),
            (40.001, measured),
            (1e19, measured),
            (1e22, measured),
            (1e308, measured),
            (f64::INFINITY, measured),
            (-1.0, Duration::ZERO),
            (-0.0, Duration::ZERO),
            (-1e308, Duration::ZERO),
            (f64::NEG_INFINITY, Duration::ZERO),
            (f64::NAN, Duration::ZERO),
            (1e-308, Duration::ZERO),
        ] {
            assert_eq!(ClaimedTime(claimed).at_most(measured), expected, "{claimed}");
        }
    }

    #[test]
    fn a_moment_lies_between_the_begin_and_now() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let claimed = |seconds: i64| ClaimedMoment(seconds * 1000);
        assert_eq!(claimed(15).within(at(10), at(20)), at(15));
        assert_eq!(claimed(-5).within(at(10), at(20)), at(10));
        assert_eq!(claimed(4_000_000_000).within(at(10), at(20)), at(20));
        assert_eq!(claimed(15).within(at(10), at(5)), at(5), "the clock was set back");
    }

    #[test]
    fn what_is_no_moment_counts_as_now() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        for millis in [i64::MAX, i64::MIN] {
            assert_eq!(ClaimedMoment(millis).within(at(10), at(20)), at(20), "{millis}");
        }
    }
}
