//! Callbacks of a sandbox provider, for metrics.

/// Receives events about sandboxes. Its methods must not block.
pub trait SandboxObserver: Send + Sync {
    /// Called when a sandbox was killed but does not end. No caller waits for it any longer, and its permit is
    /// released.
    fn set_aside(&self);

    /// Called when a sandbox that was set aside has ended, or its launcher has.
    fn ended_after_all(&self);

    /// Called for each step in the life of a sandbox that is kept.
    fn kept(&self, step: KeptStep);
}

/// A step in the life of a sandbox that is kept for runs of one script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptStep {
    /// It was made, and the script is loaded in it.
    Made,
    /// It cannot be kept, because each run of the script has to load it itself.
    Unfit,
    /// A run has used it again.
    Reused,
    /// It was thrown away, because a run has changed it or this is not known.
    Changed,
    /// It was thrown away for a change that only a comparison for tests has found.
    Missed,
}

impl KeptStep {
    /// All steps outside of tests.
    pub const ALL: [Self; 4] = [Self::Made, Self::Unfit, Self::Reused, Self::Changed];

    /// Returns the name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Unfit => "unfit",
            Self::Reused => "reused",
            Self::Changed => "changed",
            Self::Missed => "missed",
        }
    }
}

/// An observer that ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSandboxObserver;

impl SandboxObserver for NoSandboxObserver {
    fn set_aside(&self) {}

    fn ended_after_all(&self) {}

    fn kept(&self, _step: KeptStep) {}
}
