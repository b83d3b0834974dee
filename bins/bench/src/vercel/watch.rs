//! Measures when a piece of work had its outcome, when it was completely done, and how many requests had a response by
//! then.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::counter::Counter;

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
