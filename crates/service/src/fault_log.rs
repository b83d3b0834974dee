//! Rate limiting for the log of repeated failures: the first failure is logged in full, later ones as a count, and the
//! end once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A failure that has not occurred for this long counts as ended.
const QUIET: Duration = Duration::from_secs(10);

/// How often the log repeats the number of failures.
const REMINDER: Duration = Duration::from_secs(30);

/// Maximum number of kinds that are tracked. Failures of further kinds are all logged.
const MOST_KINDS: usize = 256;

/// Decides which failures are logged. Cheap to call.
#[derive(Debug, Default)]
pub struct FaultLog {
    series: Mutex<HashMap<String, FailureSeries>>,
}

/// Failures of one kind, each less than [`QUIET`] after the one before.
#[derive(Debug)]
struct FailureSeries {
    began: Instant,
    last: Instant,
    logged: Instant,
    /// The number of all failures, and the number of those already logged, one by one or as a count.
    failures: u64,
    logged_failures: u64,
}

/// What to log about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogDecision {
    /// Everything: it is the first failure of its kind for a while.
    First,
    /// The number of further failures since the last time that the kind was logged.
    Count(u64),
    /// Nothing.
    Suppress,
}

impl FaultLog {
    /// Records a failure of a kind and returns what to log.
    pub fn failed(&self, kind: &str) -> LogDecision {
        self.failed_at(kind, Instant::now())
    }

    fn failed_at(&self, kind: &str, now: Instant) -> LogDecision {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the look-up: a failure after a quiet time begins a new series and is logged in full.
        let ended: Vec<_> = series.extract_if(|_, series| now.duration_since(series.last) >= QUIET).collect();
        for (kind, series) in ended {
            log_end(&kind, &series);
        }
        if let Some(series) = series.get_mut(kind) {
            series.failures += 1;
            series.last = now;
            if now.duration_since(series.logged) < REMINDER {
                return LogDecision::Suppress;
            }
            let more = series.failures - series.logged_failures;
            (series.logged, series.logged_failures) = (now, series.failures);
            return LogDecision::Count(more);
        }
        if series.len() < MOST_KINDS {
            series.insert(
                kind.to_owned(),
                FailureSeries { began: now, last: now, logged: now, failures: 1, logged_failures: 1 },
            );
        }
        LogDecision::First
    }

    /// Logs which failures have ended. Must be called from time to time.
    pub fn log_ended(&self) {
        let now = Instant::now();
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let ended: Vec<_> = series.extract_if(|_, series| now.duration_since(series.last) >= QUIET).collect();
        drop(series);
        for (kind, series) in ended {
            log_end(&kind, &series);
        }
    }
}

/// Logs the end of a series of failures. A single failure has no end to log, because it was logged in full.
fn log_end(kind: &str, series: &FailureSeries) {
    if series.failures > 1 {
        let seconds = series.last.duration_since(series.began).as_secs();
        tracing::info!(failures = series.failures, seconds, "no more failures of this kind: {kind}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_logged_when_it_begins_and_by_count_while_it_lasts() {
        let (log, began) = (FaultLog::default(), Instant::now());
        assert_eq!(log.failed_at("disk", began), LogDecision::First);
        assert_eq!(log.failed_at("net", began), LogDecision::First);
        for seconds in 1..30 {
            assert_eq!(log.failed_at("disk", began + Duration::from_secs(seconds)), LogDecision::Suppress);
        }
        assert_eq!(log.failed_at("disk", began + REMINDER), LogDecision::Count(30));
        assert_eq!(log.failed_at("disk", began + REMINDER + QUIET), LogDecision::First);
    }

    #[test]
    fn a_flood_of_kinds_takes_bounded_memory() {
        let log = FaultLog::default();
        for kind in 0..MOST_KINDS * 2 {
            assert_eq!(log.failed(&kind.to_string()), LogDecision::First);
        }
        assert_eq!(log.series.lock().unwrap().len(), MOST_KINDS);
    }
}
