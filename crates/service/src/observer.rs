//! Observation of invocations, for metrics.

use workers_domain::{InvocationReport, Part};

/// Receives an event for every invocation that ended. It is called on the path of the invocation, so it must not block.
pub trait InvocationObserver: Send + Sync {
    /// Called when an invocation ended, before its report is delivered.
    fn finished(&self, report: &InvocationReport);

    /// Called when the caller disconnected before the end.
    fn cancelled(&self);

    /// Called when output was dropped because of the log limits.
    fn log_dropped(&self, lines: u64, bytes: u64);

    /// Called when a part of the platform was checked, with the result.
    fn part(&self, part: Part, works: bool) {
        let _ = (part, works);
    }
}

/// An observer that ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl InvocationObserver for NoObserver {
    fn finished(&self, _report: &InvocationReport) {}

    fn cancelled(&self) {}

    fn log_dropped(&self, _lines: u64, _bytes: u64) {}
}
