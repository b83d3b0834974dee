//! Access to the current time.

use chrono::{DateTime, Utc};

/// A source of the current time. A clock is passed in wherever a time is stored or compared, so that tests can set it.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> DateTime<Utc>;
}

/// The system clock of this host.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the host's clock is read")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
