//! When a piece of work had its outcome, and when it was over; and what was asked of the API until then.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::counter::Counter;
use crate::stats::median;

/// Runs while a piece of work is done.
pub(super) struct Watch<'a> {
    counter: Option<&'a Counter>,
    began: Instant,
    outcome: Option<Mark>,
}

/// A moment of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) time: Duration,
    /// Requests that had an answer by then; none if nobody counted.
    pub(super) answered: usize,
}

/// A piece of work that was done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// When what it was done for was known: the line that was printed, the snapshot's id.
    pub(super) outcome: Mark,
    /// When nothing was left of it.
    pub(super) end: Mark,
}

/// What a piece of work asks of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) requests: usize,
    /// Those that had an answer before there was an outcome.
    pub(crate) waited_for: usize,
    /// Connections that were opened.
    pub(crate) connections: usize,
}

impl Count {
    /// Of the same work, done several times; the first one opened what is kept. What once had no answer before the
    /// outcome is not waited for, even if it was faster another time.
    pub(super) fn of(counts: &[Self]) -> Self {
        let kept = || counts.iter().skip(1);
        Self {
            requests: median(kept().map(|count| count.requests)),
            waited_for: kept().map(|count| count.waited_for).min().unwrap_or_default(),
            connections: median(kept().map(|count| count.connections)),
        }
    }
}

impl<'a> Watch<'a> {
    /// Begins; somebody counts, or nobody.
    pub(super) fn new(counter: Option<&'a Counter>) -> Self {
        Self { counter, began: Instant::now(), outcome: None }
    }

    /// Begins now: what was prepared before does not count.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// The outcome is known now, if it was not before.
    pub(super) fn outcome(&mut self) {
        self.outcome_after(self.began.elapsed());
    }

    /// As [`outcome`](Self::outcome), by another's watch.
    pub(super) fn outcome_after(&mut self, time: Duration) {
        let mark = self.mark(time);
        self.outcome.get_or_insert(mark);
    }

    /// It is over now.
    pub(super) fn end(self) -> anyhow::Result<Run> {
        let time = self.began.elapsed();
        self.end_after(time)
    }

    /// As [`end`](Self::end), by another's watch.
    pub(super) fn end_after(self, time: Duration) -> anyhow::Result<Run> {
        let end = self.mark(time);
        Ok(Run { outcome: self.outcome.context("it ended without an outcome")?, end })
    }

    fn mark(&self, time: Duration) -> Mark {
        Mark { time, answered: self.counter.map_or(0, Counter::answered) }
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn what_once_had_no_answer_is_not_waited_for() {
        let count = |requests, waited_for, connections| Count { requests, waited_for, connections };
        let counts = [count(4, 4, 2), count(3, 3, 0), count(3, 2, 0), count(4, 3, 1)];
        assert_eq!(Count::of(&counts), count(3, 2, 0));
    }
}
