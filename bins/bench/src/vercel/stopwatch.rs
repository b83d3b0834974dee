//! Measures when a piece of work had its outcome, when it was completely done, and how many requests had a response by
//! then.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::counter::Counter;

/// A stopwatch for one piece of work.
pub(super) struct Stopwatch<'a> {
    counter: Option<&'a Counter>,
    began: Instant,
    outcome: Option<Milestone>,
}

/// A point in time during a piece of work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Milestone {
    pub(super) time: Duration,
    /// Requests that had a response by then. Zero if requests are not counted.
    pub(super) answered: usize,
}

/// A piece of work that was done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// When the result was available: the printed line, or the snapshot's id.
    pub(super) outcome: Milestone,
    /// When everything was cleaned up.
    pub(super) end: Milestone,
}

impl<'a> Stopwatch<'a> {
    /// Starts the stopwatch. If there is a counter, it also records responses.
    pub(super) fn new(counter: Option<&'a Counter>) -> Self {
        Self { counter, began: Instant::now(), outcome: None }
    }

    /// Starts the stopwatch again: preparation before does not count.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// Records that the outcome is available now, unless it was recorded before.
    pub(super) fn outcome(&mut self) {
        self.outcome_after(self.began.elapsed());
    }

    /// Does the same as [`outcome`](Self::outcome), with a time that another clock measured.
    pub(super) fn outcome_after(&mut self, time: Duration) {
        let milestone = self.milestone(time);
        self.outcome.get_or_insert(milestone);
    }

    /// Records that the work is completely done now.
    pub(super) fn end(self) -> anyhow::Result<Run> {
        let time = self.began.elapsed();
        self.end_after(time)
    }

    /// Does the same as [`end`](Self::end), with a time that another clock measured.
    pub(super) fn end_after(self, time: Duration) -> anyhow::Result<Run> {
        let end = self.milestone(time);
        Ok(Run { outcome: self.outcome.context("it ended without an outcome")?, end })
    }

    fn milestone(&self, time: Duration) -> Milestone {
        Milestone { time, answered: self.counter.map_or(0, Counter::answered) }
    }
}
