//! Fewer lines of the thread that accepts connections. Without a free descriptor it tries twice a second and logs each
//! time, for as long as that lasts; the health of the part `descriptors` says the rest.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::subscriber::Interest;
use tracing::{Level, Metadata};

/// Where those lines come from.
const TARGET: &str = "actix_server::accept";

/// How often one is let through.
const INTERVAL: Duration = Duration::from_mins(1);

/// Lets all lines through but those that come too soon after another one of that thread.
pub(super) struct Accepting {
    last: Mutex<Option<Instant>>,
}

impl Accepting {
    pub(super) const fn new() -> Self {
        Self { last: Mutex::new(None) }
    }

    /// Whether a line is to be logged.
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

/// Only these lines are asked about each time: all others are decided once.
pub(super) fn interest(line: &'static Metadata<'static>) -> Interest {
    if is_of_accepting(line) { Interest::sometimes() } else { Interest::always() }
}

fn is_of_accepting(line: &Metadata<'_>) -> bool {
    line.target() == TARGET && *line.level() == Level::ERROR
}
