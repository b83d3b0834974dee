//! Who wants to know of every invocation, for metrics.

use workers_domain::{InvocationReport, Part};

/// Is told of every invocation that ended. Called on the path of the invocation: must not block.
pub trait InvocationObserver: Send + Sync {
    /// The invocation ended; its report is about to be delivered.
    fn finished(&self, report: &InvocationReport);

    /// The caller went away before the end.
    fn cancelled(&self);

    /// Output was dropped by the log caps.
    fn log_dropped(&self, lines: u64, bytes: u64);

    /// It was looked at a part of the platform, and it works or does not.
    fn part(&self, part: Part, works: bool) {
        let _ = (part, works);
    }
}

/// Does not want to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl InvocationObserver for NoObserver {
    fn finished(&self, _report: &InvocationReport) {}

    fn cancelled(&self) {}

    fn log_dropped(&self, _lines: u64, _bytes: u64) {}
}
