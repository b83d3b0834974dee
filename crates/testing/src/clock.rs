//! A clock that a test moves.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use workers_domain::ports::Clock;

/// A clock that shows the same time until [`advance`](Self::advance) moves it.
#[derive(Debug)]
pub struct TestClock(Mutex<DateTime<Utc>>);

impl TestClock {
    /// Creates a clock that shows this time.
    #[must_use]
    pub const fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Returns the time that the clock will show after `later`.
    #[must_use]
    pub fn at_in(&self, later: TimeDelta) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) + later
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Default for TestClock {
    /// Creates a clock that shows a day in November 2025.
    fn default() -> Self {
        // 2025-11-23T09:26:40Z, as in the examples of docs/api.md.
        Self::at(DateTime::UNIX_EPOCH + TimeDelta::seconds(1_763_890_000))
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
