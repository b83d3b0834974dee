//! A clock that stands still until it is told otherwise.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use workers_domain::ports::Clock;

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct TestClock(Mutex<DateTime<Utc>>);

impl TestClock {
    /// A clock that shows this time.
    #[must_use]
    pub const fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// The time that it will show after so long.
    #[must_use]
    pub fn at_in(&self, later: TimeDelta) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) + later
    }

    /// Moves it.
    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Default for TestClock {
    /// A day in November 2025.
    fn default() -> Self {
        Self::at(DateTime::UNIX_EPOCH + TimeDelta::seconds(1_763_890_000))
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
