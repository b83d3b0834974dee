//! Limits the log lines of the thread that accepts connections. Without a free descriptor it tries twice a second and
//! logs each failure. One line in each interval is enough, because the health of the part `descriptors` reports the
//! fault too.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::subscriber::Interest;
use tracing::{Level, Metadata};

/// The target of those lines.
const TARGET: &str = "actix_server::accept";

/// The shortest time between two of those lines.
const INTERVAL: Duration = Duration::from_mins(1);

/// A filter that drops a line of that thread if it comes too soon after another one. All other lines pass.
pub(super) struct Accepting {
    last: Mutex<Option<Instant>>,
}

impl Accepting {
    pub(super) const fn new() -> Self {
        Self { last: Mutex::new(None) }
    }

    /// Returns whether a line is to be logged.
    pub(super) fn lets_through(&self, line: &Metadata<'_>, now: Instant) -> bool {
        if !is_of_accepting(line) {
            return true;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

/// Makes `tracing` call the filter each time only for these lines. It decides once for all others.
pub(super) fn interest(line: &'static Metadata<'static>) -> Interest {
    if is_of_accepting(line) { Interest::sometimes() } else { Interest::always() }
}

fn is_of_accepting(line: &Metadata<'_>) -> bool {
    line.target() == TARGET && *line.level() == Level::ERROR
}
