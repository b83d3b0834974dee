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
    spells: Mutex<HashMap<String, Spell>>,
}

#[derive(Debug)]
struct Spell {
    began: Instant,
    last: Instant,
    told: Instant,
    /// The number of all failures, and the number of those already logged, one by one or as a count.
    failures: u64,
    told_failures: u64,
}

/// What to log about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Everything: it is the first failure of its kind for a while.
    First,
    /// The number of further failures since the last time that the kind was logged.
    Count(u64),
    /// Nothing.
    Nothing,
}

impl FaultLog {
    /// Records a failure of a kind and returns what to log.
    pub fn failed(&self, kind: &str) -> Telling {
        self.failed_at(kind, Instant::now())
    }

    fn failed_at(&self, kind: &str, now: Instant) -> Telling {
        let mut spells = self.spells.lock().unwrap_or_else(PoisonError::into_inner);
        let ended: Vec<_> = spells.extract_if(|_, spell| now.duration_since(spell.last) >= QUIET).collect();
        for (kind, spell) in ended {
            tell_end(&kind, &spell);
        }
        if let Some(spell) = spells.get_mut(kind) {
            spell.failures += 1;
            spell.last = now;
            if now.duration_since(spell.told) < REMINDER {
                return Telling::Nothing;
            }
            let more = spell.failures - spell.told_failures;
            (spell.told, spell.told_failures) = (now, spell.failures);
            return Telling::Count(more);
        }
        if spells.len() < MOST_KINDS {
            spells.insert(kind.to_owned(), Spell { began: now, last: now, told: now, failures: 1, told_failures: 1 });
        }
        Telling::First
    }

    /// Logs which failures have ended. Must be called from time to time.
    pub fn settle(&self) {
        let now = Instant::now();
        let mut spells = self.spells.lock().unwrap_or_else(PoisonError::into_inner);
        let ended: Vec<_> = spells.extract_if(|_, spell| now.duration_since(spell.last) >= QUIET).collect();
        drop(spells);
        for (kind, spell) in ended {
            tell_end(&kind, &spell);
        }
    }
}

/// Logs the end of a series of failures. A single failure has no end to log, because it was logged in full.
fn tell_end(kind: &str, spell: &Spell) {
    if spell.failures > 1 {
        let seconds = spell.last.duration_since(spell.began).as_secs();
        tracing::info!(failures = spell.failures, seconds, "no more failures of this kind: {kind}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_when_it_begins_and_by_count_while_it_lasts() {
        let (log, began) = (FaultLog::default(), Instant::now());
        assert_eq!(log.failed_at("disk", began), Telling::First);
        assert_eq!(log.failed_at("net", began), Telling::First);
        for seconds in 1..30 {
            assert_eq!(log.failed_at("disk", began + Duration::from_secs(seconds)), Telling::Nothing);
        }
        assert_eq!(log.failed_at("disk", began + REMINDER), Telling::Count(30));
        assert_eq!(log.failed_at("disk", began + REMINDER + QUIET), Telling::First);
    }

    #[test]
    fn a_flood_of_kinds_takes_no_more_room_than_there_is() {
        let log = FaultLog::default();
        for kind in 0..MOST_KINDS * 2 {
            assert_eq!(log.failed(&kind.to_string()), Telling::First);
        }
        assert_eq!(log.spells.lock().unwrap().len(), MOST_KINDS);
    }
}
