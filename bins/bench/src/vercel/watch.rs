//! Measures when a piece of work had its outcome, when it was completely done, and how many requests had a response by
//! then.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::counter::Counter;
use crate::stats::median;

/// A stopwatch for one piece of work.
pub(super) struct Watch<'a> {
    counter: Option<&'a Counter>,
    began: Instant,
    outcome: Option<Mark>,
}

/// A point in time during a piece of work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) time: Duration,
    /// Requests that had a response by then. Zero if requests are not counted.
    pub(super) answered: usize,
}

/// A piece of work that was done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// When the result was available: the printed line, or the snapshot's id.
    pub(super) outcome: Mark,
    /// When everything was cleaned up.
    pub(super) end: Mark,
}

/// What a piece of work sends to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) requests: usize,
    /// Requests that had a response before there was an outcome.
    pub(crate) waited_for: usize,
    /// Connections that were opened.
    pub(crate) connections: usize,
}

impl Count {
    /// Summarizes the counts of the same work, done several times. The first one is ignored, because it opened the
    /// connections that are kept. The work does not wait for a request that had no response before the outcome at least
    /// once, even if the response was faster another time: so `waited_for` is the minimum.
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
    /// Starts the watch. If there is a counter, it also records responses.
    pub(super) fn new(counter: Option<&'a Counter>) -> Self {
        Self { counter, began: Instant::now(), outcome: None }
    }

    /// Starts the watch again: preparation before does not count.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// Records that the outcome is available now, unless it was recorded before.
    pub(super) fn outcome(&mut self) {
        self.outcome_after(self.began.elapsed());
    }

    /// Does the same as [`outcome`](Self::outcome), with a time that another clock measured.
    pub(super) fn outcome_after(&mut self, time: Duration) {
        let mark = self.mark(time);
        self.outcome.get_or_insert(mark);
    }

    /// Records that the work is completely done now.
    pub(super) fn end(self) -> anyhow::Result<Run> {
        let time = self.began.elapsed();
        self.end_after(time)
    }

    /// Does the same as [`end`](Self::end), with a time that another clock measured.
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
