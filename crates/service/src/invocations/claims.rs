//! Numbers that user code says about itself. It may have forged each of them, so none is used before it is held against what was measured
//! outside of the sandbox.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// How long something took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
pub(super) struct ClaimedTime(f64);

/// When something was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClaimedMoment(DateTime<Utc>);

impl ClaimedTime {
    /// The time, as far as it is possible: never more than what was measured, and never less than none.
    pub(super) fn at_most(self, measured: Duration) -> Duration {
        let Self(milliseconds) = self;
        // Not so for what is no number.
        if milliseconds > 0.0 {
            Duration::try_from_secs_f64(milliseconds / 1000.0).map_or(measured, |claimed| claimed.min(measured))
        } else {
            Duration::ZERO
        }
    }
}

impl ClaimedMoment {
    /// The moment of this Unix time, if there is such a moment.
    pub(super) fn from_millis(milliseconds: &str) -> Option<Self> {
        DateTime::from_timestamp_millis(milliseconds.parse().ok()?).map(Self)
    }

    /// The moment, as far as it is possible: never before the invocation began, and never later than now.
    pub(super) fn within(self, began: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        // In this order: the clock may have been set back meanwhile.
        self.0.max(began).min(now)
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
        let claimed = |seconds: i64| ClaimedMoment::from_millis(&format!("{seconds}000")).unwrap();
        assert_eq!(claimed(15).within(at(10), at(20)), at(15));
        assert_eq!(claimed(-5).within(at(10), at(20)), at(10));
        assert_eq!(claimed(4_000_000_000).within(at(10), at(20)), at(20));
        assert_eq!(claimed(15).within(at(10), at(5)), at(5), "the clock was set back");
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in ["", "x", "1.5", "1e3", "NaN", "9223372036854775807", "9223372036854775808", "-9223372036854775808"]
        {
            assert_eq!(ClaimedMoment::from_millis(text), None, "{text}");
        }
    }
}
